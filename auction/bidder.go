package auction

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// Bidder speaks one dialect: it asks a buyer's endpoint and understands what it
// answers. A no-bid is a Reply that is not Accepted, never an error; an error
// means that the answer did not come or was not understood, and the Reply that
// comes with it holds what is known all the same, with a Code.
type Bidder interface {
	Ping(ctx context.Context, p Ping) (Reply, error)
}

// Ping asks one bidder for its price.
type Ping struct {
	Bidder *ringbid.Bidder
	Caller ringbid.Phone // "" when withheld, or kept from this bidder
	Number ringbid.Phone
	CallID string
	Facts  ringbid.TagMap
}

// Fields returns what is told to the bidder beside the caller's number: those
// facts that its document names and that are known, under its own names.
func (p Ping) Fields() map[string]string {
	out := make(map[string]string, len(p.Bidder.Fields))
	for theirs, ours := range p.Bidder.Fields {
		if v, ok := p.Facts.Get(ours); ok && v != "" {
			out[theirs] = v
		}
	}
	return out
}

// Reply is what a bidder answered.
type Reply struct {
	Accepted bool
	BidID    string
	Amount   ringbid.Money
	// User is what to dial at the target's trunk instead of the target's own
	// user; "" keeps that.
	User    string
	Expires time.Time // zero: until the call is over
	Reason  string    // why not, in the bidder's words
	Code    string    // the bidder's code, or a stable one of ours
	Request string    // as sent, without credentials, at most 2 KB
	Raw     string    // as received, at most 2 KB of text
	Status  int       // HTTP status, 0 if there was none
}

// MaxRaw bounds Request and Raw, in bytes.
const MaxRaw = 2048

// CodeTimeout is the Code of a Reply whose bidder did not answer in time.
const CodeTimeout = "timeout"

// Roster says who may buy a campaign's calls, in route order.
type Roster interface {
	Buyings(campaign string) []ringbid.Buying
}

// Ledger keeps the slots and caps of targets.
type Ledger interface {
	// Reserve takes a slot for the call. A Busy error means that there is none,
	// and says why.
	Reserve(ctx context.Context, callID string, t *ringbid.Target) error
	// Release gives the slot back; releasing twice does nothing.
	Release(ctx context.Context, callID string, target string)
	// Full reports whether the target has no room, from memory and at once.
	Full(t *ringbid.Target) (reason string, full bool)
}
