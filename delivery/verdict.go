package delivery

import (
	"time"

	"github.com/ringbid/ringbid/delivery/connector"
)

// MaxTries is how often a lead is offered to one endpoint; the pauses between
// are 2, 4, 8, 16 and 32 s, or what the partner asks for.
const MaxTries = quickTries

// DefaultPatience is the longest pause a partner may ask for before the lead
// goes elsewhere.
const DefaultPatience = time.Hour

// Try is one try at a delivery that has ended.
type Try struct {
	Class connector.Class
	// Idempotent says that the partner does nothing twice.
	Idempotent bool
	// Number counts the tries at this endpoint, this one included, from 1.
	Number int
	// Maybe says that an earlier try ended ambiguously: the partner may have the
	// lead already.
	Maybe bool
	// RetryAfter is how long the partner asks us to wait; 0 where it does not say.
	RetryAfter time.Duration
	// Patience is the longest such pause; DefaultPatience where it is 0.
	Patience time.Duration
}

// Next is what happens to the lead.
type Next string

// What happens to a lead.
const (
	// NextDone: the partner has it.
	NextDone Next = "done"
	// NextRetry: the same endpoint again, after a pause.
	NextRetry Next = "retry"
	// NextWaterfall: the next method or bidder; where there is none, the exception
	// queue.
	NextWaterfall Next = "waterfall"
	// NextException: a person must look, because the partner may have the lead, and
	// selling it again could sell it twice.
	NextException Next = "exception"
)

// Breaker is what a try tells the endpoint's breaker.
type Breaker string

// What a try tells the breaker.
const (
	BreakerSuccess Breaker = "success" // the endpoint works, whatever it said
	BreakerNothing Breaker = "nothing" // says nothing about the endpoint
	BreakerFailure Breaker = "failure" // one of ten in a row
	BreakerOpen    Breaker = "open"    // opens at once, and alerts: no try can succeed
)

// Verdict is what follows from a try.
type Verdict struct {
	Next    Next
	After   time.Duration // before a retry, at the least; Jitter adds to it
	Breaker Breaker
	// Maybe is the Maybe of the following try.
	Maybe bool
}

// Judge decides what follows from a try. What can heal is tried again: what never
// left us, what broke on the partner's side, and what the partner asks to repeat
// later. What may have arrived is repeated only where that does no harm, and is
// never offered to another: not when its tries are used up, and not when a repeat
// is refused, which may be because the first one is there.
func Judge(t Try) Verdict {
	v := Verdict{Maybe: t.Maybe || t.Class == connector.ClassAmbiguous, Breaker: BreakerNothing}
	heals := false
	switch t.Class {
	case connector.ClassAccepted:
		return Verdict{Next: NextDone, Breaker: BreakerSuccess}
	case connector.ClassRejected:
		v.Breaker = BreakerSuccess
	case connector.ClassAuth:
		v.Breaker = BreakerOpen
	case connector.ClassThrottled:
		heals = t.RetryAfter <= patience(t)
	case connector.ClassNeverSent, connector.ClassServer:
		v.Breaker, heals = BreakerFailure, true
	case connector.ClassAmbiguous:
		v.Breaker, heals = BreakerFailure, t.Idempotent
	}
	switch {
	case heals && t.Number < MaxTries && (t.Idempotent || !v.Maybe):
		v.Next, v.After = NextRetry, max(after(max(t.Number, 1)), t.RetryAfter)
	case v.Maybe:
		v.Next = NextException
	default:
		v.Next = NextWaterfall
	}
	return v
}

func patience(t Try) time.Duration {
	if t.Patience > 0 {
		return t.Patience
	}
	return DefaultPatience
}

// Jitter makes a pause up to a quarter longer, so that leads that failed together
// do not come back together. chance is from 0 up to 1; a pause is never shortened,
// because the partner may have asked for it.
func Jitter(d time.Duration, chance float64) time.Duration {
	return d + time.Duration(float64(d/4)*min(max(chance, 0), 1))
}
