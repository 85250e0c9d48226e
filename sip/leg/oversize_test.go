package leg

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// long makes an INVITE of more than 1300 bytes.
func long(d *DialConfig) { d.SDP = []byte(testSDP + strings.Repeat("a=x-filler\r\n", 100)) }

// newPeerWithStreams is a peer whose port is open for streams, too.
func newPeerWithStreams(t *testing.T, r *rig) (*peer, net.Listener) {
	t.Helper()
	for range 50 { // the number may be in use for streams
		p := newPeer(t, r.udp)
		if l, err := net.Listen("tcp", p.at.String()); err == nil {
			t.Cleanup(func() { l.Close() })
			return p, l
		}
	}
	t.Fatal("no port for datagrams and streams")
	return nil, nil
}

func TestLongInviteGoesByDatagramAfterASilentStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, l := newPeerWithStreams(t, r)
	go func() {
		if conn, err := l.Accept(); err == nil { // takes everything and says nothing
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	first := r.dial(p, long)
	if ev := first.want(Failed); !errors.Is(ev.Err, ErrTimeout) {
		t.Errorf("got %+v", ev)
	}
	first.want(Terminated)
	second := r.dial(p, long)
	invite := p.request("INVITE")
	if !strings.HasPrefix(invite.get("Via"), "SIP/2.0/UDP "+r.udp.String()) || strings.Contains(invite.get("Contact"), "transport") {
		t.Errorf("Via %s Contact %s", invite.get("Via"), invite.get("Contact"))
	}
	p.answer(invite, 486, "b1", "")
	second.want(Failed)
	second.want(Terminated)
}

func TestLongInviteGivenUpBeforeItIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	c := newCall(t)
	d := DialConfig{Owner: c.mailbox, Target: p.at.String(), URI: "sip:a@buyer.example", From: Party{User: "b"}}
	long(&d)
	c.leg = r.s.Dial(d)
	c.leg.End(Cause{}) // before the owner has read that there is no stream
	go c.run()
	t.Cleanup(c.leave)
	c.want(Terminated)
	p.silence(4*testT1, func(msg) bool { return true })
}

func TestLongInviteStaysOnUDPWhereItIsTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p, _ := newPeerWithStreams(t, r)
	c := r.dial(p, long, func(d *DialConfig) { d.Fragments = true })
	p.answer(p.request("INVITE"), 486, "b1", "")
	c.want(Failed)
	c.want(Terminated)
}
