package web

import (
	"time"

	"github.com/ringbid/ringbid"
)

// LeadFilter says which leads are meant. Empty fields do not filter.
type LeadFilter struct {
	From, To  time.Time // received in [From, To)
	Campaign  string
	Publisher string
	Source    string
	Buyer     string // who bought it, or was about to
	State     ringbid.LeadState
	// Status and Agent are of the buyer's purchase; they need Buyer.
	Status string
	Agent  string // "-" for leads that nobody has taken
	// Text is looked for in ids, names, numbers and facts.
	Text string
	// Sort is "" for newest first, "oldest", "revenue" or "status".
	Sort   string
	Cursor string // LeadListing.Next of the page before
	Limit  int    // rows, 1 to 10000; default 50
}

// LeadListing is one page of leads, without tries and auctions. Next is "" on
// the last one.
type LeadListing struct {
	Leads []ringbid.Lead
	Next  string
	Total LeadFigures // of all that the filter admits, not of the page
}

// LeadFigures are sums over some leads, all in one currency.
type LeadFigures struct {
	Leads     int64         `json:"leads"`
	Refused   int64         `json:"refused"`
	Sold      int64         `json:"sold"`
	Unsold    int64         `json:"unsold"`
	Held      int64         `json:"held"`
	Recovered int64         `json:"recovered"` // sold after another delivery had failed
	Returned  int64         `json:"returned"`
	Currency  string        `json:"currency,omitempty"`
	Revenue   ringbid.Money `json:"revenue"`
	Payout    ringbid.Money `json:"payout"`
	// RecoveredRevenue is the part of Revenue that recovered leads brought.
	RecoveredRevenue ringbid.Money `json:"recovered_revenue"`
}

// Margin returns revenue less payout.
func (f LeadFigures) Margin() ringbid.Money { return f.Revenue - f.Payout }

// Exception is a delivery that a person must look at, with its lead.
type Exception struct {
	Delivery ringbid.Delivery // without copies of requests
	Person   string
	Campaign string
	Received time.Time
	State    ringbid.LeadState // of the lead now
	Facts    ringbid.TagMap    // as they would be sent
}

// ExceptionFilter says which exceptions are meant.
type ExceptionFilter struct {
	Buyer, Method, Code, Campaign string
	Cursor                        string
	Limit                         int // 1 to 500; default 50
}

// ExceptionListing is one page of exceptions, the newest first. Kinds counts all
// open ones by method and code.
type ExceptionListing struct {
	Rows  []Exception
	Next  string
	Total int64
	Kinds []ExceptionKind
}

// ExceptionKind is how many exceptions one method has for one reason.
type ExceptionKind struct {
	Method, Code string
	Count        int64
}

// Refusal says why one of several things was not done.
type Refusal struct{ ID, Why string }

// Watch is how deliveries do at this moment.
type Watch struct {
	Since     time.Time
	Buyers    []BuyerHealth
	Endpoints []EndpointHealth
	Errors    []ErrorKind
	Queued    int64 // deliveries that wait for their first try
	Retrying  int64
	Sending   int64
	Oldest    *time.Time // since when the longest waiting one waits
	Alerts    []Alert    // open ones first
	Recovered LeadFigures
}

// BuyerHealth is how many of a buyer's deliveries succeeded.
type BuyerHealth struct {
	Buyer                       string
	Delivered, Rejected, Failed int64
	Hours                       []int64 // success of each of the last hours in percent, -1 without any
}

// Success returns the share that was delivered, 0 to 1: rejections are the
// buyer's right and count neither way. -1 where there is nothing to count.
func (b BuyerHealth) Success() float64 {
	if b.Delivered+b.Failed == 0 {
		return -1
	}
	return float64(b.Delivered) / float64(b.Delivered+b.Failed)
}

// EndpointHealth is how one method's endpoint does.
type EndpointHealth struct {
	Method, Buyer, Type string
	Tries, Errors       int64
	Mean, Slowest       time.Duration
	Waiting             int64
	// Breaker is "closed", "open" or "probing".
	Breaker string
	Reason  string     // why it is open
	Until   *time.Time // next probe
	InARow  int        // failures
}

// ErrorKind is how often deliveries failed for one reason.
type ErrorKind struct {
	Class, Code string
	Count       int64
}

// Alert is something the operator should know.
type Alert struct {
	ID, Kind, Subject, Text string
	Opened                  time.Time
	Closed                  *time.Time
}

// Return is a buyer's wish to give a lead back.
type Return struct {
	Purchase ringbid.Purchase
	Person   string
	Campaign string
	Asked    time.Time
	By       string
	Reason   string
	State    string // "asked", "granted" or "refused"
}

// DocumentVersion is one version of a document.
type DocumentVersion struct {
	Version int
	State   string // "published", "superseded", "deleted", "draft"
	Created time.Time
	By      string
}
