package email_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
)

func TestSend(t *testing.T) {
	t.Parallel()
	p := server(t, "open")
	m := mailer(t, "smtp://"+p.smtp, func(c *email.Config) {
		c.Bounce, c.BounceKey = "bounces.example.com", []byte("0123456789abcdef")
	})
	out := m.Send(t.Context(), letter(func(l *email.Letter) {
		l.To = append(l.To, "second@partner.example")
		l.Cc = []string{"Boss <boss@partner.example>", "BUYER@partner.example"}
		l.ReplyTo, l.Subject = "help@example.com", "Neuer Lead: Jörg Müller, München"
		l.Unsubscribe = "https://leads.example.com/u/1?t=2"
		l.Text = "Grüße\n.\n..\nFrom here " + strings.Repeat("long ", 300) + "\n"
	}))
	if out.Class != connector.ClassAccepted || !out.Unconfirmed || out.Sent != connector.SentAnswered || out.ID == "" || out.Note != "" || out.Took <= 0 {
		t.Fatalf("%+v", out)
	}
	g := p.letter(t, out.ID)
	header := map[string]string{}
	for _, k := range []string{
		"From", "To", "Cc", "Reply-To", "Date", "Message-Id", "X-Lead-Id", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post", "Mime-Version",
	} {
		header[k] = g.message.Header.Get(k)
	}
	want := map[string]string{
		"From": `"Leads" <leads@example.com>`, "To": `"Buyer" <buyer@partner.example>, <second@partner.example>`,
		"Cc": `"Boss" <boss@partner.example>, <BUYER@partner.example>`, "Reply-To": "<help@example.com>",
		"Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Message-Id": "<0193c0de-dead-7000-8000-00000000beef.2@example.com>",
		"X-Lead-Id": "lead-17", "Auto-Submitted": "auto-generated", "List-Unsubscribe": "<https://leads.example.com/u/1?t=2>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Mime-Version": "1.0",
	}
	if d := cmp.Diff(want, header); d != "" {
		t.Error(d)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(g.message.Header.Get("Subject"))
	if err != nil || subject != "Neuer Lead: Jörg Müller, München" || strings.Contains(string(g.raw), "Müller") {
		t.Errorf("subject %q %v", subject, err)
	}
	if want := "Grüße\n.\n..\nFrom here " + strings.Repeat("long ", 300) + "\n"; strings.ReplaceAll(g.summary.Text, "\r\n", "\n") != want {
		t.Errorf("text %.200q", g.summary.Text)
	}
	if g.summary.HTML != "<p>Ann</p>" || len(g.summary.Bcc) != 0 {
		t.Errorf("%+v", g.summary)
	}
	id, ours := m.Bounced(g.summary.ReturnPath)
	if !ours || id != letter(nil).ID || !strings.HasSuffix(g.summary.ReturnPath, "@bounces.example.com") {
		t.Errorf("sender %q: %q %t", g.summary.ReturnPath, id, ours)
	}
	for _, part := range []string{"Message-ID: <0193c0de", "(Neuer Lead: Jörg Müller, München)", "Grüße\n.\n..\n"} {
		if !strings.Contains(out.Request, part) {
			t.Errorf("copy lacks %q: %.600s", part, out.Request)
		}
	}
	if !strings.Contains(out.Response, out.ID) {
		t.Errorf("response %q", out.Response)
	}
}

func TestBounced(t *testing.T) {
	t.Parallel()
	m := mailer(t, "smtp://mail.example.com", func(c *email.Config) { c.Bounce, c.BounceKey = "b.example", []byte("0123456789abcdef") })
	for _, address := range []string{
		"", "@", "bounce+x.00000000@b.example", "bounce+x@b.example", "bounce+.@b.example", "x@b.example",
		"bounce+" + strings.Repeat("x", 400) + ".00000000@b.example",
	} {
		if id, ok := m.Bounced(address); ok || id != "" {
			t.Errorf("%q: %q %t", address, id, ok)
		}
	}
	if _, ok := mailer(t, "smtp://mail.example.com", nil).Bounced("bounce+x.00000000@"); ok {
		t.Error("no bounce domain")
	}
}

func TestSendOverTLS(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server, scheme, password string
		trust                    bool
		class                    connector.Class
		code                     connector.Code
	}{
		"STARTTLS":                               {"starttls", "smtp", password, true, connector.ClassAccepted, ""},
		"TLS":                                    {"tls", "smtps", password, true, connector.ClassAccepted, ""},
		"wrong password":                         {"starttls", "smtp", "not the password", true, connector.ClassAuth, connector.CodeStatus},
		"wrong password, TLS":                    {"tls", "smtps", "not the password", true, connector.ClassAuth, connector.CodeStatus},
		"no credentials":                         {"starttls", "smtp", "", true, connector.ClassAuth, connector.CodeStatus},
		"unknown authority":                      {"starttls", "smtp", password, false, connector.ClassNeverSent, connector.CodeTLS},
		"unknown authority, TLS":                 {"tls", "smtps", password, false, connector.ClassNeverSent, connector.CodeTLS},
		"TLS where there is none, credentials":   {"open", "smtp", password, true, connector.ClassNeverSent, connector.CodeTLS},
		"TLS from the start where there is none": {"open", "smtps", password, true, connector.ClassNeverSent, connector.CodeTLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := server(t, c.server)
			url := strings.Replace(withPassword(c.scheme, p.smtp), strings.NewReplacer(" ", "%20", ":", "%3A", "/", "%2F").Replace(password),
				strings.NewReplacer(" ", "%20", ":", "%3A", "/", "%2F").Replace(c.password), 1)
			if c.password == "" {
				url = c.scheme + "://" + p.smtp
			}
			m := mailer(t, url, func(cfg *email.Config) {
				if c.trust {
					cfg.Roots = p.roots
				}
			})
			out := m.Send(t.Context(), letter(nil))
			t.Logf("%-40s %-12s %-10s %s", name, out.Class, out.Code, out.Reason)
			if out.Class != c.class || out.Code != c.code {
				t.Errorf("%+v", out)
			}
			if strings.Contains(fmt.Sprintf("%+v", out), c.password) && c.password != "" {
				t.Error("the outcome holds the password")
			}
			if c.class == connector.ClassAccepted {
				p.letter(t, out.ID)
			}
		})
	}
}

