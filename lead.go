package ringbid

import "time"

// Lead is a person who asked to be contacted: posted by a publisher, or made of
// a call that was bridged or missed. It is sold like a call, and delivered by
// the buyer's methods.
type Lead struct {
	ID       string    `json:"id"` // a NewID; a call's lead has the call's id
	Node     string    `json:"node,omitempty"`
	State    LeadState `json:"state"`
	Received time.Time `json:"received"`
	// Source is the posting address it came by; "" for a call's lead.
	Source    string `json:"source,omitempty"`
	Campaign  string `json:"campaign"`
	Publisher string `json:"publisher,omitempty"`
	// External is the publisher's own id, by which a repeat is known.
	External string `json:"external_id,omitempty"`
	Call     string `json:"call_id,omitempty"`
	Ping     string `json:"ping_id,omitempty"` // the ping it followed, where there was one
	Reason   Reason `json:"reason"`

	// Posted are the fields as they came, Facts what became of them.
	Posted TagMap `json:"posted,omitempty"`
	Facts  TagMap `json:"facts,omitempty"`

	Auction   *Auction   `json:"auction,omitempty"`
	Purchases []Purchase `json:"purchases,omitempty"`
	// Deliveries are those of all purchases, and of a call's lead.
	Deliveries []Delivery `json:"deliveries,omitempty"`
	Sale       Sale       `json:"sale"` // sums over the purchases that stand
	// Unpaid says that the publisher is not paid: a repeat of a person.
	Unpaid bool `json:"unpaid,omitempty"`
	// Recovered says that the first winner's delivery failed and another took it.
	Recovered bool `json:"recovered,omitempty"`
}

// LeadState is where a lead stands.
type LeadState string

// The states of a lead.
const (
	LeadSelling LeadState = "selling" // a buyer has it or is about to
	LeadSold    LeadState = "sold"    // a buyer accepted it
	LeadUnsold  LeadState = "unsold"  // nobody took it
	LeadRefused LeadState = "refused" // unsound or a repeat; not offered to anybody
	LeadHeld    LeadState = "held"    // a buyer may have it; a person must look
	LeadCall    LeadState = "call"    // made of a call, sold as such
)

// LeadStates returns all states, for lists.
func LeadStates() []LeadState {
	return []LeadState{LeadSelling, LeadSold, LeadUnsold, LeadRefused, LeadHeld, LeadCall}
}

// Purchase is one buyer's claim to a lead: made by the auction, decided by the
// delivery.
type Purchase struct {
	ID       string        `json:"id"`
	Lead     string        `json:"lead_id"`
	Buyer    string        `json:"buyer"`
	Target   string        `json:"target"`
	Name     string        `json:"name"`             // bidder, or target at its fixed price
	BidID    string        `json:"bid_id,omitempty"` // the bidder's id of its bid
	Rank     int           `json:"rank"`
	Place    int           `json:"place"` // from 0; of several buyers of a shared lead
	State    PurchaseState `json:"state"`
	Reason   string        `json:"reason,omitempty"`
	Made     time.Time     `json:"made"`
	Decided  *time.Time    `json:"decided,omitempty"`
	Partner  string        `json:"partner_id,omitempty"` // the buyer's own id of the lead
	Sale     Sale          `json:"sale"`
	Recovery bool          `json:"recovery,omitempty"` // after another buyer's delivery had failed

	// What the portal keeps of it.
	Status    string     `json:"status,omitempty"` // a LeadStatus
	Agent     string     `json:"agent,omitempty"`  // who works it
	Viewed    *time.Time `json:"viewed,omitempty"`
	Contacted *time.Time `json:"contacted,omitempty"`
}

// PurchaseState is where a purchase stands.
type PurchaseState string

