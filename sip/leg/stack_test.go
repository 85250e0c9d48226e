package leg

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestOwnerThatReturnsIsCleanedUpAfter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		do     func(l *Leg)
		answer bool
	}{
		{"at once", func(*Leg) {}, false},
		{"unbound", nil, false},
		{"panic", func(*Leg) { panic("boom") }, false},
		{"answered", func(l *Leg) { l.Answer([]byte(testSDP)) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) {
				c.OnInvite = func(l *Leg) {
					if tt.do == nil {
						return
					}
					l.Bind(make(chan Signal, 8))
					tt.do(l)
				}
			})
			p := newPeer(t, r.udp)
			u := p.uac()
			u.invite()
			if !tt.answer {
				p.response(500, "INVITE")
			} else {
				u.learn(p.response(200, "INVITE"))
				u.ack(1)
				p.answer(p.request("BYE"), 200, "", "")
			}
			waitFor(t, "no live leg", func() bool {
				r.s.mu.Lock()
				defer r.s.mu.Unlock()
				return r.s.live == 0
			})
		})
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not reached: %s", what)
		}
	}
}

func TestCloseEndsCallsAndRefusesNewOnes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	_, c := answered(r, p)
	closed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		closed <- r.s.Close(ctx)
	}()
	bye := p.request("BYE")
	late := newPeer(t, r.udp)
	late.uac().invite()
	if m := late.response(503, "INVITE"); m.get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if ev := c.want(Ended); ev.Err != ErrShutdown {
		t.Errorf("got %v", ev.Err)
	}
	p.answer(bye, 200, "", "")
	c.want(Terminated)
	c.leave()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := r.s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestListenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tests := map[string][]Listener{
		"no listeners":     nil,
		"explicit":         {{"udp", "0.0.0.0:0"}},
		"explicit ip":      {{"udp", "localhost:0"}},
		"udp or tcp":       {{"sctp", "127.0.0.1:0"}},
		"address already ": {{"udp", r.udp.String()}},
		"address already":  {{"udp", "127.0.0.1:0"}, {"tcp", r.tcp.String()}},
	}
	for want, ls := range tests {
		if _, err := Listen(Config{Listeners: ls, T1: testT1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", ls, err, want)
		}
	}
}
