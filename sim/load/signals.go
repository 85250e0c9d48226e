package load

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// read hands on what comes to a socket, until it is closed.
func (p *Phones) read(conn *net.UDPConn, take func(message, netip.AddrPort, time.Time)) {
	buf, oob := make([]byte, 8192), make([]byte, 128)
	for {
		n, k, _, from, err := conn.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			return
		}
		at := time.Now()
		if ns := arrival(oob[:k]); ns > 0 {
			at = time.Unix(0, ns)
		}
		if m, ok := readMessage(buf[:n]); ok {
			take(m, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), at)
		}
	}
}

// toCaller takes what comes to the callers.
func (p *Phones) toCaller(m message, from netip.AddrPort, at time.Time) {
	c := p.call(&m)
	if m.method != "" { // a BYE of the other side; anything else is none of ours
		p.respond(p.callers, &m, from, 200, "", "")
		return
	}
	if c == nil || m.status < 200 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.cseq {
	case "INVITE":
		c.onAnswer(&m, at)
	case "BYE":
		c.gone = at
		c.settle()
	}
}

// onAnswer takes the final response to the caller's INVITE and acknowledges it,
// each time it comes. The caller holds mu.
func (c *Call) onAnswer(m *message, at time.Time) {
	first := c.status == 0
	c.status = m.status
	if first {
		c.answered = at
		defer close(c.answer)
	}
	if m.status >= 300 {
		c.callerURI = "sip:+18005550100@" + c.p.proxy.String()
		c.callerTo = m.to
		ack := strings.Replace(string(c.request("ACK", 1)), "z9hG4bKACK", "z9hG4bK", 1) // of the INVITE's transaction
		_, _ = c.p.callers.WriteToUDPAddrPort([]byte(ack), c.p.proxy)
		c.callerTo = ""
		return
	}
	c.callerTo, c.callerURI = m.to, m.target
	c.callerRoute = slices.Clone(m.routes)
	slices.Reverse(c.callerRoute)
	_, _ = c.p.callers.WriteToUDPAddrPort(c.request("ACK", 1), c.p.proxy)
	if to, ok := voiceAt(m.body); ok && first {
		c.at = to
		if c.voice >= 0 {
			_ = c.p.voice.Aim(2*c.voice, to)
		}
	}
}

// toBuyer takes what comes to the buyers.
func (p *Phones) toBuyer(m message, from netip.AddrPort, at time.Time) {
	c := p.call(&m)
	if c == nil {
		if m.method == "BYE" {
			p.respond(p.buyers, &m, from, 200, "", "")
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.method {
	case "INVITE":
		if !c.offered.IsZero() {
			return
		}
		c.offered = at
		if to, ok := voiceAt(m.body); ok && c.voice >= 0 {
			_ = p.voice.Aim(2*c.voice+1, to)
		}
		p.respond(p.buyers, &m, from, 180, "b"+c.id(), "")
		c.picked = time.Now()
		p.respond(p.buyers, &m, from, 200, "b"+c.id(), describe(p.party(c, 1)))
	case "ACK":
		if c.bridged.IsZero() {
			c.bridged = at
			close(c.bridge)
		}
	case "BYE":
		p.respond(p.buyers, &m, from, 200, "", "")
		c.left = true
		c.settle()
	}
}

// settle ends a call that both ends are done with. The caller holds mu.
func (c *Call) settle() {
	if c.gone.IsZero() || !c.left && !c.offered.IsZero() {
		return
	}
	select {
	case <-c.over:
	default:
		close(c.over)
	}
}

// respond answers a request where it came from.
func (p *Phones) respond(conn *net.UDPConn, m *message, to netip.AddrPort, code int, tag, body string) {
	var b strings.Builder
	b.WriteString(map[int]string{180: "SIP/2.0 180 Ringing\r\n", 200: "SIP/2.0 200 OK\r\n"}[code])
	for _, v := range m.vias {
		b.WriteString(v + "\r\n")
	}
	for _, r := range m.routes {
		b.WriteString("Record-Route: " + r + "\r\n")
	}
	if tag != "" {
		tag = ";tag=" + tag
	}
	b.WriteString("From: " + m.from + "\r\nTo: " + m.to + tag + "\r\nCall-ID: " + m.callID + "\r\nCSeq: " + m.cseqNo + " " + m.cseq +
		"\r\nContact: <sip:buyer@" + conn.LocalAddr().String() + ">\r\n")
	_, _ = conn.WriteToUDPAddrPort(withBody(b.String(), body), to)
}
