package leg

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// msg is a parsed message at the scripted peer.
type msg struct {
	start   string
	headers []string // "Name: value"
	body    string
}

func parseMsg(data []byte) msg {
	head, body, _ := strings.Cut(string(data), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	return msg{start: lines[0], headers: lines[1:], body: body}
}

func (m msg) all(name string) []string {
	var out []string
	for _, h := range m.headers {
		if n, v, ok := strings.Cut(h, ":"); ok && strings.EqualFold(strings.TrimSpace(n), name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

func (m msg) get(name string) string {
	if all := m.all(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (m msg) method() string { return strings.Fields(m.start)[0] }

func (m msg) code() int {
	if f := strings.Fields(m.start); len(f) > 1 && f[0] == "SIP/2.0" {
		n, _ := strconv.Atoi(f[1])
		return n
	}
	return 0
}

func (m msg) cseq() (n int, method string) {
	f := strings.Fields(m.get("CSeq"))
	n, _ = strconv.Atoi(f[0])
	return n, f[1]
}

func param(header, name string) string {
	for _, p := range strings.Split(header, ";")[1:] {
		if n, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// peer is a scripted endpoint on a raw socket: it sends what it is told and
// answers nothing by itself.
type peer struct {
	t       *testing.T
	network string
	at      netip.AddrPort
	to      netip.AddrPort
	udp     *net.UDPConn
	tcp     net.Conn
	in      chan msg

	seen map[string]int // requests by branch, method and CSeq
}

func newPeer(t *testing.T, to netip.AddrPort) *peer {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, network: "udp", at: addrPort(conn.LocalAddr()), to: to, udp: conn, in: make(chan msg, 4096), seen: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			p.in <- parseMsg(bytes.Clone(buf[:n]))
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	var err error
	if p.tcp != nil {
		_, err = p.tcp.Write([]byte(text))
	} else {
		_, err = p.udp.WriteToUDPAddrPort([]byte(text), p.to)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next message for which pick holds; others are skipped.
func (p *peer) next(what string, pick func(msg) bool) msg {
	p.t.Helper()
	limit := time.After(patience)
	var skipped []string
	for {
		select {
		case m := <-p.in:
			if pick(m) {
				return m
			}
			skipped = append(skipped, m.start)
		case <-limit:
			p.t.Fatalf("no %s; got %q", what, skipped)
		}
	}
}

// request returns the next new request of that method.
func (p *peer) request(method string) msg {
	p.t.Helper()
	return p.next(method, func(m msg) bool {
		if m.method() != method {
			return false
		}
		key := m.get("CSeq") + param(m.get("Via"), "branch")
		p.seen[key]++
		return p.seen[key] == 1
	})
}

// response returns the next response with that status to that method.
func (p *peer) response(code int, method string) msg {
	p.t.Helper()
	return p.next(fmt.Sprintf("%d to %s", code, method), func(m msg) bool {
		if m.code() == 0 {
			return false
		}
		_, mm := m.cseq()
		return m.code() == code && mm == method
	})
}

// silence checks that nothing picked comes for a while.
func (p *peer) silence(d time.Duration, pick func(msg) bool) {
	p.t.Helper()
	limit := time.After(d)
	for {
		select {
		case m := <-p.in:
			if pick(m) {
				p.t.Fatalf("unexpected %s", m.start)
			}
		case <-limit:
			return
		}
	}
}

// answer writes a response to a request we got.
func (p *peer) answer(req msg, code int, tag, body string, extra ...string) {
	p.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Reason\r\n", code)
	for _, v := range req.all("Via") {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := req.get("To")
	if tag != "" && param(to, "tag") == "" {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:peer@%s>\r\n",
		req.get("From"), to, req.get("Call-ID"), req.get("CSeq"), p.at)
	for _, h := range extra {
		b.WriteString(h + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	p.send(b.String())
}

// uac is the peer's side of a dialog it started.
type uac struct {
	p      *peer
	id     string
	tag    string
	to     string // our To, with the tag once known
	target string
	seq    int
	branch string // of the INVITE
}

func (p *peer) uac() *uac {
	id := randomHex(6)
	return &uac{p: p, id: id + "@peer", tag: "f" + id, to: "<sip:+18005550199@127.0.0.1>",
		target: "sip:+18005550199@" + p.to.String(), branch: "z9hG4bK" + id}
}

// text writes a request of the dialog.
func (u *uac) text(method string, seq int, branch, body string, extra ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\nMax-Forwards: 70\r\n",
		method, u.target, strings.ToUpper(u.p.network), u.p.at, branch)
	fmt.Fprintf(&b, "From: \"Ann\" <sip:+12125550123@peer.example>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:ann@%s>\r\n",
		u.tag, u.to, u.id, seq, method, u.p.at)
	for _, h := range extra {
		b.WriteString(h + "\r\n")
	}
	if body != "" && !strings.Contains(strings.Join(extra, ""), "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (u *uac) invite(extra ...string) {
	u.seq++
	u.p.send(u.text("INVITE", u.seq, u.branch, testSDP, extra...))
}

// do sends a request with a branch of its own.
func (u *uac) do(method, body string, extra ...string) {
	u.seq++
	u.p.send(u.text(method, u.seq, "z9hG4bK"+randomHex(6), body, extra...))
}

func (u *uac) ack(seq int) {
	u.p.send(u.text("ACK", seq, "z9hG4bK"+randomHex(6), ""))
}

func (u *uac) cancel() { u.p.send(u.text("CANCEL", u.seq, u.branch, "")) }

// learn takes the dialog from a response.
func (u *uac) learn(m msg) { u.to = m.get("To") }

// answered sets up a call that the owner answered.
func answered(r *rig, p *peer) (*uac, *call) {
	r.t.Helper()
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	u.ack(u.seq)
	c.want(Acked)
	return u, c
}

// uas writes a request of the peer inside a dialog that we started.
func (p *peer) inDialog(invite msg, tag, method string, seq int, body string, extra ...string) string {
	u := &uac{p: p, id: invite.get("Call-ID"), tag: tag, to: invite.get("From"), target: strings.Trim(invite.get("Contact"), "<>")}
	text := u.text(method, seq, "z9hG4bK"+randomHex(6), body, extra...)
	from := invite.get("To") + ";tag=" + tag
	i := strings.Index(text, "From: ")
	j := strings.Index(text[i:], "\r\n")
	return text[:i] + "From: " + from + text[i+j:]
}

// connected sets up a call that the peer answered.
func connected(r *rig, p *peer, change ...func(*DialConfig)) (msg, *call) {
	r.t.Helper()
	c := r.dial(p, change...)
	inv := p.request("INVITE")
	p.answer(inv, 200, "b1", testSDP)
	c.want(Answered)
	p.request("ACK")
	return inv, c
}
