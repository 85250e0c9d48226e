package leg

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/turn"
)

// turnOwner runs a leg in turns, as a call does, and answers each new offer.
type turnOwner struct {
	q      *turn.Queue[func()]
	events chan Event
}

func (o turnOwner) Put(sig Signal) {
	o.q.Put(func() {
		ev, ok := sig.Apply()
		if !ok {
			return
		}
		if ev.Kind == ReOffer {
			sig.Leg.Respond(200, []byte(testSDP))
		}
		o.events <- ev
	})
}

// A CANCEL of a re-INVITE that comes while the owner is at work elsewhere: 487 has
// gone out, the owner's answer is in vain, and the ACK to the 487 is none to it.
func TestCancelledReInviteLeavesTheSession(t *testing.T) {
	t.Parallel()
	o := turnOwner{turn.New(func(f func()) { f() }), make(chan Event, 64)}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	r := newRig(t, func(c *Config) {
		c.OnInvite = func(l *Leg) {
			o.q.Put(func() {
				l.Bind(o)
				l.Answer([]byte(testSDP))
			})
			<-over
		}
	})
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	u.learn(p.response(200, "INVITE"))
	u.ack(u.seq)
	if ev := <-o.events; ev.Kind != Acked {
		t.Fatal(ev.Kind)
	}
	busy, release := make(chan struct{}), make(chan struct{})
	go o.q.Put(func() { close(busy); <-release })
	<-busy
	u.seq++
	u.branch = "z9hG4bKre"
	p.send(u.text("INVITE", u.seq, u.branch, "")) // without an offer: ours would go out with the 200
	p.response(100, "INVITE")
	u.cancel()
	p.response(487, "INVITE")
	p.send(u.text("ACK", u.seq, u.branch, ""))
	close(release)
	limit := time.After(64*testT1 + 10*testT1)
	for {
		select {
		case ev := <-o.events:
			if ev.Kind != ReOffer {
				t.Errorf("%v: %v", ev.Kind, ev.Err)
			}
		case <-limit:
			return
		}
	}
}

// What does not fit into the inbox of a leg is refused, and forgotten in time.
func TestWhatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits until transactions are forgotten")
	}
	open := make(chan struct{})
	r := newRig(t, func(c *Config) {
		c.OnInvite = func(l *Leg) {
			l.Progress(180, "", nil)
			<-open
			l.Reject(486, "")
		}
	})
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	u.learn(p.response(180, "INVITE"))
	for i := range maxQueue + 100 {
		u.do("OPTIONS", "")
		if i%50 == 0 { // the socket has room again once this is answered
			p.send(plainRequest("OPTIONS"))
			p.response(200, "OPTIONS")
		}
	}
	p.response(503, "OPTIONS")
	close(open)
	p.response(486, "INVITE")
	p.send(u.text("ACK", 1, u.branch, ""))
	waitFor(t, "all is forgotten", func() bool {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return len(r.s.servers)+len(r.s.dialogs)+len(r.s.merges) == 0
	})
}

// What the transactions send by themselves is told too.
func TestTraceIsWhole(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	r := newRig(t, func(c *Config) {
		c.Trace = func(e TraceEntry) {
			mu.Lock()
			defer mu.Unlock()
			if e.Sent {
				seen = append(seen, e.Summary[:3]+" "+e.CSeq)
			}
		}
	})
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := r.call()
	p.response(100, "INVITE")
	u.cancel()
	p.response(487, "INVITE")
	p.send(u.text("ACK", u.seq, u.branch, ""))
	c.want(Cancelled)
	d := r.dial(p)
	p.answer(p.request("INVITE"), 486, "b", "")
	p.request("ACK")
	d.want(Failed)
	mu.Lock()
	defer mu.Unlock()
	if got, want := strings.Join(seen, ", "), "100 1 INVITE, 200 1 CANCEL, 487 1 INVITE, INV 1 INVITE, ACK 1 ACK"; got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}
