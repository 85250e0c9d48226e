package api

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// Intake takes leads. The context outlives a publisher who hangs up, and ends
// after 25 s. An error is a failure of ours; what is wrong with a lead, and that
// nobody wants it, is an Answer.
type Intake interface {
	Post(ctx context.Context, p Posting) (Answer, error)
}

// The ways in.
const (
	WayDirect = "direct" // a whole lead, to be sold at once
	WayPing   = "ping"   // what may be said before the sale; asks for a price
	WayPost   = "post"   // the whole lead, at the price of a ping
)

// Posting is a lead or a ping as a publisher sent it. The publisher is known,
// and neither it nor its source nor the campaign is paused.
type Posting struct {
	Source *ringbid.Source
	Way    string
	// External is the publisher's own id, at most 200 characters; PingID is there
	// with WayPost.
	External, PingID string
	// Test asks for the answer without a sale.
	Test bool
	// Values are the fields as they were named, without those that have a meaning
	// of their own: at most 300, and the short names of nested ones. No two names
	// differ in case only.
	Values map[string]string
	IP     string // of the publisher
}

// What may be answered.
const (
	StatusAccepted  = "accepted"  // sold, or a price for a ping
	StatusPending   = "pending"   // taken; a buyer has not said yes or no yet
	StatusRejected  = "rejected"  // sound, and nobody buys it
	StatusDuplicate = "duplicate" // rejected as a repeat of a person
	StatusInvalid   = "invalid"   // Fields say what is wrong
	StatusError     = "error"     // not processed, for a reason of ours
)

// Answer is what the publisher is told.
type Answer struct {
	Status         string
	LeadID, PingID string
	// Price is what the publisher earns, or would.
	Price    *ringbid.Money
	Currency string
	Reason   string // in words
	Code     string
	// Fields are everything that is wrong.
	Fields []ringbid.FieldProblem
	// Expires is for how long a ping's price holds.
	Expires time.Duration
	// Repeat says that this external id was known: the answer is that of before.
	Repeat bool
}
