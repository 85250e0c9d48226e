package email_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
)

// faulty is a mail server that says at each stage what it is told to say. What it
// is not told it says as a server should. "drop" hangs up, "hang" says nothing
// more, "stall" does not even read, "garbage" is not SMTP, "flood" never stops.
type faulty struct {
	address string
	say     map[string]string
	cert    *tls.Config

	mu       sync.Mutex
	commands []string
	letters  []string
	gone     sync.WaitGroup
}

func startFaulty(t *testing.T, say map[string]string, cert *tls.Config) *faulty {
	t.Helper()
	var lc net.ListenConfig
	if say["body"] != "" {
		lc.Control = narrow
	}
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{address: l.Addr().String(), say: say, cert: cert}
	ctx, cancel := context.WithCancel(context.Background())
	f.gone.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.gone.Go(func() { f.serve(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		f.gone.Wait()
	})
	return f
}

// narrow keeps the kernel from taking a whole letter off the sender's hands.
func narrow(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = errors.Join(
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096),
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536),
		)
	})
	return errors.Join(err, failed)
}

func (f *faulty) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // a test's server
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	in := bufio.NewReader(conn)
	// answer reports whether to go on.
	answer := func(stage, usual string) bool {
		text, told := f.say[stage]
		if !told {
			text = usual
		}
		switch text {
		case "drop":
			return false
		case "hang":
			_, _ = io.Copy(io.Discard, in)
			return false
		case "stall":
			<-ctx.Done()
			return false
		case "garbage":
			text = "\x16\x03 hello, this is not SMTP"
		case "flood":
			for {
				if _, err := io.WriteString(conn, "250-"+strings.Repeat("x", 1000)+"\r\n"); err != nil {
					return false
				}
			}
		}
		_, err := io.WriteString(conn, text+"\r\n")
		return err == nil
	}
	if !answer("greeting", "220 faulty ESMTP") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		f.mu.Lock()
		f.commands = append(f.commands, line)
		f.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToLower(line), " ")
		verb, _, _ = strings.Cut(verb, ":")
		going := true
		switch verb {
		case "ehlo", "helo":
			going = answer(verb, "250 faulty")
		case "starttls":
			if going = answer(verb, "220 go"); going && f.cert != nil {
				secure := tls.Server(conn, f.cert)
				conn, in = secure, bufio.NewReader(secure)
			}
		case "rcpt":
			stage := verb
			for s := range f.say {
				if strings.Contains(line, s) {
					stage = s
				}
			}
			going = answer(stage, "250 ok")
		case "data":
			if going = answer(verb, "354 go on"); going && f.say["data"] == "" {
				going = f.read(in, answer)
			}
		case "quit":
			answer(verb, "221 bye")
			return
		default:
			going = answer(verb, "250 ok")
		}
		if !going {
			return
		}
	}
}

// read takes a letter and answers its dot.
func (f *faulty) read(in *bufio.Reader, answer func(stage, usual string) bool) bool {
	if text, told := f.say["body"]; told {
		_, _ = io.CopyN(io.Discard, in, 1000)
		return answer("body", text) && false
	}
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(line)
	}
	f.mu.Lock()
	f.letters = append(f.letters, b.String())
	f.mu.Unlock()
	return answer("dot", "250 2.0.0 Ok: queued as 4XyZ12")
}

func (f *faulty) heard(t *testing.T) (commands string, letters int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.commands, "\n"), len(f.letters)
}

