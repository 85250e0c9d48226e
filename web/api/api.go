package api

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

//go:embed templates/*.html
var templates embed.FS

// Calls reads stored calls. Call of an unknown id is NotFound.
type Calls interface {
	Calls(ctx context.Context, f web.Filter) (web.Listing, error)
	Call(ctx context.Context, id string) (*ringbid.Call, error)
	Figures(ctx context.Context, f web.Filter) (web.Figures, error)
}

// Config is what the API reads and may do.
type Config struct {
	Calls Calls
	// Cards are the calls of this moment.
	Cards func() []web.Card
	// Hangup ends a live call and reports whether it was there.
	Hangup func(callID string, r ringbid.Reason) bool

	// Intake takes leads and Hooks takes news of them; nil: those addresses are not
	// there. Book is needed by either.
	Intake Intake
	Hooks  Hooks
	Book   func() *ringbid.Book
	// Now is the clock of the rate limits; nil for the time of day.
	Now func() time.Time
	// SourcePosts and AllPosts are how many posts are worked on at once, of one
	// source and of all; default 200 and 1000.
	SourcePosts, AllPosts int
}

// API is the part of the web for programs.
type API struct {
	c     Config
	gate  *gate
	hooks chan struct{} // one for each request of a hook that is worked on
	pages *web.Pages
	about json.RawMessage // the description of what is there
}

// New makes the API; the error says what is missing.
func New(c Config) (*API, error) {
	if c.Calls == nil || c.Cards == nil || c.Hangup == nil {
		return nil, errors.New("api: calls, cards and hangup are all needed")
	}
	if c.Book == nil && (c.Intake != nil || c.Hooks != nil) {
		return nil, errors.New("api: leads and hooks need the book")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	sub, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	a := &API{c: c, gate: newGate(c), hooks: make(chan struct{}, maxHooks)}
	if a.pages, err = web.NewPages(sub); err != nil {
		return nil, err
	}
	a.about, err = description(a.Routes())
	return a, err
}

// Routes returns the addresses and who may use them.
func (a *API) Routes() []web.Route {
	operator := []ringbid.Role{ringbid.RoleOperator}
	listener := []ringbid.Role{ringbid.RoleOperator, ringbid.RoleQA}
	out := []web.Route{
		{Pattern: "GET /api/openapi.json", Public: true, Handle: a.describe},
		{Pattern: "GET /api/calls", Roles: listener, Handle: a.calls},
		{Pattern: "GET /api/calls/{id}", Roles: listener, Handle: a.call},
		{Pattern: "GET /api/live", Roles: listener, Handle: a.live},
		{Pattern: "GET /api/figures", Roles: operator, Handle: a.figures},
		{Pattern: "POST /api/calls/{id}/hangup", Roles: operator, Handle: a.hangup},
	}
	if a.c.Intake != nil {
		out = append(out, a.leadRoutes()...)
	}
	if a.c.Hooks != nil {
		out = append(out, a.hookRoutes()...)
	}
	return out
}

func (a *API) describe(w http.ResponseWriter, _ *web.Request) error {
	return web.WriteJSON(w, a.about)
}

type callsAnswer struct {
	Calls []ringbid.Call `json:"calls"`
	Next  string         `json:"next,omitempty"`
	Total web.Figures    `json:"total"`
}

func (a *API) calls(w http.ResponseWriter, r *web.Request) error {
	f, err := web.ParseFilter(r.URL.Query(), time.UTC)
	if err != nil {
		return err
	}
	l, err := a.c.Calls.Calls(r.Context(), f)
	if err != nil {
		return err
	}
	out := callsAnswer{Calls: make([]ringbid.Call, 0, len(l.Calls)), Next: l.Next, Total: l.Total}
	for i := range l.Calls {
		c, err := shown(r, &l.Calls[i])
		if err != nil {
			return err
		}
		out.Calls = append(out.Calls, *c)
	}
	return web.WriteJSON(w, out)
}

func (a *API) call(w http.ResponseWriter, r *web.Request) error {
	c, err := a.c.Calls.Call(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if c, err = shown(r, c); err != nil {
		return err
	}
	return web.WriteJSON(w, c)
}

// shown returns the call as the user may see it: QA does not read callers' whole
// numbers.
func shown(r *web.Request, c *ringbid.Call) (*ringbid.Call, error) {
	if web.SeesCallers(r.User) {
		return c, nil
	}
	return web.Masked(c)
}

type liveAnswer struct {
	Now   time.Time  `json:"now"`
	Calls []web.Card `json:"calls"`
}

func (a *API) live(w http.ResponseWriter, r *web.Request) error {
	out := liveAnswer{Now: time.Now().UTC(), Calls: a.c.Cards()}
	if out.Calls == nil {
		out.Calls = []web.Card{}
	}
	if !web.SeesCallers(r.User) {
		for i := range out.Calls {
			out.Calls[i] = out.Calls[i].Masked()
		}
	}
	return web.WriteJSON(w, out)
}

type figuresAnswer struct {
	web.Figures
	Margin ringbid.Money `json:"margin"`
}

func (a *API) figures(w http.ResponseWriter, r *web.Request) error {
	f, err := web.ParseFilter(r.URL.Query(), time.UTC)
	if err != nil {
		return err
	}
	out, err := a.c.Calls.Figures(r.Context(), f)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, figuresAnswer{out, out.Margin()})
}

func (a *API) hangup(w http.ResponseWriter, r *web.Request) error {
	if !a.c.Hangup(r.PathValue("id"), ringbid.Reason{Code: "operator", Text: "ended by the operator", Fault: ringbid.FaultNone}) {
		return ringbid.Errorf(ringbid.Conflict, "the call is not up any more")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
