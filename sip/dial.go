package sip

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// lookUpLimit bounds the search for a trunk's address.
const lookUpLimit = 3 * time.Second

// dialTask calls one target while the caller waits to music or ringback.
type dialTask struct {
	work
	d       ringbid.Dial
	attempt ringbid.Attempt
	trunk   *ringbid.Trunk
	host    string
	port    int
	addr    netip.Addr
	s       *side // the leg being tried, nil before the INVITE
	stage   dialStage
	id      media.PlayID // the whisper
	again   bool         // the other law was tried
	plain   bool         // SRTP was refused, plain RTP is tried
}

// dialStage is how far an attempt has come.
type dialStage uint8

const (
	dialCalling dialStage = iota
	dialDigits            // keying SendDigits
	dialWhisper           // the agent hears the whisper
	dialAccept            // waiting for the accept key
)

// Dial calls a target. The caller hears d.Hold, or ringback, from now until the
// bridge or the next prompt. VerdictAnswered means that the buyer is there, has
// heard the whisper, has pressed the accept key if there is one, and waits for
// Bridge; with any other verdict the leg is gone. No answer of any kind in 4 s
// is VerdictUnreachable.
func (c *Call) Dial(ctx context.Context, d ringbid.Dial) ringbid.Attempt {
	t := &dialTask{work: newWork(), d: d}
	t.attempt = ringbid.Attempt{Leg: ringbid.NewID(), Started: time.Now()}
	if err := c.run(ctx, t); err != nil && t.attempt.Verdict == "" {
		t.attempt.Verdict, t.attempt.Text = ringbid.VerdictLocal, err.Error()
		if by, _ := c.Ended(); by != "" {
			t.attempt.Verdict = ringbid.VerdictCancelled
		}
	}
	return t.attempt
}

func (t *dialTask) begin(c *Call) {
	if !c.needAnswer(t) {
		return
	}
	c.resting = nil
	if len(t.d.Hold) > 0 {
		c.resting = c.s.clips.of(t.d.Hold)
		c.loop(c.resting)
	} else {
		c.loop(c.s.clips.ringback)
	}
	if text := t.plan(c); text != "" {
		t.over(c, ringbid.VerdictLocal, 0, text)
		return
	}
	if addr, err := netip.ParseAddr(t.host); err == nil {
		t.addr = addr
		t.call(c, t.codecs(c)...)
		return
	}
	t.at = time.Now().Add(lookUpLimit + time.Second)
	c.lookups.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, lookUpLimit)
		defer cancel()
		addr, err := lookUp(ctx, t.host)
		c.do(func() { t.found(c, addr, err) })
	})
}

// plan checks what is needed before anything is sent and says what is missing.
func (t *dialTask) plan(c *Call) string {
	if t.d.Target == nil {
		return "no target"
	}
	if c.talk != nil {
		return "the caller has a buyer already"
	}
	trunk, ok := c.s.cfg.Trunks.Named(t.d.Target.Trunk)
	if !ok || trunk.Address == "" {
		return fmt.Sprintf("trunk %s has no address to call", t.d.Target.Trunk)
	}
	var err error
	if t.host, t.port, err = trunk.HostPort(); err != nil {
		return err.Error()
	}
	t.trunk = trunk
	if !ringbid.SIPUser(t.user()) {
		return "what to dial is not a number or SIP user"
	}
	if c.request.MaxForwards <= 1 {
		return reason(codeLoop).Text // RFC 3261 section 16.3: a loop through us ends here
	}
	if !t.d.Award.Expires.IsZero() && time.Now().After(t.d.Award.Expires) {
		return "the award has expired"
	}
	return ""
}

func (t *dialTask) user() string {
	if t.d.Award.User != "" {
		return t.d.Award.User
	}
	return t.d.Target.User
}

func (t *dialTask) found(c *Call, addr netip.Addr, err error) {
	if c.task != t {
		return
	}
	if err != nil {
		t.over(c, ringbid.VerdictUnreachable, 0, "host "+t.host+" is not known")
		return
	}
	t.addr = addr
	t.call(c, t.codecs(c)...)
}

// codecs is what the buyer is offered: exactly the caller's codec, so that
// nothing is converted, unless the buyer's trunk does not take it.
func (t *dialTask) codecs(c *Call) []sdp.Codec {
	all := voices(t.trunk)
	for _, v := range all {
		if v.Name == c.caller.agreed.Local.Name {
			return []sdp.Codec{v}
		}
	}
	return all[:1]
}