// TestFaults: what class a fault makes. Only a letter that the server has whole
// may be ambiguous or accepted.
func TestFaults(t *testing.T) {
	t.Parallel()
	const (
		never, ambiguous, rejected = connector.ClassNeverSent, connector.ClassAmbiguous, connector.ClassRejected
		throttled, broken, auth    = connector.ClassThrottled, connector.ClassServer, connector.ClassAuth
		protocol, status, timeout  = connector.CodeProtocol, connector.CodeStatus, connector.CodeTimeout
		no, maybe, answered        = connector.SentNo, connector.SentMaybe, connector.SentAnswered
	)
	for name, c := range map[string]struct {
		stage, says string
		class       connector.Class
		code        connector.Code
		sent        connector.Sent
		wait        time.Duration
	}{
		"greeting: 421 too many":        {"greeting", "421 4.7.0 too many connections, try again in 30 seconds", throttled, status, no, 30 * time.Second},
		"greeting: 554":                 {"greeting", "554 no service here", never, status, no, 0},
		"greeting: drop":                {"greeting", "drop", never, protocol, no, 0},
		"greeting: silence":             {"greeting", "hang", never, timeout, no, 0},
		"greeting: garbage":             {"greeting", "garbage", never, protocol, no, 0},
		"greeting: HTTP":                {"greeting", "HTTP/1.1 400 Bad Request", never, protocol, no, 0},
		"EHLO: drop":                    {"ehlo", "drop", never, protocol, no, 0},
		"EHLO: silence":                 {"ehlo", "hang", never, timeout, no, 0},
		"EHLO: endless":                 {"ehlo", "flood", never, connector.CodeTooLarge, no, 0},
		"STARTTLS: 454":                 {"starttls", "454 4.7.0 TLS not available", never, status, no, 0},
		"STARTTLS: drop":                {"starttls", "drop", never, connector.CodeTLS, no, 0},
		"STARTTLS: no handshake":        {"starttls", "220 go", never, connector.CodeTLS, no, 0},
		"MAIL: 530":                     {"mail", "530 5.7.0 Authentication required", auth, status, answered, 0},
		"MAIL: 550":                     {"mail", "550 5.7.1 sender rejected", rejected, status, answered, 0},
		"MAIL: 451 greylisted":          {"mail", "451 4.7.1 Greylisting in action", throttled, status, answered, 5 * time.Minute},
		"MAIL: drop":                    {"mail", "drop", never, protocol, no, 0},
		"RCPT: 450 greylisted":          {"rcpt", "450 4.2.0 <b>: Recipient address rejected: Greylisted, see http://x/", throttled, status, answered, 5 * time.Minute},
		"RCPT: 451 greylisted, minutes": {"rcpt", "451 4.7.1 Please try again in 10 minutes", throttled, status, answered, 10 * time.Minute},
		"RCPT: 450 mailbox":             {"rcpt", "450 4.2.1 mailbox unavailable", broken, status, answered, 0},
		"RCPT: 451 local error":         {"rcpt", "451 4.3.0 local error, try again later", broken, status, answered, 0},
		"RCPT: 452 full":                {"rcpt", "452 4.2.2 mailbox full", broken, status, answered, 0},
		"RCPT: 452 rate":                {"rcpt", "452 4.5.3 rate limit exceeded", throttled, status, answered, 5 * time.Minute},
		"RCPT: 421":                     {"rcpt", "421 4.3.2 shutting down", throttled, status, answered, 0},
		"RCPT: 550":                     {"rcpt", "550 5.1.1 no such user", rejected, status, answered, 0},
		"RCPT: 553":                     {"rcpt", "553 5.1.2 bad domain", rejected, status, answered, 0},
		"RCPT: several lines":           {"rcpt", "550-5.1.1 no such user\r\n550 5.1.1 see elsewhere", rejected, status, answered, 0},
		"RCPT: drop":                    {"rcpt", "drop", never, protocol, no, 0},
		"RCPT: silence":                 {"rcpt", "hang", never, timeout, no, 0},
		"RCPT: garbage":                 {"rcpt", "garbage", never, protocol, no, 0},
		"RCPT: a wrong yes":             {"rcpt", "354 go on", never, protocol, no, 0},
		"DATA: 451":                     {"data", "451 4.3.0 error", broken, status, answered, 0},
		"DATA: 554":                     {"data", "554 5.5.1 no valid recipients", rejected, status, answered, 0},
		"DATA: drop":                    {"data", "drop", never, protocol, no, 0},
		"half a letter: drop":           {"body", "drop", never, protocol, no, 0},
		"half a letter: silence":        {"body", "stall", never, timeout, no, 0},
		"dot: 552":                      {"dot", "552 5.3.4 message too big", rejected, status, answered, 0},
		"dot: 554 spam":                 {"dot", "554 5.7.1 looks like spam", rejected, status, answered, 0},
		"dot: 451":                      {"dot", "451 4.3.0 queue file write error", broken, status, answered, 0},
		"dot: 450 deferred":             {"dot", "450 4.7.0 deferred, come back later", throttled, status, answered, 5 * time.Minute},
		"dot: 421":                      {"dot", "421 4.3.2 shutting down", throttled, status, answered, 0},
		"dot: drop":                     {"dot", "drop", ambiguous, protocol, maybe, 0},
		"dot: silence":                  {"dot", "hang", ambiguous, timeout, maybe, 0},
		"dot: garbage":                  {"dot", "garbage", ambiguous, protocol, maybe, 0},
		"dot: a wrong yes":              {"dot", "354 go on", ambiguous, protocol, maybe, 0},
		"dot: endless":                  {"dot", "flood", ambiguous, connector.CodeTooLarge, maybe, 0},
		"dot: 251":                      {"dot", "251 2.0.0 ok", connector.ClassAccepted, "", answered, 0},
		"QUIT: drop":                    {"quit", "drop", connector.ClassAccepted, "", answered, 0},
		"QUIT: silence":                 {"quit", "hang", connector.ClassAccepted, "", answered, 0},
		"QUIT: 500":                     {"quit", "500 what", connector.ClassAccepted, "", answered, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			say := map[string]string{c.stage: c.says}
			if c.stage == "starttls" {
				say["ehlo"] = "250-faulty\r\n250 STARTTLS"
			}
			f := startFaulty(t, say, nil)
			m := mailer(t, "smtp://"+f.address, func(cfg *email.Config) {
				if c.code == timeout {
					cfg.Timeout = 200 * time.Millisecond
				}
			})
			out := m.Send(t.Context(), letter(func(l *email.Letter) {
				if c.stage == "body" {
					l.Text = strings.Repeat("x", 900<<10)
				}
			}))
			t.Logf("%-32s %-12s %-10s %-8s %s", name, out.Class, out.Code, out.Sent, out.Reason)
			if out.Class != c.class || out.Code != c.code || out.Sent != c.sent || out.RetryAfter != c.wait {
				t.Errorf("got %s %s sent %s wait %s (%s), want %s %s sent %s wait %s",
					out.Class, out.Code, out.Sent, out.RetryAfter, out.Reason, c.class, c.code, c.sent, c.wait)
			}
			if (out.Reason == "") != (c.class == connector.ClassAccepted) || out.Request == "" || len(out.Reason) > 300 {
				t.Errorf("reason %q, copy of %d bytes", out.Reason, len(out.Request))
			}
			if (out.Response == "") != (out.Code != status && out.Class != connector.ClassAccepted) && out.Code != protocol {
				t.Errorf("response %q", out.Response)
			}
			if _, whole := f.heard(t); whole > 0 && c.stage != "dot" && c.stage != "quit" {
				t.Error("the server has the letter")
			}
		})
	}
}

