package siptest

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Wire is a peer on UDP that says exactly what a test tells it to.
type Wire struct {
	t    testing.TB
	conn *net.UDPConn
	from *net.UDPAddr // of the last message
	n    int          // requests written
}

// NewWire binds a port of ip.
func NewWire(t testing.TB, ip string) *Wire {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &Wire{t: t, conn: conn}
}

// For has the wire report to another test, such as one input of a fuzz test.
func (w *Wire) For(t testing.TB) { w.t = t }

// Addr returns its "ip:port".
func (w *Wire) Addr() string { return w.conn.LocalAddr().String() }

// Read returns the next message, "" when none comes for d.
func (w *Wire) Read(d time.Duration) string {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 65536)
	n, from, err := w.conn.ReadFromUDP(buf)
	if err != nil {
		return ""
	}
	w.from = from
	return string(buf[:n])
}

// Next returns the next message that starts with the text; retransmissions and
// others are skipped.
func (w *Wire) Next(start string) string {
	w.t.Helper()
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); {
		if m := w.Read(time.Until(deadline)); strings.HasPrefix(m, start) {
			return m
		}
	}
	w.t.Fatalf("no %q", start)
	return ""
}

// Status returns the status and the text of the next final response, 0 and ""
// when none comes within d.
func (w *Wire) Status(d time.Duration) (code int, m string) {
	w.t.Helper()
	for deadline := time.Now().Add(d); time.Now().Before(deadline); {
		m = w.Read(time.Until(deadline))
		if _, err := fmt.Sscanf(m, "SIP/2.0 %d", &code); err == nil && code >= 200 {
			return code, m
		}
	}
	return 0, ""
}

// Send sends text to addr. Lines may end in LF; the end of the headers must be
// an empty line.
func (w *Wire) Send(addr, text string) {
	w.t.Helper()
	w.SendRaw(addr, strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"))
}

// SendRaw sends the bytes of text to addr as they are.
func (w *Wire) SendRaw(addr, text string) {
	w.t.Helper()
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.conn.WriteToUDP([]byte(text), to); err != nil {
		w.t.Error(err)
	}
}

// Reply answers a request with a status line such as "180 Ringing", to where
// the last message came from. more is whole header lines; a body may follow
// after an empty line, with its Content-Type among the header lines.
func (w *Wire) Reply(req, status, more string) {
	w.t.Helper()
	head, body, _ := strings.Cut(strings.ReplaceAll(more, "\r\n", "\n"), "\n\n")
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for line := range strings.Lines(req) {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "via", "from", "call-id", "cseq", "record-route":
			b.WriteString(line)
		case "to":
			line = strings.TrimSpace(line)
			if !strings.Contains(line, "tag=") {
				line += ";tag=peer"
			}
			b.WriteString(line + "\r\n")
		}
	}
	for line := range strings.Lines(head) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	body = strings.ReplaceAll(body, "\n", "\r\n")
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := w.conn.WriteToUDP([]byte(b.String()), w.from); err != nil {
		w.t.Error(err)
	}
}

// Header returns the first value of a header of a message, "" when it is not
// there.
func Header(message, name string) string {
	head, _, _ := strings.Cut(message, "\r\n\r\n")
	for line := range strings.Lines(head) {
		n, v, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// ToTag returns the To tag of a message.
func ToTag(message string) string {
	_, tag, _ := strings.Cut(Header(message, "To"), ";tag=")
	return tag
}
