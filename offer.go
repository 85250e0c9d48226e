package ringbid

import "time"

// Ask opens an auction: which call, of which campaign, with what is known of
// the caller so far.
type Ask struct {
	CallID   string
	Campaign string
	Caller   Phone
	Number   Phone
	Facts    TagMap
	Deadline time.Duration // how long Award waits once no more facts come
	Floor    Money
	// Lead says that it is a data lead: only targets with methods take part.
	Lead bool
	// Withheld are facts that bidders are not told.
	Withheld []string
	// Barred are targets that may not have it, and why, in words.
	Barred map[string]string
}

// Award is the right to hand the call to one buyer: the best bid left, with
// the target's slot already reserved.
type Award struct {
	Bid     string    `json:"bid"`  // our id of the bid
	Name    string    `json:"name"` // bidder, or target at its fixed price
	Target  string    `json:"target"`
	Buyer   string    `json:"buyer"`
	Price   Money     `json:"price"`
	User    string    `json:"user"`             // what to dial at the target's trunk
	BidID   string    `json:"bid_id,omitempty"` // the bidder's id
	Expires time.Time `json:"expires,omitzero"` // the INVITE must leave before
	Rank    int       `json:"rank"`
}

// BidState says what became of a candidate in an auction.
type BidState string

// The states of a candidate.
const (
	BidWaiting    BidState = "waiting"    // lacks facts
	BidPinged     BidState = "pinged"     // asked, no answer yet
	BidStanding   BidState = "bid"        // offers Amount
	BidDeclined   BidState = "declined"   // answered, does not want it
	BidIneligible BidState = "ineligible" // not asked: closed, filtered, capped
	BidLate       BidState = "late"       // no answer in time
	BidFailed     BidState = "failed"     // answer not understood, or unreachable
	BidExpired    BidState = "expired"    // ran out before it was used
	BidWon        BidState = "won"        // the call was connected to it
	BidTried      BidState = "tried"      // dialled, did not take the call
)

// Bid is one candidate of an auction and all that happened to it.
type Bid struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Target   string     `json:"target"`
	Buyer    string     `json:"buyer"`
	State    BidState   `json:"state"`
	Reason   string     `json:"reason,omitempty"` // in words, why not
	Code     string     `json:"code,omitempty"`   // stable reason, or the bidder's own code
	Amount   Money      `json:"amount"`
	Priority int        `json:"priority"`
	Weight   int        `json:"weight"`
	Draw     float64    `json:"draw,omitempty"` // the seeded draw that breaks ties, 0 to 1
	Static   bool       `json:"static"`
	BidID    string     `json:"bid_id,omitempty"`
	User     string     `json:"user,omitempty"`
	Pinged   *time.Time `json:"pinged,omitempty"`
	Replied  *time.Time `json:"replied,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"`
	Rank     int        `json:"rank,omitempty"` // from 1; 0 when not ranked
	Request  string     `json:"request,omitempty"`
	Reply    string     `json:"reply,omitempty"` // first 2 KB
	Status   int        `json:"status,omitempty"`
}

// Auction is the whole record of how a call was sold: with the seed and the
// bids it can be run again and must give the same order.
type Auction struct {
	ID        string     `json:"id"`
	CallID    string     `json:"call_id"`
	Campaign  string     `json:"campaign"`
	Seed      uint64     `json:"seed,string"`
	Opened    time.Time  `json:"opened"`
	Closed    *time.Time `json:"closed,omitempty"`
	CloseWhy  string     `json:"close_why,omitempty"` // "all answered", "cannot be beaten", "deadline", "abandoned"
	Floor     Money      `json:"floor"`
	Facts     TagMap     `json:"facts,omitempty"`
	Bids      []Bid      `json:"bids"`
	Winner    string     `json:"winner,omitempty"` // name of the bid that connected
	Overtime  int64      `json:"overtime_us"`      // close less the answer of the slowest useful bidder, µs
	Attempts  int        `json:"attempts"`
	Abandoned bool       `json:"abandoned,omitempty"`
}

// Verdict is how dialling a target went.
type Verdict string

// The verdicts.
const (
	VerdictAnswered    Verdict = "answered"
	VerdictBusy        Verdict = "busy"        // 486, 600
	VerdictNoAnswer    Verdict = "no_answer"   // rang too long, 408, 480
	VerdictRefused     Verdict = "refused"     // other 4xx, 603
	VerdictUnreachable Verdict = "unreachable" // host unknown, no reply, transport
	VerdictFailed      Verdict = "failed"      // 5xx, bad SDP
	VerdictNotAccepted Verdict = "not_accepted"
	VerdictCancelled   Verdict = "cancelled" // the caller hung up meanwhile
	VerdictLocal       Verdict = "local"     // our own limit: no ports, trunk full
	VerdictVoicemail   Verdict = "voicemail" // a machine answered: greeting, beep or fax
	VerdictElsewhere   Verdict = "elsewhere" // of a leg: another place of the target took the call
)

// Dial asks for one leg to a target.
type Dial struct {
	Award       Award
	Target      *Target
	Hold        Audio // what the caller hears meanwhile; nil is ringback
	Whisper     Audio // what the agent hears after answering
	RingTimeout time.Duration
	Facts       TagMap // for header templates
	Caller      Phone
	CallerName  string
}

// Attempt is how a dial went.
type Attempt struct {
	Leg      string
	Verdict  Verdict
	Status   int
	Text     string
	Started  time.Time
	RingMS   int64 // from INVITE to the first 18x, 0 if none
	AnswerMS int64 // from INVITE to the answer
}

// Talk is how a bridge went.
type Talk struct {
	Started time.Time
	MS      int64
	EndedBy string // "caller", "buyer", "ringbid"
	Reason  Reason
	// Transfers are those that were asked for, the refused ones too, at most 20.
	Transfers []Transfer
}

// Gather asks for digits.
type Gather struct {
	Prompt       Audio
	Min, Max     int
	Terminator   byte
	FirstTimeout time.Duration // from the end of the prompt
	DigitTimeout time.Duration
	Secret       bool // silence these digits in the recording, keep them out of events
}

// Audio is sound as the telephone network carries it: 8 kHz mono µ-law (ITU-T
// G.711), one byte a sample.
type Audio []byte

// Duration returns how long the sound is.
func (a Audio) Duration() time.Duration { return time.Duration(len(a)) * time.Second / 8000 }
