package leg

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bridge answers a and dials b, then ends the one when the other does.
func bridge(out *Stack, target string) func(*Leg) {
	return func(a *Leg) {
		mailbox := make(Mailbox, 16)
		a.Bind(mailbox)
		b := out.Dial(DialConfig{Owner: mailbox, Target: target, URI: "sip:buyer@" + target,
			From: Party{User: a.Invite().From.User}, SDP: a.Invite().SDP})
		for left := 2; left > 0; {
			s := <-mailbox
			ev, ok := s.Apply()
			if !ok {
				continue
			}
			switch ev.Kind {
			case Answered:
				a.Answer(ev.SDP)
			case ByeReceived, Cancelled, Failed, Ended:
				a.End(Cause{Code: ev.Code, Q850: 16})
				b.End(Cause{Q850: 16})
			case Terminated:
				left--
			}
		}
	}
}

// Caller, bridge and buyer are three stacks.
func TestManyCallsLeaveNothingBehind(t *testing.T) {
	// Not parallel: it takes the whole machine, and the others have short timers.
	n := 200
	if testing.Short() {
		n = 50
	}
	buyer := newRig(t, reliably, func(c *Config) {
		c.OnInvite = func(l *Leg) {
			mailbox := make(Mailbox, 16)
			l.Bind(mailbox)
			l.Progress(180, "", nil)
			l.Progress(183, "", []byte(testSDP)) // the answer waits for its PRACK
			l.Answer([]byte(testSDP))
			for s := range mailbox {
				if ev, _ := s.Apply(); ev.Kind == Terminated {
					return
				}
			}
		}
	})
	caller := newRig(t)
	out := newRig(t)
	middle := newRig(t, func(c *Config) { c.OnInvite = bridge(out.s, buyer.udp.String()) })
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 4)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			place(t, caller.s, middle.udp.String())
		})
	}
	wg.Wait()
	for name, s := range map[string]*Stack{"caller": caller.s, "middle": middle.s, "out": out.s, "buyer": buyer.s} {
		waitFor(t, name+" is empty", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.live == 0 && s.serving == 0 && len(s.owners) == 0
		})
		if testing.Short() {
			continue
		}
		waitFor(t, name+" has forgotten all", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.dialogs)+len(s.branches)+len(s.clients)+len(s.servers)+len(s.merges) == 0
		})
	}
	t.Logf("%d calls, goroutines %d before and %d after", n, before, runtime.NumGoroutine())
}

// place makes one call and hangs up when it is answered.
func place(t *testing.T, s *Stack, target string) {
	mailbox := make(Mailbox, 16)
	l := s.Dial(DialConfig{Owner: mailbox, Target: target, URI: "sip:x@" + target, SDP: []byte(testSDP)})
	limit := time.After(patience)
	answered := false
	for {
		select {
		case sig := <-mailbox:
			switch ev, _ := sig.Apply(); ev.Kind {
			case Answered:
				answered = true
				l.End(Cause{Q850: 16})
			case Failed, Ended:
				t.Errorf("%v %d %v", ev.Kind, ev.Code, ev.Err)
			case Terminated:
				if !answered {
					t.Error("not answered")
				}
				return
			}
		case <-limit:
			t.Error("call hangs")
			return
		}
	}
}

func TestReturnWithTheOtherLegAliveEndsIt(t *testing.T) {
	t.Parallel()
	type scene struct {
		s  *Stack
		at string
	}
	ready := make(chan scene, 1)
	r := newRig(t, func(c *Config) {
		c.OnInvite = func(a *Leg) {
			on := <-ready
			mailbox := make(Mailbox, 16)
			a.Bind(mailbox)
			on.s.Dial(DialConfig{Owner: mailbox, Target: on.at, URI: "sip:b@x", SDP: []byte(testSDP)})
			for s := range mailbox {
				ev, _ := s.Apply()
				if ev.Kind == Ringing {
					a.Reject(486, "")
				}
				if ev.Kind == Terminated {
					return // the dialled leg still rings
				}
			}
		}
	})
	b := newPeer(t, r.udp)
	ready <- scene{r.s, b.at.String()}
	p := newPeer(t, r.udp)
	p.uac().invite()
	inv := b.request("INVITE")
	b.answer(inv, 180, "b1", "")
	p.response(486, "INVITE")
	b.answer(b.request("CANCEL"), 200, "b1", "")
	b.answer(inv, 487, "b1", "")
	waitFor(t, "no live leg", func() bool {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return r.s.live == 0 && len(r.s.owners) == 0
	})
}

func TestReusedBranchDoesNotPileUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	u, c := answered(r, p)
	for i := range 20 {
		p.send(u.text("OPTIONS", 10+i, "z9hG4bKsame", ""))
	}
	p.response(200, "OPTIONS")
	u.seq = 50
	u.do("OPTIONS", "")
	p.next("the last answer", func(m msg) bool { return m.get("CSeq") == "51 OPTIONS" })
	waitFor(t, "all but the call is forgotten", func() bool {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return len(r.s.servers) == 1 && len(r.s.later)+len(r.s.soon) == 0
	})
	c.quiet(testT1)
}

// BenchmarkBridgedCall sets up and ends one call through a bridge: three
// stacks, nine messages on each side, and reports the CPU of all of them.
func BenchmarkBridgedCall(b *testing.B) {
	listen := func(c Config) (*Stack, string) {
		c.Listeners = []Listener{{"udp", "127.0.0.1:0"}}
		s, err := Listen(c)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = s.Close(ctx)
		})
		return s, s.Addrs()[0].Addr
	}
	_, buyer := listen(Config{OnInvite: func(l *Leg) {
		mailbox := make(Mailbox, 16)
		l.Bind(mailbox)
		l.Answer([]byte(testSDP))
		for s := range mailbox {
			if ev, _ := s.Apply(); ev.Kind == Terminated {
				return
			}
		}
	}})
	caller, _ := listen(Config{})
	out, _ := listen(Config{})
	_, middle := listen(Config{OnInvite: bridge(out, buyer)})
	before := cpu(b)
	for b.Loop() {
		mailbox := make(Mailbox, 16)
		l := caller.Dial(DialConfig{Owner: mailbox, Target: middle, URI: "sip:x@" + middle, SDP: []byte(testSDP)})
		for s := range mailbox {
			ev, _ := s.Apply()
			if ev.Kind == Answered {
				l.End(Cause{Q850: 16})
			}
			if ev.Kind == Terminated {
				break
			}
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