// The states of a purchase.
const (
	PurchasePending  PurchaseState = "pending"  // being delivered
	PurchaseAccepted PurchaseState = "accepted" // the buyer has it and pays
	PurchaseRejected PurchaseState = "rejected" // the buyer does not want it
	PurchaseFailed   PurchaseState = "failed"   // it could not be delivered
	PurchaseHeld     PurchaseState = "held"     // the buyer may have it; a person must look
	PurchaseReturned PurchaseState = "returned" // given back, the money with it
)

// Role is a method's part in a delivery.
const (
	RolePrimary  = "primary"  // decides the purchase
	RoleFallback = "fallback" // takes over where the one before fails
	RoleParallel = "parallel" // goes beside, and decides nothing
)

// Delivery is one lead on its way by one method.
type Delivery struct {
	ID       string        `json:"id"`
	Lead     string        `json:"lead_id"`
	Purchase string        `json:"purchase_id,omitempty"`
	Buyer    string        `json:"buyer,omitempty"`
	Target   string        `json:"target,omitempty"`
	Method   string        `json:"method"`
	Role     string        `json:"role"`
	State    DeliveryState `json:"state"`
	Made     time.Time     `json:"made"`
	Next     *time.Time    `json:"next,omitempty"` // of a retry
	Done     *time.Time    `json:"done,omitempty"`
	Tries    []Try         `json:"tries,omitempty"`
	Count    int           `json:"count"` // of tries since it was last queued by a person
	// Maybe says that a try ended ambiguously: the partner may have it.
	Maybe   bool   `json:"maybe,omitempty"`
	Partner string `json:"partner_id,omitempty"`
	Code    string `json:"code,omitempty"`   // of the last try
	Reason  string `json:"reason,omitempty"` // in words
	// Exception says that a person must look at it.
	Exception bool `json:"exception,omitempty"`
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryQueued    DeliveryState = "queued"
	DeliverySending   DeliveryState = "sending"
	DeliveryRetry     DeliveryState = "retry"
	DeliveryAccepted  DeliveryState = "accepted"
	DeliveryRejected  DeliveryState = "rejected"
	DeliveryFailed    DeliveryState = "failed"
	DeliveryHeld      DeliveryState = "held" // the partner may have it
	DeliveryCancelled DeliveryState = "cancelled"
)

// Over reports whether nothing more happens to the delivery by itself.
func (s DeliveryState) Over() bool {
	return s != DeliveryQueued && s != DeliverySending && s != DeliveryRetry
}

// Try is one exchange with a partner, or one letter.
type Try struct {
	N       int        `json:"n"` // from 1
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty"` // nil while it is under way
	Class   string     `json:"class,omitempty"`
	Code    string     `json:"code,omitempty"`
	Sent    string     `json:"sent,omitempty"`
	Status  int        `json:"status,omitempty"` // of HTTP or SMTP
	MS      int64      `json:"ms"`
	Reason  string     `json:"reason,omitempty"`
	Partner string     `json:"partner_id,omitempty"`
	Price   *Money     `json:"price,omitempty"`
	Next    string     `json:"next,omitempty"` // what followed
	Version int        `json:"version,omitempty"`
	// Request and Response are copies without secrets, 16 KB at most; Fields says
	// field by field what was made of the lead, as JSON.
	Request  string `json:"request,omitempty"`
	Response string `json:"response,omitempty"`
	Fields   string `json:"fields,omitempty"`
}

// LeadStatuses are what may be said of a lead that was bought, in the order of
// a lead's life.
func LeadStatuses() []string {
	return []string{"new", "contacted", "no_contact", "appointment", "quoted", "converted", "invalid", "duplicate", "returned"}
}

// Activity is one thing that somebody did with a lead: viewed, called, said.
type Activity struct {
	Lead     string    `json:"lead_id"`
	Purchase string    `json:"purchase_id"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`   // a user, or "webhook NAME"
	Kind     string    `json:"kind"` // received, viewed, call, status, note, assigned, return, return_decided
	Text     string    `json:"text,omitempty"`
}
