package ivr

import (
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
)

func TestValid(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		kind, digits, want string
		ok                 bool
	}{
		{"", "1*#", "1*#", true},
		{"", "", "", false},
		{"zip", "90210", "90210", true},
		{"zip", "00501", "00501", true},
		{"zip", "00500", "", false},
		{"zip", "00000", "", false},
		{"zip", "9021", "", false},
		{"zip", "902101", "", false},
		{"zip", "9021*", "", false},
		{"zip", "", "", false},
		{"date_of_birth", "02291980", "1980-02-29", true},
		{"date_of_birth", "02291981", "", false},
		{"date_of_birth", "02282026", "2026-02-28", true},
		{"date_of_birth", "03012026", "", false}, // today
		{"date_of_birth", "03012030", "", false},
		{"date_of_birth", "12311899", "", false},
		{"date_of_birth", "13011980", "", false},
		{"date_of_birth", "00001980", "", false},
		{"date_of_birth", "1021980", "", false},
		{"phone", "3105550123", "+13105550123", true},
		{"phone", "13105550123", "+13105550123", true},
		{"phone", "0105550123", "", false},
		{"phone", "3100550123", "", false},
		{"phone", "310555012", "", false},
		{"phone", "442079460123", "", false},
		{"phone", "*", "", false},
		{"number", "0042", "42", true},
		{"number", "0", "0", true},
		{"number", "4#", "", false},
		{"nonsense", "1", "", false},
	} {
		if got, ok := valid(c.kind, c.digits, now); got != c.want || ok != c.ok {
			t.Errorf("%s %q is %q, %v; want %q, %v", c.kind, c.digits, got, ok, c.want, c.ok)
		}
	}
}

// FuzzValid holds that whatever is keyed is either refused or kept in the form
// that is promised.
func FuzzValid(f *testing.F) {
	now := time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC)
	for _, s := range []string{"90210", "02291980", "3105550123", "0042", "*#", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, digits string) {
		if v, ok := valid("zip", digits, now); ok && len(v) != 5 {
			t.Errorf("zip %q", v)
		}
		if v, ok := valid("date_of_birth", digits, now); ok {
			if d, err := time.Parse(time.DateOnly, v); err != nil || !d.Before(now) {
				t.Errorf("date of birth %q", v)
			}
		}
		if v, ok := valid("phone", digits, now); ok {
			if p, err := ringbid.ParsePhone(v); err != nil || string(p) != v {
				t.Errorf("phone %q", v)
			}
		}
		if v, ok := valid("number", digits, now); ok && (v == "" || strings.Trim(v, "0123456789") != "") {
			t.Errorf("number %q", v)
		}
	})
}

func TestDefaultsOfAQuestion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		node        ringbid.Node
		least, most int
	}{
		{ringbid.Node{}, 1, 1}, {ringbid.Node{Min: 4}, 4, 4}, {ringbid.Node{Max: 4}, 1, 4}, {ringbid.Node{Min: 2, Max: 6}, 2, 6},
		{ringbid.Node{Validate: "zip"}, 5, 5}, {ringbid.Node{Validate: "date_of_birth"}, 8, 8},
		{ringbid.Node{Validate: "phone"}, 10, 11}, {ringbid.Node{Validate: "number"}, 1, 10}, {ringbid.Node{Validate: "number", Min: 3}, 3, 3},
	} {
		if g := gatherOf(&c.node); g.Min != c.least || g.Max != c.most {
			t.Errorf("%+v asks for %d to %d", c.node, g.Min, g.Max)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	f := newFacts(ringbid.TagMap{"caller": "+13105550123", "publisher": ""})
	if _, ok := f.set("CALLER", "x", false); ok {
		t.Error("caller can be set")
	}
	f.set("Zip", "1", false)
	if name, ok := f.set("zip", "2", false); name != "Zip" || !ok {
		t.Errorf("zip is kept as %q, %v", name, ok)
	}
	f.set("long", strings.Repeat("é", ringbid.MaxTagValue), false)
	if v := f.tags["long"]; len(v) != ringbid.MaxTagValue {
		t.Errorf("%d bytes kept", len(v))
	}
	f.set("odd", "x"+strings.Repeat("é", ringbid.MaxTagValue), false)
	if v := f.tags["odd"]; len(v) != ringbid.MaxTagValue-1 {
		t.Errorf("%d bytes kept of a text that would be cut inside a letter", len(v))
	}
	for i := range ringbid.MaxTags {
		f.set("t"+strings.Repeat("x", i), "", false)
	}
	if len(f.tags) != ringbid.MaxTags {
		t.Errorf("%d tags", len(f.tags))
	}
	if diff := cmp.Diff("+13105550123", f.all()["caller"]); diff != "" {
		t.Error(diff)
	}
	if f.all().Has("publisher") {
		t.Error("an empty fact is known")
	}
}

// FuzzFill holds that no text with tokens, and no value in them, can break the
// filling or be read as a token again.
func FuzzFill(f *testing.F) {
	f.Add("{{zip}} {{ caller }} {{nothing}}", "{{caller}}")
	f.Add("{{{zip}}}", "}}")
	f.Fuzz(func(t *testing.T, text, value string) {
		known := newFacts(ringbid.TagMap{"caller": "nobody"})
		known.tags["zip"] = value
		got, secret := known.fill(text)
		if secret {
			t.Error("secret")
		}
		if !strings.Contains(text, "{{") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