func TestDKIM(t *testing.T) {
	t.Parallel()
	p := server(t, "open")
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"ed25519": throughPEM(t, ed), "rsa": throughPEM(t, rsaKey)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mailer(t, "smtp://"+p.smtp, func(c *email.Config) {
				c.DKIM = &email.DKIM{Domain: "example.com", Selector: "s2026", Key: key}
			})
			l := letter(func(l *email.Letter) {
				l.ReplyTo, l.Unsubscribe, l.Cc = "help@example.com", "https://leads.example.com/u/1", []string{"c@partner.example"}
				l.Subject = "Lead: " + strings.Repeat("Jörg ", 30)
				l.Text = "two  blanks \t and some at the end   \n\n\n.\n\n\n"
				l.Files = []email.File{{Name: "lead.csv", Type: "text/csv", Body: []byte("a,b\r\n1,2\r\n")}}
			})
			out := m.Send(t.Context(), l)
			if out.Class != connector.ClassAccepted {
				t.Fatalf("%+v", out)
			}
			raw := p.letter(t, out.ID).raw
			keys, err := verify(t, raw, key, "s2026._domainkey.example.com")
			if err != nil {
				t.Fatalf("%v\n%.2000s", err, raw)
			}
			for _, k := range []string{
				"From", "To", "Cc", "Subject", "Date", "Message-ID", "Content-Type", "MIME-Version", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post",
			} {
				if !slices.Contains(keys, k) {
					t.Errorf("%s is not signed: %v", k, keys)
				}
			}
			for what, edit := range map[string][2]string{
				"body":        {"some at", "some  other at"},
				"header":      {"help@example.com", "evil@example.com"},
				"unsubscribe": {"leads.example.com/u/1", "leads.example.com/u/2"},
				"second From": {"\r\nSubject:", "\r\nFrom: <evil@example.com>\r\nSubject:"},
			} {
				changed := bytes.Replace(raw, []byte(edit[0]), []byte(edit[1]), 1)
				if bytes.Equal(changed, raw) {
					t.Errorf("%s: nothing was changed", what)
				}
				if _, err := verify(t, changed, key, "s2026._domainkey.example.com"); err == nil {
					t.Errorf("a changed %s still verifies", what)
				}
			}
			for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
				if len(line) > 998 {
					t.Errorf("line of %d bytes", len(line))
				}
			}
		})
	}
}

