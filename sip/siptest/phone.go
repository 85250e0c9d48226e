package siptest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// Phone is a far party of our own making, on a stack and a plane of its own.
type Phone struct {
	t     testing.TB
	Stack *leg.Stack
	Plane *media.Plane
	Addr  string     // UDP
	TCP   string     // TCP
	Lines chan *Line // incoming calls
}

// NewPhone opens a phone on 127.0.0.1, UDP and TCP. Incoming calls wait in
// Lines; serve, if given, takes each as well, on a goroutine of its own. t1 is
// the round trip estimate of its timers, the same in every stack of the process.
func NewPhone(t testing.TB, t1 time.Duration, serve ...func(*Line)) *Phone {
	t.Helper()
	p := &Phone{t: t, Plane: OpenPlane(t, 200), Lines: make(chan *Line, 64)}
	stack, err := leg.Listen(leg.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}}, T1: t1,
		OnInvite: func(l *leg.Leg) {
			x := p.line()
			x.Leg = l
			l.Bind(x.mailbox)
			x.Offer = l.Invite().SDP
			p.Lines <- x
			for _, f := range serve {
				go f(x)
			}
			x.own()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Stack, p.Addr, p.TCP = stack, stack.Addrs()[0].Addr, stack.Addrs()[1].Addr
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_ = stack.Close(ctx) // calls may be left open on purpose
	})
	return p
}

// Line is one call of a phone.
type Line struct {
	t      testing.TB
	Leg    *leg.Leg // for the owner only: use On
	Stream *media.Stream
	Ear    *Ear
	Local  sdp.Local // as Leg, once the call is made
	Offer  []byte    // of an incoming call
	Sounds chan media.Event
	Tones  bool // without telephone-event it sends and finds keys as tones

	PacketTime int // ms per packet it sends, whatever the peer asks for; 0 = what that asks for
	mailbox    leg.Mailbox
	do         chan func()
	events     chan leg.Event
	over       chan struct{} // the leg is through
	srtp       atomic.Bool   // the audio is encrypted
}

func (p *Phone) line() *Line {
	x := &Line{t: p.t, Ear: &Ear{}, mailbox: make(leg.Mailbox, 64), do: make(chan func()), events: make(chan leg.Event, 256),
		Sounds: make(chan media.Event, 256), over: make(chan struct{})}
	s, err := p.Plane.NewStream(x.Sounds)
	if err != nil {
		p.t.Error(err)
		return x
	}
	p.t.Cleanup(s.Close)
	s.Tap(x.Ear)
	x.Stream = s
	x.Local = sdp.Local{Addr: s.Local(), SessID: 1, Version: 1, Codecs: []sdp.Codec{
		{PT: 0, Name: "PCMU", Rate: 8000}, {PT: 8, Name: "PCMA", Rate: 8000}, {PT: 101, Name: "telephone-event", Rate: 8000}}}
	return x
}

// Call calls user at addr. change may alter what is said and dialled.
func (p *Phone) Call(addr, user string, change ...func(*Line, *leg.DialConfig)) *Line {
	p.t.Helper()
	x := p.line()
	d := leg.DialConfig{Owner: x.mailbox, Target: addr, URI: "sip:" + user + "@" + addr, From: leg.Party{User: "+14155550123", Display: "Ann Caller"}}
	for _, f := range change {
		f(x, &d)
	}
	if d.SDP == nil {
		d.SDP = sdp.Offer(x.Local)
	}
	x.Leg = p.Stack.Dial(d)
	go x.own()
	return x
}

