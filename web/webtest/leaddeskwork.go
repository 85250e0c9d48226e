package webtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// Exceptions returns a page of what needs a person.
func (d *LeadDesk) Exceptions(_ context.Context, f web.ExceptionFilter) (web.ExceptionListing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var l web.ExceptionListing
	kinds := map[[2]string]int64{}
	var all []web.Exception
	for _, x := range d.exceptions {
		if !x.Delivery.Exception {
			continue
		}
		kinds[[2]string{x.Delivery.Method, x.Delivery.Code}]++
		if (f.Method == "" || x.Delivery.Method == f.Method) && (f.Buyer == "" || x.Delivery.Buyer == f.Buyer) && (f.Code == "" || x.Delivery.Code == f.Code) && (f.Campaign == "" || x.Campaign == f.Campaign) {
			all = append(all, x)
		}
	}
	for k, n := range kinds {
		l.Kinds = append(l.Kinds, web.ExceptionKind{Method: k[0], Code: k[1], Count: n})
	}
	slices.SortFunc(l.Kinds, func(a, b web.ExceptionKind) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Method+a.Code, b.Method+b.Code))
	})
	from, err := strconv.Atoi(cmp.Or(f.Cursor, "0"))
	if err != nil || from < 0 {
		return l, ringbid.FieldError("cursor", "%.40q is not a cursor", f.Cursor)
	}
	l.Total = int64(len(all))
	from = min(from, len(all))
	to := min(from+max(f.Limit, 1), len(all))
	if l.Rows = all[from:to]; to < len(all) {
		l.Next = strconv.Itoa(to)
	}
	return l, nil
}

// Exception returns one delivery with its lead.
func (d *LeadDesk) Exception(_ context.Context, id string) (web.Exception, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if x := d.find(id); x != nil {
		return *x, nil
	}
	return web.Exception{}, ringbid.Errorf(ringbid.NotFound, "there is no delivery %.40q", id)
}

func (d *LeadDesk) find(id string) *web.Exception {
	for i := range d.exceptions {
		if d.exceptions[i].Delivery.ID == id {
			return &d.exceptions[i]
		}
	}
	return nil
}

// Retry queues what the map takes now, and refuses the rest.
func (d *LeadDesk) Retry(_ context.Context, ids []string, facts map[string]string, _ string) (done int, refused []web.Refusal, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		x := d.find(id)
		switch {
		case x == nil || !x.Delivery.Exception:
			refused = append(refused, web.Refusal{ID: id, Why: "it was dealt with meanwhile"})
			continue
		case x.State == ringbid.LeadSold:
			refused = append(refused, web.Refusal{ID: id, Why: "the lead was sold to another buyer meanwhile"})
			continue
		}
		if t := d.trial(x, facts); len(t.Problems) > 0 {
			refused = append(refused, web.Refusal{ID: id, Why: "the map does not take it: " + t.Problems[0].Field + " " + t.Problems[0].Text})
			continue
		}
		x.Delivery.Exception, x.Delivery.State = false, ringbid.DeliveryQueued
		for k, v := range facts {
			x.Facts[k] = v
		}
		d.Retried = append(d.Retried, id)
		done++
	}
	return done, refused, nil
}

// Dismiss takes exceptions off the list.
func (d *LeadDesk) Dismiss(_ context.Context, ids []string, _ string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, id := range ids {
		if x := d.find(id); x != nil && x.Delivery.Exception {
			x.Delivery.Exception = false
			d.Dismissed = append(d.Dismissed, id)
			n++
		}
	}
	return n, nil
}

// Preview returns what the map makes of the facts.
func (d *LeadDesk) Preview(_ context.Context, id string, facts map[string]string) (console.MapTrial, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.find(id)
	if x == nil {
		return console.MapTrial{}, ringbid.Errorf(ringbid.NotFound, "there is no delivery %.40q", id)
	}
	if d.book.Methods[x.Delivery.Method] == nil {
		return console.MapTrial{}, ringbid.Errorf(ringbid.Conflict, "the method %s is gone", x.Delivery.Method)
	}
	return d.trial(x, facts), nil
}

