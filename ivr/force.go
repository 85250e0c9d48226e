package ivr

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ringbid/ringbid"
)

// errForced ends the work of a node because the call is sent elsewhere.
var errForced = errors.New("the call is sent elsewhere")

// ErrTalking is returned by Force for a call that has a buyer already.
var ErrTalking = ringbid.Errorf(ringbid.Conflict, "the caller is talking to a buyer already")

// force is what an operator wants of a call, and how its node is interrupted.
type force struct {
	mu        sync.Mutex
	interrupt context.CancelCauseFunc // of the node at work; nil between nodes
	talking   bool
	target    *ringbid.Target // waits to be dialled
	by        string
}

// Force sends a call that nobody took yet to the target, on behalf of by,
// whatever its flow and auction are doing. The caller hears hold music until
// the target answers; then the auction is closed without a winner and the call
// is the target's, at its standing price. Where it does not answer, the flow
// goes on at the node it was at. The target's caps and hours do not count: a
// person decided.
//
// It returns NotFound for a call that is not up here or an unknown target,
// ErrTalking, and Conflict while an earlier order is being carried out.
func (r *Runner) Force(callID, target, by string) error {
	r.mu.Lock()
	w := r.live[callID]
	r.mu.Unlock()
	if w == nil {
		return ringbid.Errorf(ringbid.NotFound, "the call is not up any more")
	}
	t := w.target(target)
	if t == nil || t.Trunk == "" {
		return ringbid.Errorf(ringbid.NotFound, "there is no target %.64q that takes calls", target)
	}
	f := &w.force
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.talking:
		return ErrTalking
	case f.target != nil:
		return ringbid.Errorf(ringbid.Conflict, "the call is on its way to %s already", f.target.Name)
	}
	f.target, f.by = t, by
	if f.interrupt != nil {
		f.interrupt(errForced)
	}
	return nil
}

// enlist lets Force find the call until it is over.
func (r *Runner) enlist(w *walk) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[w.inv.CallID] = w
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.live, w.inv.CallID)
	}
}

// node runs the node, unless the call is sent elsewhere before or meanwhile.
func (w *walk) node(ctx context.Context, id string) (next string, err error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if w.force.begin(cancel) {
		next, err = w.step(inner, id)
	}
	t, by := w.force.end()
	if t == nil || w.over(ctx) || w.out.Outcome != "" {
		return next, err
	}
	return w.sendTo(ctx, t, by, id)
}

// begin makes a node interruptible; false where an order waits.
func (f *force) begin(interrupt context.CancelCauseFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interrupt = interrupt
	return f.target == nil
}

// end returns the order that interrupted the node, if one did.
func (f *force) end() (*ringbid.Target, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, by := f.target, f.by
	f.interrupt, f.target = nil, nil
	return t, by
}

// talk says that the caller has a buyer; false where an order came first.
func (f *force) talk() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.talking = f.target == nil
	return f.talking
}

// sendTo dials the operator's target. Where it does not take the call, the flow
// goes on at the node.
func (w *walk) sendTo(ctx context.Context, t *ringbid.Target, by, node string) (string, error) {
	w.log.Info("call sent to a target by an operator", "target", t.Name, "by", by)
	w.tell(ringbid.EventForced, fmt.Sprintf("sent to %s by %s", t.Name, by), map[string]string{"target": t.Name, "by": by})
	w.untold = w.untold || !w.answered
	if err := w.answer(ctx); err != nil {
		return "", err
	}
	began := w.r.now()
	s := &ringbid.Step{Node: node, Type: ringbid.NodeDial, At: began, Answer: "sent to " + t.Name}
	a := ringbid.Award{Name: t.Name, Target: t.Name, Buyer: t.Buyer, Price: t.Price, User: t.User}
	_, at := w.try(ctx, a, nil, s)
	defer func() {
		s.MS = w.r.now().Sub(began).Milliseconds()
		w.out.Steps = append(w.out.Steps, *s)
	}()
	if at.Verdict != ringbid.VerdictAnswered {
		w.log.Info("the operator's target did not take the call", "target", t.Name, "verdict", at.Verdict)
		return node, nil
	}
	w.settle(0) // the auction ends without a winner
	out, err := w.bridge(ctx, &ringbid.Node{ID: node}, a, t)
	return out.to, err
}
