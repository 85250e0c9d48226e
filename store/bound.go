package store

import (
	"math"
	"slices"

	"github.com/ringbid/ringbid"
)

// bound returns the call within the limits of what is stored, times in UTC,
// sharing nothing that it changes with the original.
func bound(c ringbid.Call) ringbid.Call {
	c.CallerName, c.SIPCallID = cut(c.CallerName, 200), cut(c.SIPCallID, 512)
	c.Reason.Text = cut(c.Reason.Text, MaxText)
	c.Sale.Rule = cut(c.Sale.Rule, MaxText)
	c.Received = c.Received.UTC()
	c.ConnectedMS = max(0, c.ConnectedMS)
	c.Legs = slices.Clone(first(c.Legs, MaxLegs))
	for i := range c.Legs {
		l := &c.Legs[i]
		l.Reason = cut(l.Reason, MaxText)
		l.Name, l.Peer, l.SIPCallID = cut(l.Name, 200), cut(l.Peer, 200), cut(l.SIPCallID, 512)
		l.Messages = slices.Clone(first(l.Messages, MaxMessages))
		for n := range l.Messages {
			l.Messages[n].Text, l.Messages[n].CSeq = cut(l.Messages[n].Text, 200), cut(l.Messages[n].CSeq, 200)
		}
		l.Media.JitterMS, l.Media.RoundTripMS = finite(l.Media.JitterMS), finite(l.Media.RoundTripMS)
		for _, q := range []*ringbid.Quality{&l.Media.In, &l.Media.Out} {
			q.LossPercent, q.MOS = finite(q.LossPercent), finite(q.MOS)
			q.JitterMS, q.JitterMaxMS = finite(q.JitterMS), finite(q.JitterMaxMS)
		}
		l.Media.SRTP = cut(l.Media.SRTP, 64)
	}
	c.Steps = first(c.Steps, MaxSteps)
	c.Events = slices.Clone(first(c.Events, ringbid.MaxEvents))
	for i := range c.Events {
		c.Events[i].Seq = i + 1
		c.Events[i].Text = cut(c.Events[i].Text, MaxText)
		c.Events[i].Data = boundMap(c.Events[i].Data, maxEventData, maxEventValue)
	}
	c.Tags = boundTags(c.Tags)
	if c.Auction != nil {
		a := *c.Auction
		a.Facts = boundTags(a.Facts)
		a.Bids = slices.Clone(first(a.Bids, MaxBids))
		for i := range a.Bids {
			b := &a.Bids[i]
			b.Draw = finite(b.Draw)
			b.Reason, b.Request, b.Reply = cut(b.Reason, MaxText), cut(b.Request, MaxText), cut(b.Reply, MaxText)
		}
		c.Auction = &a
	}
	return c
}

func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

const (
	maxCallTags   = 4 * ringbid.MaxTags
	maxEventData  = 32
	maxEventValue = 512 // bytes
)

func boundTags(m ringbid.TagMap) ringbid.TagMap { return boundMap(m, maxCallTags, ringbid.MaxTagValue) }

// boundMap keeps the first n entries by name, their values no longer than size.
func boundMap[M ~map[string]string](m M, n, size int) M {
	if len(m) == 0 {
		return nil
	}
	names := make([]string, 0, len(m))
	for k := range m {
		if len(k) <= ringbid.MaxTagName {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	out := make(M, min(n, len(names)))
	for _, k := range first(names, n) {
		out[k] = cut(m[k], size)
	}
	return out
}
