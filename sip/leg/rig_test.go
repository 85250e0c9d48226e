package leg

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// testT1 makes every timer short: 64*T1 is 3.2 s, the wait for a first
// response 400 ms.
const testT1 = 50 * time.Millisecond

// patience bounds every wait of the tests.
const patience = 8 * time.Second

const testSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

// call is the owner of legs in a test: it applies signals, collects events and
// runs what the test asks for on its own goroutine.
type call struct {
	t       *testing.T
	leg     *Leg
	mailbox Mailbox
	events  chan Event
	do      chan func()
	quit    chan struct{}
	ended   chan struct{}
}

func newCall(t *testing.T) *call {
	return &call{t: t, mailbox: make(Mailbox, 64), events: make(chan Event, 256), do: make(chan func()),
		quit: make(chan struct{}), ended: make(chan struct{})}
}

func (c *call) run() {
	defer close(c.ended)
	for {
		select {
		case s := <-c.mailbox:
			if ev, ok := s.Apply(); ok {
				c.events <- ev
			}
		case f := <-c.do:
			f()
		case <-c.quit:
			return
		}
	}
}

// on runs f on the owner's goroutine and waits for it.
func (c *call) on(f func(l *Leg)) {
	c.t.Helper()
	ran := make(chan struct{})
	select {
	case c.do <- func() { f(c.leg); close(ran) }:
		<-ran
	case <-c.ended:
		c.t.Fatal("the owner is gone")
	}
}

// want returns the next event, which must be of that kind.
func (c *call) want(k Kind) Event {
	c.t.Helper()
	select {
	case ev := <-c.events:
		if ev.Kind != k {
			c.t.Fatalf("got %v (%d %s %v), want %v", ev.Kind, ev.Code, ev.Reason, ev.Err, k)
		}
		return ev
	case <-time.After(patience):
		c.t.Fatalf("no %v", k)
	}
	return Event{}
}

// quiet checks that no event comes for a while.
func (c *call) quiet(d time.Duration) {
	c.t.Helper()
	select {
	case ev := <-c.events:
		c.t.Fatalf("unexpected %v (%d %s %v)", ev.Kind, ev.Code, ev.Reason, ev.Err)
	case <-time.After(d):
	}
}

func (c *call) leave() {
	close(c.quit)
	<-c.ended
}

// rig is a stack under test; inbound calls arrive in calls.
type rig struct {
	t     *testing.T
	s     *Stack
	calls chan *call
	udp   netip.AddrPort
	tcp   netip.AddrPort
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, calls: make(chan *call, 64)}
	c := Config{
		Listeners: []Listener{{"udp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:0"}},
		T1:        testT1, UserAgent: "ringbid",
		OnInvite: func(l *Leg) {
			c := newCall(t)
			c.leg = l
			l.Bind(c.mailbox)
			r.calls <- c
			c.run()
		},
	}
	for _, f := range change {
		f(&c)
	}
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	r.s = s
	r.udp = netip.MustParseAddrPort(s.Addrs()[0].Addr)
	r.tcp = netip.MustParseAddrPort(s.Addrs()[1].Addr)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.Close(ctx) // tests leave calls open on purpose
	})
	return r
}

// call waits for the next inbound call.
func (r *rig) call() *call {
	r.t.Helper()
	select {
	case c := <-r.calls:
		r.t.Cleanup(func() {
			select {
			case <-c.quit:
			default:
				close(c.quit)
			}
		})
		return c
	case <-time.After(patience):
		r.t.Fatal("no call")
	}
	return nil
}

// dial starts an outbound call to p.
func (r *rig) dial(p *peer, change ...func(*DialConfig)) *call {
	r.t.Helper()
	c := newCall(r.t)
	d := DialConfig{Owner: c.mailbox, Network: p.network, Target: p.at.String(),
		URI: "sip:+14155550100@buyer.example", From: Party{User: "+12125550123", Display: "Caller"},
		SDP: []byte(testSDP)}
	for _, f := range change {
		f(&d)
	}
	c.leg = r.s.Dial(d)
	go c.run()
	r.t.Cleanup(func() {
		select {
		case <-c.quit:
		default:
			c.leave()
		}
	})
	return c
}
