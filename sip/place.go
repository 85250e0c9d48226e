package sip

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// place is one line of a target that is called: its own, or one of those that
// ring with it. A refused codec, refused SRTP and a redirect make a further leg
// at the same place.
type place struct {
	t      *dialTask
	within string // the trunk's name
	route
	user   string
	s      *side // the leg being tried, nil before the INVITE
	stage  dialStage
	at     time.Time    // when late is to be called; zero is never
	id     media.PlayID // the whisper
	early  earlyState   // of the audio before the answer
	again  bool         // the other law was tried
	plain  bool         // SRTP was refused, plain RTP is tried
	person bool         // somebody spoke and waits

	redirected []diverted      // those that sent this call on
	next       []contact       // where else the last of them sends it
	seen       map[string]bool // where it has been, to tell a circle
	allowed    int             // redirects that may still be followed

	over    bool
	verdict ringbid.Verdict
	status  int
	text    string
}

// dialStage is how far a place has come.
type dialStage uint8

const (
	dialCalling dialStage = iota
	dialDigits            // keying SendDigits
	dialWhisper           // the agent hears the whisper
	dialAccept            // waiting for the accept key
	dialListen            // telling a machine from a person
)

// placesOf lists where the target is called, its own line first.
func placesOf(t *dialTask) []*place {
	own := &place{t: t, within: t.d.Target.Trunk, user: t.d.Target.User}
	if t.d.Award.User != "" {
		own.user = t.d.Award.User
	}
	out := []*place{own}
	for _, o := range t.d.Target.Also {
		if len(out) > ringbid.MaxPlaces {
			break
		}
		out = append(out, &place{t: t, within: cmp.Or(o.Trunk, own.within), user: o.User})
	}
	return out
}

// start looks the place up and calls it.
func (p *place) start(c *Call) {
	if v, text := p.take(c, p.within); text != "" {
		p.fell(c, v, 0, text)
		return
	}
	p.visit()
	if !ringbid.SIPUser(p.user) {
		p.fell(c, ringbid.VerdictLocal, 0, "what to dial is not a number or SIP user")
		return
	}
	p.at = time.Now().Add(lookUpLimit + time.Second)
	p.search(c, func(amiss string) { p.resolved(c, amiss) })
}

func (p *place) resolved(c *Call, amiss string) {
	switch {
	case c.task != p.t || p.over || p.s != nil && !p.s.ended:
	case amiss != "":
		p.fell(c, ringbid.VerdictUnreachable, 0, amiss)
	default:
		p.call(c, c.codecsFor(p.trunk)...)
	}
}

// call sends the INVITE of a new leg to the place.
func (p *place) call(c *Call, codecs ...sdp.Codec) {
	t := p.t
	s, why := c.callOut(&outgoing{
		route: p.route, user: p.user, codecs: codecs, plain: p.plain,
		report: ringbid.Leg{Side: byBuyer, Name: t.d.Award.Name, Target: t.d.Target.Name},
		say:    func(host string) (identity, []leg.Header) { return p.say(c, host) },
	})
	if s == nil {
		p.fell(c, ringbid.VerdictLocal, 0, why)
		return
	}
	p.s, p.stage = s, dialCalling
	p.at = time.Now().Add(t.ringTimeout())
	c.emit(ringbid.Event{Kind: ringbid.EventDial, Leg: s.report.ID, Bid: t.d.Award.Bid, Data: map[string]string{
		"target": t.d.Target.Name, "buyer": t.d.Target.Buyer, "price": t.d.Award.Price.String()}})
}

// say is what the INVITE says of the caller and the call.
func (p *place) say(c *Call, ours string) (identity, []leg.Header) {
	return c.introduce(&p.t.d, &onward{trunk: p.trunk, user: p.user, host: p.host, ours: ours, redirected: p.redirected})
}

func (p *place) signal(c *Call, ev leg.Event) {
	switch ev.Kind {
	case leg.Ringing, leg.EarlyMedia:
		p.ringing(c)
		if !p.listen(c, ev.SDP) {
			c.alert()
		}
	case leg.Answered:
		p.answered(c, ev.SDP)
	case leg.Failed:
		p.failed(c, ev)
	case leg.ByeReceived, leg.Ended:
		p.fell(c, ringbid.VerdictNotAccepted, 200, p.s.report.Reason)
	}
}

// ringing starts the ring timeout.
func (p *place) ringing(c *Call) {
	if p.s.report.Ringing != nil {
		return
	}
	now := time.Now()
	p.s.report.Ringing = &now
	p.at = now.Add(p.t.ringTimeout())
	c.emit(ringbid.Event{Kind: ringbid.EventRinging, Leg: p.s.report.ID, Data: map[string]string{
		"target": p.t.d.Target.Name, "buyer": p.t.d.Target.Buyer}})
}

func (p *place) answered(c *Call, answer []byte) {
	s, now := p.s, time.Now()
	s.report.Answered = &now
	s.report.Status = 200
	agreed, err := s.accept(answer)
	if err != nil {
		p.close(c, ringbid.VerdictFailed, byUs, refusalOf(err))
		p.fell(c, ringbid.VerdictFailed, 200, err.Error())
		return
	}
	s.apply(agreed)
	p.settle(c)
	c.emit(ringbid.Event{Kind: ringbid.EventLegAnswer, Leg: s.report.ID, Data: map[string]string{"target": p.t.d.Target.Name}})
	if p.taken() {
		p.t.alone(c, p)
	} else if p.doubts() {
		s.stream.Detect()
	}
	p.digits(c)
}