// TestEarlyNo: a server that says no and hangs up on half a letter is heard where
// the line lets it.
func TestEarlyNo(t *testing.T) {
	t.Parallel()
	f := startFaulty(t, map[string]string{"body": "552 5.3.4 too big"}, nil)
	out := mailer(t, "smtp://"+f.address, nil).Send(t.Context(), letter(func(l *email.Letter) { l.Text = strings.Repeat("x", 900<<10) }))
	// A reset may swallow the reply; either way the letter is not there.
	if out.Class != connector.ClassRejected && out.Class != connector.ClassNeverSent {
		t.Errorf("%+v", out.Class)
	}
	if _, whole := f.heard(t); whole > 0 {
		t.Error("the server has a letter")
	}
}

// TestSomeRefused: one recipient is enough, and those who are left out are named.
func TestSomeRefused(t *testing.T) {
	t.Parallel()
	three := func(l *email.Letter) { l.To = []string{"a@p.example", "b@p.example", "c@p.example"} }
	for name, c := range map[string]struct {
		say   map[string]string
		class connector.Class
		sent  int
		note  string
	}{
		"one never": {map[string]string{"<b@": "550 5.1.1 gone"}, connector.ClassAccepted, 1, "1 of 3 recipients refused: b@p.example: 550 5.1.1 gone"},
		"one later": {map[string]string{"<b@": "450 4.2.0 greylisted"}, connector.ClassAccepted, 1, "1 of 3 recipients refused: b@p.example: 450 4.2.0 greylisted"},
		"all, one later": {
			map[string]string{"<a@": "550 5.1.1 gone", "<b@": "450 4.2.0 greylisted", "<c@": "550 5.1.1 gone"}, connector.ClassThrottled, 0, "",
		},
		"all":              {map[string]string{"rcpt": "550 5.1.1 gone"}, connector.ClassRejected, 0, ""},
		"closing half way": {map[string]string{"<b@": "421 4.3.2 bye"}, connector.ClassThrottled, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFaulty(t, c.say, nil)
			out := mailer(t, "smtp://"+f.address, nil).Send(t.Context(), letter(three))
			if out.Class != c.class || out.Note != c.note {
				t.Errorf("%s, note %q, reason %q", out.Class, out.Note, out.Reason)
			}
			if _, n := f.heard(t); n != c.sent {
				t.Errorf("%d letters", n)
			}
			if strings.HasPrefix(name, "all") && strings.Count(out.Response, "\n") != 2 {
				t.Errorf("response %q", out.Response)
			}
		})
	}
}

