package ivr

import (
	"maps"
	"slices"

	"github.com/ringbid/ringbid"
)

// admit looks the call up and decides whether it is let in; the reason why not
// otherwise. What the look-up found is on the walk in either case.
func (w *walk) admit() *ringbid.Reason {
	if w.book == nil {
		return new(reasonNoDocuments())
	}
	if reason := w.lookUp(); reason != nil {
		return reason
	}
	switch c, inv := w.campaign, w.inv; {
	case len(w.number.Trunks) > 0 && !slices.Contains(w.number.Trunks, inv.Trunk):
		return new(refusal("trunk_not_allowed", 403, ringbid.FaultTrunk, "the number takes no calls from trunk "+inv.Trunk))
	case w.number.Paused:
		return new(refusal("number_paused", 480, ringbid.FaultConfig, "the number is paused"))
	case c.Paused:
		return new(refusal("campaign_paused", 480, ringbid.FaultConfig, "the campaign is paused"))
	case w.publisherPaused():
		return new(refusal("publisher_paused", 480, ringbid.FaultConfig, "the publisher is paused"))
	case inv.Caller == "" && !c.AcceptAnonymous:
		// RFC 5079: 433 Anonymity Disallowed.
		return new(refusal("anonymous", 433, ringbid.FaultCaller, "the caller withheld the number"))
	case inv.Caller != "" && slices.Contains(c.Blocked, inv.Caller):
		return new(refusal("blocked_caller", 603, ringbid.FaultCaller, "the caller is blocked"))
	case w.repeats():
		// 486 and not 603: the caller is welcome again in a moment, and some
		// carriers remember a decline.
		return new(refusal("spam_repeat", 486, ringbid.FaultCaller, "the caller dialled the same number a moment ago"))
	}
	plan, err := w.r.plans.of(w.flow)
	if err != nil {
		w.log.Error("flow is unsound", "flow", w.flow.Name, "error", err)
		return new(refusal("flow_unsound", 500, ringbid.FaultConfig, "the campaign's flow is unsound"))
	}
	w.plan = plan
	return nil
}

// lookUp finds number, campaign, publisher and flow.
func (w *walk) lookUp() *ringbid.Reason {
	var ok bool
	if w.number, ok = w.book.Numbers[w.inv.Number]; !ok || w.inv.Number == "" {
		w.number = nil
		return new(refusal("unknown_number", 404, ringbid.FaultConfig, "the number is not ours"))
	}
	w.out.Publisher, w.out.Campaign = w.number.Publisher, w.number.Campaign
	if w.campaign, ok = w.book.Campaigns[w.number.Campaign]; !ok {
		return new(refusal("unknown_campaign", 500, ringbid.FaultConfig, "the number's campaign is missing"))
	}
	w.out.Sale.Currency = w.campaign.CurrencyCode()
	if w.flow, ok = w.book.Flows[w.campaign.Flow]; !ok {
		return new(refusal("unknown_flow", 500, ringbid.FaultConfig, "the campaign's flow is missing"))
	}
	w.out.Flow, w.out.FlowVersion = w.flow.Name, w.book.FlowVersions[w.flow.Name]
	return nil
}

func (w *walk) publisherPaused() bool {
	p := w.book.Publishers[w.number.Publisher]
	return p != nil && p.Paused
}

// repeats reports whether the caller dialled the same number just before.
func (w *walk) repeats() bool {
	if w.inv.Caller == "" {
		return false
	}
	window := w.campaign.SpamWindow.Or(ringbid.DefaultSpamWindow)
	return w.r.directory.SeenWithin(w.inv.Caller, w.inv.Number, w.inv.Received, window)
}

// refuse notes the reason; the call is not answered. The event of it is told by
// the telephone's side, which refuses calls of its own as well.
func (w *walk) refuse(reason ringbid.Reason) {
	w.conclude(ending{ringbid.OutcomeRejected, reason, byUs})
}

// firstFacts are the tags a call starts with: what the signalling said, what
// the operator wrote on the number, and what the caller's number tells. What
// the operator wrote counts more than what a carrier said.
func (w *walk) firstFacts() ringbid.TagMap {
	out := ringbid.TagMap{}
	maps.Copy(out, w.inv.Tags)
	for k, v := range w.number.Tags {
		put(out, k, v)
	}
	if area := w.inv.Caller.AreaCode(); area != "" && !out.Has("area_code") {
		put(out, "area_code", area)
	}
	if state := ringbid.AreaState(w.inv.Caller); state != "" && !out.Has("state") {
		put(out, "state", state)
	}
	return out
}
