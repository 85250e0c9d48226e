package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

const g711 = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// answerAndWait answers and stays until the caller goes.
func answerAndWait(ctx context.Context, c *Call) {
	_ = c.Answer(ctx, false)
	<-ctx.Done()
}

func TestOffersWeCannotTake(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(context.Context, *Call) { t.Error("the handler was asked") })
	tests := []struct {
		name, body, status, warning string
	}{
		{"only G.729", strings.Replace(g711, "RTP/AVP 0 101", "RTP/AVP 18", 1), "488", "305 "},
		{"video only", strings.Replace(g711, "m=audio", "m=video", 1), "488", "304 "},
		{"SRTP only", strings.Replace(g711, "RTP/AVP", "RTP/SAVP", 1), "488", "302 "},
		{"a name", strings.Replace(g711, "c=IN IP4 127.0.0.1", "c=IN IP4 media.example", 1), "488", "301 "},
		{"dynamic PCMU", strings.Replace(g711, "RTP/AVP 0 101\r\n", "RTP/AVP 97\r\na=rtpmap:97 PCMU/8000\r\n", 1), "488", "305 "},
		{"no SDP", "hello", "400", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, "127.0.0.1")
			w.send(r.addr, w.request("INVITE", r.addr, "", 1, tt.body))
			w.next("SIP/2.0 100")
			m := w.next("SIP/2.0 ")
			if !strings.HasPrefix(m, "SIP/2.0 "+tt.status) || !strings.HasPrefix(field(m, "Warning"), tt.warning) || !strings.HasPrefix(field(m, "Reason"), "Q.850;cause=") {
				t.Errorf("got\n%s", m)
			}
			w.send(r.addr, w.request("ACK", r.addr, tagOf(m), 1, ""))
		})
	}
}

func TestLateOffer(t *testing.T) {
	t.Parallel()
	answered := make(chan error, 1)
	r := newRig(t, func(ctx context.Context, c *Call) {
		answered <- c.Answer(ctx, false)
		<-ctx.Done()
	})
	w := newWire(t, "127.0.0.1")
	w.send(r.addr, w.request("INVITE", r.addr, "", 1, ""))
	ok := w.next("SIP/2.0 200")
	if !strings.Contains(ok, "m=audio ") || !strings.Contains(ok, "telephone-event") {
		t.Errorf("no offer in\n%s", ok)
	}
	select {
	case err := <-answered:
		t.Errorf("answered before the ACK: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	w.send(r.addr, w.request("ACK", r.addr, tagOf(ok), 1, g711))
	if err := receive(t, "the answer", answered); err != nil {
		t.Error(err)
	}
	w.send(r.addr, w.request("BYE", r.addr, tagOf(ok), 2, ""))
	w.next("SIP/2.0 200")
	r.idle()
}

func TestLateOfferWithoutAnswer(t *testing.T) {
	t.Parallel()
	answered := make(chan error, 1)
	r := newRig(t, func(ctx context.Context, c *Call) { answered <- c.Answer(ctx, false) })
	w := newWire(t, "127.0.0.1")
	w.send(r.addr, w.request("INVITE", r.addr, "", 1, ""))
	ok := w.next("SIP/2.0 200")
	w.send(r.addr, w.request("ACK", r.addr, tagOf(ok), 1, ""))
	if err := receive(t, "the answer", answered); !errors.Is(err, ErrCallerGone) {
		t.Errorf("answer: %v", err)
	}
	w.reply(w.next("BYE "), "200 OK", "")
	r.idle()
}

func TestCallerGivesUpBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	type end struct {
		by    string
		why   ringbid.Reason
		cause error
		play  error
	}
	ends := make(chan end, 1)
	r := newRig(t, func(ctx context.Context, c *Call) {
		<-ctx.Done()
		var e end
		e.by, e.why = c.Ended()
		e.cause, e.play = context.Cause(ctx), c.Play(ctx, tone(500, time.Second), false)
		ends <- e
	})
	w := newWire(t, "127.0.0.1")
	w.send(r.addr, w.request("INVITE", r.addr, "", 1, g711))
	w.next("SIP/2.0 100")
	w.send(r.addr, w.request("CANCEL", r.addr, "", 1, ""))
	m := w.next("SIP/2.0 487")
	w.send(r.addr, w.request("ACK", r.addr, tagOf(m), 1, ""))
	e := receive(t, "the end", ends)
	if e.by != "caller" || e.why.Code != "cancelled" || !errors.Is(e.cause, ErrCallerGone) || !errors.Is(e.play, ErrCallerGone) {
		t.Errorf("end %+v", e)
	}
	r.idle()
}

func TestHandlerRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(ctx context.Context, c *Call) {
		_ = c.Hangup(ctx, ringbid.Reason{Code: "unknown_number", Text: "no such number", SIP: 404, Fault: ringbid.FaultConfig})
		if legs := c.Legs(); legs[0].Status != 404 || legs[0].EndedBy != "ringbid" {
			t.Errorf("leg %+v", legs[0])
		}
	})
	x := newPhone(t, nil).call(r, "+18005550100")
	if ev := x.want(leg.Failed); ev.Code != 404 || !strings.HasPrefix(reasonOf(ev, "Q.850"), "Q.850;cause=1;") {
		t.Errorf("got %+v", ev)
	}
	r.idle()
	if k := r.kinds(); len(k) != 1 || k[0] != ringbid.EventRejected {
		t.Errorf("events %v", k)
	}
}

