package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Deliveries says how deliveries do, and takes a person's decisions.
type Deliveries interface {
	Exceptions(ctx context.Context, f web.ExceptionFilter) (web.ExceptionListing, error)
	// Exception returns one delivery with its lead, also where it needs nobody any
	// more. The error of an unknown id is NotFound.
	Exception(ctx context.Context, deliveryID string) (web.Exception, error)
	// Retry queues exceptions again, with corrected facts where there are any (then
	// of one id only); those it cannot queue come back with the reason.
	Retry(ctx context.Context, ids []string, facts map[string]string, by string) (done int, refused []web.Refusal, err error)
	// Dismiss takes exceptions off the list and returns how many.
	Dismiss(ctx context.Context, ids []string, by string) (int, error)
	// Preview returns what the method would send now, with corrected facts.
	Preview(ctx context.Context, deliveryID string, facts map[string]string) (MapTrial, error)
	Watch(ctx context.Context) (web.Watch, error)
	CloseBreaker(ctx context.Context, method, by string) error
}

// Success rates of a buyer, in percent: what is aimed at, and what alerts.
const (
	successGoal  = 95
	successAlert = 90
)

type watchPage struct {
	web.View
	Watch     web.Watch
	Open      []web.Alert
	Past      []web.Alert
	Buyers    []buyerHealth
	Endpoints []endpointHealth
	Errors    []errorKind
	Waiting   int64 // exceptions
	Asked     int   // returns that wait for a word
	Returns   bool
	Told      string // what was just done
}

type buyerHealth struct {
	web.BuyerHealth
	Title, Figure, Word, Class string
	Width                      float64
	Bars                       []hourBar
}

// hourBar is one hour of a spark line.
type hourBar struct {
	X, Y, H float64
	Class   string
	Say     string
}

type endpointHealth struct {
	web.EndpointHealth
	BuyerTitle, Way, Class, Word, Probe string
	Slow                                bool
}

type errorKind struct {
	web.ErrorKind
	Word, Why, Share string
}

// newWatch asks how deliveries do at this moment.
func (c *Console) newWatch(r *web.Request) (watchPage, error) {
	p := watchPage{View: c.view(r, "Deliveries", "deliveries"), Returns: c.c.Returns != nil}
	w, err := c.c.Deliveries.Watch(r.Context())
	if err != nil {
		return p, err
	}
	l, err := c.c.Deliveries.Exceptions(r.Context(), web.ExceptionFilter{Limit: 1})
	if err != nil {
		return p, err
	}
	p.Watch, p.Waiting = w, l.Total
	if p.Returns {
		asked, err := c.c.Returns.Returns(r.Context(), "asked")
		if err != nil {
			return p, err
		}
		p.Asked = len(asked)
	}
	book, now := c.c.Book(), c.c.Now()
	for _, a := range w.Alerts {
		if a.Closed == nil {
			p.Open = append(p.Open, a)
			continue
		}
		p.Past = append(p.Past, a)
	}
	for _, b := range w.Buyers {
		p.Buyers = append(p.Buyers, newBuyerHealth(b, book))
	}
	for _, e := range w.Endpoints {
		p.Endpoints = append(p.Endpoints, newEndpointHealth(e, book, now))
	}
	p.Errors = errorKinds(w.Errors)
	return p, nil
}

