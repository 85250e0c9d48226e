package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cti"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/api"
	"github.com/ringbid/ringbid/web/console"
	"github.com/ringbid/ringbid/web/portal"
)

// startScreens makes the board and the hub that events go to.
func (a *app) startScreens(context.Context) error {
	a.board = console.NewBoard(time.Now)
	a.hub = cti.NewHub(cti.Config{
		User:   func(r *http.Request) (*ringbid.User, error) { return a.pages.User(r) },
		Logger: a.log, Registerer: a.reg,
	})
	a.lines = newTimelines(a.show)
	a.life.onStop("screens", a.hub.Close)
	return nil
}

// show brings an event to the board, to open pages, and to the agents it
// concerns. It is called on the path of calls and does not wait.
func (a *app) show(ev ringbid.Event, s scene) {
	a.board.Apply(ev)
	a.hub.Publish(ev)
	state, target := "", s.Target
	switch ev.Kind {
	case ringbid.EventRinging:
		state = cti.PopRing
	case ringbid.EventBridged:
		state = cti.PopAnswer
	case ringbid.EventLegEnd: // also of a target that did not take the call
		state, target = cti.PopEnd, s.Legs[ev.Leg]
	}
	if state == "" || target == "" {
		return
	}
	agents := a.book().AgentsOf(target)
	if len(agents) == 0 {
		return
	}
	a.hub.Pop(agents, cti.Pop{
		CallID: ev.Call, State: state, Caller: s.Caller, Name: s.CallerName, Place: ringbid.AreaState(s.Caller),
		Number: s.Number, Campaign: s.Campaign, Target: target, Tags: s.Tags, At: ev.At,
	})
	if state == cti.PopRing {
		a.lines.emit(ringbid.Event{Call: ev.Call, Kind: ringbid.EventPop, Text: "agents see who is calling",
			Data: map[string]string{"agents": fmt.Sprint(len(agents)), "target": target}})
	}
}

