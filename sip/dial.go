package sip

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// lookUpLimit bounds the search for a trunk's address.
const lookUpLimit = 3 * time.Second

// dialTask calls one target while the caller waits to music or ringback: one
// place, or several that ring at once.
type dialTask struct {
	work
	d       ringbid.Dial
	attempt ringbid.Attempt
	places  []*place
	music   *media.Clip // what the caller waits to; nil changes nothing
}

// Dial calls a target, at all its places at once. The caller hears d.Hold, or
// ringback, from now until the bridge or the next prompt, unless the target's
// EarlyMedia says otherwise. A caller who is not answered yet stays so, and is
// told when a place rings (180) or is to be heard (183). VerdictAnswered means that
// the buyer is there, has heard the whisper, has pressed the accept key if there is
// one, is not a voicemail if that is looked for, and waits for Bridge, before which
// the caller has to be answered; with any other verdict every leg is gone. No
// answer of any kind in 4 s is VerdictUnreachable.
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
	c.dialled = t.d
	t.entertain(c)
	if text := t.plan(c); text != "" {
		t.over(c, nil, ringbid.VerdictLocal, 0, text)
		return
	}
	t.places = placesOf(t)
	for _, p := range t.places {
		if c.task != t {
			return
		}
		p.start(c)
	}
}

// entertain starts what the caller hears while the target rings.
func (t *dialTask) entertain(c *Call) {
	c.resting = nil
	if len(t.d.Hold) > 0 {
		c.resting = c.s.clips.of(t.d.Hold)
	}
	if !c.hears() || t.d.Target != nil && t.d.Target.EarlyMedia == ringbid.EarlyIgnore {
		return
	}
	t.tune(c)
}

// tune plays what the caller waits to.
func (t *dialTask) tune(c *Call) {
	if t.music = c.resting; t.music == nil {
		t.music = c.s.clips.ringback
	}
	c.loop(t.music)
}

// plan checks what is needed before anything is sent and says what is missing.
func (t *dialTask) plan(c *Call) string {
	switch {
	case t.d.Target == nil:
		return "no target"
	case c.talk != nil:
		return "the caller has a buyer already"
	case c.request.MaxForwards <= 1:
		return reason(codeLoop).Text // RFC 3261 section 16.3: a loop through us ends here
	case !t.d.Award.Expires.IsZero() && time.Now().After(t.d.Award.Expires):
		return "the award has expired"
	}
	return ""
}

func (t *dialTask) ringTimeout() time.Duration {
	if t.d.RingTimeout > 0 {
		return t.d.RingTimeout
	}
	return t.d.Target.RingTimeout.Or(ringbid.DefaultRingTimeout)
}

// of returns the place that rings with the side, nil if there is none.
func (t *dialTask) of(s *side) *place {
	for _, p := range t.places {
		if p.s == s && !p.over {
			return p
		}
	}
	return nil
}

func (t *dialTask) signal(c *Call, s *side, ev leg.Event) {
	if p := t.of(s); p != nil {
		p.signal(c, ev)
	}
}

func (t *dialTask) sound(c *Call, s *side, ev media.Event) {
	if p := t.of(s); p != nil {
		p.sound(c, ev)
	}
}

// key takes an agent's key; the caller's are kept for later.
func (t *dialTask) key(c *Call, s *side, k byte) bool {
	p := t.of(s)
	return p != nil && p.key(c, k)
}

// due is when the first of the places has waited long enough.
func (t *dialTask) due() time.Time {
	var at time.Time
	for _, p := range t.places {
		if !p.over && !p.at.IsZero() && (at.IsZero() || p.at.Before(at)) {
			at = p.at
		}
	}
	return at
}

func (t *dialTask) late(c *Call) {
	now := time.Now()
	for _, p := range t.places {
		if c.task == t && !p.over && !p.at.IsZero() && !now.Before(p.at) {
			p.late(c)
		}
	}
}

// stop gives the attempt up: the caller left, or the handler wants to.
func (t *dialTask) stop(c *Call, _ error) {
	by, why := c.endedBy, c.endWhy
	if !c.ended {
		by, why = byUs, reason(codeElsewhere)
	}
	var last *place
	for _, p := range t.places {
		if p.over {
			continue
		}
		if p.s != nil && (last == nil || last.s.report.Ringing == nil) {
			last = p
		}
		p.close(c, ringbid.VerdictCancelled, by, why)
	}
	t.over(c, last, ringbid.VerdictCancelled, 0, why.Text)
}

// alone ends every place but one, because that one took the call.
func (t *dialTask) alone(c *Call, taker *place) {
	for _, p := range t.places {
		if p != taker && !p.over {
			p.close(c, ringbid.VerdictElsewhere, byUs, reason(codeTaken))
		}
	}
}

// informative orders verdicts by how much they say of a target of which no
// place took the call: that somebody answered says most, our own limit least.
var informative = []ringbid.Verdict{
	ringbid.VerdictNotAccepted, ringbid.VerdictVoicemail, ringbid.VerdictBusy, ringbid.VerdictNoAnswer,
	ringbid.VerdictRefused, ringbid.VerdictFailed, ringbid.VerdictUnreachable, ringbid.VerdictLocal,
}

// lost ends the attempt when no place is left to take the call.
func (t *dialTask) lost(c *Call) {
	var best *place
	for _, p := range t.places {
		if !p.over {
			return
		}
		if best == nil || slices.Index(informative, p.verdict) < slices.Index(informative, best.verdict) {
			best = p
		}
	}
	t.over(c, best, best.verdict, best.status, best.text)
}

// over ends the attempt with the verdict of one place.
func (t *dialTask) over(c *Call, p *place, v ringbid.Verdict, status int, text string) {
	t.attempt.Verdict, t.attempt.Text, t.attempt.Status = v, text, status
	if p != nil && p.s != nil {
		r := &p.s.report
		t.attempt.Leg = r.ID
		t.attempt.RingMS, t.attempt.AnswerMS = since(r.Started, r.Ringing), since(r.Started, r.Answered)
	}
	c.s.m.attempt(t.attempt)
	attrs := []any{slog.String("verdict", string(v)), slog.Int("status", status), slog.String("text", text)}
	if t.d.Target != nil {
		attrs = append(attrs, slog.String("target", t.d.Target.Name))
	}
	if len(t.places) > 1 {
		attrs = append(attrs, slog.Int("places", len(t.places)))
	}
	c.log.Info("target dialled", attrs...)
	c.finish(t, nil)
}

// since is the whole milliseconds to a moment, at least one; 0 when it never
// came.
func since(from time.Time, at *time.Time) int64 {
	if at == nil {
		return 0
	}
	return max(1, at.Sub(from).Milliseconds())
}

// hostOf is what we call ourselves towards a trunk at the address, as it stands
// in a URI.
func (s *Server) hostOf(network string, peer netip.Addr) string {
	if network == "" {
		network = "udp"
	}
	var at netip.Addr
	for _, l := range s.listens {
		if l.addr.Is4() != peer.Is4() || at.IsValid() && l.network != network {
			continue
		}
		if at = l.addr; l.network == network {
			break
		}
	}
	return leg.HostFor(s.cfg.Advertise, at)
}