// throughPEM writes a key and reads it as the operator's is read.
func throughPEM(t *testing.T, key crypto.Signer) crypto.Signer {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	read, err := email.ParseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// verify has another's code verify the signature, and returns what is signed.
func verify(t *testing.T, raw []byte, key crypto.Signer, where string) ([]string, error) {
	t.Helper()
	kind, pub := "ed25519", []byte(nil)
	switch k := key.Public().(type) {
	case ed25519.PublicKey:
		pub = k
	case *rsa.PublicKey:
		kind = "rsa"
		pub, _ = x509.MarshalPKIXPublicKey(k)
	}
	all, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if name != where {
			return nil, fmt.Errorf("asked for %s", name)
		}
		return []string{"v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(pub)}, nil
	}})
	if err != nil || len(all) != 1 {
		return nil, fmt.Errorf("%d signatures: %w", len(all), err)
	}
	return all[0].HeaderKeys, all[0].Err
}

// TestHostileLeads sends leads that try to be more than a lead.
func TestHostileLeads(t *testing.T) {
	t.Parallel()
	p := server(t, "open")
	m := mailer(t, "smtp://"+p.smtp, nil)
	for name, first := range map[string]string{
		"header": "Bob\r\nBcc: x@y.example\r\n\r\nbody", "bare LF": "Bob\nBcc: x@y.example", "template": "{{secret}}", "script": "<script>alert(1)</script>",
		"formula": "=cmd|' /C calc'!A0", "long": strings.Repeat("x", 10<<10), "long words": strings.Repeat("ab ", 3<<10), "rtl": "\u202egnp.\u202c\u2067x\u2069 \u200fשלום",
		"nul": "a\x00b", "not UTF-8": "\xff\xfe", "dot": ".\r\n.\r\nQUIT\r\n", "encoded word": "=?UTF-8?Q?evil?=", "quotes": `"><img src=x onerror=alert(1)>`,
		"boundary": "--\r\n--\r\nContent-Type: text/html\r\n\r\n<b>", "line separators": "a\u2028Consent  yes\u2029b\vc\fd",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lead := email.Lead{ID: "lead-1", Facts: map[string]string{
				"first_name": first, "last_name": "Lee", "city": first, "state": "CA", "phone": first, "email": first, "secret": "do not tell",
			}, Names: []string{"first_name", "last_name", "city", "state", "phone", "email"}}
			for form, f := range map[string]email.Form{
				"built in": {},
				"own": {
					Subject: "Lead {{first_name}} from {{city}}", Text: "Hello,\n{{first_name}}\nbye\n",
					HTML: `<p title="{{first_name}}">{{first_name}}</p><a href="tel:{{phone}}">call</a><a href="{{first_name}}">x</a>`,
				},
			} {
				l, err := email.Compose(f, lead)
				if err != nil {
					t.Fatal(err)
				}
				l.ID, l.To, l.Files = "d1", []string{"buyer@partner.example"}, []email.File{email.CSV([]email.Lead{lead}), email.JSON([]email.Lead{lead})}
				out := m.Send(t.Context(), l)
				if out.Class != connector.ClassAccepted {
					t.Fatalf("%s: %+v", form, out)
				}
				wantPlain(t, p.letter(t, out.ID), form)
			}
		})
	}
}

