package ivr

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// voicemail plays its prompt and lets the recording run until the caller hangs
// up or the time is over. The signal to speak is the end of the prompt.
func (w *walk) voicemail(ctx context.Context, n *ringbid.Node) (way, error) {
	if err := w.say(ctx, n.Prompt, false); err != nil {
		return way{}, err
	}
	if w.out.Consent.Policy == "off" {
		w.log.Warn("voicemail is not recorded", "node", n.ID)
	}
	message := time.NewTimer(n.MaxLength.Or(ringbid.DefaultVoicemail))
	defer message.Stop()
	left := ending{ringbid.OutcomeVoicemail, ringbid.Reason{Code: "voicemail", Text: "the caller left a message", Fault: ringbid.FaultNone}, byUs}
	select {
	case <-ctx.Done():
		e, _ := w.gone(ctx)
		left.by = e.by
		w.conclude(left)
		return way{}, errOver
	case <-message.C:
		w.expect(left)
		return way{to: n.Next}, nil
	}
}

// hangup says goodbye and ends the flow. A call that was not answered yet, with
// nothing to say, is refused with the node's status.
func (w *walk) hangup(ctx context.Context, n *ringbid.Node) (way, error) {
	if !w.answered && (n.Code != 0 || n.Prompt == "") {
		status := n.Code
		if status == 0 {
			status = 480
		}
		e := w.likely
		if e.reason.SIP = status; e.outcome == ringbid.OutcomeNoBuyer { // it was rung through
			w.conclude(e)
		} else {
			w.refuse(e.reason)
		}
		return way{}, nil
	}
	return way{}, w.say(ctx, n.Prompt, false)
}
