package api_test

import (
	"strings"
	"testing"
)

// TestBadPosts sends what cannot be read. Nothing of it reaches the intake.
func TestBadPosts(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	long := strings.Repeat("x", 9000)
	for name, c := range map[string]struct {
		path, kind, body string
		header           []string
		status           int
		says             string
	}{
		"empty":                {"", asJSON, "", nil, 422, "the body is empty"},
		"white space":          {"", asForm, " \n", nil, 422, "the body is empty"},
		"a list":               {"", asJSON, `[{"a":1}]`, nil, 422, "not an object"},
		"a string":             {"", asJSON, `"a"`, nil, 422, "not an object"},
		"truncated":            {"", asJSON, `{"a":"b`, nil, 422, "ends in the middle"},
		"truncated object":     {"", asJSON, `{"a":"b"`, nil, 422, "ends in the middle"},
		"malformed":            {"", asJSON, `{"a":'b'}`, nil, 422, "malformed at byte"},
		"trailing comma":       {"", asJSON, `{"a":"b",}`, nil, 422, "malformed at byte"},
		"two documents":        {"", asJSON, `{"a":"b"}{"a":"b"}`, nil, 422, "something follows"},
		"too deep":             {"", asJSON, strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9), nil, 422, "more than 8 deep"},
		"very deep":            {"", asJSON, strings.Repeat(`{"a":`, 9000), nil, 422, "more than 8 deep"},
		"deep lists":           {"", asJSON, `{"a":` + strings.Repeat("[", 60_000), nil, 422, "more than 8 deep"},
		"too many fields":      {"", asJSON, manyFields(301), nil, 422, "more than 300 fields"},
		"one field too often":  {"", asForm, strings.Repeat("a=b&", 301), nil, 422, "more than 300 fields"},
		"wrong charset":        {"", asJSON, "{\"a\":\"Jos\xe9\"}", nil, 422, "not UTF-8"},
		"wrong charset, form":  {"", asForm, "a=Jos%E9", nil, 422, "not UTF-8"},
		"utf-16":               {"", asJSON, "\xff\xfe{\x00}\x00", nil, 422, "not UTF-8"},
		"other charset":        {"", asJSON + "; charset=shift_jis", `{"a":"b"}`, nil, 415, "only UTF-8 and ISO-8859-1"},
		"other xml charset":    {"", asXML, `<?xml version="1.0" encoding="KOI8-R"?><a><b>c</b></a>`, nil, 415, "only UTF-8 and ISO-8859-1"},
		"other type":           {"", "text/csv", "a,b", nil, 415, "is not read"},
		"unreadable type":      {"", "a/b/c", "a=b", nil, 415, "cannot be read"},
		"no look":              {"", "text/plain", "hello", nil, 415, "say in Content-Type"},
		"too large":            {"", asForm, "a=" + strings.Repeat("x", 64<<10), nil, 413, "larger than 64 KB"},
		"bomb":                 {"", asForm, zipped(t, "a="+strings.Repeat("x", 32<<20)), []string{"Content-Encoding", "gzip"}, 413, "when it is unpacked"},
		"not gzip":             {"", asForm, "a=b", []string{"Content-Encoding", "gzip"}, 422, "the body is not"},
		"half a gzip":          {"", asForm, zipped(t, "a=b&c=d")[:20], []string{"Content-Encoding", "gzip"}, 422, "ends in the middle"},
		"brotli":               {"", asForm, "a=b", []string{"Content-Encoding", "br"}, 415, "only gzip"},
		"xml truncated":        {"", asXML, `<a><b>c</b>`, nil, 422, "ends in the middle"},
		"xml truncated in tag": {"", asXML, `<a><b`, nil, 422, "ends in the middle"},
		"xml malformed":        {"", asXML, `<a><b>c</d></a>`, nil, 422, "where it is not open"},
		"xml stray close":      {"", asXML, `</a>`, nil, 422, "where it is not open"},
		"xml raw ampersand":    {"", asXML, `<a><b>c & d</b></a>`, nil, 422, "malformed at byte"},
		"xml document type":    {"", asXML, `<!DOCTYPE a [<!ENTITY x "y">]><a><b>&x;</b></a>`, nil, 422, "document type"},
		"xml external entity":  {"", asXML, `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><b>c</b></a>`, nil, 422, "document type"},
		"xml entity":           {"", asXML, `<a><b>&lol;</b></a>`, nil, 422, "malformed at byte"},
		"xml too deep":         {"", asXML, strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9), nil, 422, "more than 8 deep"},
		"xml two roots":        {"", asXML, `<a><b>c</b></a><d/>`, nil, 422, "more than one root"},
		"xml text outside":     {"", asXML, `<a><b>c</b></a>x`, nil, 422, "outside its root"},
		"xml text only":        {"", asXML, `<a>hello</a>`, nil, 422, "text only"},
		"xml mixed":            {"", asXML, `<a><b>x<c>y</c></b></a>`, nil, 422, "both text and elements"},
		"percent":              {"", asForm, "a=%4", nil, 422, "two digits"},
		"percent in query":     {"/leads/bright?a=%zz", asForm, "b=c", nil, 422, "two digits"},
		"no boundary":          {"", "multipart/form-data", "--x--", nil, 422, "boundary"},
		"multipart truncated":  {"", asPart, parts("a", "b")[:60], nil, 422, "ends in the middle"},
		"long path in json":    {"", asJSON, `{"` + strings.Repeat("n", 101) + `":{"a":"b"}}`, nil, 422, "name of more than 100 bytes"},

		"duplicate key":           {"", asJSON, `{"zip":"1","ZIP":"2"}`, nil, 422, `{"field":"ZIP","text":"is sent twice, with different values"}`},
		"duplicate form key":      {"", asForm, "zip=1&a=b&zip=2&zip=3", nil, 422, `{"field":"zip","text":"is sent twice, with different values"}`},
		"duplicate element":       {"", asXML, `<l><d><zip>1</zip></d><d><zip>2</zip></d></l>`, nil, 422, `<field>d.zip</field>`},
		"query against body":      {"/leads/bright?zip=1", asForm, "zip=2", nil, 422, `"field":"zip"`},
		"long name":               {"", asForm, strings.Repeat("n", 101) + "=1", nil, 422, "name of more than 100 bytes"},
		"long value":              {"", asForm, "note=" + long, nil, 422, `{"field":"note","text":"is longer than 8192 bytes"}`},
		"long part":               {"", asPart, parts("note", long), nil, 422, `{"field":"note","text":"is longer than 8192 bytes"}`},
		"no name":                 {"", asJSON, `{"":"x"}`, nil, 422, "has no name"},
		"control in name":         {"", asJSON, `{"a\nb":"x"}`, nil, 422, "control characters"},
		"file":                    {"", asPart, "--cut\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.exe\"\r\n\r\nMZ\r\n--cut--\r\n", nil, 422, "is a file"},
		"part of other type":      {"", asPart, "--cut\r\nContent-Disposition: form-data; name=\"f\"\r\nContent-Type: image/png\r\n\r\nx\r\n--cut--\r\n", nil, 422, "not plain text"},
		"two ids":                 {"", asForm, "id=1&external_id=2", nil, 422, "two names of one thing"},
		"long id":                 {"", asForm, "id=" + strings.Repeat("1", 201), nil, 422, "longer than 200 characters"},
		"control in id":           {"", asForm, "id=1%0A2", nil, 422, "control characters"},
		"test of another word":    {"", asForm, "test=perhaps", nil, 422, "neither 1 nor 0"},
		"post without ping":       {"/leads/bright/post", asForm, "zip=90210", nil, 422, `"field":"ping_id"`},
		"everything that's wrong": {"/leads/bright/post", asForm, "zip=902", nil, 422, `{"field":"first_name","text":"is missing"}`},
	} {
		if c.path == "" {
			c.path = "/leads/bright"
		}
		got := h.post(t, c.path, c.kind, c.body, c.header...)
		if got.status != c.status || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: %d %.300s, want %d with %q", name, got.status, got.body, c.status, c.says)
		}
		if want := map[bool]string{true: "application/problem+json"}[c.status != 422]; want != "" && got.kind != want {
			t.Errorf("%s: answered as %s", name, got.kind)
		}
	}
	if p, n := h.intake.last(); n > 0 {
		t.Errorf("%d posts went in, the last %+v", n, p)
	}
}
