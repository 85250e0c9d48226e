package portal

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
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

// Disposition is what an agent said of a call.
type Disposition struct {
	CallID string
	User   string
	Value  string // one of Dispositions
	Note   string // at most 2000 bytes
	At     time.Time
}

// Dispositions keeps what agents say; the last word of a user on a call counts.
type Dispositions interface {
	Dispose(ctx context.Context, d Disposition) error
	// Disposed returns the user's words on the calls, by call.
	Disposed(ctx context.Context, user string, calls []string) (map[string]Disposition, error)
}

// Desks says whether an agent is ready ("ready" or "away").
type Desks interface {
	Presence(user string) string
	SetPresence(user, state string)
	// Popped reports whether the call's pop went to the user's screen.
	Popped(user, callID string) bool
}

// Config is what the portal reads and keeps.
type Config struct {
	Calls        Calls
	Dispositions Dispositions
	Desks        Desks
	Book         func() *ringbid.Book
	// Leads is the buyers' inbox; nil: there is none.
	Leads  Leads
	Now    func() time.Time
	Logger *slog.Logger
}

// Portal is the part of the web for agents, buyers and publishers.
type Portal struct {
	c     Config
	pages *web.Pages
}

// New makes the portal; the error says what is missing.
func New(c Config) (*Portal, error) {
	if c.Calls == nil || c.Dispositions == nil || c.Desks == nil || c.Book == nil {
		return nil, errors.New("portal: calls, dispositions, desks and book are all needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	sub, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(sub)
	if err != nil {
		return nil, err
	}
	return &Portal{c, pages}, nil
}

// Routes returns the pages and who may see them.
func (p *Portal) Routes() []web.Route {
	agent := []ringbid.Role{ringbid.RoleAgent}
	owner := []ringbid.Role{ringbid.RoleBuyer, ringbid.RolePublisher}
	routes := []web.Route{
		{Pattern: "GET /agent", Roles: agent, Handle: p.desk},
		{Pattern: "POST /agent/status", Roles: agent, Handle: p.status},
		{Pattern: "POST /agent/calls/{id}/disposition", Roles: agent, Handle: p.dispose},
		{Pattern: "GET /portal", Roles: owner, Handle: p.today},
		{Pattern: "GET /portal/calls", Roles: owner, Handle: p.calls},
		{Pattern: "GET /portal/calls/{id}", Roles: owner, Handle: p.call},
	}
	return append(routes, p.leadRoutes()...)
}
