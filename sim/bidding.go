package sim

import (
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction/dialect"
)

// Fault is how a bidder misbehaves.
type Fault string

// The faults.
const (
	FaultNone     Fault = ""
	FaultHuge     Fault = "huge"     // 16 MB of JSON
	FaultGarbage  Fault = "garbage"  // 200 with an HTML page
	FaultNegative Fault = "negative" // a negative amount
	FaultLying    Fault = "lying"    // promises more bytes than come
	FaultCut      Fault = "cut"      // the connection is reset within the answer
	FaultEmpty    Fault = "empty"    // 200 and nothing
	FaultStatus   Fault = "status"   // 500 beside a sound bid
	FaultRedirect Fault = "redirect" // 302 to itself
	FaultTrickle  Fault = "trickle"  // a byte at a time, for ever
	FaultPrice    Fault = "price"    // a million
	FaultExpired  Fault = "expired"  // a bid without time left
	FaultGzip     Fault = "gzip"     // a compressed answer that grows to 1 GB
)

// Bidding is how a bidder answers pings.
type Bidding struct {
	// Least and Most bound the amount; the caller's facts decide within them,
	// the same each time.
	Least, Most ringbid.Money
	// Delay passes before the answer.
	Delay time.Duration
	// Reject is the code of a refusal; 0 = it bids.
	Reject int
	// User is who is to be called, before a dot and the bid's identifier;
	// default "answer".
	User string
	// Expire is how long the bid stands; default 60 s.
	Expire time.Duration
	Fault  Fault
}

// Biddings returns the bidders by the name in their URL:
//
//	good    36.00 to 52.00 after 60 ms
//	slow    25.00 to 33.00 after 900 ms
//	reject  code 1004 after 40 ms
//	busy    62.00, and the line it names is busy
//	late    a sound bid after 15 s
//
// and one for each Fault, under its name.
func Biddings() map[string]Bidding {
	const unit = ringbid.MoneyScale
	out := map[string]Bidding{
		"good":   {Least: 36 * unit, Most: 52 * unit, Delay: 60 * time.Millisecond},
		"slow":   {Least: 25 * unit, Most: 33 * unit, Delay: 900 * time.Millisecond},
		"reject": {Reject: dialect.CodeCallerID, Delay: 40 * time.Millisecond},
		"busy":   {Least: 62 * unit, Most: 62 * unit, User: "busy", Delay: 30 * time.Millisecond},
		"late":   {Least: 40 * unit, Most: 40 * unit, Delay: 15 * time.Second},
	}
	for _, f := range []Fault{
		FaultHuge, FaultGarbage, FaultNegative, FaultLying, FaultCut, FaultEmpty, FaultStatus,
		FaultRedirect, FaultTrickle, FaultPrice, FaultExpired, FaultGzip,
	} {
		out[string(f)] = Bidding{Least: 40 * unit, Most: 40 * unit, Fault: f}
	}
	return out
}
