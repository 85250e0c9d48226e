package sip

import (
	"context"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// A talk that a colleague took over is given to another call by an attended
// transfer: the call it came from ends, that other one goes on.
func TestPickedUpTalkMovesToAnotherCall(t *testing.T) {
	t.Parallel()
	third, agent := newPhone(t, (*siptest.Line).Answer), newPhone(t, (*siptest.Line).Answer)
	colleague, office := newPhone(t, nil), newPhone(t, nil)
	r := bareRig(t)
	calls := make(chan *Call, 2)
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		to := agent
		if c.Invite().Number == "+18005550101" {
			to = third
		}
		target := r.target(to)
		target.Transfers = &ringbid.Transfers{Allow: ringbid.TransferTrunk}
		c.Dial(ctx, dialOf(c, target))
		calls <- c
		c.Bridge(ctx, time.Minute)
	})
	consult := r.call(office, "+18005550101").Talk()
	line := siptest.Receive(t, "the third's call", third.Lines)
	line.Want(leg.Acked)
	first := siptest.Receive(t, "the first call", calls)
	var id leg.DialogID
	line.On(func(l *leg.Leg) { id = l.Dialog() })
	picked := r.call(colleague, "third", func(_ *siptest.Line, d *leg.DialConfig) { d.Replaces = &id }).Talk()
	line.Want(leg.ByeReceived)

	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	siptest.Receive(t, "the agent's call", agent.Lines).Want(leg.Acked)
	second := siptest.Receive(t, "the second call", calls)
	siptest.Eventually(t, "the talk", func() bool {
		bridged := false
		second.ask(func() { _, bridged = second.task.(*bridgeTask) })
		return bridged
	})
	consult.On(func(l *leg.Leg) { id = l.Dialog() })
	second.do(func() {
		second.referred(second.talk, leg.Refer{Scheme: "sip", User: "third", Host: "127.0.0.1", Replaces: &id})
	})
	consult.Want(leg.ByeReceived)
	<-first.over
	caller.Hum(1100)
	picked.Hum(900)
	caller.Hears(900)
	picked.Hears(1100)
	caller.HangUp()
	picked.Want(leg.ByeReceived)
	r.idle()
}
