package sip

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// phone is a far party on a stack and a plane of its own.
type phone struct {
	t     *testing.T
	stack *leg.Stack
	plane *media.Plane
	addr  string
	lines chan *line          // incoming calls
	rig   atomic.Pointer[rig] // whom it talks to
}

// newPhone makes a phone; serve, if given, takes its incoming calls, which
// otherwise wait in lines.
func newPhone(t *testing.T, serve func(*line)) *phone {
	t.Helper()
	p := &phone{t: t, plane: newPlane(t, 1000), lines: make(chan *line, 64)}
	stack, err := leg.Listen(leg.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}}, T1: testT1,
		OnInvite: func(l *leg.Leg) {
			x := p.line()
			x.leg = l
			l.Bind(x.mailbox)
			x.offer = l.Invite().SDP
			p.lines <- x
			if serve != nil {
				go serve(x)
			}
			x.own()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.stack, p.addr = stack, stack.Addrs()[0].Addr
	t.Cleanup(func() {
		if r := p.rig.Load(); r != nil {
			r.close() // while there is still somebody to answer a BYE
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = stack.Close(ctx) // calls may be left open on purpose
	})
	return p
}

// line is one call of a phone.
type line struct {
	p       *phone
	leg     *leg.Leg
	stream  *media.Stream
	ear     *ear
	local   sdp.Local
	offer   []byte // of an incoming call
	mailbox leg.Mailbox
	do      chan func()
	events  chan leg.Event
	sounds  chan media.Event
	over    chan struct{} // the leg is through
	srtp    atomic.Bool   // the audio is encrypted
}

func (p *phone) line() *line {
	x := &line{p: p, ear: &ear{}, mailbox: make(leg.Mailbox, 64), do: make(chan func()), events: make(chan leg.Event, 256),
		sounds: make(chan media.Event, 256), over: make(chan struct{})}
	s, err := p.plane.NewStream(x.sounds)
	if err != nil {
		p.t.Error(err)
		return x
	}
	p.t.Cleanup(s.Close)
	s.Tap(x.ear)
	x.stream = s
	x.local = sdp.Local{Addr: s.Local(), SessID: 1, Version: 1, Codecs: []sdp.Codec{
		{PT: 0, Name: "PCMU", Rate: 8000}, {PT: 8, Name: "PCMA", Rate: 8000}, {PT: 101, Name: "telephone-event", Rate: 8000}}}
	return x
}

// call calls a server. change may alter what is said and dialled.
func (p *phone) call(r *rig, user string, change ...func(*line, *leg.DialConfig)) *line {
	p.t.Helper()
	x, to := p.line(), r.addr
	p.rig.Store(r)
	d := leg.DialConfig{Owner: x.mailbox, Target: to, URI: "sip:" + user + "@" + to, From: leg.Party{User: "+14155550123", Display: "Ann Caller"}}
	for _, f := range change {
		f(x, &d)
	}
	if d.SDP == nil {
		d.SDP = sdp.Offer(x.local)
	}
	x.leg = p.stack.Dial(d)
	go x.own()
	return x
}

// own is the line's owner.
func (x *line) own() {
	for {
		select {
		case s := <-x.mailbox:
			ev, ok := s.Apply()
			if !ok {
				continue
			}
			x.events <- ev
			if ev.Kind == leg.Terminated {
				close(x.over)
				return
			}
		case f := <-x.do:
			f()
		}
	}
}

// on runs f on the owner, which alone touches the line's state once it is
// called; nothing happens when the call is over.
func (x *line) on(f func(l *leg.Leg)) {
	ran := make(chan struct{})
	select {
	case x.do <- func() { f(x.leg); close(ran) }:
		<-ran
	case <-x.over:
	}
}

// want waits for an event of the kind and skips others.
func (x *line) want(k leg.Kind) leg.Event {
	x.p.t.Helper()
	limit := time.After(patience)
	var seen []leg.Kind
	for {
		select {
		case ev := <-x.events:
			if ev.Kind == k {
				return ev
			}
			seen = append(seen, ev.Kind)
		case <-limit:
			x.p.t.Fatalf("no %v, but %v", k, seen)
		}
	}
}

// talk waits for the answer and turns the audio on.
func (x *line) talk() *line {
	x.p.t.Helper()
	x.join(x.want(leg.Answered).SDP)
	return x
}

// join applies the answer to our offer.
func (x *line) join(answer []byte) {
	x.p.t.Helper()
	session, err := sdp.Parse(answer)
	if err != nil {
		x.p.t.Errorf("answer: %v\n%s", err, answer)
		return
	}
	x.on(func(*leg.Leg) {
		a, err := sdp.Accept(session, x.local)
		if err != nil {
			x.p.t.Errorf("answer: %v\n%s", err, answer)
			return
		}
		x.apply(a)
	})
}

func (x *line) apply(a sdp.Agreed) {
	p := media.Params{Remote: a.Remote, Send: a.Send, Recv: a.Recv}
	if a.Codec.Name == "PCMA" {
		p.Codec = media.PCMA
	}
	if a.DTMF != nil {
		p.DTMF = a.DTMF.PT
	}
	p.RTCP, p.Mux, p.Seal, p.Open = a.RTCP, a.Mux, mediaKey(a.Ours), mediaKey(a.Theirs)
	x.srtp.Store(a.Ours != nil)
	if err := x.stream.Apply(p); err != nil {
		x.p.t.Error(err)
	}
}

// answer answers an incoming call.
func (x *line) answer() { x.agree(func(l *leg.Leg, body []byte) { l.Answer(body) }) }

// early answers an incoming call in a 183, and turns the audio on.
func (x *line) early() { x.agree(func(l *leg.Leg, body []byte) { l.Progress(183, "", body) }) }

// agree turns the audio on as the offer and the line's own description allow,
// and has say send the answer.
func (x *line) agree(say func(l *leg.Leg, body []byte)) {
	session, err := sdp.Parse(x.offer)
	if err != nil {
		x.p.t.Errorf("offer: %v", err)
		return
	}
	x.on(func(l *leg.Leg) {
		body, a, err := sdp.Answer(session, x.local)
		if err != nil {
			x.p.t.Errorf("offer: %v\n%s", err, x.offer)
			return
		}
		x.apply(a)
		say(l, body)
	})
}

func (x *line) ring() { x.on(func(l *leg.Leg) { l.Progress(180, "", nil) }) }

func (x *line) hangUp() { x.on(func(l *leg.Leg) { l.End(leg.Cause{Q850: 16, Text: "bye"}) }) }

// hum plays a steady tone to the other side.
func (x *line) hum(hz float64) { x.stream.Play(media.ClipFromULaw(tone(hz, time.Second)), true) }

// reoffer sends a re-INVITE with the direction and takes the answer.
func (x *line) reoffer(d sdp.Direction) {
	x.p.t.Helper()
	x.on(func(l *leg.Leg) {
		x.local.Direction = d
		x.local.Version++
		l.Offer(sdp.Offer(x.local))
	})
	ev := x.want(leg.OfferDone)
	if ev.Code != 200 {
		x.p.t.Fatalf("re-INVITE: %d %s %v", ev.Code, ev.Reason, ev.Err)
	}
	x.join(ev.SDP)
}

// hears waits until most of the last 200 ms is the tone.
func (x *line) hears(hz float64) {
	x.p.t.Helper()
	eventually(x.p.t, "a tone", func() bool { return x.ear.power(hz) > 0.7 })
}

// key waits for the next key the other side presses.
func (x *line) key() byte {
	x.p.t.Helper()
	for {
		if ev := receive(x.p.t, "a key", x.sounds); ev.Kind == media.Digit {
			return ev.Digit
		}
	}
}

// ear keeps the last 200 ms of what a phone hears and counts silence.
type ear struct {
	mu     sync.Mutex
	last   []byte
	frames int
	quiet  int // frames of pure silence
}

func (e *ear) Frame(ch media.Channel, _ int64, ulaw []byte) {
	if ch != media.Rx {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.frames++
	silent := true
	for _, b := range ulaw {
		if b != 0xff && b != 0x7f {
			silent = false
			break
		}
	}
	if silent {
		e.quiet++
	}
	e.last = append(e.last, ulaw...)
	if n := len(e.last); n > 1600 {
		e.last = append([]byte(nil), e.last[n-1600:]...)
	}
}

func (e *ear) power(hz float64) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.last) < 1600 {
		return 0
	}
	return media.TonePower(e.last, hz)
}

// silence returns how many frames were silent, of how many.
func (e *ear) silence() (quiet, frames int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.quiet, e.frames
}
