package main

import (
	"context"
	"errors"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/web"
)

// watchFor is how far back the watch looks.
const watchFor = 24 * time.Hour

// Watch says how deliveries do.
func (p pageDeliveries) Watch(ctx context.Context) (web.Watch, error) {
	st, since := p.a.store, time.Now().Add(-watchFor)
	w := web.Watch{Since: since}
	health, err := st.BuyerHealth(ctx, since)
	if err != nil {
		return w, err
	}
	hours, err := st.BuyerHours(ctx, 24)
	if err != nil {
		return w, err
	}
	for _, h := range health {
		w.Buyers = append(w.Buyers, web.BuyerHealth{Buyer: h.Buyer, Delivered: h.Delivered, Rejected: h.Rejected, Failed: h.Failed, Hours: hours[h.Buyer]})
	}
	endpoints, err := st.EndpointHealth(ctx, since)
	if err != nil {
		return w, err
	}
	for _, e := range endpoints {
		w.Endpoints = append(w.Endpoints, p.endpoint(e))
	}
	kinds, err := st.ErrorKinds(ctx, since)
	if err != nil {
		return w, err
	}
	for _, k := range kinds {
		w.Errors = append(w.Errors, web.ErrorKind(k))
	}
	q, err := st.QueueDepth(ctx)
	if err != nil {
		return w, err
	}
	w.Queued, w.Retrying, w.Sending, w.Oldest = q.Queued, q.Retrying, q.Sending, q.Oldest
	alerts, err := st.Alerts(ctx, since)
	if err != nil {
		return w, err
	}
	for _, a := range alerts {
		w.Alerts = append(w.Alerts, web.Alert{ID: a.ID, Kind: a.Kind, Subject: a.Subject, Text: a.Text, Opened: a.Opened, Closed: a.Closed})
	}
	total, err := st.LeadTotal(ctx, store.LeadFilter{From: since})
	w.Recovered = leadFigures(total)
	return w, err
}

func (p pageDeliveries) endpoint(e store.EndpointHealth) web.EndpointHealth {
	out := web.EndpointHealth{
		Method: e.Method, Buyer: e.Buyer, Tries: e.Tries, Errors: e.Errors, Mean: e.Mean, Slowest: e.Slowest, Waiting: e.Waiting,
		Breaker: "closed", Reason: e.Reason, Until: e.ProbeAt, InARow: e.Failures,
	}
	if m := p.a.book().Methods[e.Method]; m != nil {
		out.Type, out.Buyer = m.Type, m.Buyer
	}
	if e.Opened != nil {
		out.Breaker = "open"
		if e.Probing {
			out.Breaker = "probing"
		}
	}
	return out
}

// plainText is what an error says of itself, without what was attempted.
func plainText(err error) string {
	var known *ringbid.Error
	if errors.As(err, &known) {
		return known.Text
	}
	return err.Error()
}