// own is the line's owner.
func (x *Line) own() {
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

// On runs f on the owner; nothing happens when the call is over. What f calls may
// not use On again.
func (x *Line) On(f func(l *leg.Leg)) {
	ran := make(chan struct{})
	select {
	case x.do <- func() { f(x.Leg); close(ran) }:
		<-ran
	case <-x.over:
	}
}

// Want waits for an event of the kind and skips others.
func (x *Line) Want(k leg.Kind) leg.Event {
	x.t.Helper()
	limit := time.After(Patience)
	var seen []leg.Kind
	for {
		select {
		case ev := <-x.events:
			if ev.Kind == k {
				return ev
			}
			seen = append(seen, ev.Kind)
		case <-limit:
			x.t.Fatalf("no %v, but %v", k, seen)
		}
	}
}

// Talk waits for the answer and turns the audio on.
func (x *Line) Talk() *Line {
	x.t.Helper()
	x.Join(x.Want(leg.Answered).SDP)
	return x
}

// Join applies the answer to our offer.
func (x *Line) Join(answer []byte) {
	x.t.Helper()
	session, err := sdp.Parse(answer)
	if err != nil {
		x.t.Errorf("answer: %v\n%s", err, answer)
		return
	}
	x.On(func(*leg.Leg) {
		a, err := sdp.Accept(session, x.Local)
		if err != nil {
			x.t.Errorf("answer: %v\n%s", err, answer)
			return
		}
		x.apply(a)
	})
}

// Reoffer sends a re-INVITE with the direction and what else changes Local, and
// applies the answer; any other than 200 fails the test.
func (x *Line) Reoffer(d sdp.Direction, change ...func(*Line)) {
	x.t.Helper()
	x.On(func(l *leg.Leg) {
		x.Local.Direction = d
		x.Local.Version++
		for _, f := range change {
			f(x)
		}
		l.Offer(sdp.Offer(x.Local))
	})
	ev := x.Want(leg.OfferDone)
	if ev.Code != 200 {
		x.t.Fatalf("re-INVITE: %d %s %v", ev.Code, ev.Reason, ev.Err)
	}
	x.Join(ev.SDP)
}

func (x *Line) apply(a sdp.Agreed) {
	p := media.Params{Remote: a.Remote, Send: a.Send, Recv: a.Recv}
	for _, c := range []media.Codec{media.PCMA, media.G722} {
		if strings.EqualFold(a.Codec.Name, c.String()) {
			p.Codec = c
		}
	}
	p.PT, p.RecvPT, p.Ptime, p.CN = a.Codec.PT, a.Local.PT, a.Ptime, a.CN
	if a.DTMF != nil {
		p.DTMF, p.RecvDTMF = a.DTMF.PT, a.Tone.PT
	}
	p.Tones, p.Detect = x.Tones, x.Tones
	if x.PacketTime > 0 {
		p.Ptime = x.PacketTime
	}
	p.RTCP, p.Mux, p.Seal, p.Open = a.RTCP, a.Mux, mediaKey(a.Ours), mediaKey(a.Theirs)
	x.srtp.Store(a.Ours != nil)
	if err := x.Stream.Apply(p); err != nil {
		x.t.Error(err)
	}
}

// Encrypted reports whether the audio agreed on last is SRTP.
func (x *Line) Encrypted() bool { return x.srtp.Load() }

// Answer answers an incoming call and turns the audio on.
func (x *Line) Answer() {
	x.t.Helper()
	x.agree(func(l *leg.Leg, body []byte) { l.Answer(body) })
}

// Early sends 183 with the answer in it and turns the audio on.
func (x *Line) Early() {
	x.t.Helper()
	x.agree(func(l *leg.Leg, body []byte) { l.Progress(183, "", body) })
}

// agree turns the audio on as the offer and Local allow, and has say send the
// answer.
func (x *Line) agree(say func(l *leg.Leg, body []byte)) {
	x.t.Helper()
	session, err := sdp.Parse(x.Offer)
	if err != nil {
		x.t.Errorf("offer: %v\n%s", err, x.Offer)
		return
	}
	x.On(func(l *leg.Leg) {
		body, a, err := sdp.Answer(session, x.Local)
		if err != nil {
			x.t.Errorf("offer: %v\n%s", err, x.Offer)
			return
		}
		x.apply(a)
		say(l, body)
	})
}

// Ring sends 180.
func (x *Line) Ring() { x.On(func(l *leg.Leg) { l.Progress(180, "", nil) }) }

// HangUp ends the call.
func (x *Line) HangUp() { x.On(func(l *leg.Leg) { l.End(leg.Cause{Q850: 16, Text: "bye"}) }) }

// Hum plays a steady tone to the other side.
func (x *Line) Hum(hz float64) { x.Stream.Play(media.ClipFromULaw(Tone(hz, time.Second)), true) }

// Hears waits until most of the last 200 ms is the tone.
func (x *Line) Hears(hz float64) {
	x.t.Helper()
	x.Ear.Hears(x.t, media.Rx, hz)
}

// WantKeys waits for as many keys of the other side, and fails the test when they
// are others.
func (x *Line) WantKeys(keys string) {
	x.t.Helper()
	got := ""
	for limit := time.After(Patience); len(got) < len(keys); {
		select {
		case ev := <-x.Sounds:
			if ev.Kind == media.Digit {
				got += string(rune(ev.Digit))
			}
		case <-limit:
			x.t.Fatalf("keys %q, want %q", got, keys)
		}
	}
	if got != keys {
		x.t.Errorf("keys %q, want %q", got, keys)
	}
}

// Over waits until the leg is through.
func (x *Line) Over() {
	x.t.Helper()
	x.Want(leg.Terminated)
}
