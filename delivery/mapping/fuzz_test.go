package mapping_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/mapping"
)

// FuzzMap: no map and no lead makes Apply panic or answer differently twice, and
// what a sound map sends is sound JSON, XML and form.
func FuzzMap(f *testing.F) {
	for _, m := range []string{
		`{"fields":[{"to":"a.b","from":"x","required":true},{"to":"a.0","static":"y"}]}`,
		`{"fields":[{"to":"r.n","split":{"from":"x","as":"name","part":"last"}},{"to":"r.z","split":{"from":"x","as":"address","part":"zip"}}]}`,
		`{"fields":[{"to":"p","from":"x","format":[{"as":"phone","to":"paren"}]},{"to":"d","from":"y","format":[{"as":"date","to":"MM/DD/YYYY","zone":"America/Chicago"}]}]}`,
		`{"fields":[{"to":"n","from":"x","type":"number","format":[{"as":"amount","to":"thousands","places":2}]},{"to":"b","from":"y","type":"boolean"}]}`,
		`{"fields":[{"to":"t","from":"x","translate":{"values":{"a":"b"},"otherwise":"c"},"when":[{"field":"y","op":"lt","value":"3"}]}]}`,
	} {
		f.Add(m, "Ann van Dyke", "2026-01-02")
		f.Add(m, "+1 512 555 0100", "-1.5")
		f.Add(m, "1 Main St, Austin, TX 78701-1234\r\n\x00\xff", "yes")
	}
	f.Fuzz(func(t *testing.T, text, x, y string) {
		var m mapping.Map
		if json.Unmarshal([]byte(text), &m) != nil {
			return
		}
		facts := map[string]string{"x": x, "y": y}
		sound := len(m.Validate()) == 0
		r := m.Apply(facts)
		if d := cmp.Diff(r, m.Apply(facts)); d != "" {
			t.Fatal(d)
		}
		if len(mapping.Diff(m, m)) > 0 {
			t.Fatal("differs from itself")
		}
		doc, err := mapping.Tree(r.Fields)
		if !sound || !r.OK() {
			return
		}
		if err != nil {
			t.Fatalf("a sound map made a tree that is not: %v", err)
		}
		if b := doc.JSON(); !json.Valid(b) {
			t.Fatalf("JSON %s", b)
		}
		if _, err := url.ParseQuery(string(doc.Form())); err != nil {
			t.Fatal(err)
		}
		if b, err := doc.XML(); err == nil {
			wantXML(t, b)
		}
	})
}

func wantXML(t *testing.T, b []byte) {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("XML %s: %v", b, err)
		}
	}
}

func FuzzSchema(f *testing.F) {
	f.Add(buyers)
	f.Add(`{"$ref":"#/a","a":{"items":{"type":["string","null"],"const":1}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := mapping.ParseSchema([]byte(text))
		if err != nil {
			return
		}
		m := mapping.Map{Fields: []mapping.Field{{To: "email", From: "x"}, {To: "tags.0", Static: ptr("x")}}}
		_ = m.Drift(s)
		doc, err := mapping.Tree(m.Apply(map[string]string{"x": "y"}).Fields)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Check(doc)
		if c := mapping.Compare(s, s); len(c) > 0 {
			t.Fatalf("differs from itself: %v", c)
		}
	})
}