// TestCredentialsStayInside: without TLS, and towards a server nobody vouches
// for, the password does not leave.
func TestCredentialsStayInside(t *testing.T) {
	t.Parallel()
	roots := x509.NewCertPool()
	cert, key := certificate(t, roots)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	offer := "250-faulty\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"
	for name, c := range map[string]struct {
		say   map[string]string
		roots *x509.CertPool
		class connector.Class
		code  connector.Code
		told  bool // the password
	}{
		"no STARTTLS":       {map[string]string{"ehlo": "250 AUTH PLAIN LOGIN"}, roots, connector.ClassNeverSent, connector.CodeTLS, false},
		"HELO only":         {map[string]string{"ehlo": "502 what"}, roots, connector.ClassNeverSent, connector.CodeTLS, false},
		"unknown authority": {map[string]string{"ehlo": offer}, x509.NewCertPool(), connector.ClassNeverSent, connector.CodeTLS, false},
		"sound":             {map[string]string{"ehlo": offer, "auth": "235 2.7.0 ok"}, roots, connector.ClassAccepted, "", true},
		"LOGIN": {map[string]string{
			"ehlo": "250-faulty\r\n250-STARTTLS\r\n250 AUTH LOGIN", "auth": "334 VXNlcm5hbWU6",
			strings.ToLower(base64.StdEncoding.EncodeToString([]byte(user))): "334 UGFzc3dvcmQ6", strings.ToLower(base64.StdEncoding.EncodeToString([]byte(password))): "235 ok",
		}, roots, connector.ClassAccepted, "", true},
		"no way known":        {map[string]string{"ehlo": "250-STARTTLS\r\n250-STARTTLS\r\n250 AUTH XOAUTH2", "auth": "235 ok"}, roots, connector.ClassAuth, connector.CodeStatus, false},
		"535":                 {map[string]string{"ehlo": offer, "auth": "535 5.7.8 wrong: " + password}, roots, connector.ClassAuth, connector.CodeStatus, true},
		"454 temporarily":     {map[string]string{"ehlo": offer, "auth": "454 4.7.0 temporary failure"}, roots, connector.ClassNeverSent, connector.CodeStatus, true},
		"421 while signing":   {map[string]string{"ehlo": offer, "auth": "421 4.7.0 too many errors"}, roots, connector.ClassThrottled, connector.CodeStatus, true},
		"drop while signing":  {map[string]string{"ehlo": offer, "auth": "drop"}, roots, connector.ClassNeverSent, connector.CodeProtocol, true},
		"garbage for an auth": {map[string]string{"ehlo": offer, "auth": "garbage"}, roots, connector.ClassNeverSent, connector.CodeProtocol, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFaulty(t, c.say, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
			m := mailer(t, withPassword("smtp", f.address), func(cfg *email.Config) { cfg.Roots = c.roots })
			out := m.Send(t.Context(), letter(nil))
			t.Logf("%-24s %-12s %-10s %s", name, out.Class, out.Code, out.Reason)
			if out.Class != c.class || out.Code != c.code {
				t.Errorf("%+v", out)
			}
			commands, _ := f.heard(t)
			if strings.Contains(strings.ToUpper(commands), "AUTH ") != c.told {
				t.Errorf("the server heard\n%s", commands)
			}
			if strings.Contains(out.Reason+out.Response+out.Request, password) {
				t.Error("the outcome holds the password")
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for stage, want := range map[string]connector.Class{
		"greeting": connector.ClassNeverSent, "rcpt": connector.ClassNeverSent, "dot": connector.ClassAmbiguous,
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			f := startFaulty(t, map[string]string{stage: "hang"}, nil)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			out := mailer(t, "smtp://"+f.address, nil).Send(ctx, letter(nil))
			if out.Class != want || out.Code != connector.CodeCancelled || out.Took > 5*time.Second {
				t.Errorf("%+v", out)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out := mailer(t, "smtp://127.0.0.1:1", nil).Send(ctx, letter(nil)); out.Class != connector.ClassNeverSent || out.Code != connector.CodeCancelled {
		t.Errorf("%+v", out)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]connector.Code{
		"smtp://127.0.0.1:1": connector.CodeConnect, "smtp://nowhere.invalid:25": connector.CodeName, "smtps://127.0.0.1:1": connector.CodeConnect,
	} {
		if out := mailer(t, url, nil).Send(t.Context(), letter(nil)); out.Class != connector.ClassNeverSent || out.Code != want || out.Sent != connector.SentNo {
			t.Errorf("%s: %s %s %s", url, out.Class, out.Code, out.Reason)
		}
	}
}

// TestQueueID reads the server's own id from what the common servers say.
func TestQueueID(t *testing.T) {
	t.Parallel()
	for says, want := range map[string]string{
		"250 2.0.0 Ok: queued as 4XyZ12":                              "4XyZ12",
		"250 OK id=1rAbCd-0004Zz-2x":                                  "1rAbCd-0004Zz-2x",
		"250 2.0.0 w4ABCDEF012345 Message accepted for delivery":      "w4ABCDEF012345",
		"250 2.0.0 OK  1700000000 a1-20020a05.66 - gsmtp":             "1700000000",
		"250 2.6.0 <x@y> [InternalId=123456, Hostname=z] Queued mail": "123456",
		"250 Ok 0100018c0ffee000-aaaa-bbbb-000000":                    "0100018c0ffee000-aaaa-bbbb-000000",
		"250 thank you": "",
		"250 ok":        "",
		"250-first line\r\n250 2.0.0 Ok: queued as " + strings.Repeat("x", 900): strings.Repeat("x", 200),
	} {
		f := startFaulty(t, map[string]string{"dot": says}, nil)
		out := mailer(t, "smtp://"+f.address, nil).Send(t.Context(), letter(nil))
		if out.Class != connector.ClassAccepted || out.ID != want {
			t.Errorf("%.60s: %s %q", says, out.Class, out.ID)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ok := email.Config{URL: "smtp://u:p@mail.example.com", From: "a@example.com"}
	if _, err := email.New(ok); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*email.Config){
		"url: http":          func(c *email.Config) { c.URL = "http://mail.example.com" },
		"url: none":          func(c *email.Config) { c.URL = "" },
		"url: no host":       func(c *email.Config) { c.URL = "smtp://:25" },
		"url: path":          func(c *email.Config) { c.URL = "smtp://mail.example.com/secret" },
		"url: query":         func(c *email.Config) { c.URL = "smtp://mail.example.com?secret" },
		"url: no password":   func(c *email.Config) { c.URL = "smtp://secret@mail.example.com" },
		"url: no user":       func(c *email.Config) { c.URL = "smtp://:secret@mail.example.com" },
		"url: port":          func(c *email.Config) { c.URL = "smtp://mail.example.com:99999" },
		"url: not one":       func(c *email.Config) { c.URL = "smtp://u:secret@ma il" },
		"url: control":       func(c *email.Config) { c.URL = "smtp://u:secret%0d%0a@mail.example.com" },
		"from: none":         func(c *email.Config) { c.From = "" },
		"from: line":         func(c *email.Config) { c.From = "a@example.com\r\nX: y" },
		"bounce: not domain": func(c *email.Config) { c.Bounce, c.BounceKey = "a@b", []byte("0123456789abcdef") },
		"bounce_key: none":   func(c *email.Config) { c.Bounce = "b.example" },
		"dkim: empty":        func(c *email.Config) { c.DKIM = &email.DKIM{Domain: "example.com", Selector: "s"} },
		"dkim: kind":         func(c *email.Config) { c.DKIM = &email.DKIM{Domain: "example.com", Selector: "s", Key: elliptical} },
		"dkim: domain":       func(c *email.Config) { c.DKIM = &email.DKIM{Domain: "exa mple", Selector: "s"} },
	} {
		cfg := ok
		edit(&cfg)
		_, err := email.New(cfg)
		field, _, _ := strings.Cut(name, ":")
		if err == nil || !strings.HasPrefix(err.Error(), field+": ") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if k, err := email.ParseKey([]byte(text)); err == nil || k != nil {
			t.Errorf("%q is a key", text)
		}
	}
}