// call sends the INVITE of a new leg.
func (t *dialTask) call(c *Call, codecs ...sdp.Codec) {
	now := time.Now()
	if code := c.s.limits.enter(t.trunk, false, now); code != "" {
		t.over(c, ringbid.VerdictLocal, 0, reason(code).Text)
		return
	}
	stream, err := c.s.stream(c.sounds)
	if err != nil {
		c.s.limits.leave(t.trunk.Name)
		t.over(c, ringbid.VerdictLocal, 0, refusalOf(err).Text)
		return
	}
	s := &side{stream: stream, trunk: t.trunk, expected: t.addr, report: ringbid.Leg{
		ID: t.attempt.Leg, Side: byBuyer, Name: t.d.Award.Name, Target: t.d.Target.Name, Trunk: t.trunk.Name,
		Peer: net.JoinHostPort(t.host, itoa(t.port)), Started: now,
	}}
	if t.again || t.plain {
		s.report.ID = ringbid.NewID()
		t.attempt.Leg = s.report.ID
	}
	s.describe(codecs...)
	if err := s.secure(t.trunk.Transport); err != nil {
		c.s.limits.leave(t.trunk.Name)
		stream.Close()
		t.over(c, ringbid.VerdictLocal, 0, err.Error())
		return
	}
	if t.plain {
		s.local.Security = sdp.Plain
	}
	t.s = s
	t.at = now.Add(t.ringTimeout())
	c.sides = append(c.sides, s)
	c.s.filter.expect(t.addr)
	c.emit(ringbid.Event{Kind: ringbid.EventDial, Leg: s.report.ID, Bid: t.d.Award.Bid, Data: map[string]string{
		"target": t.d.Target.Name, "buyer": t.d.Target.Buyer, "price": t.d.Award.Price.String()}})
	s.leg = c.s.stack.Dial(t.dialConfig(c))
	s.report.SIPCallID = s.leg.CallID()
	c.captured(s)
}

func (t *dialTask) dialConfig(c *Call) leg.DialConfig {
	host := c.s.hostOf(t.trunk.Transport)
	who := identityOf(t.d, host)
	headers, err := headersFor(c.inv, t.d, host, who.privacy)
	if err != nil {
		c.s.m.headerLeftOut()
		c.log.Warn("header left out", slog.String("target", t.d.Target.Name), slog.Any("error", err))
	}
	uri := "sip:" + t.user() + "@" + net.JoinHostPort(t.host, itoa(t.port))
	if t.trunk.Transport == "tcp" {
		uri += ";transport=tcp"
	}
	return leg.DialConfig{
		Mailbox: c.signals, Network: t.trunk.Transport, Target: net.JoinHostPort(t.addr.String(), itoa(t.port)),
		URI: uri, From: who.from, PAI: who.pai, Username: t.trunk.Username, Password: string(t.trunk.Password),
		Headers: headers, SDP: t.s.offer(), MaxForwards: c.request.MaxForwards - 1,
	}
}

func (t *dialTask) ringTimeout() time.Duration {
	if t.d.RingTimeout > 0 {
		return t.d.RingTimeout
	}
	return t.d.Target.RingTimeout.Or(ringbid.DefaultRingTimeout)
}

func (t *dialTask) signal(c *Call, s *side, ev leg.Event) {
	if s != t.s {
		return
	}
	switch ev.Kind {
	case leg.Ringing, leg.EarlyMedia:
		t.ringing(c)
	case leg.Answered:
		t.answered(c, ev.SDP)
	case leg.Failed:
		t.failed(c, ev)
	case leg.ByeReceived, leg.Ended:
		t.over(c, ringbid.VerdictNotAccepted, 200, s.report.Reason)
	}
}

// ringing starts the ring timeout. Early media is not let through: what the
// caller hears is ours until the bridge.
func (t *dialTask) ringing(c *Call) {
	if t.s.report.Ringing != nil {
		return
	}
	now := time.Now()
	t.s.report.Ringing = &now
	t.attempt.RingMS = max(1, now.Sub(t.s.report.Started).Milliseconds())
	t.at = now.Add(t.ringTimeout())
	c.emit(ringbid.Event{Kind: ringbid.EventRinging, Leg: t.s.report.ID, Data: map[string]string{
		"target": t.d.Target.Name, "buyer": t.d.Target.Buyer}})
}