// failed reads the end of a leg. Refused SRTP is tried once more without, where
// the trunk allows that, and a refused codec with the other law, which the media
// plane converts.
func (p *place) failed(c *Call, ev leg.Event) {
	p.s.report.Status = ev.Code
	if ev.Code == 488 || ev.Code == 606 || ev.Code == 415 {
		if p.s.local.Security == sdp.Optional {
			p.plain = true
			p.retry(c, ev, c.codecsFor(p.trunk)...)
			return
		}
		if other := otherLaw(p.trunk, p.s); other != nil && !p.again {
			p.again = true
			p.retry(c, ev, *other)
			return
		}
	}
	if p.moved(c, ev) {
		return
	}
	if p.further(c, ev) {
		p.retry(c, ev, p.s.local.Codecs...)
		return
	}
	verdict, text := verdictOf(ev.Code), ev.Reason
	if ev.Code == 0 {
		verdict = verdictOfError(ev.Err)
		if text == "" && ev.Err != nil {
			text = ev.Err.Error()
		}
	}
	p.close(c, verdict, byBuyer, ringbid.Reason{Text: text, SIP: ev.Code, Q850: ev.Q850})
	p.fell(c, verdict, ev.Code, text)
}

// retry ends the leg being tried and tries another with these codecs.
func (p *place) retry(c *Call, ev leg.Event, codecs ...sdp.Codec) {
	p.hangUp(c, ringbid.VerdictFailed, byBuyer, ringbid.Reason{Text: ev.Reason, SIP: ev.Code})
	p.call(c, codecs...)
}

// hangUp ends the leg being tried with a verdict.
func (p *place) hangUp(c *Call, v ringbid.Verdict, by string, why ringbid.Reason) {
	p.silence(c)
	if p.s != nil {
		p.s.report.Verdict = v
		c.hangUp(p.s, by, why)
	}
}

// close ends the leg and the place; the attempt goes on.
func (p *place) close(c *Call, v ringbid.Verdict, by string, why ringbid.Reason) {
	p.over, p.verdict, p.text = true, v, why.Text
	p.hangUp(c, v, by, why)
}

// fell ends the place with a verdict, and with the last place the attempt.
func (p *place) fell(c *Call, v ringbid.Verdict, status int, text string) {
	p.over, p.verdict, p.status, p.text = true, v, status, text
	p.silence(c)
	if p.s != nil {
		p.s.report.Verdict = v
		if p.s.report.Reason == "" {
			p.s.report.Reason = text
		}
	}
	p.t.lost(c)
}

// outgoing describes a leg that is to be made.
type outgoing struct {
	route
	user   string // checked to be a number or SIP user
	codecs []sdp.Codec
	plain  bool        // offers plain RTP whatever the trunk likes
	report ringbid.Leg // Side, Name and Target
	// replaces names a dialog of the peer that the leg takes the place of.
	replaces *leg.DialogID

	// say returns who calls and the further headers; host is what we call
	// ourselves towards the trunk.
	say func(host string) (identity, []leg.Header)
}

// callOut sends the INVITE of a new leg of the call, or says in words why there
// is none: the trunk is full, no port is free, or SRTP cannot be had.
func (c *Call) callOut(o *outgoing) (*side, string) {
	now := time.Now()
	if code := c.s.limits.enter(o.trunk, false, now); code != "" {
		return nil, reason(code).Text
	}
	stream, err := c.stream(o.addr)
	if err != nil {
		c.s.limits.leave(o.trunk.Name)
		return nil, refusalOf(err).Text
	}
	want, err := c.s.tls.of(o.trunk)
	if err != nil {
		c.s.limits.leave(o.trunk.Name)
		c.shut(stream)
		return nil, err.Error()
	}
	s := &side{stream: stream, trunk: o.trunk, expected: o.addr, report: o.report}
	s.report.ID, s.report.Trunk, s.report.Started = ringbid.NewID(), o.trunk.Name, now
	s.report.Peer = net.JoinHostPort(o.host, itoa(o.port))
	s.describe(o.codecs...)
	if err := s.secure(o.trunk.Transport); err != nil {
		c.s.limits.leave(o.trunk.Name)
		c.shut(stream)
		return nil, err.Error()
	}
	if o.plain {
		s.local.Security = sdp.Plain
	}
	c.sides = append(c.sides, s)
	c.s.filter.expect(o.addr)
	s.leg = c.s.stack.Dial(c.dialConfig(o, want, s.offer()))
	s.report.SIPCallID = s.leg.CallID()
	c.captured(s)
	return s, ""
}

func (c *Call) dialConfig(o *outgoing, want *leg.Client, offer []byte) leg.DialConfig {
	who, headers := o.say(c.s.hostOf(o.trunk.Transport, o.addr))
	uri := "sip:" + o.user + "@" + domainOf(o.trunk, o.host, o.port)
	to := o.to
	if !to.IsValid() {
		to = netip.AddrPortFrom(o.addr, uint16(o.port))
	}
	if network := o.trunk.Network(); network != "udp" {
		uri += ";transport=" + network
	}
	terms := termsOf(o.trunk)
	return leg.DialConfig{
		Owner: owner{c}, Network: o.trunk.Transport, Target: to.String(), TLS: want,
		Routes: slices.Concat(routesOf(o.trunk), c.s.watch.serviceRoutes(o.trunk.Name)),
		URI:    uri, From: who.from, PAI: who.pai, Username: terms.Username, Password: terms.Password, Fragments: terms.Fragments,
		Reliable: terms.Reliable, SessionExpires: terms.SessionExpires,
		Replaces: o.replaces, Headers: headers, SDP: offer, MaxForwards: c.request.MaxForwards - 1,
	}
}
