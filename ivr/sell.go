package ivr

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// musicAfter is how long a caller may hear nothing while bids are awaited.
const musicAfter = 250 * time.Millisecond

// openAuction opens the call's auction with what is known so far; a call has
// one, however many nodes ask for it.
func (w *walk) openAuction() {
	if w.auction != nil {
		return
	}
	w.auction = w.r.market.Open(w.life, ringbid.Ask{
		CallID: w.inv.CallID, Campaign: w.campaign.Name, Caller: w.inv.Caller, Number: w.inv.Number,
		Facts: w.facts.market(), Deadline: w.campaign.Deadline.Or(ringbid.DefaultDeadline), Floor: w.campaign.Floor,
	})
}

// settle ends the auction, if there is one, and keeps its record.
func (w *walk) settle(talk time.Duration) {
	if w.auction == nil || w.sold {
		return
	}
	w.sold = true
	w.out.Auction = new(w.auction.Done(talk))
}

// dial hands the call to the best bid that takes it. Where none does, or the
// call was connected before, it takes the way for nobody. A caller who is rung
// through is answered when a buyer is on the line.
func (w *walk) dial(ctx context.Context, n *ringbid.Node, s *ringbid.Step) (way, error) {
	nobody := way{to: n.None, label: "nobody"}
	if !n.RingThrough {
		if err := w.answer(ctx); err != nil {
			return way{}, err
		}
	}
	if w.out.Outcome != "" {
		return nobody, nil
	}
	w.openAuction()
	hold := w.prompt(n.Prompt)
	limit := w.campaign.MaxAttempts
	if limit == 0 {
		limit = ringbid.DefaultMaxAttempts
	}
	for w.attempts < limit && w.r.now().Before(w.until()) {
		a, ok := w.award(ctx, hold)
		if !ok {
			break
		}
		target, at := w.try(ctx, a, hold, s)
		err := w.pickUp(ctx, &at)
		w.auction.Report(a, at)
		switch {
		case err != nil && ringbid.KindOf(err) != ringbid.Unavailable:
			return way{}, err
		case at.Verdict == ringbid.VerdictAnswered:
			return w.bridge(ctx, n, a, target)
		}
		if w.over(ctx) {
			return way{}, errOver
		}
	}
	if w.over(ctx) {
		return way{}, errOver
	}
	w.expect(noBuyer(w.attempts))
	return nobody, nil
}

// pickUp answers a caller who was rung through, now that a buyer is on the line.
// Where that cannot be the buyer is let go, and the attempt says why.
func (w *walk) pickUp(ctx context.Context, at *ringbid.Attempt) error {
	if at.Verdict != ringbid.VerdictAnswered || w.answered {
		return nil
	}
	w.untold = true
	err := w.answer(ctx)
	if err == nil {
		return nil
	}
	w.call.Bridge(ctx, time.Second) // lets the buyer go
	at.Verdict, at.Text = ringbid.VerdictNotAccepted, err.Error()
	if w.over(ctx) {
		at.Verdict = ringbid.VerdictCancelled
	}
	return err
}

// award waits for the best bid left. The caller hears the hold music if that
// takes longer than a moment, or the ringback of the network before the answer.
func (w *walk) award(ctx context.Context, hold ringbid.Audio) (ringbid.Award, bool) {
	playing, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.entertain(playing, hold)
	}()
	defer func() {
		stop()
		<-stopped
	}()
	return w.auction.Award(ctx)
}

// entertain plays the hold music, after a moment, until the context ends.
func (w *walk) entertain(ctx context.Context, hold ringbid.Audio) {
	if len(hold) == 0 && w.answered {
		return
	}
	moment := time.NewTimer(musicAfter)
	defer moment.Stop()
	select {
	case <-ctx.Done():
		return
	case <-moment.C:
	}
	if !w.answered {
		w.call.Ring()
		return
	}
	for ctx.Err() == nil {
		began := time.Now()
		if w.call.Play(ctx, hold, false) != nil || time.Since(began) < hold.Duration()/2 {
			return
		}
	}
}

