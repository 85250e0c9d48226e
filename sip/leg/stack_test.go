package leg

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
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
					l.Bind(make(Mailbox, 8))
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

// A call that another goroutine goes on with is its own until that has left, and
// Close waits for it.
func TestDetachedCallOutlivesOnInvite(t *testing.T) {
	t.Parallel()
	returned, calls := make(chan struct{}), make(chan *call, 1)
	r := newRig(t, func(cfg *Config) {
		cfg.OnInvite = func(l *Leg) {
			c := newCall(t)
			c.leg = l
			l.Bind(c.mailbox)
			done := l.Detach()
			go func() {
				defer done()
				<-returned
				c.run()
			}()
			calls <- c
			close(returned)
		}
	})
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite()
	c := <-calls
	c.on(func(l *Leg) { l.Answer([]byte(testSDP)) })
	u.learn(p.response(200, "INVITE"))
	u.ack(1)
	c.want(Acked)
	serving := func() int {
		r.s.mu.Lock()
		defer r.s.mu.Unlock()
		return r.s.serving
	}
	if n := serving(); n != 1 {
		t.Errorf("%d calls are served, want 1", n)
	}
	c.leave() // without a word to the peer
	p.answer(p.request("BYE"), 200, "", "")
	waitFor(t, "nothing served", func() bool { return serving() == 0 })
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
		"no listeners":             nil,
		"explicit":                 {{"udp", "0.0.0.0:0"}},
		"explicit ip":              {{"udp", "localhost:0"}},
		"udp, tcp, tls, ws or wss": {{"sctp", "127.0.0.1:0"}},
		"address already ":         {{"udp", r.udp.String()}},
		"address already":          {{"udp", "127.0.0.1:0"}, {"tcp", r.tcp.String()}},
	}
	for want, ls := range tests {
		if _, err := Listen(Config{Listeners: ls, T1: testT1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", ls, err, want)
		}
	}
}

func TestAdvertisedHostIsWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Advertise = "sip.example.net" })
	p := newPeer(t, r.udp)
	r.dial(p)
	inv := p.request("INVITE")
	port := r.udp.Port()
	want := []string{fmt.Sprintf("SIP/2.0/UDP sip.example.net:%d", port), fmt.Sprintf("<sip:sip.example.net:%d>", port), "sip.example.net"}
	from := strings.TrimSuffix(strings.Split(strings.Split(inv.get("From"), "@")[1], ";")[0], ">")
	got := []string{strings.Split(inv.get("Via"), ";")[0], inv.get("Contact"), from}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMetricsAndTrace(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	var mu sync.Mutex
	var traced []string
	r := newRig(t, func(c *Config) {
		c.Registerer = reg
		c.Trace = func(e TraceEntry) {
			mu.Lock()
			defer mu.Unlock()
			traced = append(traced, fmt.Sprintf("%v %s %s", e.Sent, e.Summary, e.CSeq))
			if e.Bytes < 100 || !e.Peer.IsValid() || e.CallID == "" {
				t.Errorf("entry %+v", e)
			}
		}
	})
	p := newPeer(t, r.udp)
	p.send("noise")
	p.send(plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: 0"))
	p.response(483, "INVITE")
	u, c := answered(r, p)
	u.do("BYE", "")
	c.want(ByeReceived)
	c.want(Terminated)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	want := map[string]float64{"ringbid_sip_legs_total in": 1, "ringbid_sip_legs_live": 0, "ringbid_sip_messages_dropped_total framing": 1,
		"ringbid_sip_messages_refused_total 483": 1, "ringbid_sip_handler_panics_total": 0, "ringbid_sip_leg_overflows_total": 0, "ringbid_sip_ghost_answers_total": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	mu.Lock()
	defer mu.Unlock()
	wantTrace := []string{"false INVITE " + u.target + " 1 INVITE", "true 200 OK 1 INVITE",
		"false ACK " + u.target + " 1 ACK", "false BYE " + u.target + " 2 BYE", "true 200 OK 2 BYE"}
	if diff := cmp.Diff(wantTrace, traced); diff != "" {
		t.Error(diff)
	}
}

func TestSDPInMultipart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	body := "--b1\r\nContent-Type: application/isup;version=x\r\n\r\n\x01\x00\x02\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n" +
		testSDP + "\r\n--b1--\r\n"
	u := p.uac()
	p.send(u.text("INVITE", 1, u.branch, body, `Content-Type: multipart/mixed;boundary="b1"`))
	if got := string(r.call().leg.Invite().SDP); got != testSDP {
		t.Errorf("got %q", got)
	}
}
