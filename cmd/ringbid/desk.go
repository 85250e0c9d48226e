package main

import (
	"errors"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/ivr"
)

// callDesk is what supervisors and operators do at live calls of this node.
type callDesk struct{ a *app }

// Supervise rings the supervisor, changes what is heard, or leaves.
func (d callDesk) Supervise(callID string, v ringbid.Supervision) error {
	if !d.a.serving.Load() {
		return ringbid.Errorf(ringbid.Unavailable, "calls are not taken yet")
	}
	return d.a.sip.Supervise(callID, v)
}

// Send takes the caller to a target: out of the flow and its auction, or, when
// a buyer has the call, as a transfer to another target of that buyer.
func (d callDesk) Send(callID, target, by string) error {
	err := d.a.runner.Force(callID, target, by)
	if !errors.Is(err, ivr.ErrTalking) {
		return err
	}
	t := d.a.book().Targets[target]
	if t == nil {
		return ringbid.Errorf(ringbid.NotFound, "there is no target %.64q", target)
	}
	return d.a.sip.Send(callID, t, by)
}