func newBuyerHealth(b web.BuyerHealth, book *ringbid.Book) buyerHealth {
	h := buyerHealth{BuyerHealth: b, Title: buyerTitle(book, b.Buyer)}
	share := b.Success() * 100
	h.Width = max(share, 0)
	switch {
	case share < 0:
		h.Figure, h.Word = "–", "nothing to count yet"
		return h
	case share >= successGoal:
		h.Class, h.Word = "good", "on target"
	case share >= successAlert:
		h.Class, h.Word = "warn", "under "+strconv.Itoa(successGoal)+" %"
	default:
		h.Class, h.Word = "bad", "under "+strconv.Itoa(successAlert)+" %"
	}
	h.Figure = percent(b.Delivered, b.Delivered+b.Failed)
	for i, n := range b.Hours {
		bar := hourBar{X: float64(i) * 6, Say: strconv.Itoa(len(b.Hours)-i) + " h ago: nothing"}
		if n >= 0 {
			bar.H = max(float64(min(n, 100))/100*20, 1)
			bar.Say = strconv.Itoa(len(b.Hours)-i) + " h ago: " + strconv.FormatInt(n, 10) + " %"
			bar.Class = map[bool]string{true: "low"}[n < successAlert]
		}
		bar.Y = 20 - bar.H
		h.Bars = append(h.Bars, bar)
	}
	return h
}

// SparkWide is how wide the spark line is.
func (b buyerHealth) SparkWide() int { return len(b.Bars) * 6 }

func newEndpointHealth(e web.EndpointHealth, book *ringbid.Book, now time.Time) endpointHealth {
	h := endpointHealth{EndpointHealth: e, Way: typeText(e.Type)}
	if e.Buyer != "" {
		h.BuyerTitle = buyerTitle(book, e.Buyer)
	}
	slow := ringbid.DefaultSlow
	if m := book.Methods[e.Method]; m != nil && m.Slow > 0 {
		slow = m.Slow.D()
	}
	h.Slow = e.Mean > slow
	switch e.Breaker {
	case "open":
		h.Class, h.Word = "bad", "open"
	case "probing":
		h.Class, h.Word = "warn", "probing"
	default:
		h.Class, h.Word = "good", "closed"
	}
	if e.Until != nil && h.Class != "good" {
		h.Probe = "probe is due"
		if left := e.Until.Sub(now); left > 0 {
			h.Probe = "next probe in " + web.Span(left.Truncate(time.Second))
		}
	}
	return h
}

// ErrorShare is which part of the tries failed.
func (e endpointHealth) ErrorShare() string { return percent(e.Errors, e.Tries) }

func errorKinds(list []web.ErrorKind) []errorKind {
	var whole int64
	for _, k := range list {
		whole += k.Count
	}
	out := make([]errorKind, 0, len(list))
	for _, k := range slices.SortedFunc(slices.Values(list), func(a, b web.ErrorKind) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Class+a.Code, b.Class+b.Code))
	}) {
		out = append(out, errorKind{k, classText(k.Class), codeText(k.Code), percent(k.Count, whole)})
	}
	return out
}

// Age is how long the longest waiting delivery waits.
func (p watchPage) Age() string {
	if p.Watch.Oldest == nil {
		return ""
	}
	return web.Span(max(p.Now.Sub(*p.Watch.Oldest), 0).Truncate(time.Second))
}

func (c *Console) deliveries(w http.ResponseWriter, r *web.Request) error {
	p, err := c.newWatch(r)
	if err != nil {
		return err
	}
	if m := r.URL.Query().Get("closed"); c.c.Book().Methods[m] != nil {
		p.Told = "The breaker of " + m + " is closed; what waits for it is sent now."
	}
	return c.pages.Write(w, http.StatusOK, "deliveries.html", p)
}

// deliveriesPart answers with what changes, for the page's script.
func (c *Console) deliveriesPart(w http.ResponseWriter, r *web.Request) error {
	p, err := c.newWatch(r)
	if err != nil {
		return err
	}
	return c.pages.WritePart(w, "deliveries.html", "watch", p)
}

func (c *Console) closeBreaker(w http.ResponseWriter, r *web.Request) error {
	m := r.PostFormValue("method")
	if len(m) > 64 || c.c.Book().Methods[m] == nil {
		return absent("method", m)
	}
	if err := c.c.Deliveries.CloseBreaker(r.Context(), m, r.User.Name); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/deliveries?"+url.Values{"closed": {m}}.Encode(), http.StatusSeeOther)
	return nil
}
