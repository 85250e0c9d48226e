package leg

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// listening is a listener for TCP on loopback.
func listening(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func takes(t *testing.T, l net.Listener) *peer {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := tcpPeer(t, conn)
	p.at = addrPort(l.Addr())
	return p
}

func opens(t *testing.T, r *rig) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	return tcpPeer(t, conn)
}

// An INVITE that nothing came back to is sent once more by a new connection: it may
// have met one that the peer had just given up.
func TestConnectionLostBeforeAnyResponse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	began := time.Now()
	c := r.dial(&peer{network: "tcp", at: addrPort(l.Addr())})
	first := takes(t, l)
	one := first.request("INVITE")
	first.tcp.Close()
	second := takes(t, l)
	if two := second.request("INVITE"); two.get("Via") != one.get("Via") || two.get("CSeq") != one.get("CSeq") {
		t.Errorf("sent again as %+v", two)
	}
	second.tcp.Close()
	if ev := c.want(Failed); !errors.Is(ev.Err, ErrTransport) {
		t.Errorf("got %+v", ev)
	}
	if took := time.Since(began); took > 6*testT1 {
		t.Errorf("known after %v", took)
	}
	c.want(Terminated)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if n := len(r.s.clients); n > 0 {
		t.Errorf("%d transactions are left", n)
	}
}

func TestSecondConnectionTakesTheInvite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	c := r.dial(&peer{network: "tcp", at: addrPort(l.Addr())})
	first := takes(t, l)
	first.request("INVITE")
	first.tcp.Close()
	second := takes(t, l)
	second.answer(second.request("INVITE"), 200, "b1", testSDP)
	c.want(Answered)
	second.request("ACK")
}

// What rings may be answered on another connection.
func TestConnectionLostWhileItRings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	c := r.dial(&peer{network: "tcp", at: addrPort(l.Addr())})
	p := takes(t, l)
	invite := p.request("INVITE")
	p.answer(invite, 180, "b1", "")
	c.want(Ringing)
	p.tcp.Close()
	c.quiet(3 * testT1)
	again := opens(t, r)
	again.answer(invite, 200, "b1", testSDP)
	c.want(Answered)
}

func TestAnswerGoesByAnotherConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	p := opens(t, r)
	p.at = addrPort(l.Addr()) // what Via and Contact name
	u := p.uac()
	u.invite()
	c := r.call()
	p.tcp.Close()
	waitFor(t, "the connection to be gone", func() bool {
		return r.s.streamTo(destination{network: "tcp", to: p.to}) == nil && len(r.s.inletOf("tcp", r.tcp).all()) == 0
	})
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	home := takes(t, l)
	ok := home.response(200, "INVITE")
	if !strings.HasPrefix(ok.get("Via"), "SIP/2.0/TCP "+p.at.String()) {
		t.Errorf("Via %s", ok.get("Via"))
	}
	u.p = home
	u.learn(ok)
	u.ack(u.seq)
	c.want(Acked)
	c.on(func(l *Leg) { l.End(Cause{}) })
	home.answer(home.request("BYE"), 200, "", "")
	c.want(Terminated)
}

func TestAnswerFindsNobodyAtHome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := opens(t, r) // its port takes no connections
	p.uac().invite()
	c := r.call()
	p.tcp.Close()
	waitFor(t, "the connection to be gone", func() bool { return len(r.s.inletOf("tcp", r.tcp).all()) == 0 })
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	if ev := c.want(Ended); !errors.Is(ev.Err, ErrTransport) {
		t.Errorf("got %+v", ev)
	}
	c.want(Terminated)
}

// A caller whose connection drops after the answer may acknowledge it by another.
func TestAckComesByAnotherConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := opens(t, r) // its port takes no connections
	u := p.uac()
	u.invite()
	c := r.call()
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	p.tcp.Close()
	c.quiet(3 * testT1) // the 200 is repeated in vain
	u.p = opens(t, r)
	u.ack(u.seq)
	c.want(Acked)
}

// What belongs to a dialog may be answered by another connection, too.
func TestRefreshSurvivesItsConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	c := r.dial(&peer{network: "tcp", at: addrPort(l.Addr())})
	p := takes(t, l)
	p.answer(p.request("INVITE"), 200, "b1", testSDP)
	c.want(Answered)
	p.request("ACK")
	c.on(func(l *Leg) { l.Offer([]byte(strings.Replace(testSDP, "o=- 1 1", "o=- 1 2", 1))) })
	again := p.request("INVITE")
	p.tcp.Close()
	c.quiet(3 * testT1)
	opens(t, r).answer(again, 200, "b1", testSDP)
	if ev := c.want(OfferDone); ev.Code != 200 {
		t.Errorf("got %+v", ev)
	}
}

func TestRefusalOfACancelledCallGoesByAnotherConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	p := opens(t, r)
	p.at = addrPort(l.Addr())
	u := p.uac()
	u.invite()
	c := r.call()
	p.tcp.Close()
	waitFor(t, "the connection to be gone", func() bool { return len(r.s.inletOf("tcp", r.tcp).all()) == 0 })
	u.p = opens(t, r)
	u.p.at = p.at // the Via of the INVITE
	u.cancel()
	u.p.response(200, "CANCEL")
	c.want(Cancelled)
	takes(t, l).response(487, "INVITE")
}

// A call that was given up is not sent once more.
func TestGivenUpCallIsNotSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := listening(t)
	c := r.dial(&peer{network: "tcp", at: addrPort(l.Addr())})
	p := takes(t, l)
	p.request("INVITE")
	c.on(func(l *Leg) { l.End(Cause{}) })
	p.tcp.Close()
	c.want(Terminated)
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(3 * testT1)); err != nil {
		t.Fatal(err)
	}
	if conn, err := l.Accept(); err == nil {
		conn.Close()
		t.Error("connected again")
	}
}
