package ivr

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/ringbid/ringbid"
)

// alwaysNames are the facts that every call has and no flow can set.
var alwaysNames = []string{"caller", "number", "campaign", "publisher", "call_id"}

// walk is one call on its way through its flow.
type walk struct {
	r    *Runner
	call Call
	inv  ringbid.Invite
	log  *slog.Logger
	out  *ringbid.Call

	book     *ringbid.Book // as it was when the call arrived
	number   *ringbid.Number
	campaign *ringbid.Campaign
	flow     *ringbid.Flow
	plan     *plan

	facts    *facts
	auction  Auction // nil until it is opened
	sold     bool    // the auction is done
	answered bool
	untold   bool   // nothing was played before the answer: no announcement
	attempts int    // targets dialled
	likely   ending // how the call ends if the flow just stops
	force    force
	life     context.Context // of the whole call, for an auction outlives its node
}

func (r *Runner) newWalk(c Call) *walk {
	inv := c.Invite()
	if inv.Received.IsZero() {
		inv.Received = r.now()
	}
	return &walk{
		r: r, call: c, inv: inv, log: r.log.With("call_id", inv.CallID), book: r.directory.Book(),
		facts: newFacts(nil), likely: flowEnded(),
		out: &ringbid.Call{
			ID: inv.CallID, Node: r.node, State: ringbid.StateLive, Trunk: inv.Trunk, SIPCallID: inv.SIPCallID,
			Number: inv.Number, Caller: inv.Caller, CallerName: inv.CallerName, Received: inv.Received,
		},
	}
}

// learn keeps the tags a call starts with and tells of them.
func (w *walk) learn(first ringbid.TagMap) {
	w.facts = newFacts(ringbid.TagMap{
		"caller": string(w.inv.Caller), "number": string(w.inv.Number), "call_id": w.inv.CallID,
		"campaign": w.out.Campaign, "publisher": w.out.Publisher,
	})
	for _, name := range sortedNames(first) {
		if _, ok := w.facts.set(name, first[name], false); !ok {
			w.log.Warn("tag left out", "tag", name)
		}
	}
	if len(w.facts.tags) > 0 {
		w.tell(ringbid.EventTag, "known at the start", w.facts.public())
	}
}

// run goes from node to node until the flow stops, the caller is gone or a
// bound is reached. It always concludes the call.
func (w *walk) run(ctx context.Context) {
	w.life = ctx
	limit := w.flow.MaxSteps
	if limit == 0 {
		limit = ringbid.DefaultMaxSteps
	}
	until := w.until()
	id := w.flow.Start
	for steps := 0; id != ""; steps++ {
		if steps == limit {
			w.log.Warn("flow goes round and round", "flow", w.flow.Name, "version", w.out.FlowVersion, "steps", steps)
			w.conclude(tooManySteps(limit))
			return
		}
		if !w.r.now().Before(until) {
			w.conclude(tooLong())
			return
		}
		next, err := w.node(ctx, id)
		if err != nil {
			w.conclude(w.failed(ctx, err))
			return
		}
		id = next
	}
	w.conclude(w.likely)
}

// until is when the campaign ends every call.
func (w *walk) until() time.Time {
	return w.out.Received.Add(w.campaign.MaxDuration.Or(ringbid.DefaultMaxDuration))
}

// failed says how the call ends after an error at a node. That nobody took the
// call stays true when the caller does not wait for the goodbye.
func (w *walk) failed(ctx context.Context, err error) ending {
	e, gone := w.gone(ctx)
	if gone {
		if w.likely.outcome == ringbid.OutcomeNoBuyer && e.outcome == ringbid.OutcomeAbandoned {
			return ending{w.likely.outcome, w.likely.reason, e.by}
		}
		return e
	}
	var b *brokenError
	if errors.As(err, &b) {
		w.log.Error("call cannot go on", "doing", b.doing, "error", b.err)
		return broken(b.doing, b.err)
	}
	w.log.Error("call cannot go on", "error", err)
	return ending{ringbid.OutcomeFailed, reasonInternal("the flow could not go on"), byUs}
}

