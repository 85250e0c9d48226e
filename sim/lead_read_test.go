package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadLead(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		kind, body string
		want       map[string]string
	}{
		"json": {leadJSON, `{"a":1.50,"b":{"c":[true,null,"x"]},"d":""}`, map[string]string{
			"a": "1.50", "b.c.0": "true", "b.c.1": "", "b.c.2": "x", "d": "",
		}},
		"json, one name twice": {leadJSON, `{"a":{"b":1},"a.b":2}`, map[string]string{"a.b": "1", "a.b.1": "2"}},
		"xml": {leadXML, `<l><a> 1 </a><b><c>x</c><c>y</c><e/></b></l>`, map[string]string{
			"a": "1", "b.c": "x", "b.c.1": "y", "b.e": "",
		}},
		"form":  {leadForm, "a=1&b=x+y&a=2", map[string]string{"a": "1", "a.1": "2", "b": "x y"}},
		"empty": {leadForm, "", map[string]string{}},
	} {
		got, err := readLead(x.kind, []byte(x.body))
		if diff := cmp.Diff(x.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestLeadField(t *testing.T) {
	t.Parallel()
	fields := map[string]string{"b.Zip": "2", "a.ZIP": "1", "zip_code": "3", "empty": "", "deep.empty": "x"}
	for want, names := range map[string][]string{"1": {"zip", "zip_code"}, "3": {"zip_code", "zip"}, "x": {"empty"}, "": {"none"}} {
		if got := leadField(fields, names...); got != want {
			t.Errorf("%v: %q, not %q", names, got, want)
		}
	}
}

// FuzzReadLead holds the reader to its bounds, whatever comes.
func FuzzReadLead(f *testing.F) {
	for _, s := range []string{
		aLead("k"), `{"a":[[[1]]]}`, "a=1&b=2&a=3", "<l><a>1</a><b><c/></b></l>", `<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, "{", "<", "%", "null", "[]",
	} {
		for _, kind := range []string{"application/json", "text/xml", "", "application/x-www-form-urlencoded"} {
			f.Add(kind, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		kind := leadKind(contentType, body)
		fields, err := readLead(kind, body)
		if (fields == nil) != (err != nil) || len(fields) > maxLeadFields {
			t.Errorf("%s: %d fields, %v", kind, len(fields), err)
		}
		again, _ := readLead(kind, body)
		if leadField(fields, "zip", "a") != leadField(again, "zip", "a") {
			t.Error("read differently the second time")
		}
	})
}
