package store

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a caller sends, what is stored has no NUL, and is what was sent where
// there was none.
func FuzzScrub(f *testing.F) {
	for _, s := range []string{"", "a\x00b", `\u0000`, `\\u0000`, "\\\x00", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(scrubNUL(b), &got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && got != strings.ReplaceAll(s, "\x00", "\ufffd") {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("MCAyMDI2LTAxLTAxVDAwOjAwOjAwWiBh")
	f.Fuzz(func(t *testing.T, s string) {
		if _, _, id, err := parseCursor(s); err == nil && (len(id) > 64 || clean(id) != id) {
			t.Fatalf("%q gives %q", s, id)
		}
	})
}
