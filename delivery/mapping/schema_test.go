package mapping_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/mapping"
)

const buyers = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["email","phone","age","home"],
"additionalProperties":false,"$defs":{"home":{"type":"object","required":["zip"],"properties":{"zip":{"type":"string","pattern":"^\\d{5}$"},
"owner":{"enum":["Own","Rent"]}}}},"properties":{"email":{"type":"string","minLength":3,"maxLength":20},
"phone":{"type":"string","pattern":"^\\d{10}$"},"age":{"type":"integer","minimum":18,"maximum":99},
"tags":{"type":"array","maxItems":2,"items":{"type":"string"}},"home":{"$ref":"#/$defs/home"},"odd":{"oneOf":[{"type":"string"}]},
"look":{"pattern":"(?=x)y"}}}`

func schema(t *testing.T, text string) *mapping.Schema {
	t.Helper()
	s, err := mapping.ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	s := schema(t, buyers)
	if d := cmp.Diff([]string{"properties.look.pattern", "properties.odd.oneOf"}, s.Ignored()); d != "" {
		t.Error(d)
	}
	good := []mapping.Value{{To: "email", Text: "a@x.io"}, {To: "phone", Text: "5125550100"}, {To: "age", Text: "44", Type: mapping.Number}, {To: "home.zip", Text: "78701"}}
	for name, c := range map[string]struct {
		edit func([]mapping.Value) []mapping.Value
		want string
	}{
		"good":    {func(v []mapping.Value) []mapping.Value { return v }, ""},
		"missing": {func(v []mapping.Value) []mapping.Value { return v[1:] }, "email: is missing"},
		"missing below": {func(v []mapping.Value) []mapping.Value {
			return append(v[:3:3], mapping.Value{To: "home.owner", Text: "Own"})
		}, "home.zip: is missing"},
		"unknown":  {func(v []mapping.Value) []mapping.Value { return append(v, mapping.Value{To: "fax"}) }, "fax: is not in"},
		"type":     {func(v []mapping.Value) []mapping.Value { v[2].Type = mapping.Text; return v }, "age: is string"},
		"fraction": {func(v []mapping.Value) []mapping.Value { v[2].Text = "44.5"; return v }, "age: is number"},
		"minimum":  {func(v []mapping.Value) []mapping.Value { v[2].Text = "17"; return v }, "age: 17 is below 18"},
		"maximum":  {func(v []mapping.Value) []mapping.Value { v[2].Text = "100"; return v }, "age: 100 is above 99"},
		"pattern":  {func(v []mapping.Value) []mapping.Value { v[1].Text = "+15125550100"; return v }, "phone: \"+15125550100\" does not match"},
		"short":    {func(v []mapping.Value) []mapping.Value { v[0].Text = "a"; return v }, "email: has 1 characters, the buyer wants 3 to 20"},
		"long":     {func(v []mapping.Value) []mapping.Value { v[0].Text = strings.Repeat("ä", 21); return v }, "email: has 21"},
		"enum": {func(v []mapping.Value) []mapping.Value {
			return append(v, mapping.Value{To: "home.owner", Text: "own"})
		}, `home.owner: "own" is none of`},
		"list": {func(v []mapping.Value) []mapping.Value { return append(v, mapping.Value{To: "tags", Text: "x"}) }, "tags: is string"},
		"list too long": {func(v []mapping.Value) []mapping.Value {
			return append(v, mapping.Value{To: "tags.0"}, mapping.Value{To: "tags.1"}, mapping.Value{To: "tags.2"})
		}, "tags: has 3 entries"},
	} {
		doc, err := mapping.Tree(c.edit(append([]mapping.Value(nil), good...)))
		if err != nil {
			t.Fatal(err)
		}
		got := s.Check(doc)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0].String(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	m := mapping.Map{Fields: []mapping.Field{
		{To: "email", From: "email", Required: true},
		{To: "age", From: "age"},
		{To: "fax", From: "fax"},
		{To: "home.owner", From: "owner", Translate: &mapping.Translate{Values: map[string]string{"1": "Own", "0": "Lets"}}},
		{To: "tags.0", Static: ptr("x")},
	}}
	var got []string
	for _, f := range m.Drift(schema(t, buyers)) {
		sure := ""
		if f.Sure {
			sure = "!"
		}
		got = append(got, f.Code+sure+" "+f.Path)
	}
	want := []string{"too_long email", "type! age", "unknown! fax", "value home.owner", "missing! phone", "maybe_missing age", "missing! home.zip"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	was := schema(t, buyers)
	is := schema(t, strings.NewReplacer(`"maxLength":20`, `"maxLength":10`, `"required":["email",`, `"required":["consent","email",`,
		`"odd":{`, `"consent":{"type":"string"},"even":{`).Replace(buyers))
	var got []string
	for _, c := range mapping.Compare(was, is) {
		got = append(got, strings.TrimSpace(c.Kind+" "+c.Path+" "+c.Key))
	}
	if d := cmp.Diff([]string{"removed odd", "added consent", "changed email length", "added even"}, got); d != "" {
		t.Error(d)
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		``, `[]`, `{"properties":[]}`, `{"properties":{"a":3}}`, `{"type":3}`, `{"type":[3]}`, `{"required":3}`, `{"minLength":"x"}`, `{"minLength":1.5}`,
		`{"$ref":"#/nowhere"}`, `{"$ref":"https://x.example/s.json"}`, `{"$ref":"#"}`, `{"properties":{"a":{"$ref":"#"}}}`, strings.Repeat(`{"items":`, 100) + `{}` + strings.Repeat(`}`, 100),
	} {
		if _, err := mapping.ParseSchema([]byte(bad)); err == nil {
			t.Errorf("took %.60s", bad)
		}
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	s := schema(t, `{"required":["state"],"properties":{"state":{"maxLength":2}}}`)
	inUse := mapping.Map{Fields: []mapping.Field{{To: "state", From: "state"}}}
	m := mapping.Map{Fields: []mapping.Field{{To: "state", From: "state", Format: []mapping.Format{{As: "state", To: "name"}}}}}
	got := mapping.Preview(m, []mapping.Sample{{Name: "1", Facts: lead()}, {Name: "2", Facts: map[string]string{"state": "XX"}}}, &inUse, s)
	if len(got) != 2 || len(got[0].Problems) != 1 || got[0].Problems[0].Path != "state" || len(got[1].Problems) != 2 {
		t.Errorf("got %+v", got)
	}
	if d := cmp.Diff([]string{"state"}, got[0].Changed); d != "" {
		t.Error(d)
	}
}