func (t *dialTask) answered(c *Call, answer []byte) {
	s, now := t.s, time.Now()
	s.report.Answered = &now
	s.report.Status = 200
	t.attempt.AnswerMS = max(1, now.Sub(s.report.Started).Milliseconds())
	agreed, err := s.accept(answer)
	if err != nil {
		t.drop(c, byUs, refusalOf(err))
		t.over(c, ringbid.VerdictFailed, 200, err.Error())
		return
	}
	s.apply(agreed)
	c.emit(ringbid.Event{Kind: ringbid.EventLegAnswer, Leg: s.report.ID, Data: map[string]string{"target": t.d.Target.Name}})
	t.digits(c)
}

// failed reads the end of the attempt. Refused SRTP is tried once more without,
// where the trunk allows that, and a refused codec with the other law, which the
// media plane converts.
func (t *dialTask) failed(c *Call, ev leg.Event) {
	s := t.s
	s.report.Status = ev.Code
	if ev.Code == 488 || ev.Code == 606 || ev.Code == 415 {
		if t.s.local.Security == sdp.Optional {
			t.plain = true
			t.retry(c, ev, t.s.local.Codecs[0])
			return
		}
		if other := t.otherLaw(); other != nil && !t.again {
			t.again = true
			t.retry(c, ev, *other)
			return
		}
	}
	verdict, text := verdictOf(ev.Code), ev.Reason
	if ev.Code == 0 {
		verdict = verdictOfError(ev.Err)
		if text == "" && ev.Err != nil {
			text = ev.Err.Error()
		}
	}
	t.mark(verdict)
	t.drop(c, byBuyer, ringbid.Reason{Text: text, SIP: ev.Code, Q850: ev.Q850})
	t.over(c, verdict, ev.Code, text)
}

// retry ends the leg being tried and tries another with these codecs.
func (t *dialTask) retry(c *Call, ev leg.Event, codecs ...sdp.Codec) {
	t.mark(ringbid.VerdictFailed)
	t.drop(c, byBuyer, ringbid.Reason{Text: ev.Reason, SIP: ev.Code})
	t.call(c, codecs...)
}

func (t *dialTask) otherLaw() *sdp.Codec {
	for _, v := range voices(t.trunk) {
		if v.Name != t.s.local.Codecs[0].Name {
			return &v
		}
	}
	return nil
}

func (t *dialTask) mark(v ringbid.Verdict) { t.s.report.Verdict = v }

// drop ends the leg being tried.
func (t *dialTask) drop(c *Call, by string, why ringbid.Reason) {
	if t.s != nil {
		c.hangUp(t.s, by, why)
	}
}

// over ends the attempt with a verdict.
func (t *dialTask) over(c *Call, v ringbid.Verdict, status int, text string) {
	t.attempt.Verdict, t.attempt.Text = v, text
	if status > 0 {
		t.attempt.Status = status
	}
	if t.s != nil {
		t.mark(v)
		if v != ringbid.VerdictAnswered && t.s.report.Reason == "" {
			t.s.report.Reason = text
		}
	}
	c.s.m.attempt(t.attempt)
	attrs := []any{slog.String("verdict", string(v)), slog.Int("status", t.attempt.Status), slog.String("text", text)}
	if t.d.Target != nil {
		attrs = append(attrs, slog.String("target", t.d.Target.Name))
	}
	c.log.Info("target dialled", attrs...)
	c.finish(t, nil)
}

// lookUp finds the address of a trunk's host, IPv4 first.
func lookUp(ctx context.Context, host string) (netip.Addr, error) {
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("look up %s: %w", host, err)
	}
	for _, a := range list {
		if a.Unmap().Is4() {
			return a.Unmap(), nil
		}
	}
	if len(list) == 0 {
		return netip.Addr{}, fmt.Errorf("look up %s: no address", host)
	}
	return list[0], nil
}

// hostOf is what we call ourselves towards a trunk.
func (s *Server) hostOf(network string) string {
	if s.cfg.Advertise != "" {
		return s.cfg.Advertise
	}
	if network == "" {
		network = "udp"
	}
	addrs := s.stack.Addrs()
	at := addrs[0].Addr
	for _, l := range addrs {
		if l.Network == network {
			at = l.Addr
			break
		}
	}
	host, _, err := net.SplitHostPort(at)
	if err != nil {
		return at
	}
	return host
}