// conclude notes outcome, reason and who ended the call; the first time counts.
func (w *walk) conclude(e ending) {
	if w.out.Outcome == "" {
		w.out.Outcome, w.out.Reason, w.out.EndedBy = e.outcome, e.reason, e.by
	}
}

// expect notes how the call ends if the flow just stops. That nobody took the
// call is not forgotten over what is asked afterwards.
func (w *walk) expect(e ending) {
	if e.outcome == ringbid.OutcomeEnded && w.likely.outcome != ringbid.OutcomeEnded {
		return
	}
	w.likely = e
}

// way is the way out of a node: the node it leads to, "" for the end of the
// flow, and its label as in Node.Edges.
type way struct{ to, label string }

// step runs one node and keeps what happened in it, also where it broke.
func (w *walk) step(ctx context.Context, id string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	n := w.plan.nodes[id]
	if n == nil {
		return "", ringbid.Errorf(ringbid.NotFound, "node %.64q is not in flow %s", id, w.flow.Name)
	}
	began := w.r.now()
	s := &ringbid.Step{Node: n.ID, Type: n.Type, At: began}
	w.tellNode(ringbid.EventStep, n, map[string]string{"type": string(n.Type)})
	out, err := w.do(ctx, n, s)
	s.MS, s.Edge = w.r.now().Sub(began).Milliseconds(), out.label
	w.out.Steps = append(w.out.Steps, *s)
	w.r.metrics.stepped(n.Type)
	return out.to, err
}

func (w *walk) do(ctx context.Context, n *ringbid.Node, s *ringbid.Step) (way, error) {
	switch n.Type {
	case ringbid.NodeDisclose:
		return w.disclose(ctx, n)
	case ringbid.NodePlay:
		return w.play(ctx, n)
	case ringbid.NodeGather:
		return w.gather(ctx, n, s)
	case ringbid.NodeMenu:
		return w.menu(ctx, n, s)
	case ringbid.NodeHours:
		return w.hours(n), nil
	case ringbid.NodeBranch:
		return w.branch(n), nil
	case ringbid.NodeSplit:
		return w.split(n), nil
	case ringbid.NodeSet:
		return w.set(n), nil
	case ringbid.NodeAuction:
		w.openAuction()
		return way{to: n.Next}, nil
	case ringbid.NodeDial:
		return w.dial(ctx, n, s)
	case ringbid.NodeVoicemail:
		return w.voicemail(ctx, n)
	case ringbid.NodeHangup:
		return w.hangup(ctx, n)
	}
	return way{}, ringbid.Errorf(ringbid.Invalid, "node %s has the unknown type %.40q", n.ID, n.Type)
}

// keep sets a tag, tells of it and offers it to the bidders.
func (w *walk) keep(n *ringbid.Node, name, value string, secret bool) {
	name, ok := w.facts.set(name, value, secret)
	if !ok {
		w.log.Warn("tag left out", "node", n.ID)
		return
	}
	value = w.facts.tags[name]
	if secret {
		w.tellNode(ringbid.EventTag, n, map[string]string{name: masked(value)})
		return
	}
	w.tellNode(ringbid.EventTag, n, map[string]string{name: value})
	if w.auction != nil && !w.sold {
		w.auction.Offer(ringbid.TagMap{name: value})
	}
}

// tell emits an event about the call.
func (w *walk) tell(kind ringbid.EventKind, text string, data map[string]string) {
	w.r.emit(ringbid.Event{Call: w.inv.CallID, At: w.r.now(), Kind: kind, Text: text, Data: maps.Clone(data)})
}

// tellNode emits an event about a node.
func (w *walk) tellNode(kind ringbid.EventKind, n *ringbid.Node, data map[string]string) {
	w.r.emit(ringbid.Event{Call: w.inv.CallID, At: w.r.now(), Kind: kind, Node: n.ID, Data: data})
}

// brokenError is a telephone side that could not do its work.
type brokenError struct {
	doing string
	err   error
}

// Error says what was being done and why it broke.
func (b *brokenError) Error() string { return b.doing + ": " + b.err.Error() }

// Unwrap returns the cause.
func (b *brokenError) Unwrap() error { return b.err }