// wantPlain holds a letter to what any letter about a lead is.
func wantPlain(t *testing.T, g got, form string) {
	t.Helper()
	var names []string
	for k := range g.message.Header {
		names = append(names, k)
	}
	slices.Sort(names)
	// Mailpit adds what it received; nothing else may have come in.
	names = slices.DeleteFunc(names, func(k string) bool { return k == "Received" || k == "Return-Path" })
	if d := cmp.Diff([]string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To", "X-Lead-Id"}, names); d != "" {
		t.Errorf("%s: headers: %s", form, d)
	}
	if len(g.summary.Bcc) != 0 || len(g.summary.To) != 1 || len(g.summary.Attachments) != 2 {
		t.Errorf("%s: %+v", form, g.summary)
	}
	if n := len([]rune(g.summary.Subject)); n > 200 || n == 0 {
		t.Errorf("%s: subject of %d letters", form, n)
	}
	if raw := g.message.Header.Get("Subject"); strings.Contains(raw, "=?UTF-8?Q?evil") {
		t.Errorf("%s: subject %s", form, raw)
	}
	for _, where := range []string{g.summary.Subject, g.summary.Text, g.summary.HTML} {
		if strings.Contains(where, "do not tell") || strings.ContainsAny(where, "\u202e\u2067\x00") {
			t.Errorf("%s: %q", form, where)
		}
	}
	if strings.Contains(g.summary.HTML, "<script") || strings.Contains(g.summary.HTML, "<img") {
		t.Errorf("%s: page %s", form, g.summary.HTML)
	}
}

