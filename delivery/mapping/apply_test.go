package mapping_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/mapping"
)

func ptr(s string) *string { return &s }

func lead() map[string]string {
	return map[string]string{
		"first": "Ann", "last": "Lee", "name": "Ann Marie van Dyke Jr.", "phone": "+15125550100", "abroad": "+442079460000",
		"dob": "1980-02-29", "us_date": "12/31/2025", "at": "2026-03-08T01:30:00-06:00", "price": "$1,234.505", "owner": "1",
		"state": "TX", "state_name": "new  york", "zip": "78701-1234", "age": "44", "empty": "", "spaces": "  a   b ",
		"address": "123B Main St Apt 4, Austin, TX 78701-1234", "evil": "Ann\r\nX-Evil: 1 <b>&\"{{", "long": "äöüßxyz",
		"credit": "Good", "negative": "-0.004",
	}
}

func TestEveryKind(t *testing.T) {
	t.Parallel()
	format := func(from string, f mapping.Format) mapping.Field {
		return mapping.Field{From: from, Format: []mapping.Format{f}}
	}
	split := func(from, as, part string) mapping.Field {
		return mapping.Field{Split: &mapping.Split{From: from, As: as, Part: part}}
	}
	when := func(c mapping.Condition) mapping.Field {
		return mapping.Field{Static: ptr("yes"), When: []mapping.Condition{c}}
	}
	translate := &mapping.Translate{Values: map[string]string{"1": "Own", "0": "Rent"}}
	for name, c := range map[string]struct {
		field   mapping.Field
		want    string
		problem string
	}{
		"static":            {field: mapping.Field{Static: ptr("web")}, want: "web"},
		"from":              {field: mapping.Field{From: "first"}, want: "Ann"},
		"from, unknown":     {field: mapping.Field{From: "nobody"}, want: ""},
		"required, empty":   {field: mapping.Field{From: "empty", Required: true}, problem: "required"},
		"default":           {field: mapping.Field{From: "empty", Default: ptr("[not provided]")}, want: "[not provided]"},
		"default, required": {field: mapping.Field{From: "empty", Default: ptr("x"), Required: true}, want: "x"},
		"default not used":  {field: mapping.Field{From: "first", Default: ptr("x")}, want: "Ann"},

		"concat":            {field: mapping.Field{Concat: &mapping.Concat{Of: []string{"first", "empty", "last"}}}, want: "Ann Lee"},
		"concat with":       {field: mapping.Field{Concat: &mapping.Concat{Of: []string{"last", "first"}, With: ", "}}, want: "Lee, Ann"},
		"concat bare":       {field: mapping.Field{Concat: &mapping.Concat{Of: []string{"last", "first"}, Bare: true}}, want: "LeeAnn"},
		"concat of nothing": {field: mapping.Field{Concat: &mapping.Concat{Of: []string{"empty", "nobody"}}}, want: ""},

		"name first":       {field: split("name", "name", "first"), want: "Ann"},
		"name middle":      {field: split("name", "name", "middle"), want: "Marie"},
		"name last":        {field: split("name", "name", "last"), want: "van Dyke"},
		"name suffix":      {field: split("name", "name", "suffix"), want: "Jr."},
		"name of one word": {field: split("first", "name", "last"), want: ""},
		"address number":   {field: split("address", "address", "number"), want: "123B"},
		"address street":   {field: split("address", "address", "street"), want: "Main St"},
		"address unit":     {field: split("address", "address", "unit"), want: "Apt 4"},
		"address city":     {field: split("address", "address", "city"), want: "Austin"},
		"address state":    {field: split("address", "address", "state"), want: "TX"},
		"address zip":      {field: split("address", "address", "zip"), want: "78701"},
		"address plus4":    {field: split("address", "address", "plus4"), want: "1234"},
		"zip":              {field: split("zip", "zip", "zip"), want: "78701"},
		"plus4":            {field: split("zip", "zip", "plus4"), want: "1234"},
		"zip of a name":    {field: split("name", "zip", "zip"), problem: "not a ZIP"},

		"translate":           {field: mapping.Field{From: "owner", Translate: translate}, want: "Own"},
		"translate unknown":   {field: mapping.Field{From: "credit", Translate: translate}, problem: "no translation"},
		"translate otherwise": {field: mapping.Field{From: "credit", Translate: &mapping.Translate{Values: translate.Values, Otherwise: ptr("Other")}}, want: "Other"},
		"translate keep":      {field: mapping.Field{From: "credit", Translate: &mapping.Translate{Values: translate.Values, Keep: true}}, want: "Good"},
		"translate folded":    {field: mapping.Field{From: "credit", Translate: &mapping.Translate{Values: map[string]string{" GOOD": "680-719"}}}, want: "680-719"},

		"phone e164":        {field: format("phone", mapping.Format{As: "phone", To: "e164"}), want: "+15125550100"},
		"phone 1nnn":        {field: format("phone", mapping.Format{As: "phone", To: "1nnn"}), want: "15125550100"},
		"phone 10":          {field: format("phone", mapping.Format{As: "phone", To: "10"}), want: "5125550100"},
		"phone paren":       {field: format("phone", mapping.Format{As: "phone", To: "paren"}), want: "(512) 555-0100"},
		"phone dash":        {field: format("phone", mapping.Format{As: "phone", To: "dash"}), want: "512-555-0100"},
		"phone from abroad": {field: format("abroad", mapping.Format{As: "phone", To: "10"}), problem: "North American"},
		"phone abroad":      {field: format("abroad", mapping.Format{As: "phone", To: "e164"}), want: "+442079460000"},
		"phone that is not": {field: format("name", mapping.Format{As: "phone", To: "10"}), problem: "not a phone"},

		"date us":           {field: format("dob", mapping.Format{As: "date", To: "MM/DD/YYYY"}), want: "02/29/1980"},
		"date in a zone":    {field: format("at", mapping.Format{As: "date", To: "YYYY-MM-DD HH:mm:ss", Zone: "America/New_York"}), want: "2026-03-08 03:30:00"},
		"date from us":      {field: format("us_date", mapping.Format{As: "date", To: "YYYYMMDD", From: []string{"MM/DD/YYYY"}}), want: "20251231"},
		"date not named":    {field: format("us_date", mapping.Format{As: "date", To: "YYYYMMDD"}), problem: "not a date"},
		"date day in zone":  {field: format("dob", mapping.Format{As: "date", To: "D.M.YY", Zone: "Asia/Tokyo"}), want: "29.2.80"},
		"date unix":         {field: format("at", mapping.Format{As: "date", To: "unix"}), want: "1772955000"},
		"date unix_ms":      {field: format("at", mapping.Format{As: "date", To: "unix_ms"}), want: "1772955000000"},
		"date twelve hours": {field: format("at", mapping.Format{As: "date", To: "hh:mm AM", Zone: "America/Chicago"}), want: "01:30 AM"},

		"amount plain":     {field: format("price", mapping.Format{As: "amount", To: "plain", Places: 2}), want: "1234.51"},
		"amount whole":     {field: format("price", mapping.Format{As: "amount", To: "plain"}), want: "1235"},
		"amount thousands": {field: format("price", mapping.Format{As: "amount", To: "thousands", Places: 3}), want: "1,234.505"},
		"amount minor":     {field: format("price", mapping.Format{As: "amount", To: "minor", Places: 2}), want: "123451"},
		"amount no -0":     {field: format("negative", mapping.Format{As: "amount", To: "plain", Places: 2}), want: "0.00"},
		"amount of a name": {field: format("name", mapping.Format{As: "amount", To: "plain"}), problem: "not an amount"},

		"upper":             {field: format("long", mapping.Format{As: "case", To: "upper"}), want: "ÄÖÜßXYZ"},
		"lower":             {field: format("name", mapping.Format{As: "case", To: "lower"}), want: "ann marie van dyke jr."},
		"title":             {field: format("state_name", mapping.Format{As: "case", To: "title"}), want: "New  York"},
		"boolean":           {field: format("owner", mapping.Format{As: "boolean"}), want: "true"},
		"boolean words":     {field: format("owner", mapping.Format{As: "boolean", Yes: "Y", No: "N"}), want: "Y"},
		"boolean of a name": {field: format("name", mapping.Format{As: "boolean"}), problem: "neither yes nor no"},
		"state name":        {field: format("state", mapping.Format{As: "state", To: "name"}), want: "Texas"},
		"state code":        {field: format("state_name", mapping.Format{As: "state", To: "code"}), want: "NY"},
		"state of a name":   {field: format("name", mapping.Format{As: "state", To: "code"}), problem: "not a state"},
		"trim":              {field: format("spaces", mapping.Format{As: "trim"}), want: "a b"},
		"digits":            {field: format("zip", mapping.Format{As: "digits"}), want: "787011234"},
		"max":               {field: format("long", mapping.Format{As: "max", Length: 4}), want: "äöüß"},

		"is":             {field: when(mapping.Condition{Field: "state", Op: "is", Value: "tx"}), want: "yes"},
		"is_not":         {field: when(mapping.Condition{Field: "state", Op: "is_not", Value: "tx"}), want: ""},
		"in":             {field: when(mapping.Condition{Field: "state", Op: "in", Values: []string{"CA", "TX"}}), want: "yes"},
		"not_in":         {field: when(mapping.Condition{Field: "state", Op: "not_in", Values: []string{"CA", "TX"}}), want: ""},
		"contains":       {field: when(mapping.Condition{Field: "name", Op: "contains", Value: "DYKE"}), want: "yes"},
		"starts":         {field: when(mapping.Condition{Field: "phone", Op: "starts", Value: "+1"}), want: "yes"},
		"present":        {field: when(mapping.Condition{Field: "empty", Op: "present"}), want: ""},
		"absent":         {field: when(mapping.Condition{Field: "empty", Op: "absent"}), want: "yes"},
		"lt":             {field: when(mapping.Condition{Field: "age", Op: "lt", Value: "44"}), want: ""},
		"le":             {field: when(mapping.Condition{Field: "age", Op: "le", Value: "44.0"}), want: "yes"},
		"gt":             {field: when(mapping.Condition{Field: "age", Op: "gt", Value: "9"}), want: "yes"},
		"ge":             {field: when(mapping.Condition{Field: "age", Op: "ge", Value: "44.01"}), want: ""},
		"lt of a name":   {field: when(mapping.Condition{Field: "name", Op: "lt", Value: "44"}), want: ""},
		"number":         {field: mapping.Field{From: "age", Type: mapping.Number}, want: "44"},
		"number, not":    {field: mapping.Field{From: "zip", Type: mapping.Number}, problem: "not a number"},
		"boolean typed":  {field: mapping.Field{From: "owner", Type: mapping.Boolean}, want: "true"},
		"boolean, not":   {field: mapping.Field{From: "age", Type: mapping.Boolean}, problem: "neither true nor false"},
		"without source": {field: mapping.Field{}, problem: "no source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.field.To = "x"
			m := mapping.Map{Fields: []mapping.Field{c.field}}
			if p := m.Validate(); len(p) > 0 && name != "without source" {
				t.Fatalf("map is unsound: %v", p)
			}
			r := m.Apply(lead())
			if c.problem != "" {
				if r.OK() || r.Problems[0].Path != "x" || !strings.Contains(r.Problems[0].Text, c.problem) || len(r.Fields) > 0 {
					t.Fatalf("got %+v, want a problem with %q", r, c.problem)
				}
				return
			}
			if !r.OK() || r.Notes[0].Out != c.want || (len(r.Fields) == 1) != (c.want != "") {
				t.Errorf("got %+v, want %q", r, c.want)
			}
		})
	}
}