// startWeb serves the pages.
func (a *app) startWeb(context.Context) error {
	pages, err := a.newPages()
	if err != nil {
		return err
	}
	a.pages = pages
	l, err := net.Listen("tcp", a.cfg.HTTP)
	if err != nil {
		return err
	}
	a.httpAddr = l.Addr().String()
	a.http = web.Listen(pages)
	served := make(chan error, 1)
	go func() { served <- a.http.Serve(l) }()
	a.life.onStop("pages", func(ctx context.Context) error {
		bounded, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if err := a.http.Shutdown(bounded); err != nil {
			_ = a.http.Close()
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (a *app) newPages() (*web.Server, error) {
	calls := pageCalls{a}
	c, err := console.New(console.Config{
		Calls: calls, Recordings: calls, Reports: calls, Board: a.board, Book: a.book, Usage: calls.usage,
		Leads: pageLeads{a}, Deliveries: pageDeliveries{a}, Maps: pageMaps{a}, Documents: pageDocuments{a}, Returns: pageLeads{a},
		Hangup: a.hangup, Capture: a.openCapture, Desk: callDesk{a}, Trunks: a.trunkStates, Version: version() + " on " + a.node,
	})
	if err != nil {
		return nil, err
	}
	p, err := portal.New(portal.Config{Calls: calls, Dispositions: calls, Desks: a.hub, Leads: inbox{a}, Book: a.book})
	if err != nil {
		return nil, err
	}
	j, err := api.New(api.Config{Calls: calls, Cards: a.board.Cards, Hangup: a.hangup, Intake: postings{a}, Hooks: news{a}, Book: a.book})
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{
		Sessions: sessions{a.store}, Parts: []web.Part{c, p, j}, Ready: a.ready,
		Metrics: promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{}), Socket: a.hub, TrustProxy: a.cfg.TrustProxy, Logger: a.log, Registerer: a.reg,
	})
}

// ready says whether this node takes calls. A database that is away does not
// keep it from that.
func (a *app) ready(context.Context) error {
	if !a.serving.Load() {
		return ringbid.Errorf(ringbid.Unavailable, "calls are not taken yet")
	}
	if a.draining.Load() {
		return ringbid.Errorf(ringbid.Unavailable, "draining")
	}
	return nil
}

func (a *app) hangup(call string, r ringbid.Reason) bool {
	return a.serving.Load() && a.sip.Hangup(call, r)
}

// sessions are the store's, under the names the web has for them.
type sessions struct{ *store.Store }

// NewSession begins a session of the user.
func (s sessions) NewSession(ctx context.Context, u *ringbid.User) (string, error) {
	return s.Store.NewSession(ctx, u.Name)
}

// pageCalls is what the pages read of calls.
type pageCalls struct{ a *app }

// Calls lists calls with their sums.
func (p pageCalls) Calls(ctx context.Context, f web.Filter) (web.Listing, error) {
	q := storeFilter(f)
	page, err := p.a.store.Calls(ctx, q)
	if err != nil {
		return web.Listing{}, err
	}
	total, err := p.a.store.Total(ctx, q)
	return web.Listing{Calls: page.Calls, Next: page.Next, Total: figures(total)}, err
}

// Call returns one call whole. A call that is up has its story so far.
func (p pageCalls) Call(ctx context.Context, id string) (*ringbid.Call, error) {
	c, err := p.a.store.Call(ctx, id)
	if err == nil && c.State == ringbid.StateLive {
		c.Events = p.a.lines.soFar(id)
	}
	return c, err
}

// Figures adds calls up.
func (p pageCalls) Figures(ctx context.Context, f web.Filter) (web.Figures, error) {
	total, err := p.a.store.Total(ctx, storeFilter(f))
	return figures(total), err
}

// Groups adds calls up by campaign, publisher or buyer, most revenue first.
func (p pageCalls) Groups(ctx context.Context, f web.Filter, by string) ([]web.Group, error) {
	rows, err := p.a.store.TotalBy(ctx, storeFilter(f), by)
	if err != nil {
		return nil, err
	}
	out := make([]web.Group, 0, len(rows))
	for _, r := range rows {
		out = append(out, web.Group{Name: r.Name, Figures: figures(r.Figures)})
	}
	slices.SortStableFunc(out, func(x, y web.Group) int { return int(min(max(y.Revenue-x.Revenue, -1), 1)) })
	return out, nil
}

// Open returns a call's recording as every browser plays it.
func (p pageCalls) Open(ctx context.Context, callID string) (io.ReadSeekCloser, error) {
	r, err := p.sound(ctx, callID)
	if err != nil {
		return nil, err
	}
	linear, err := recording.PCM(r)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{linear, r}, nil
}

// Waveform returns the peaks of a call's recording.
func (p pageCalls) Waveform(ctx context.Context, callID string, n int) ([2][]uint8, error) {
	r, err := p.sound(ctx, callID)
	if err != nil {
		return [2][]uint8{}, err
	}
	defer r.Close()
	return recording.Peaks(r, n)
}

func (p pageCalls) sound(ctx context.Context, callID string) (io.ReadSeekCloser, error) {
	rec, err := p.a.store.Recording(ctx, callID)
	if err != nil {
		return nil, err
	}
	return p.a.recorder.Reader(ctx, *rec)
}

// usage says how much of each cap is used.
func (p pageCalls) usage(ctx context.Context) ([]console.Usage, error) {
	book := p.a.book()
	var out []console.Usage
	for _, name := range slices.Sorted(maps.Keys(book.Targets)) {
		t := book.Targets[name]
		for _, c := range t.Caps {
			used, err := p.a.store.CapUsed(ctx, t, c)
			if err != nil {
				return nil, err
			}
			out = append(out, console.Usage{Target: name, Cap: c, Used: used})
		}
	}
	return out, nil
}

// Dispose keeps what an agent says of a call.
func (p pageCalls) Dispose(ctx context.Context, d portal.Disposition) error {
	return p.a.store.Dispose(ctx, store.Disposition(d))
}

// Disposed returns what the user said of the calls.
func (p pageCalls) Disposed(ctx context.Context, user string, calls []string) (map[string]portal.Disposition, error) {
	said, err := p.a.store.Disposed(ctx, user, calls)
	out := make(map[string]portal.Disposition, len(said))
	for id, d := range said {
		out[id] = portal.Disposition(d)
	}
	return out, err
}

// storeFilter says in the store's words which calls are meant.
func storeFilter(f web.Filter) store.CallFilter {
	return store.CallFilter{
		From: f.From, To: f.To, Number: f.Number, CallerDigits: f.Caller, Campaign: f.Campaign, Publisher: f.Publisher,
		Buyer: f.Buyer, Outcome: f.Outcome, Text: f.Text, Sort: f.Sort, Limit: f.Limit, Cursor: f.Cursor,
	}
}

// figures keeps the currency with the most calls' money: the pages speak one.
func figures(f store.Figures) web.Figures {
	out := web.Figures{Calls: f.Calls, Dialled: f.Dialled, Connected: f.Connected, Converted: f.Converted, ConnectedMS: f.ConnectedMS}
	for _, code := range slices.Sorted(maps.Keys(f.Sales)) {
		if s := f.Sales[code]; out.Currency == "" || s.Revenue > out.Revenue {
			out.Currency, out.Revenue, out.Payout = code, s.Revenue, s.Payout
		}
	}
	return out
}
