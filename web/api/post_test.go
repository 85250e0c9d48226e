package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/web/api"
)

const (
	asJSON = "application/json"
	asXML  = "application/xml"
	asForm = "application/x-www-form-urlencoded"
	asPart = "multipart/form-data; boundary=cut"
)

func parts(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&b, "--cut\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", pairs[i], pairs[i+1])
	}
	return b.String() + "--cut--\r\n"
}

func zipped(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPosts sends sound posts in every form and looks at what the intake gets.
func TestPosts(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	values := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i+1 < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		path, kind, body string
		header           []string
		want             api.Posting // Source and IP are looked at apart
	}{
		"json":                {body: `{"id":"7","first_name":"Ana","zip":"90210"}`, want: api.Posting{External: "7", Values: values("first_name", "Ana", "zip", "90210")}},
		"external_id":         {body: `{"external_id":" 7 ","a":"b"}`, want: api.Posting{External: "7", Values: values("a", "b")}},
		"both ids, the same":  {body: `{"external_id":"7","ID":"7","a":"b"}`, want: api.Posting{External: "7", Values: values("a", "b")}},
		"digits stay":         {body: `{"a":90210.50,"b":1e3,"c":-0,"d":12345678901234567890}`, want: api.Posting{Values: values("a", "90210.50", "b", "1e3", "c", "-0", "d", "12345678901234567890")}},
		"booleans and null":   {body: `{"a":true,"b":false,"c":null,"d":""}`, want: api.Posting{Values: values("a", "true", "b", "false", "d", "")}},
		"nested":              {body: `{"lead":{"name":{"first":"Ana"},"zip":"90210"}}`, want: api.Posting{Values: values("lead.name.first", "Ana", "first", "Ana", "lead.zip", "90210", "zip", "90210")}},
		"ambiguous":           {body: `{"a":{"zip":"1"},"b":{"zip":"2"}}`, want: api.Posting{Values: values("a.zip", "1", "b.zip", "2")}},
		"the same twice":      {body: `{"a":{"zip":"1"},"b":{"Zip":"1"}}`, want: api.Posting{Values: values("a.zip", "1", "b.Zip", "1", "zip", "1")}},
		"the outer wins":      {body: `{"ZIP":"1","b":{"zip":"2"}}`, want: api.Posting{Values: values("ZIP", "1", "b.zip", "2")}},
		"lists":               {body: `{"cars":[{"make":"VW"},{"year":1999}],"tags":["x","y"]}`, want: api.Posting{Values: values("cars.0.make", "VW", "make", "VW", "cars.1.year", "1999", "year", "1999", "tags.0", "x", "tags.1", "y")}},
		"nested id and key":   {body: `{"auth":{"key":"secret"},"lead":{"id":"7","a":"b"}}`, want: api.Posting{External: "7", Values: values("lead.id", "7", "lead.a", "b", "a", "b")}},
		"byte-order mark":     {body: "\xef\xbb\xbf{\"a\":\"b\"}", want: api.Posting{Values: values("a", "b")}},
		"NUL goes":            {body: `{"a":"b\u0000c"}`, want: api.Posting{Values: values("a", "bc")}},
		"repeated, the same":  {body: `{"a":"b","A":"b"}`, want: api.Posting{Values: values("a", "b")}},
		"test":                {body: `{"a":"b","test":true}`, want: api.Posting{Test: true, Values: values("a", "b")}},
		"test as a word":      {kind: asForm, body: `a=b&test=yes`, want: api.Posting{Test: true, Values: values("a", "b")}},
		"not a test":          {kind: asForm, body: `a=b&test=0`, want: api.Posting{Values: values("a", "b")}},
		"query":               {path: "/leads/bright?a=b&key=" + goodKey + "&test=1", body: `{"c":"d"}`, want: api.Posting{Test: true, Values: values("a", "b", "c", "d")}},
		"query only":          {path: "/leads/bright?a=b", kind: asForm, want: api.Posting{Values: values("a", "b")}},
		"json by suffix":      {kind: "application/vnd.lead+json", body: `{"a":"b"}`, want: api.Posting{Values: values("a", "b")}},
		"json by look":        {kind: "text/plain", body: ` {"a":"b"}`, want: api.Posting{Values: values("a", "b")}},
		"json as curl -d":     {kind: asForm, body: `{"a":"b=c&d"}`, want: api.Posting{Values: values("a", "b=c&d")}},
		"xml":                 {kind: asXML, body: `<?xml version="1.0"?><lead><!-- c --><id>7</id><first_name> Ana &amp; Co </first_name><a><![CDATA[<b>]]></a><e/></lead>`, want: api.Posting{External: "7", Values: values("first_name", "Ana & Co", "a", "<b>", "e", "")}},
		"xml nested":          {kind: "text/xml; charset=utf-8", body: "<l xmlns='u'><x:p xmlns:x='v'>\n<zip>1</zip></x:p></l>", want: api.Posting{Values: values("p.zip", "1", "zip", "1")}},
		"xml by look":         {kind: "application/octet-stream", body: `<lead><a>b</a></lead>`, want: api.Posting{Values: values("a", "b")}},
		"xml in latin-1":      {kind: asXML, body: "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><lead><a>Jos\xe9</a></lead>", want: api.Posting{Values: values("a", "José")}},
		"xml, header first":   {kind: asXML + "; charset=utf-8", body: `<?xml version="1.0" encoding="ISO-8859-1"?><lead><a>José</a></lead>`, want: api.Posting{Values: values("a", "José")}},
		"xml of eight levels": {kind: asXML, body: "<a><b><c><d><e><f><g><h>x</h></g></f></e></d></c></b></a>", want: api.Posting{Values: values("b.c.d.e.f.g.h", "x", "h", "x")}},
		"form":                {kind: asForm, body: "first_name=Ana+Mar%C3%ADa&&zip=90210&e=\n", want: api.Posting{Values: values("first_name", "Ana María", "zip", "90210", "e", "")}},
		"form in latin-1":     {kind: asForm + "; charset=ISO-8859-1", body: "a=Jos%E9&b=O%92Brien", want: api.Posting{Values: values("a", "José", "b", "O’Brien")}},
		"form by look":        {kind: "", body: "a=b", want: api.Posting{Values: values("a", "b")}},
		"semicolons":          {kind: asForm, body: "a=b;c=d", want: api.Posting{Values: values("a", "b;c=d")}},
		"multipart":           {kind: asPart, body: parts("first_name", "Ana", "zip", "90210"), want: api.Posting{Values: values("first_name", "Ana", "zip", "90210")}},
		"gzip":                {header: []string{"Content-Encoding", "gzip"}, body: zipped(t, `{"a":"b"}`), want: api.Posting{Values: values("a", "b")}},
		"ping":                {path: "/leads/bright/ping", body: `{"zip":"90210"}`, want: api.Posting{Way: api.WayPing, Values: values("zip", "90210")}},
		"post":                {path: "/leads/bright/post", body: `{"ping_id":"p1","zip":"90210"}`, want: api.Posting{Way: api.WayPost, PingID: "p1", Values: values("zip", "90210")}},
		"the most fields":     {body: manyFields(300), want: api.Posting{Values: fieldMap(300)}},
	} {
		if c.path == "" {
			c.path = "/leads/bright"
		}
		if c.want.Way == "" {
			c.want.Way = api.WayDirect
		}
		if c.kind == "" && name != "form by look" {
			c.kind = asJSON
		}
		got := h.post(t, c.path, c.kind, c.body, c.header...)
		p, _ := h.intake.last()
		if p.Source == nil || p.Source.Name != "bright" || p.IP != "127.0.0.1" {
			t.Errorf("%s: source %v from %q", name, p.Source, p.IP)
		}
		p.Source, p.IP = nil, ""
		if d := cmp.Diff(c.want, p); d != "" || got.status/100 != 2 {
			t.Errorf("%s: %d %s\n%s", name, got.status, got.body, d)
		}
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"f%d":"x"`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func fieldMap(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("f%d", i)] = "x"
	}
	return m
}