// A note says what came in, what went out and why.
func TestNotes(t *testing.T) {
	t.Parallel()
	m := mapping.Map{Fields: []mapping.Field{
		{To: "full", Concat: &mapping.Concat{Of: []string{"first", "last"}}, Format: []mapping.Format{{As: "case", To: "upper"}}},
		{To: "state", From: "state", When: []mapping.Condition{{Field: "age", Op: "lt", Value: "40"}}},
		{To: "state", Static: ptr("n/a"), When: []mapping.Condition{{Field: "age", Op: "ge", Value: "40"}}},
		{To: "state", Static: ptr("never")},
		{To: "gone", From: "empty"},
		{To: "kept", From: "empty", SendEmpty: true},
	}}
	if p := m.Validate(); len(p) > 0 {
		t.Fatal(p)
	}
	r := m.Apply(lead())
	want := mapping.Result{
		Fields: []mapping.Value{{To: "full", Text: "ANN LEE"}, {To: "state", Text: "n/a"}, {To: "kept"}},
		Notes: []mapping.Note{
			{To: "full", In: []mapping.Fact{{Name: "first", Value: "Ann"}, {Name: "last", Value: "Lee"}}, Out: "ANN LEE", Sent: true, Why: []string{"joined first, last", `case upper: "ANN LEE"`}},
			{To: "state", In: []mapping.Fact{{Name: "age", Value: "44"}}, Why: []string{"left out: not so that age lt 40"}},
			{To: "state", Out: "n/a", Sent: true, Why: []string{"static"}},
			{To: "state", Why: []string{"left out: filled already"}},
			{To: "gone", In: []mapping.Fact{{Name: "empty"}}, Why: []string{"from empty", "left out: empty"}},
			{To: "kept", In: []mapping.Fact{{Name: "empty"}}, Sent: true, Why: []string{"from empty"}},
		},
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	m := mapping.Map{Fields: []mapping.Field{
		{To: "Request.@version", Static: ptr("1")},
		{To: "Request.Data.Name", From: "evil"},
		{To: "Request.Data.Age", From: "age", Type: mapping.Number},
		{To: "Request.Data.Owner", From: "owner", Type: mapping.Boolean},
		{To: "Request.Data.Tag.1", Static: ptr("b")},
		{To: "Request.Data.Tag.0", Static: ptr("a")},
		{To: `Request.Data.a\.b`, Static: ptr("dot")},
	}}
	doc, err := mapping.Tree(m.Apply(lead()).Fields)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(doc.JSON()), `{"Request":{"@version":"1","Data":{"Name":"Ann\r\nX-Evil: 1 <b>&\"{{","Age":44,"Owner":true,"Tag":["a","b"],"a.b":"dot"}}}`; got != want {
		t.Errorf("JSON %s", got)
	}
	got, err := doc.XML()
	if want := "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + `<Request version="1"><Data><Name>Ann&#xD;&#xA;X-Evil: 1 &lt;b&gt;&amp;&#34;{{</Name><Age>44</Age><Owner>true</Owner><Tag>a</Tag><Tag>b</Tag><a.b>dot</a.b></Data></Request>`; err != nil || string(got) != want {
		t.Errorf("XML %s, %v", got, err)
	}
	if got, want := string(doc.Form()), "Request.%40version=1&Request.Data.Name=Ann%0D%0AX-Evil%3A+1+%3Cb%3E%26%22%7B%7B&Request.Data.Age=44&Request.Data.Owner=true&Request.Data.Tag=a&Request.Data.Tag=b&Request.Data.a.b=dot"; got != want {
		t.Errorf("form %s", got)
	}
	for _, bad := range []string{"a b", "1x", "", "x>"} {
		doc, err := mapping.Tree([]mapping.Value{{To: "r." + bad, Text: "x"}})
		if err == nil {
			_, err = doc.XML()
		}
		if err == nil {
			t.Errorf("XML took the name %q", bad)
		}
	}
	two, _ := mapping.Tree([]mapping.Value{{To: "a"}, {To: "b"}})
	if _, err := two.XML(); err == nil {
		t.Error("XML with two roots")
	}
}

