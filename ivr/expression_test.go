package ivr

import (
	"testing"

	"github.com/ringbid/ringbid"
)

func TestExpressions(t *testing.T) {
	t.Parallel()
	facts := ringbid.TagMap{"zip": "90210", "Age": "41", "state": "CA", "caller": "+13105550199"}
	for text, want := range map[string]bool{
		`zip == "90210"`:                         true,
		`ZIP == "90210"`:                         true,
		`Zip startsWith "9" && num(age) >= 18`:   true,
		`num(age) > 65`:                          false,
		`num(unknown) > 0`:                       false,
		`num(unknown) <= 0`:                      false,
		`unknown == ""`:                          true,
		`has(zip)`:                               true,
		`has("ZIP")`:                             true,
		`has(unknown) || has("unknown")`:         false,
		`state in ["CA", "NV"]`:                  true,
		`not (state in ["CA", "NV"])`:            false,
		`caller matches "^\\+1310"`:              true,
		`lower(state) == "ca" && len(zip) == 5`:  true,
		`let Area = zip; area startsWith "902"`:  true,
		`(state == "NY" ? "a" : "b") == "b"`:     true,
		`unknown contains "x" or zip == "90210"`: true,
	} {
		p, err := compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.holds(facts); err != nil || got != want {
			t.Errorf("%s is %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestUnsoundExpressions(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "zip ==", "zip", "num(zip)", `zip > 5`, "num(1) > 0", "nosuch(zip)", "has()", `has(zip, zip)`,
		"all(1..1000000, # > 0)", "filter([1], true) == [1]", "repeat(zip, 100000000) == zip", "now() == now()",
	} {
		if _, err := compile(text); err == nil {
			t.Errorf("%q compiles", text)
		}
	}
}

// FuzzCompile holds that no text breaks the compiler, and that whatever it
// accepts can be run over no facts at all.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{`zip == "1"`, `num(a) > 1 && has(b)`, `a in ["x"]`, `let x = a; x == a`, `a[0:1] == b`, `#`, `1..1e9`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		p, err := compile(text)
		if err != nil {
			return
		}
		_, _ = p.holds(ringbid.TagMap{})
	})
}
