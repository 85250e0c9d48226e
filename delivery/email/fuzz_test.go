package email

import (
	"bytes"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCompose: no words and no lead make Compose panic or write a subject that is
// no line, and what it writes can be sealed into one sound letter.
func FuzzCompose(f *testing.F) {
	for _, v := range []string{"Ann", "Bob\r\nBcc: x@y", "{{secret}}", "<script>alert(1)</script>", "=cmd()", "\u202eabc", "\xff\x00", "=?UTF-8?Q?x?="} {
		f.Add("", "", "", "first_name", v)
		f.Add("Lead {{first_name}}", "{{first_name}}", `<a href="{{first_name}}" title='{{first_name}}'>{{first_name}}</a>`, "first_name", v)
		f.Add("{{", "}}", "<script>'{{x}}'</script><style>a{b:{{x}}}</style><!-- {{x}} -->", "x", v)
	}
	m, err := New(Config{URL: "smtp://mail.example.com", From: "a@example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, subject, text, page, name, value string) {
		form := Form{subject, text, page}
		lead := Lead{ID: "lead-1", Facts: map[string]string{name: value, "phone": value, "consent_text": value}}
		l, err := Compose(form, lead)
		if (err == nil) != (len(Check(form)) == 0) && lead.check() == nil && len(value) < 1000 && len(text)+len(page) < 1000 {
			t.Fatalf("checked %v, composed %v", Check(form), err)
		}
		if err != nil {
			return
		}
		if hasControl(l.Subject) || l.Subject == "" || utf8.RuneCountInString(l.Subject) > 200 {
			t.Fatalf("subject %q", l.Subject)
		}
		if page == "" && strings.Count(l.HTML, "<script") > 0 {
			t.Fatalf("page %s", l.HTML)
		}
		_, _, _ = Digest(value, []Lead{lead}, value)
		l.ID, l.To, l.Files = "d1", []string{"a@b.example"}, []File{CSV([]Lead{lead}), {Name: value, Type: name}}
		e, err := m.seal(l)
		if err != nil {
			return
		}
		got, err := mail.ReadMessage(bytes.NewReader(e.data))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Header) != 9 || got.Header.Get("To") != "<a@b.example>" {
			t.Fatalf("headers %v", got.Header)
		}
		back, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
		if want := strings.ReplaceAll(l.Subject, "=?", "= ?"); err != nil || strings.TrimSpace(back) != strings.TrimSpace(want) {
			t.Fatalf("subject %q, want %q: %v", back, want, err)
		}
		if bytes.Contains(bytes.ReplaceAll(e.data, []byte("\r\n"), nil), []byte("\r")) || bytes.IndexByte(e.data, 0) >= 0 {
			t.Fatal("bare CR or NUL")
		}
	})
}

// FuzzAddress: an address that is taken can stand in a command.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@b.example", "Bob <a@b.example>", "\"B\r\nx\" <a@b>", "=?utf-8?q?B=0D?= <a@b>", "a@[::1]", "<a@b> X=1", "a..b@c", "(c)a@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddress(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(a.Address, " <>\"\r\n\t\x00()\\,;:") || strings.Count(a.Address, "@") != 1 || hasControl(a.String()) {
			t.Fatalf("%q", a)
		}
	})
}

// FuzzReply: nothing a server says makes the reading panic or go out of bounds.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 2.0.0 Ok: queued as X", "try again in 999999 hours", "4.7.1 Greylisted 5m", "id=\xff", "300s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_ = asksToWait(s)
		if d := pause(s); d < 0 || d > maxPause {
			t.Fatalf("pause %s", d)
		}
		if id := queueID(s); len(id) > maxQueueID || strings.ContainsAny(id, " \r\n") || !utf8.ValidString(id) {
			t.Fatalf("id %q", id)
		}
		if b := bounded(s); len(b) > maxCopy || !utf8.ValidString(b) || strings.Contains(b, "\x00") {
			t.Fatal("copy")
		}
	})
}

// FuzzDKIM: the canonical form of any letter is its own canonical form.
func FuzzDKIM(f *testing.F) {
	f.Add([]byte("From: a\r\n b\r\nSubject: x\r\n\r\nbody \t x\r\n\r\n"))
	f.Add([]byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, letter []byte) {
		head, body, _ := bytes.Cut(letter, []byte("\r\n\r\n"))
		for _, l := range headerLines(string(head)) {
			_ = relaxedHeader(l)
		}
		once := relaxedBody(body)
		if twice := relaxedBody(once); !bytes.Equal(once, twice) {
			t.Fatalf("%q, then %q", once, twice)
		}
	})
}
