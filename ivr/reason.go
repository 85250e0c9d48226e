package ivr

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringbid/ringbid"
)

// Who ended a call.
const (
	byCaller = "caller"
	byBuyer  = "buyer"
	byUs     = "ringbid"
)

// ending is how a call ends; the first one counts.
type ending struct {
	outcome ringbid.Outcome
	reason  ringbid.Reason
	by      string
}

// refusal is a call that is not answered, with the status that says so.
func refusal(code string, status int, fault ringbid.Fault, text string) ringbid.Reason {
	return ringbid.Reason{Code: code, Text: text, Fault: fault, SIP: status}
}

func reasonNoDocuments() ringbid.Reason {
	return refusal("no_configuration", 503, ringbid.FaultConfig, "nothing is published yet")
}

func reasonInternal(text string) ringbid.Reason {
	return refusal("internal", 500, ringbid.FaultOurs, text)
}

// flowEnded is an ordinary end at a node.
func flowEnded() ending {
	return ending{ringbid.OutcomeEnded, ringbid.Reason{Code: "flow_ended", Text: "the flow came to its end", Fault: ringbid.FaultNone}, byUs}
}

func noBuyer(attempts int) ending {
	text := "no buyer could take the call"
	if attempts > 0 {
		text = fmt.Sprintf("%d buyers were dialled and none took the call", attempts)
	}
	if attempts == 1 {
		text = "one buyer was dialled and did not take the call"
	}
	return ending{ringbid.OutcomeNoBuyer, ringbid.Reason{Code: "no_buyer", Text: text, Fault: ringbid.FaultBuyer}, byUs}
}

func questionsFailed(node string) ending {
	return ending{ringbid.OutcomeEnded, ringbid.Reason{
		Code: "questions_failed", Text: "no valid answer at " + node, Fault: ringbid.FaultCaller,
	}, byUs}
}

func closedNow(node string) ending {
	return ending{ringbid.OutcomeEnded, ringbid.Reason{Code: "closed", Text: "closed at " + node, Fault: ringbid.FaultNone}, byUs}
}

func tooManySteps(limit int) ending {
	return ending{ringbid.OutcomeEnded, ringbid.Reason{
		Code: "flow_loop", Text: fmt.Sprintf("the flow went on for more than %d steps", limit), Fault: ringbid.FaultConfig,
	}, byUs}
}

func tooLong() ending {
	return ending{ringbid.OutcomeEnded, ringbid.Reason{
		Code: "max_duration", Text: "the call reached its maximum length", Fault: ringbid.FaultNone,
	}, byUs}
}

// gone reports whether the caller's side is over, and how the call ends then:
// the caller hung up, unless the call itself knows better.
func (w *walk) gone(ctx context.Context) (e ending, over bool) {
	e = ending{ringbid.OutcomeAbandoned, ringbid.Reason{
		Code: "caller_hung_up", Text: "the caller hung up", Fault: ringbid.FaultCaller,
	}, byCaller}
	over = ctx.Err() != nil
	known, ok := w.call.(ender)
	if !ok {
		return e, over
	}
	by, reason := known.Ended()
	if reason.Code != "" {
		e.reason = reason
	}
	if by == "" || by == byCaller {
		return e, over || by != ""
	}
	e.by = by
	switch e.reason.Fault {
	case ringbid.FaultCaller, ringbid.FaultTrunk:
	case ringbid.FaultOurs:
		e.outcome = ringbid.OutcomeFailed
	default:
		e.outcome = ringbid.OutcomeEnded
	}
	return e, true
}

// errOver ends a flow whose caller is gone. It is never shown: what happened is
// asked of the call.
var errOver = errors.New("the caller's side is over")

// over reports whether the caller's side is over. A call may know it a moment
// before its context does.
func (w *walk) over(ctx context.Context) bool {
	_, over := w.gone(ctx)
	return over
}

// broken is the end of a call whose telephone side could not do its work.
func broken(doing string, err error) ending {
	status, code := 500, "media_failed"
	if k := ringbid.KindOf(err); k == ringbid.Busy || k == ringbid.Unavailable {
		status, code = 503, "no_capacity"
	}
	return ending{ringbid.OutcomeFailed, refusal(code, status, ringbid.FaultOurs, doing+" did not work"), byUs}
}

// endText is the last sentence of the call's story.
func endText(c *ringbid.Call) string {
	if c.Reason.Text == "" {
		return "call ended"
	}
	return "call ended: " + c.Reason.Text
}
