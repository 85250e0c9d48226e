package connector_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid/delivery/connector"
)

// certificate makes one that signed itself, for a name and a span of time.
func certificate(t *testing.T, name string, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 9)}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure serves TLS with the certificate and counts the requests that arrive.
func secure(t *testing.T, cert tls.Certificate, versions ...uint16) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the lead went to a server that is not who it says")
	}))
	s.Config.ErrorLog = quiet()
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	if len(versions) > 0 {
		s.TLS.MinVersion, s.TLS.MaxVersion = versions[0], versions[0]
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// script answers each connection with raw bytes once the whole request is read,
// then closes it, by reset where it says so.
func script(t *testing.T, answer string, reset bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			var got []byte
			for b := make([]byte, 4096); !bytes.Contains(got, []byte("LEAD-END")); {
				n, err := c.Read(b)
				if got = append(got, b[:n]...); err != nil {
					break
				}
			}
			_, _ = io.WriteString(c, answer)
			if tcp, ok := c.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String()
}

func redirect(t *testing.T, to string, status int) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) })
}

// Each way an exchange can go wrong, against real servers: what it is called, and
// how far the lead came.
func TestFailures(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 10<<20))
	_ = z.Close()
	now := time.Now()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	_ = closed.Close()
	var private atomic.Int64
	inside := serve(t, func(http.ResponseWriter, *http.Request) { private.Add(1) })
	inside = strings.Replace(inside, "127.0.0.1", "127.0.0.2", 1)

	for name, c := range map[string]struct {
		url   string
		class connector.Class
		code  connector.Code
		sent  connector.Sent
	}{
		"name does not resolve": {"http://nowhere.invalid", connector.ClassNeverSent, connector.CodeName, connector.SentNo},
		"nobody listens":        {nobody, connector.ClassNeverSent, connector.CodeConnect, connector.SentNo},
		"private address":       {inside, connector.ClassUnsound, connector.CodeBlocked, connector.SentNo},
		"certificate of an unknown authority": {secure(t, certificate(t, "x.example", now.Add(-time.Hour), now.Add(time.Hour))),
			connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},
		"certificate expired": {secure(t, certificate(t, "127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))),
			connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},
		"TLS 1.0": {secure(t, certificate(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour)), tls.VersionTLS10),
			connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},
		"TLS on a bare port": {strings.Replace(raw(t, "HTTP/1.1 400 no\r\n\r\n"), "http:", "https:", 1),
			connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},

		"cut after the body":   {script(t, "", false), connector.ClassAmbiguous, connector.CodeProtocol, connector.SentMaybe},
		"reset after the body": {script(t, "", true), connector.ClassAmbiguous, connector.CodeProtocol, connector.SentMaybe},
		"no answer in time": {serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}), connector.ClassAmbiguous, connector.CodeTimeout, connector.SentMaybe},
		"answer stops in the middle": {script(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\":true", false),
			connector.ClassAmbiguous, connector.CodeTruncated, connector.SentAnswered},
		"refusal stops in the middle": {script(t, "HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\n{\"error", false),
			connector.ClassRejected, connector.CodeNotUnderstood, connector.SentAnswered},
		"chunks that lie": {script(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"success\":true}\r\n0\r\n\r\n", false),
			connector.ClassAmbiguous, connector.CodeTruncated, connector.SentAnswered},
		"chunks that are none": {script(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", false),
			connector.ClassAmbiguous, connector.CodeProtocol, connector.SentAnswered},
		"not HTTP": {script(t, "SSH-2.0-OpenSSH_9.6\r\n", false), connector.ClassAmbiguous, connector.CodeProtocol, connector.SentAnswered},
		"endless body": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 4<<10)); err != nil {
					return
				}
			}
		}), connector.ClassAmbiguous, connector.CodeTooLarge, connector.SentAnswered},
		"endless headers": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 40<<10))
		}), connector.ClassAmbiguous, connector.CodeTooLarge, connector.SentAnswered},
		"gzip bomb": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}), connector.ClassAmbiguous, connector.CodeEncoded, connector.SentAnswered},

		"redirect to a private address": {redirect(t, inside, http.StatusTemporaryRedirect),
			connector.ClassRejected, connector.CodeBlocked, connector.SentAnswered},
		"redirect to another scheme": {redirect(t, "ftp://127.0.0.1/", http.StatusFound), connector.ClassAmbiguous, connector.CodeProtocol, connector.SentAnswered},
		"redirects without end": {redirect(t, "/", http.StatusFound),
			connector.ClassRejected, connector.CodeRedirect, connector.SentAnswered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := connector.Exchange{
				URL: "{{base}}/", Settings: map[string]string{"base": c.url}, Body: "text", Template: "{{zip}} LEAD-END", Redirects: 1,
				Answer: connector.Rules{As: "json", Accepted: `yes("success")`}, Timeout: 3e9,
			}
			if c.code == connector.CodeTimeout {
				x.Timeout = 2e8
			}
			s := sender(t, nil, func(c *connector.Config) { c.Allow = []string{"127.0.0.1"} })
			got := s.Send(t.Context(), compile(t, x), ask())
			if got.Class != c.class || got.Code != c.code || got.Sent != c.sent || got.Reason == "" || strings.Contains(got.Reason, "127.0.0.") {
				t.Errorf("got %s %s sent %s (%s), want %s %s sent %s", got.Class, got.Code, got.Sent, got.Reason, c.class, c.code, c.sent)
			}
			if !strings.Contains(got.Request, "LEAD-END") {
				t.Errorf("copy %q", got.Request)
			}
		})
	}
	t.Cleanup(func() {
		if n := private.Load(); n > 0 {
			t.Errorf("%d requests reached a private address", n)
		}
	})
}