// reasonOf returns the Reason header of a protocol (RFC 3326).
func reasonOf(ev leg.Event, protocol string) string {
	for _, h := range ev.Headers {
		if h.Name() == "Reason" && strings.HasPrefix(h.Value(), protocol) {
			return h.Value()
		}
	}
	return ""
}

func TestHandlerPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(ctx context.Context, c *Call) {
		if c.Invite().Number == "+18005550101" {
			_ = c.Answer(ctx, false)
		}
		if c.Invite().Number != "+18005550102" {
			panic("a defect")
		}
		answerAndWait(ctx, c)
	})
	p := newPhone(t, nil)
	if ev := p.call(r, "+18005550100").want(leg.Failed); ev.Code != 500 {
		t.Errorf("got %+v", ev)
	}
	p.call(r, "+18005550101").want(leg.ByeReceived)
	x := p.call(r, "+18005550102").talk()
	x.hangUp()
	r.idle()
	if n := r.counts("sip_call_panics_total")[""]; n != 2 || r.log.lines("call panicked") != 2 {
		t.Errorf("%v panics counted", n)
	}
}

func TestLimitsAnswer503(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Config)
		trunk  ringbid.Trunk
		act    func(*rig)
		code   string
	}{
		{"server is full", func(c *Config) { c.MaxCalls = 1 }, ringbid.Trunk{}, nil, "over_capacity"},
		{"trunk is full", nil, ringbid.Trunk{MaxCalls: 1}, nil, "trunk_full"},
		{"too fast", nil, ringbid.Trunk{CallsPerSecond: 1}, nil, "trunk_rate"},
		{"draining", nil, ringbid.Trunk{}, func(r *rig) { r.s.Drain() }, "draining"},
		{"no audio ports", nil, ringbid.Trunk{}, nil, "no_rtp_ports"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, answerAndWait, func(c *Config) {
				if tt.change != nil {
					tt.change(c)
				}
				if tt.code == codeNoPorts {
					c.Plane = newPlane(t, 1)
				}
			})
			tt.trunk.Name, tt.trunk.From = "carrier", []string{"127.0.0.1"}
			r.trunks.put(&tt.trunk)
			p := newPhone(t, nil)
			first := p.call(r, "+18005550100").talk()
			if tt.act != nil {
				tt.act(r)
			}
			ev := p.call(r, "+18005550100").want(leg.Failed)
			after := ""
			for _, h := range ev.Headers {
				if h.Name() == "Retry-After" {
					after = h.Value()
				}
			}
			if ev.Code != 503 || after != retryAfter {
				t.Errorf("got %d, Retry-After %q", ev.Code, after)
			}
			if n := r.counts("sip_calls_refused_total"); n[tt.code] != 1 {
				t.Errorf("refused %v", n)
			}
			first.hum(800) // the live call is unharmed
			first.hangUp()
			first.want(leg.Terminated)
			r.idle()
		})
	}
}

func TestDrainAnswersOptions(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	w := newWire(t, "127.0.0.1")
	w.send(r.addr, w.request("OPTIONS", r.addr, "", 1, ""))
	w.next("SIP/2.0 200")
	r.s.Drain()
	w.send(r.addr, w.request("OPTIONS", r.addr, "", 2, ""))
	w.next("SIP/2.0 503")
}

func TestServerEndsCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	p := newPhone(t, nil)
	one, two := p.call(r, "+18005550100").talk(), p.call(r, "+18005550100").talk()
	ids := r.s.Calls()
	if len(ids) != 2 || r.s.Active() != 2 {
		t.Fatalf("calls %v", ids)
	}
	if r.s.Hangup("nobody", ringbid.Reason{}) || !r.s.Hangup(ids[0], ringbid.Reason{Code: "operator", Text: "ended by operator"}) {
		t.Error("hangup of one call")
	}
	if ev := one.want(leg.ByeReceived); ev.Reason != "ended by operator" {
		t.Errorf("BYE for %q", ev.Reason)
	}
	r.s.HangupAll(reason(codeShutdown))
	two.want(leg.ByeReceived)
	r.idle()
}

