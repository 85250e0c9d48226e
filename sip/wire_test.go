package sip

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/siptest"
)

// wire is a far party that says exactly what a test tells it to.
type wire struct {
	t    testing.TB
	conn *net.UDPConn
	from *net.UDPAddr // of the last message
	n    int
}

func newWire(t testing.TB, ip string) *wire {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t: t, conn: conn}
}

func (p *wire) addr() string { return p.conn.LocalAddr().String() }

// read returns the next message, "" after d.
func (p *wire) read(d time.Duration) string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 65536)
	n, from, err := p.conn.ReadFromUDP(buf)
	if err != nil {
		return ""
	}
	p.from = from
	return string(buf[:n])
}

// next returns the next message that starts with the text; retransmissions and
// others are skipped.
func (p *wire) next(start string) string {
	p.t.Helper()
	for deadline := time.Now().Add(siptest.Patience); time.Now().Before(deadline); {
		if m := p.read(time.Until(deadline)); strings.HasPrefix(m, start) {
			return m
		}
	}
	p.t.Fatalf("no %q", start)
	return ""
}

// reply answers a request; more is whole header lines.
func (p *wire) reply(req, status, more string) {
	p.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for line := range strings.Lines(req) {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "via", "from", "call-id", "cseq":
			b.WriteString(line)
		case "to":
			line = strings.TrimSpace(line)
			if !strings.Contains(line, "tag=") {
				line += ";tag=peer"
			}
			b.WriteString(line + "\r\n")
		}
	}
	b.WriteString(more + "Content-Length: 0\r\n\r\n")
	if _, err := p.conn.WriteToUDP([]byte(b.String()), p.from); err != nil {
		p.t.Error(err)
	}
}

// send sends text as it is.
func (p *wire) send(to, text string) {
	p.t.Helper()
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.WriteToUDP([]byte(text), addr); err != nil {
		p.t.Error(err)
	}
}

// invite writes an INVITE with the body; tag is the server's once known.
func (p *wire) request(method, to, tag string, cseq int, body string, more ...string) string {
	p.n++
	toTag := ""
	if tag != "" {
		toTag = ";tag=" + tag
	}
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	branch := fmt.Sprintf("z9hG4bK%d%s", p.n, strings.ToLower(method))
	if method == "CANCEL" {
		branch = fmt.Sprintf("z9hG4bK%dinvite", p.n-1)
	}
	return fmt.Sprintf("%s sip:+18005550100@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+14155550123@%s>;tag=caller\r\nTo: <sip:+18005550100@%s>%s\r\nCall-ID: call-of-%s\r\nCSeq: %d %s\r\n"+
		"Contact: <sip:%s>\r\n%s%sContent-Length: %d\r\n\r\n%s", method, to, p.addr(), branch, p.addr(), to, toTag,
		p.addr(), cseq, method, p.addr(), kind, strings.Join(more, ""), len(body), body)
}

// field returns a header of a message.
func field(m, name string) string {
	for line := range strings.Lines(m) {
		n, v, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// tagOf returns the To tag of a response.
func tagOf(m string) string {
	_, tag, _ := strings.Cut(field(m, "To"), ";tag=")
	return tag
}
