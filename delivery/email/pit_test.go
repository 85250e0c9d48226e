package email_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid/delivery/email"
)

// pits are the mail servers the tests share; TestMain ends them.
type pits struct {
	mu    sync.Mutex
	all   map[string]*pit
	begun []*exec.Cmd
	dir   string
}

var shared = &pits{all: map[string]*pit{}}

func TestMain(m *testing.M) {
	var err error
	if shared.dir, err = os.MkdirTemp("", "email"); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, c := range shared.begun {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	_ = os.RemoveAll(shared.dir)
	os.Exit(code)
}

// pit is a running mailpit.
type pit struct {
	smtp, http string // host:port
	roots      *x509.CertPool
}

const (
	user     = "relay"
	password = "correct horse:battery/staple"
)

// server returns the mailpit of a kind: open, starttls or tls.
func server(t *testing.T, kind string) *pit {
	t.Helper()
	bin, err := exec.LookPath("mailpit")
	if err != nil {
		home, _ := exec.Command("go", "env", "GOPATH").Output()
		bin, err = exec.LookPath(filepath.Join(strings.TrimSpace(string(home)), "bin", "mailpit"))
	}
	switch {
	case testing.Short():
		t.Skip("starts a mail server")
	case err != nil && os.Getenv("CI") == "":
		t.Skip("mailpit is not installed")
	case err != nil:
		t.Fatal("mailpit is not installed")
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.all[kind] == nil {
		shared.all[kind] = startPit(t, bin, kind)
	}
	return shared.all[kind]
}

func startPit(t *testing.T, bin, kind string) *pit {
	t.Helper()
	p := &pit{smtp: freeAddress(t), http: freeAddress(t), roots: x509.NewCertPool()}
	args := []string{
		"--smtp", p.smtp, "--listen", p.http, "--database", filepath.Join(shared.dir, kind+".db"), "--disable-version-check",
		"--smtp-disable-rdns", "--smtp-strict-rfc-headers",
	}
	if kind != "open" {
		cert, key := certificate(t, p.roots)
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args,
			"--smtp-tls-cert", keep(t, kind+".crt", cert), "--smtp-tls-key", keep(t, kind+".key", key),
			"--smtp-auth-file", keep(t, kind+".auth", []byte(user+":"+string(hash)+"\n")),
			map[string]string{"starttls": "--smtp-require-starttls", "tls": "--smtp-require-tls"}[kind],
		)
	}
	cmd := exec.Command(bin, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shared.begun = append(shared.begun, cmd)
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "accessible via") {
		t.Log(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if conn, err := net.Dial("tcp", p.smtp); err == nil {
			_ = conn.Close()
			return p
		}
		<-tick.C
	}
	t.Fatal("mailpit does not listen")
	return nil
}

// freeAddress is an address of loopback for a server to come; its port is below
// those the system gives away by itself.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 50 {
		addr := fmt.Sprint("127.0.0.1:", 10000+mrand.IntN(22000))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

func keep(t *testing.T, name string, body []byte) string {
	t.Helper()
	path := filepath.Join(shared.dir, name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate makes one for loopback, signed by itself.
func certificate(t *testing.T, roots *x509.CertPool) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	pkcs, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})
}

// got is a letter as the server has it.
type got struct {
	raw     []byte
	message *mail.Message
	summary struct {
		ReturnPath, Subject, Text, HTML string
		To, Cc, Bcc                     []struct{ Name, Address string }
		Attachments                     []struct{ FileName, ContentType, PartID string }
	}
}

func (p *pit) fetch(t *testing.T, path string) []byte {
	t.Helper()
	res, err := http.Get("http://" + p.http + "/api/v1/message/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", path, res.Status, err, body)
	}
	return body
}

// letter reads back what the server queued under the id.
func (p *pit) letter(t *testing.T, id string) got {
	t.Helper()
	g := got{raw: p.fetch(t, id+"/raw")}
	if err := json.Unmarshal(p.fetch(t, id), &g.summary); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.message, err = mail.ReadMessage(bytes.NewReader(g.raw)); err != nil {
		t.Fatal(err)
	}
	return g
}

func mailer(t *testing.T, url string, edit func(*email.Config)) *email.Mailer {
	t.Helper()
	cfg := email.Config{
		URL: url, From: "Leads <leads@example.com>", Timeout: 20 * time.Second,
		Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
	}
	if edit != nil {
		edit(&cfg)
	}
	m, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func letter(edit func(*email.Letter)) email.Letter {
	l := email.Letter{
		ID: "0193c0de-dead-7000-8000-00000000beef", Attempt: 2, LeadID: "lead-17", To: []string{"Buyer <buyer@partner.example>"},
		Subject: "New lead: Ann Lee", Text: "First name  Ann\n", HTML: "<p>Ann</p>",
	}
	if edit != nil {
		edit(&l)
	}
	return l
}

func withPassword(kind, address string) string {
	return fmt.Sprintf("%s://%s:%s@%s", kind, user, strings.NewReplacer(" ", "%20", ":", "%3A", "/", "%2F").Replace(password), address)
}