// Certificates of an authority that is believed, over HTTP/2.
func TestTLS(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		host     string
		from, to time.Time
		class    connector.Class
		code     connector.Code
		sent     connector.Sent
	}{
		"sound":       {"localhost", now.Add(-time.Hour), now.Add(time.Hour), connector.ClassAccepted, "", connector.SentAnswered},
		"cut":         {"localhost", now.Add(-time.Hour), now.Add(time.Hour), connector.ClassAmbiguous, connector.CodeProtocol, connector.SentMaybe},
		"wrong name":  {"x.example", now.Add(-time.Hour), now.Add(time.Hour), connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},
		"expired":     {"localhost", now.Add(-2 * time.Hour), now.Add(-time.Hour), connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},
		"not yet due": {"localhost", now.Add(time.Hour), now.Add(2 * time.Hour), connector.ClassNeverSent, connector.CodeTLS, connector.SentNo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arrived atomic.Int64
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				arrived.Add(1)
				if name == "cut" {
					panic(http.ErrAbortHandler)
				}
				_, _ = fmt.Fprintf(w, `{"proto":%q}`, r.Proto)
			}))
			s.Config.ErrorLog, s.EnableHTTP2 = quiet(), true
			cert := certificate(t, c.host, c.from, c.to)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			s.StartTLS()
			t.Cleanup(s.Close)
			root, err := x509.ParseCertificate(cert.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AddCert(root)
			x := connector.Exchange{
				URL: "{{base}}/", Settings: map[string]string{"base": strings.Replace(s.URL, "127.0.0.1", "localhost", 1)},
				Body: "text", Template: "x", Answer: connector.Rules{Accepted: `is("proto", "HTTP/2.0")`},
			}
			send := sender(t, nil, func(c *connector.Config) { c.Allow, c.Roots = []string{"localhost"}, roots })
			got := send.Send(t.Context(), compile(t, x), ask())
			if got.Class != c.class || got.Code != c.code || got.Sent != c.sent {
				t.Errorf("got %s %s sent %s (%s)", got.Class, got.Code, got.Sent, got.Reason)
			}
			if (arrived.Load() > 0) != (c.sent != connector.SentNo) {
				t.Errorf("%d requests arrived, sent %s", arrived.Load(), got.Sent)
			}
		})
	}
}

// A redirect that is not followed is an answer; the rules read it.
func TestRedirectIsAnAnswer(t *testing.T) {
	t.Parallel()
	x := connector.Exchange{
		URL: "{{base}}/", Settings: map[string]string{"base": redirect(t, "/thanks", http.StatusFound)},
		Answer: connector.Rules{As: "text", Accepted: `status == 302 && header("Location") == "/thanks"`},
	}
	if got := sender(t, nil).Send(t.Context(), compile(t, x), ask()); got.Class != connector.ClassAccepted || got.Status != 302 {
		t.Errorf("got %+v", got)
	}
}

// Credentials stay with the partner they are for.
func TestRedirectElsewhereTakesNoCredentials(t *testing.T) {
	t.Parallel()
	var y yes
	there := strings.Replace(y.serve(t), "127.0.0.1", "localhost", 1)
	x := connector.Exchange{
		URL: "{{base}}/", Settings: map[string]string{"base": redirect(t, there, http.StatusTemporaryRedirect)}, Body: "text", Template: "x",
		Redirects: 1, Answer: connector.Rules{Accepted: `yes("success")`}, Header: map[string]string{"X-Account": "7"},
		Auth: connector.Auth{Kind: "header", Name: "X-Api-Key", Secret: secret},
	}
	s := sender(t, nil, func(c *connector.Config) { c.Allow = []string{"127.0.0.0/8", "localhost"} })
	got := s.Send(t.Context(), compile(t, x), ask())
	if got.Class != connector.ClassAccepted || y.header.Get("X-Api-Key")+y.header.Get("X-Account") != "" || y.body != "x" {
		t.Errorf("%s %s: sent %v, body %q", got.Class, got.Reason, y.header, y.body)
	}
}

// A lead that stuck half way counts as sent: the partner has its beginning.
func TestStuckHalfWay(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // nobody accepts: the kernel takes a little, then no more
	x := connector.Exchange{
		URL: "{{base}}/", Settings: map[string]string{"base": "http://" + l.Addr().String()}, Body: "text", Template: "{{big}}", Timeout: 3e8,
		Answer: connector.Rules{Accepted: `yes("success")`},
	}
	a := connector.Ask{Facts: map[string]string{"big": strings.Repeat("x", 32<<20)}}
	got := sender(t, nil).Send(t.Context(), compile(t, x), a)
	if got.Class != connector.ClassAmbiguous || got.Code != connector.CodeTimeout || got.Sent != connector.SentMaybe {
		t.Errorf("got %s %s sent %s", got.Class, got.Code, got.Sent)
	}
}

// A larger answer is read where the exchange says so.
func TestOwnLimit(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"pad":%q,"success":true}`, strings.Repeat("x", 100<<10))
	})
	x := connector.Exchange{URL: "{{base}}/", Settings: map[string]string{"base": url}, Answer: connector.Rules{Accepted: `yes("success")`}, MaxBytes: 200 << 10}
	if got := sender(t, nil).Send(t.Context(), compile(t, x), ask()); got.Class != connector.ClassAccepted {
		t.Errorf("got %s %s", got.Class, got.Reason)
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
