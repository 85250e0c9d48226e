package sip

import (
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// Send gives a talk to another target of the same buyer, on behalf of by: a
// transfer that nobody on the line asked for. The caller hears music until the
// target answers; where it does not, the old bridge is made again. What agents
// may do with a REFER does not bind it.
//
// It returns NotFound for a call that is not up here, and Conflict while nobody
// talks to the caller, another transfer is under way, or the target is another
// buyer's, who did not buy the call.
func (s *Server) Send(callID string, target *ringbid.Target, by string) error {
	s.mu.Lock()
	c := s.calls[callID]
	s.mu.Unlock()
	gone := ringbid.Errorf(ringbid.NotFound, "the call is not up any more")
	if c == nil {
		return gone
	}
	var err error
	if !c.ask(func() { err = c.send(target, by) }) {
		return gone
	}
	return err
}

// send runs on the owner.
func (c *Call) send(target *ringbid.Target, by string) error {
	t, ok := c.task.(*bridgeTask)
	switch {
	case !ok || c.talk == nil || c.talk.ended:
		return ringbid.Errorf(ringbid.Conflict, "nobody talks to the caller now")
	case t.transfer != nil:
		return ringbid.Errorf(ringbid.Conflict, "the caller is being transferred already")
	case c.dialled.Target == nil || c.dialled.Target.Buyer != target.Buyer:
		return ringbid.Errorf(ringbid.Conflict, "the call is another buyer's: it can be sent to a target of that buyer only")
	case !ringbid.SIPUser(target.User):
		return ringbid.FieldError("target", "%.64q has nothing to dial", target.Name)
	}
	t.transfer = &transfer{
		t: t, from: c.talk, ask: leg.Refer{User: target.User}, within: target.Trunk,
		record: ringbid.Transfer{At: time.Now(), Kind: ringbid.TransferSent, By: c.talk.report.ID, To: target.Name, Text: "by " + by},
	}
	t.transfer.begin(c)
	return nil
}
