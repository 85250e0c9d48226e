package leg

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

func TestNewHeaderRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string][2]string{
		"crlf":         {"X-A", "a\r\nVia: x"},
		"lf":           {"X-A", "a\nb"},
		"cr":           {"X-A", "a\rb"},
		"nul":          {"X-A", "a\x00b"},
		"bell":         {"X-A", "a\x07b"},
		"tab":          {"X-A", "a\tb"},
		"delete":       {"X-A", "a\x7fb"},
		"c1":           {"X-A", "a\u0085b"},
		"separator":    {"X-A", "a\u2028b"},
		"not utf-8":    {"X-A", "a\xffb"},
		"long":         {"X-A", strings.Repeat("a", maxHeaderValue+1)},
		"empty name":   {"", "a"},
		"name colon":   {"X:A", "a"},
		"name space":   {"X A", "a"},
		"name crlf":    {"X\r\nA", "a"},
		"long name":    {strings.Repeat("x", 65), "a"},
		"via":          {"Via", "a"},
		"compact from": {"f", "a"},
		"route":        {"rOUTE", "a"},
		"length":       {"Content-Length", "5"},
		"credentials":  {"Authorization", "Digest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if h, err := NewHeader(tt[0], tt[1]); !errors.Is(err, ErrHeader) {
				t.Errorf("got %v, %v", h, err)
			}
		})
	}
}

func TestUserToUser(t *testing.T) {
	t.Parallel()
	h, err := UserToUser([]byte("\x00lead\xff"))
	if err != nil || h.Name() != "User-to-User" || h.Value() != "006c656164ff;encoding=hex" {
		t.Errorf("got %v, %v", h, err)
	}
	for _, n := range []int{0, 129} {
		if _, err := UserToUser(make([]byte, n)); !errors.Is(err, ErrHeader) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	if _, err := UserToUser(make([]byte, 128)); err != nil {
		t.Error(err)
	}
}

// FuzzHeader puts a header that passed the door into a message and reads the
// message back: there must be exactly that one header more.
func FuzzHeader(f *testing.F) {
	f.Add("X-Lead", "name=Ann; zip=90210")
	f.Add("X-Lead", "a\r\nRoute: <sip:evil>")
	f.Add("Via\n", " ")
	f.Add("Reason", `Q.850;cause=16;text="ü"`)
	f.Fuzz(func(t *testing.T, name, value string) {
		if got, err := url.PathUnescape(Escape(value)); err != nil || got != value {
			t.Fatalf("Escape(%q) reads back %q, %v", value, got, err)
		}
		if h, err := NewHeader("X-E", Escape(value)); err == nil && h.Value() != Escape(value) {
			t.Fatalf("escaped value changed: %q", h.Value())
		}
		h, err := NewHeader(name, value)
		if err != nil {
			return
		}
		req := sipmsg.NewRequest(sipmsg.OPTIONS, sipmsg.Uri{Scheme: "sip", Host: "a"})
		appendHeaders(req, []Header{h})
		req.SetBody(nil)
		var m raw
		text := render(req)
		if why := m.scan(text); why != "" {
			t.Fatalf("%q: %s", text, why)
		}
		back, err := m.assemble(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		list := back.hs
		if len(list) != 2 {
			t.Fatalf("%d headers in %q", len(list), req.String())
		}
		if longName(h.Name()) != list[0].Name() || h.Value() != list[0].Value() {
			t.Fatalf("wrote %v, read %v", h, list[0])
		}
	})
}
