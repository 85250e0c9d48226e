package console

import (
	"context"
	"embed"
	"errors"
	"io"
	"io/fs"
	"slices"
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
}

// Recordings reads sound. A call without a recording is NotFound.
type Recordings interface {
	// Open returns the recording as a WAV that browsers play (16-bit PCM).
	Open(ctx context.Context, callID string) (io.ReadSeekCloser, error)
	// Waveform returns the peaks of n equal parts of it, caller first, 0 to 255.
	Waveform(ctx context.Context, callID string, n int) ([2][]uint8, error)
}

// Reports adds calls up.
type Reports interface {
	Figures(ctx context.Context, f web.Filter) (web.Figures, error)
	// Groups sums by "campaign", "publisher" or "buyer", most revenue first.
	Groups(ctx context.Context, f web.Filter, by string) ([]web.Group, error)
}

// Usage is how much of a cap is used in its present window.
type Usage struct {
	Target string
	Cap    ringbid.Cap
	Used   int64 // a count, or Money for revenue
}

// Config is what the console reads. Usage and Disposed may be nil.
type Config struct {
	Calls      Calls
	Recordings Recordings
	Reports    Reports
	Board      *Board
	Book       func() *ringbid.Book
	Usage      func(ctx context.Context) ([]Usage, error)
	// Of data leads. Each may be nil: its pages are not there then.
	Leads      Leads
	Deliveries Deliveries
	Maps       Maps
	Documents  Documents
	Returns    Returns
	// Hangup ends a live call and reports whether it was there.
	Hangup func(callID string, r ringbid.Reason) bool
	// Capture opens a call's pcap; NotFound where none is kept. It may be nil.
	Capture func(callID string) (io.ReadSeekCloser, error)
	// Desk carries out orders about live calls. It may be nil.
	Desk Desk
	// Trunks says how the trunks are; it may be nil.
	Trunks func() []ringbid.TrunkState
	// Version is what the settings page says of this build and node.
	Version string
	Now     func() time.Time
}

// Console is the part of the web for operators and QA.
type Console struct {
	c     Config
	pages *web.Pages
}

// New makes the console; the error says what is missing.
func New(c Config) (*Console, error) {
	if c.Calls == nil || c.Recordings == nil || c.Reports == nil || c.Board == nil || c.Book == nil {
		return nil, errors.New("console: calls, recordings, reports, board and book are all needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	sub, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	pages, err := web.NewPages(sub)
	if err != nil {
		return nil, err
	}
	return &Console{c: c, pages: pages}, nil
}

// Routes returns the pages and who may see them.
func (c *Console) Routes() []web.Route {
	return slices.Concat(c.callRoutes(), c.deskRoutes(), c.leadRoutes())
}

func (c *Console) callRoutes() []web.Route {
	operator := []ringbid.Role{ringbid.RoleOperator}
	listener := []ringbid.Role{ringbid.RoleOperator, ringbid.RoleQA}
	return []web.Route{
		{Pattern: "GET /live", Roles: operator, Handle: c.live},
		{Pattern: "GET /live/side", Roles: operator, Handle: c.liveSide},
		{Pattern: "GET /search", Roles: listener, Handle: c.search},
		{Pattern: "GET /calls", Roles: listener, Handle: c.list},
		{Pattern: "GET /calls.csv", Roles: listener, Handle: c.export},
		{Pattern: "GET /calls/{id}", Roles: listener, Handle: c.call},
		{Pattern: "GET /calls/{id}/recording.wav", Roles: listener, Handle: c.recording},
		{Pattern: "GET /calls/{id}/capture.pcap", Roles: operator, Handle: c.capture},
		{Pattern: "GET /calls/{id}/facts.json", Roles: listener, Handle: c.facts},
		{Pattern: "POST /calls/{id}/hangup", Roles: operator, Handle: c.hangup},
		{Pattern: "GET /campaigns", Roles: operator, Handle: c.campaigns},
		{Pattern: "GET /campaigns/{name}", Roles: operator, Handle: c.campaign},
		{Pattern: "GET /flows", Roles: operator, Handle: c.flows},
		{Pattern: "GET /flows/{name}", Roles: operator, Handle: c.flow},
		{Pattern: "GET /buyers", Roles: operator, Handle: c.buyers},
		{Pattern: "GET /buyers/{name}", Roles: operator, Handle: c.buyer},
		{Pattern: "GET /publishers", Roles: operator, Handle: c.publishers},
		{Pattern: "GET /publishers/{name}", Roles: operator, Handle: c.publisher},
		{Pattern: "GET /numbers", Roles: operator, Handle: c.numbers},
		{Pattern: "GET /reports", Roles: operator, Handle: c.reports},
		{Pattern: "GET /settings", Roles: operator, Handle: c.settings},
	}
}