func TestTreeRefuses(t *testing.T) {
	t.Parallel()
	for _, paths := range [][2]string{{"a", "a"}, {"a", "a.b"}, {"a.b", "a"}, {"a.0", "a.b"}, {"a.b", "a.0"}, {"a", "b..c"}, {"a", "x.100"}, {"a", "x\x01"}} {
		if _, err := mapping.Tree([]mapping.Value{{To: paths[0]}, {To: paths[1]}}); err == nil {
			t.Errorf("took %q", paths)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]string{
		"fields: ":                    ``,
		"fields.0.to: ":               `{"to":"","static":"x"}`,
		"fields.0: ":                  `{"to":"a","static":"x","from":"y"}`,
		"fields.0.type: ":             `{"to":"a","static":"x","type":"money"}`,
		"fields.0.default: ":          `{"to":"a","from":"x","type":"number","default":"many"}`,
		"fields.0.concat.of: ":        `{"to":"a","concat":{"of":[]}}`,
		"fields.0.concat.bare: ":      `{"to":"a","concat":{"of":["x"],"with":"-","bare":true}}`,
		"fields.0.split.from: ":       `{"to":"a","split":{"as":"zip","part":"zip"}}`,
		"fields.0.split.as: ":         `{"to":"a","split":{"from":"x","as":"car","part":"zip"}}`,
		"fields.0.split.part: ":       `{"to":"a","split":{"from":"x","as":"zip","part":"first"}}`,
		"fields.0.translate.values: ": `{"to":"a","from":"x","translate":{"values":{"A":"1","a ":"2"}}}`,
		"fields.0.translate.keep: ":   `{"to":"a","from":"x","translate":{"values":{"A":"1"},"keep":true,"otherwise":"y"}}`,
		"fields.0.format.0.as: ":      `{"to":"a","from":"x","format":[{"as":"rot13"}]}`,
		"fields.0.format.0.to: ":      `{"to":"a","from":"x","format":[{"as":"phone","to":"11"}]}`,
		"fields.0.format.0.places: ":  `{"to":"a","from":"x","format":[{"as":"amount","to":"plain","places":9}]}`,
		"fields.0.format.0.length: ":  `{"to":"a","from":"x","format":[{"as":"max"}]}`,
		"fields.0.format.0.zone: ":    `{"to":"a","from":"x","format":[{"as":"date","to":"YYYY-MM-DD","zone":"Mars/Olympus"}]}`,
		"fields.0.format.0.from.0: ":  `{"to":"a","from":"x","format":[{"as":"date","to":"YYYY-MM-DD","from":["whenever"]}]}`,
		"fields.0.format.0.yes: ":     `{"to":"a","from":"x","format":[{"as":"trim","yes":"Y"}]}`,
		"fields.0.format.0: ":         `{"to":"a","from":"x","format":[{"as":"boolean","yes":"Y"}]}`,
		"fields.0.when.0.field: ":     `{"to":"a","from":"x","when":[{"op":"present"}]}`,
		"fields.0.when.0.op: ":        `{"to":"a","from":"x","when":[{"field":"x","op":"like"}]}`,
		"fields.0.when.0.value: ":     `{"to":"a","from":"x","when":[{"field":"x","op":"lt","value":"many"}]}`,
		"fields.0.when.0.values: ":    `{"to":"a","from":"x","when":[{"field":"x","op":"in"}]}`,
		"fields.1.to: ":               `{"to":"a","from":"x"},{"to":"a","from":"y"}`,
	} {
		var m mapping.Map
		if err := json.Unmarshal([]byte(`{"fields":[`+f+`]}`), &m); err != nil {
			t.Fatal(err)
		}
		p := m.Validate()
		if len(p) == 0 || !strings.HasPrefix(p[0].String(), want) {
			t.Errorf("%s: got %v, want %s", f, p, want)
		}
	}
}

func TestDiffAndVersion(t *testing.T) {
	t.Parallel()
	a := mapping.Map{Fields: []mapping.Field{{To: "a", From: "x"}, {To: "b", From: "y"}, {To: "c", Static: ptr("1")}}}
	b := mapping.Map{Fields: []mapping.Field{{To: "b", From: "y"}, {To: "a", From: "z", Required: true}, {To: "d", From: "w"}}}
	want := []mapping.Change{
		{Path: "c", Kind: "removed", Old: `{"to":"c","static":"1"}`},
		{Path: "a", Key: "from", Kind: "changed", Old: `"x"`, New: `"z"`},
		{Path: "a", Key: "required", Kind: "changed", New: "true"},
		{Path: "d", Kind: "added", New: `{"to":"d","from":"w"}`},
		{Path: "fields", Kind: "moved", Old: "a, b", New: "b, a"},
	}
	if d := cmp.Diff(want, mapping.Diff(a, b)); d != "" {
		t.Error(d)
	}
	same := mapping.Map{Fields: slices.Clone(a.Fields)}
	if len(mapping.Diff(a, same)) > 0 || a.Version() != same.Version() || a.Version() == b.Version() || len(a.Version()) != 16 {
		t.Errorf("versions %s and %s", a.Version(), b.Version())
	}
}

func TestSplitForms(t *testing.T) {
	t.Parallel()
	name := []string{"first", "middle", "last", "suffix"}
	address := []string{"number", "street", "unit", "city", "state", "zip", "plus4"}
	for _, c := range []struct {
		as, text string
		parts    []string
		want     []string
	}{
		{"name", "Ann Lee", name, []string{"Ann", "", "Lee", ""}},
		{"name", "Dyke, Ann Marie III", name, []string{"Ann", "Marie", "Dyke", "III"}},
		{"name", "Ann Lee, MD", name, []string{"Ann", "", "Lee", "MD"}},
		{"name", "Cher", name, []string{"Cher", "", "", ""}},
		{"name", "Maria de la Cruz", name, []string{"Maria", "", "de la Cruz", ""}},
		{"address", "123 Main St", address, []string{"123", "Main St", "", "", "", "", ""}},
		{"address", "1 Elm Ave, Unit 2B, New York, New York 10001", address, []string{"1", "Elm Ave", "Unit 2B", "New York", "NY", "10001", ""}},
		{"address", "PO Box 5, Reno NV 89501", address, []string{"", "PO Box 5", "", "Reno", "NV", "89501", ""}},
		{"address", "12-34 56th Rd #7, Queens, NY", address, []string{"12-34", "56th Rd", "#7", "Queens", "NY", "", ""}},
	} {
		var m mapping.Map
		for _, p := range c.parts {
			m.Fields = append(m.Fields, mapping.Field{To: p, SendEmpty: true, Split: &mapping.Split{From: "x", As: c.as, Part: p}})
		}
		var got []string
		for _, v := range m.Apply(map[string]string{"x": c.text}).Fields {
			got = append(got, v.Text)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.text, d)
		}
	}
}
