package ringbid_test

import (
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
)

func TestParsePhone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ringbid.Phone{
		"+13105550123":                  "+13105550123",
		"13105550123":                   "+13105550123",
		"3105550123":                    "+13105550123",
		" (310) 555-0123 ":              "+13105550123",
		"310.555.0123":                  "+13105550123",
		"tel:+1-310-555-0123;ext=4":     "+13105550123",
		"+13105550123;verstat=TN-Valid": "+13105550123",
		"+44 20 7946 0000":              "+442079460000",
		"+123456789012345":              "+123456789012345",
	} {
		if got, err := ringbid.ParsePhone(text); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "anonymous", "+", "555-0123", "23105550123", "+0123456789", "+1234567890123456", "310555012a", "31055501+23",
		"++13105550123", "３１０５５５０１２３", "3105550123\r\nX: y", "+123456",
	} {
		if got, err := ringbid.ParsePhone(text); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q is read as %s, %v", text, got, err)
		}
	}
}

func TestPhoneForms(t *testing.T) {
	t.Parallel()
	for p, want := range map[ringbid.Phone][4]string{
		"+13105550123":  {"+1310•••••23", "13105550123", "3105550123", "310"},
		"+442079460000": {"+4420••••••00", "442079460000", "442079460000", ""},
		"+1234567":      {"+1234•67", "1234567", "1234567", ""},
		"":              {"", "", "", ""},
	} {
		if got := [4]string{p.Mask(), p.Digits(), p.National(), p.AreaCode()}; got != want {
			t.Errorf("%q: %q, want %q", p, got, want)
		}
	}
	var p ringbid.Phone = "+1"
	if err := p.UnmarshalText(nil); err != nil || p != "" {
		t.Errorf("empty text: %q, %v", p, err)
	}
	if err := p.UnmarshalText([]byte("x")); err == nil || p != "" {
		t.Errorf("unsound text: %q, %v", p, err)
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"+13105550123", "(310) 555-0123", "tel:+1;x", "", "+", strings.Repeat("1", 40), "sip:a@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ringbid.ParsePhone(s)
		if err != nil {
			return
		}
		if len(p) < 8 || len(p) > 16 || p[0] != '+' || strings.Trim(string(p[1:]), "0123456789") != "" {
			t.Fatalf("%q is read as %q", s, p)
		}
		if again, err := ringbid.ParsePhone(string(p)); err != nil || again != p {
			t.Fatalf("%q does not come back: %q, %v", p, again, err)
		}
		if m := p.Mask(); !strings.Contains(m, "•") {
			t.Fatalf("%q is masked as %q", p, m)
		}
		_ = ringbid.AreaState(p)
	})
}