// try dials one award. An award that ran out, or whose target was withdrawn
// since, is not dialled.
func (w *walk) try(ctx context.Context, a ringbid.Award, hold ringbid.Audio, s *ringbid.Step) (*ringbid.Target, ringbid.Attempt) {
	now := w.r.now()
	target := w.target(a.Target)
	switch {
	case ctx.Err() != nil:
		return target, ringbid.Attempt{Verdict: ringbid.VerdictCancelled, Text: "the caller was gone", Started: now}
	case target == nil:
		w.log.Error("award names an unknown target", "target", a.Target, "bid", a.Bid)
		return nil, ringbid.Attempt{Verdict: ringbid.VerdictLocal, Text: "the target is unknown", Started: now}
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		return target, ringbid.Attempt{Verdict: ringbid.VerdictLocal, Text: "the bid had run out", Started: now}
	}
	w.attempts++
	s.Tries++
	return target, w.call.Dial(ctx, ringbid.Dial{
		Award: a, Target: target, Hold: hold, Whisper: w.prompt(target.Whisper),
		RingTimeout: target.RingTimeout.Or(ringbid.DefaultRingTimeout),
		Facts:       w.facts.all(), Caller: w.inv.Caller, CallerName: w.inv.CallerName,
	})
}

// target finds a target in the documents the call began with, or in today's
// where it was added since.
func (w *walk) target(name string) *ringbid.Target {
	if t := w.book.Targets[name]; t != nil {
		return t
	}
	if b := w.r.directory.Book(); b != nil {
		return b.Targets[name]
	}
	return nil
}

// bridge connects the two and settles the money when they part. The slot is
// given back before the flow goes on.
func (w *walk) bridge(ctx context.Context, n *ringbid.Node, a ringbid.Award, t *ringbid.Target) (way, error) {
	if !w.force.talk() { // sent elsewhere in the moment of the answer
		w.call.Bridge(ctx, time.Second) // lets the buyer go: ctx has ended
		return way{}, errForced
	}
	began := w.r.now()
	left := max(w.until().Sub(began), time.Second)
	talk := w.call.Bridge(ctx, left)
	if talk.MS == 0 && (talk.Started.IsZero() || talk.Reason.Fault == ringbid.FaultOurs) {
		w.settle(0)
		if w.over(ctx) {
			return way{}, errOver
		}
		return way{}, &brokenError{"bridge", ringbid.Errorf(ringbid.Internal, "bridge ended at once: %s", talk.Reason.Code)}
	}
	if talk.Started.IsZero() {
		talk.Started = began
	}
	connected := time.Duration(max(talk.MS, 0)) * time.Millisecond
	w.out.Connected, w.out.ConnectedMS = &talk.Started, connected.Milliseconds()
	w.out.Buyer, w.out.Target = a.Buyer, a.Target
	w.out.Sale = ringbid.Settle(w.campaign, w.number, t, a.Price, connected)
	w.conclude(parted(talk))
	w.settle(connected)
	if talk.EndedBy == byCaller || w.over(ctx) {
		return way{}, nil
	}
	return way{to: n.Next}, nil
}

// parted is the end of a call that was connected.
func parted(talk ringbid.Talk) ending {
	e := ending{ringbid.OutcomeBridged, talk.Reason, talk.EndedBy}
	if e.by == "" {
		e.by = byUs
	}
	if e.reason.Code != "" {
		return e
	}
	e.reason.Fault = ringbid.FaultNone
	switch e.by {
	case byCaller:
		e.reason.Code, e.reason.Text = "caller_hung_up", "the caller hung up"
	case byBuyer:
		e.reason.Code, e.reason.Text = "buyer_hung_up", "the buyer hung up"
	default:
		e.reason.Code, e.reason.Text = "max_duration", "the call reached its maximum length"
	}
	return e
}