func TestSecondServerOnTheSamePort(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	_, err := New(Config{Listeners: []leg.Listener{{Network: "udp", Addr: r.addr}}, Trunks: r.trunks, Handler: handlerFunc(answerAndWait), Plane: r.plane, T1: testT1})
	if err == nil || !strings.Contains(err.Error(), r.addr) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownSourcesGetSilence(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	scanner, flood := newWire(t, "127.0.0.9"), newWire(t, "127.0.0.10")
	caller := newPhone(t, nil).call(r, "+18005550100").talk()
	for i := range 2000 {
		flood.send(r.addr, fmt.Sprintf("OPTIONS sip:%d@%s SIP/2.0\r\n\r\n", i, r.addr))
		if i%100 == 0 {
			scanner.send(r.addr, scanner.request("INVITE", r.addr, "", i+1, g711))
		}
	}
	other := newPhone(t, nil).call(r, "+18005550100").talk() // rightful calls go on
	other.hangUp()
	caller.hangUp()
	other.want(leg.Terminated)
	if m := scanner.read(50*time.Millisecond) + flood.read(50*time.Millisecond); m != "" {
		t.Errorf("a stranger was answered:\n%s", m)
	}
	if n := r.log.lines("unknown source"); n != 2 {
		t.Errorf("%d log lines for two sources", n)
	}
	if n := r.counts("sip_filtered_total"); n["unknown_source"] < 100 {
		t.Errorf("filtered %v", n)
	}
}

func TestNextCallIsUnharmed(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	w := newWire(t, "127.0.0.1")
	good := w.request("INVITE", r.addr, "", 1, g711)
	for _, bad := range []string{
		"", "\r\n\r\n\r\n", "INVITE", strings.Repeat("A", 60000), "\x00\x01\x02\x03", "INVITE sip:x SIP/2.0\r\n\r\n",
		strings.Replace(good, "Content-Length: ", "Content-Length: 9", 1), strings.Replace(good, "From:", "Frm:", 1),
		strings.Replace(good, ";rport", strings.Repeat(";a", 20000), 1), strings.Replace(good, "CSeq: 1 INVITE", "CSeq: 1 BYE", 1),
		strings.Replace(good, "v=0", "v=\x00", 1), "SIP/2.0 200 OK\r\n\r\n", "BYE sip:x SIP/2.0\r\nVia: y\r\n\r\n",
	} {
		w.send(r.addr, bad)
	}
	x := newPhone(t, nil).call(r, "+18005550100").talk()
	x.hangUp()
	x.want(leg.Terminated)
	if r.counts("sip_handler_panics_total")[""] != 0 || r.counts("sip_call_panics_total")[""] != 0 {
		t.Error("something panicked")
	}
}

func TestKeysByInfo(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	r := newRig(t, func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		s, err := c.Gather(ctx, ringbid.Gather{Min: 1, Max: 8, Terminator: '#'})
		if err != nil {
			t.Error(err)
		}
		got <- s
	})
	w := newWire(t, "127.0.0.1")
	w.send(r.addr, w.request("INVITE", r.addr, "", 1, g711))
	ok := w.next("SIP/2.0 200")
	w.send(r.addr, w.request("ACK", r.addr, tagOf(ok), 1, ""))
	for i, k := range "407#" {
		body := fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", k)
		m := w.request("INFO", r.addr, tagOf(ok), 2+i, body)
		w.send(r.addr, strings.Replace(m, "application/sdp", "application/dtmf-relay", 1))
		w.next("SIP/2.0 200")
	}
	if s := receive(t, "the digits", got); s != "407" {
		t.Errorf("digits %q", s)
	}
	w.reply(w.next("BYE "), "200 OK", "")
}

func TestOneTaskAtATime(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	r := newRig(t, func(ctx context.Context, c *Call) {
		defer close(done)
		if err := c.Play(ctx, tone(500, time.Second), false); ringbid.KindOf(err) != ringbid.Conflict {
			t.Errorf("play before the answer: %v", err)
		}
		_ = c.Answer(ctx, false)
		first := make(chan error, 1)
		short, cancel := context.WithCancel(ctx)
		go func() { first <- c.Play(short, tone(500, time.Minute), false) }()
		eventually(t, "the first task", func() (on bool) {
			c.ask(func() { on = c.task != nil })
			return on
		})
		if err := c.Play(ctx, tone(500, time.Minute), false); !errors.Is(err, ErrBusyCall) {
			t.Errorf("second play: %v", err)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled play: %v", err)
		}
	})
	newPhone(t, nil).call(r, "+18005550100").want(leg.ByeReceived)
	<-done
}