// TestUnsound: what must not be sent is not, and the server is not even called.
func TestUnsound(t *testing.T) {
	t.Parallel()
	m := mailer(t, "smtp://127.0.0.1:1", nil)
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprintf("b%d@partner.example", i)
	}
	for name, edit := range map[string]func(*email.Letter){
		"no recipient":           func(l *email.Letter) { l.To = nil },
		"too many recipients":    func(l *email.Letter) { l.To = many },
		"recipient with CR LF":   func(l *email.Letter) { l.To = []string{"a@b.example\r\nRCPT TO:<x@y.example>"} },
		"recipient with NUL":     func(l *email.Letter) { l.To = []string{"a\x00@b.example"} },
		"recipient's name":       func(l *email.Letter) { l.To = []string{"\"Bob\r\nBcc: x\" <a@b.example>"} },
		"encoded name":           func(l *email.Letter) { l.To = []string{"=?utf-8?q?Bob=0D=0ABcc:_x?= <a@b.example>"} },
		"two in one":             func(l *email.Letter) { l.To = []string{"a@b.example, c@d.example"} },
		"quoted local part":      func(l *email.Letter) { l.To = []string{`"a b"@c.example`} },
		"address in angle":       func(l *email.Letter) { l.To = []string{"<a@b.example>>"} },
		"parameter":              func(l *email.Letter) { l.To = []string{"<a@b.example> NOTIFY=NEVER"} },
		"not ASCII":              func(l *email.Letter) { l.To = []string{"jörg@b.example"} },
		"literal":                func(l *email.Letter) { l.To = []string{"a@[127.0.0.1]"} },
		"copy":                   func(l *email.Letter) { l.Cc = []string{"nobody"} },
		"reply to":               func(l *email.Letter) { l.ReplyTo = "a@b.example\nX: y" },
		"subject with LF":        func(l *email.Letter) { l.Subject = "a\nBcc: x@y.example" },
		"subject with CR":        func(l *email.Letter) { l.Subject = "a\rb" },
		"subject with NUL":       func(l *email.Letter) { l.Subject = "a\x00b" },
		"subject not UTF-8":      func(l *email.Letter) { l.Subject = "a\xff" },
		"long subject":           func(l *email.Letter) { l.Subject = strings.Repeat("x", 251) },
		"no id":                  func(l *email.Letter) { l.ID = "" },
		"id with an at":          func(l *email.Letter) { l.ID = "a@b" },
		"id with a line":         func(l *email.Letter) { l.ID = "a\r\nb" },
		"long id":                func(l *email.Letter) { l.ID = strings.Repeat("x", 49) },
		"attempt":                func(l *email.Letter) { l.Attempt = -1 },
		"lead id with a line":    func(l *email.Letter) { l.LeadID = "a\r\nX: y" },
		"unsubscribe over http":  func(l *email.Letter) { l.Unsubscribe = "http://a.example/" },
		"unsubscribe, two":       func(l *email.Letter) { l.Unsubscribe = "https://a.example/>,<mailto:x@y.example" },
		"unsubscribe, line":      func(l *email.Letter) { l.Unsubscribe = "https://a.example/\r\nX: y" },
		"empty":                  func(l *email.Letter) { l.Text, l.HTML = "", "" },
		"too many files":         func(l *email.Letter) { l.Files = make([]email.File, 11) },
		"too large":              func(l *email.Letter) { l.Text = strings.Repeat("x", email.MaxBytes+1) },
		"too large once encoded": func(l *email.Letter) { l.Files = []email.File{{Name: "a", Body: make([]byte, 800<<10)}} },
		"too large once quoted":  func(l *email.Letter) { l.Text = strings.Repeat("ü", 200<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := m.Send(t.Context(), letter(edit))
			if out.Class != connector.ClassUnsound || out.Sent != connector.SentNo || out.Reason == "" || out.Request != "" {
				t.Errorf("%+v", out)
			}
			if strings.Contains(name, "too large") != (out.Code == connector.CodeTooLarge) {
				t.Errorf("code %s", out.Code)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	p := server(t, "open")
	m := mailer(t, "smtp://"+p.smtp, nil)
	out := m.Send(t.Context(), letter(func(l *email.Letter) {
		l.HTML = ""
		for _, name := range []string{"../../etc/passwd", "a\r\nX: y.csv", `c:\x\"q".txt`, "", "...", "läad.csv"} {
			l.Files = append(l.Files, email.File{Name: name, Type: "text/csv; charset=utf-8; name=evil", Body: []byte("a")})
		}
		l.Files = append(l.Files, email.File{Name: "x.bin", Type: "text/csv\r\nX: y", Body: []byte{0, 1, 2}})
	}))
	if out.Class != connector.ClassAccepted {
		t.Fatalf("%+v", out)
	}
	g := p.letter(t, out.ID)
	var names, kinds []string
	for _, a := range g.summary.Attachments {
		names, kinds = append(names, a.FileName), append(kinds, a.ContentType)
	}
	if d := cmp.Diff([]string{"passwd", "a__X__y.csv", "_q_.txt", "file", "file", "l_ad.csv", "x.bin"}, names); d != "" {
		t.Error(d)
	}
	if kinds[0] != "text/csv" || kinds[6] != "application/octet-stream" || bytes.Contains(g.raw, []byte("\r\nX: y")) {
		t.Errorf("%v", kinds)
	}
	if _, err := mail.ReadMessage(bytes.NewReader(g.raw)); err != nil {
		t.Error(err)
	}
}

// TestCopy: the copy that is kept is bounded, and what does not fit is said.
func TestCopy(t *testing.T) {
	t.Parallel()
	m := mailer(t, "smtp://127.0.0.1:1", nil)
	out := m.Send(t.Context(), letter(func(l *email.Letter) { l.Text = strings.Repeat("ü", 20<<10) }))
	if len(out.Request) > 16<<10 || !strings.Contains(out.Request, "… cut: ") || out.Class != connector.ClassNeverSent || out.Code != connector.CodeConnect {
		t.Errorf("%d bytes, %s %s", len(out.Request), out.Class, out.Code)
	}
}
