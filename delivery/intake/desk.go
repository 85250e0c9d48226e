package intake

import (
	"context"
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
)

// Market opens auctions.
type Market interface {
	Open(ctx context.Context, ask ringbid.Ask) Auction
}

// Auction sells one lead.
type Auction interface {
	Award(ctx context.Context) (ringbid.Award, bool)
	Report(w ringbid.Award, at ringbid.Attempt)
	Done(talk time.Duration) ringbid.Auction
}

// Book keeps leads; the store does.
type Book interface {
	LeadByExternal(ctx context.Context, source, external string) (*ringbid.Lead, error)
	// Repeated returns by which field the person is known in the campaign since the
	// moment; "" where it is new.
	Repeated(ctx context.Context, campaign string, facts ringbid.TagMap, since time.Time, by []string) (string, error)
	// Bought returns which buyers bought the person since the moment, and when.
	Bought(ctx context.Context, phone, email string, since time.Time) (map[string]time.Time, error)
	// Sell writes a lead down with all of its offers, and uses its ping up. Where a
	// target has no room nothing is written: full says which, and why. The error is
	// Conflict where the external id is known, with Field where the person is or the
	// ping was used.
	Sell(ctx context.Context, l *ringbid.Lead, offers []ringbid.Offer, since time.Time, by []string, refuse bool) (full map[string]string, stored bool, err error)
	KeepPing(ctx context.Context, p Ping) error
	// TakePing returns a ping that the lead may follow. The error is NotFound where
	// there is none, Conflict where another lead has used it.
	TakePing(ctx context.Context, source, id, lead string) (Ping, error)
}

// Ping is a price that was given without contact data.
type Ping struct {
	ID      string
	Source  string
	At      time.Time
	Expires time.Time
	Facts   ringbid.TagMap
	Auction ringbid.Auction
	Test    bool // only tests may follow it
}

// Config is what a Desk is made with.
type Config struct {
	Documents func() *ringbid.Book
	Market    Market
	Book      Book
	// Broken returns the methods whose endpoints are not asked at present, and why;
	// from memory.
	Broken func() map[string]string
	Node   string
	Now    func() time.Time
	Logger *slog.Logger
}

// Desk takes leads in.
type Desk struct {
	cfg     Config
	waiting waiting
}

// New makes a desk.
func New(c Config) *Desk {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Broken == nil {
		c.Broken = func() map[string]string { return nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Desk{cfg: c, waiting: waiting{asks: map[string]chan ringbid.LeadResult{}}}
}

// Posting is a lead as a publisher sends it.
type Posting struct {
	Source   *ringbid.Source
	Way      string // "direct", "ping" or "post"
	External string // the publisher's own id
	PingID   string
	Test     bool // checked and answered, not sold
	Values   map[string]string
}

// Statuses of an answer.
const (
	StatusAccepted  = "accepted"
	StatusRejected  = "rejected"
	StatusPending   = "pending"
	StatusDuplicate = "duplicate"
	StatusInvalid   = "invalid"
)

// Answer is what the publisher is told.
type Answer struct {
	Status   string
	LeadID   string
	PingID   string
	Price    *ringbid.Money // what the publisher earns
	Currency string
	Reason   string
	Code     string
	Fields   []ringbid.FieldProblem
	Expires  time.Duration // of a ping's price
	Repeat   bool          // the lead was known by its external id
}

// Post takes a lead. The error is of kind Denied for a way in that is closed,
// NotFound for a campaign without leads, Unavailable where the lead could not be
// written down: the publisher may send it again, under the same id.
func (d *Desk) Post(ctx context.Context, p Posting) (Answer, error) {
	book := d.cfg.Documents()
	c := book.Campaigns[p.Source.Campaign]
	pub := book.Publishers[p.Source.Publisher]
	switch {
	case c == nil || c.Lead == nil:
		return Answer{}, ringbid.Errorf(ringbid.NotFound, "this address takes no leads")
	case p.Source.Paused, c.Paused, pub != nil && pub.Paused:
		return Answer{}, ringbid.Errorf(ringbid.Denied, "this address takes no leads at present")
	case !c.Lead.Takes(wayIn(p.Way)):
		return Answer{}, ringbid.Errorf(ringbid.Denied, "this campaign takes leads by %s only", c.Lead.Ways)
	case len(p.External) > maxExternal:
		return Answer{Status: StatusInvalid, Code: codeInvalid, Reason: "id is longer than 200 bytes", Fields: []ringbid.FieldProblem{{Field: "id", Text: "is longer than 200 bytes"}}}, nil
	}
	b := &bargain{desk: d, book: book, campaign: c, posting: p, id: ringbid.NewID(), at: d.cfg.Now().UTC()}
	if p.Way == "ping" {
		return b.ping(ctx)
	}
	return b.post(ctx)
}

const maxExternal = 200 // bytes

func wayIn(way string) string {
	if way == "direct" {
		return "direct"
	}
	return "ping_post"
}