type tapFunc func(ringbid.Invite) (Sink, error)

func (f tapFunc) Open(inv ringbid.Invite) (Sink, error) { return f(inv) }

// tapped records which frames came and that none came after Close.
type tapped struct {
	ear
	closed  chan struct{}
	secrets []bool
}

func (s *tapped) Close()         { close(s.closed) }
func (s *tapped) Secret(on bool) { s.secrets = append(s.secrets, on) }

func TestTapGetsTheCallUntilItsEnd(t *testing.T) {
	t.Parallel()
	sink := &tapped{closed: make(chan struct{})}
	ended := make(chan struct{})
	r := newRig(t, func(ctx context.Context, c *Call) {
		defer close(ended)
		_ = c.Answer(ctx, true)
		if _, err := c.Gather(ctx, ringbid.Gather{Min: 1, Max: 1, Secret: true}); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		if !isClosed(sink.closed) {
			t.Error("sink is open after the call's end")
		}
	}, func(c *Config) { c.Tap = tapFunc(func(ringbid.Invite) (Sink, error) { return sink, nil }) })
	x := newPhone(t, nil).call(r, "+18005550100").talk()
	x.hum(1200)
	eventually(t, "the caller on the tap", func() bool { return sink.power(1200) > 0.7 })
	x.stream.SendDigits("7")
	eventually(t, "the answer", func() bool { return len(r.kinds()) >= 1 })
	x.hum(1200)
	eventually(t, "digits", func() bool { return x.stream.Stats().Sent > 40 })
	x.hangUp()
	receive(t, "the end", ended)
	if len(sink.secrets) != 2 || !sink.secrets[0] || sink.secrets[1] {
		t.Errorf("secret %v", sink.secrets)
	}
	for _, k := range r.kinds() {
		if k == ringbid.EventDigit {
			t.Error("a secret digit in the events")
		}
	}
}

func TestTapThatFailsDoesNotHurtTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerRecorded, func(c *Config) {
		c.Tap = tapFunc(func(ringbid.Invite) (Sink, error) { return nil, errors.New("disk full") })
	})
	x := newPhone(t, nil).call(r, "+18005550100").talk()
	x.hears(500)
	x.hangUp()
	r.idle()
	if r.counts("sip_tap_errors_total")[""] != 1 {
		t.Error("not counted")
	}
}

func answerRecorded(ctx context.Context, c *Call) {
	_ = c.Answer(ctx, true)
	_ = c.Play(ctx, tone(500, time.Minute), false)
}

func TestFilterForgets(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	log := &lockedBuffer{}
	book := &trunkBook{named: map[string]*ringbid.Trunk{}}
	f := newFilter(book, 3, newLog(log), nil)
	f.now = func() time.Time { return now }
	from := func(ip string) bool { return f.admit("udp", netip.MustParseAddrPort(ip+":5060"), []byte("x")) }
	if from("10.0.0.1") || from("10.0.0.1") || log.lines("unknown source") != 1 {
		t.Error("a stranger passed or was told of twice")
	}
	book.put(&ringbid.Trunk{Name: "a", From: []string{"10.0.0.0/8"}})
	for i := range 5 {
		if from("10.0.0.1") != (i < 3) {
			t.Errorf("datagram %d of a second", i)
		}
	}
	now = now.Add(time.Second)
	if !from("10.0.0.1") {
		t.Error("a second later")
	}
	called := netip.MustParseAddr("192.0.2.1")
	f.expect(called)
	if !from("192.0.2.1") {
		t.Error("who was called may answer")
	}
	f.release(called)
	now = now.Add(lingerFor - time.Second)
	if !from("192.0.2.1") {
		t.Error("late messages pass")
	}
	now = now.Add(2 * time.Second)
	if from("192.0.2.1") {
		t.Error("the call is long over")
	}
	now = now.Add(time.Hour)
	from("10.9.9.9")
	if len(f.sources) != 1 || len(f.peers) != 0 || len(f.strangers) != 0 {
		t.Errorf("kept %d sources, %d peers, %d strangers", len(f.sources), len(f.peers), len(f.strangers))
	}
}

func TestFilterIsBounded(t *testing.T) {
	t.Parallel()
	book := &trunkBook{named: map[string]*ringbid.Trunk{"a": {Name: "a", From: []string{"10.0.0.0/8"}}}}
	f := newFilter(book, 3, newLog(&lockedBuffer{}), nil)
	for i := range 20000 {
		f.admit("udp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060), []byte("x"))
		f.admit("udp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 5060), []byte("x"))
	}
	if len(f.sources) > maxSources+1 || len(f.strangers) > maxStrangers {
		t.Errorf("kept %d sources, %d strangers", len(f.sources), len(f.strangers))
	}
}