func (d *LeadDesk) trial(x *web.Exception, facts map[string]string) console.MapTrial {
	all := maps.Clone(x.Facts)
	maps.Copy(all, facts)
	m := d.book.Maps["keystone-auto"]
	if method := d.book.Methods[x.Delivery.Method]; method != nil && d.book.Maps[method.Map] != nil {
		m = d.book.Maps[method.Map]
	}
	t := runMap(*m, all)
	t.Lead, t.Name = x.Delivery.Lead, x.Person
	return t
}

// CloseBreaker closes a breaker.
func (d *LeadDesk) CloseBreaker(_ context.Context, method, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.breakers[method] == "" {
		return ringbid.Errorf(ringbid.Conflict, "the breaker of %s is closed", method)
	}
	delete(d.breakers, method)
	return nil
}

// Watch says how deliveries do.
func (d *LeadDesk) Watch(context.Context) (web.Watch, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.leads) == 0 {
		return web.Watch{Since: d.now.Add(-24 * time.Hour)}, nil
	}
	ago := func(t time.Duration) *time.Time { x := d.now.Add(-t); return &x }
	hours := func(n ...int64) []int64 {
		out := []int64{}
		for i := range 24 {
			out = append(out, n[i%len(n)])
		}
		return out
	}
	w := web.Watch{
		Since: d.now.Add(-24 * time.Hour), Queued: 14, Retrying: 6, Sending: 3, Oldest: ago(48 * time.Second), Recovered: sumLeads(d.leads),
		Buyers: []web.BuyerHealth{
			{Buyer: "keystone-insurance", Delivered: 1204, Rejected: 88, Failed: 19, Hours: hours(99, 98, 100, 97, 96, 99)},
			{Buyer: "orchard-mutual", Delivered: 466, Rejected: 12, Failed: 37, Hours: hours(95, 90, 91, 94, 88, 96)},
			{Buyer: "northwind", Delivered: 310, Rejected: 4, Failed: 122, Hours: append(hours(99, 97, 98, -1)[:20], 60, 31, 12, 0)},
			{Buyer: "lakeside"},
		},
		Endpoints: []web.EndpointHealth{
			{Method: "keystone-http", Buyer: "keystone-insurance", Type: "http", Tries: 1311, Errors: 19, Mean: 182 * time.Millisecond, Slowest: 1420 * time.Millisecond, Waiting: 2},
			{Method: "keystone-mail", Buyer: "keystone-insurance", Type: "email", Tries: 1204, Errors: 1, Mean: 640 * time.Millisecond, Slowest: 3100 * time.Millisecond},
			{Method: "orchard-hubspot", Buyer: "orchard-mutual", Type: "http", Tries: 530, Errors: 52, Mean: 1340 * time.Millisecond, Slowest: 9800 * time.Millisecond, Waiting: 5, InARow: 2},
			{Method: "northwind-crm", Buyer: "northwind", Type: "http", Tries: 442, Errors: 128, Mean: 410 * time.Millisecond, Slowest: 15 * time.Second, Waiting: 11},
			{Method: "summit-inbox", Buyer: "summit", Type: "portal"},
		},
		Errors: []web.ErrorKind{{Class: "never_sent", Code: "tls", Count: 118}, {Class: "server_error", Code: "status", Count: 31}, {Class: "throttled", Code: "asked_to_wait", Count: 22}, {Class: "unsound", Code: "mapping", Count: 9}, {Class: "ambiguous", Code: "timeout", Count: 2}},
		Alerts: []web.Alert{{ID: "a2", Kind: "slow", Subject: "orchard-hubspot", Text: "orchard-hubspot answered after 2.3 s on the mean", Opened: *ago(3 * time.Hour), Closed: ago(2 * time.Hour)}},
	}
	for i := range w.Endpoints {
		e := &w.Endpoints[i]
		if e.Breaker = "closed"; d.breakers[e.Method] != "" {
			until := d.now.Add(17 * time.Second)
			e.Breaker, e.Reason, e.Until, e.InARow = "open", d.breakers[e.Method], &until, 10
			w.Alerts = append([]web.Alert{{ID: "a1", Kind: "breaker", Subject: e.Method, Text: "Nothing goes to Northwind Insurance by " + e.Method + ": its breaker is open", Opened: *ago(21 * time.Minute)}}, w.Alerts...)
		}
	}
	return w, nil
}
