package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/ringbid/ringbid"
)

// LeadBuying is how a lead buyer answers.
type LeadBuying struct {
	// Least and Most bound the price; where the consumer lives decides within
	// them, the same each time.
	Least, Most ringbid.Money
	// Delay passes before an answer, after the lead was kept.
	Delay time.Duration
	// Reject is the reason of a refusal. Alone it refuses everything.
	Reject string
	// RejectShare is the share of leads refused, 0..1; the lead's key decides, so
	// that a repeat is refused as well. Reject is the reason, else "not wanted".
	RejectShare float64
	// Fault is how posts are answered, PingFault how pings are.
	Fault, PingFault LeadFault
	// Idempotent answers a repeat of a key as it answered first, and does not
	// keep the lead again.
	Idempotent bool
	// Dedupe refuses a key that was kept as "duplicate". A buyer who is neither
	// keeps, and pays for, what comes twice twice.
	Dedupe bool
	// Chaos is the share of posts, 0..1, that meet a random fault: half of them
	// before the lead was kept, half after. The key and how often it came decide,
	// so that the same seed makes the same chaos however posts overlap.
	Chaos float64
}

// LeadBuyings returns the lead buyers by the name in their URL:
//
//	good       8.00 to 24.00 after 30 ms, idempotent
//	fast       10.00 to 18.00 at once, idempotent
//	slow       20.00 to 30.00 after 2 s, idempotent
//	premium    40.00 to 60.00 for six leads in ten, refuses the others
//	reject     refuses everything: "outside criteria"
//	capped     refuses everything: "cap reached"
//	forgetful  15.00, buys a repeat again
//	dedupe     15.00, refuses a repeat: "duplicate"
//	fallout    50.00 on the ping, breaks on every post (500)
//	pingless   22.00, breaks on every ping (500), takes posts
//	chaos      16.00, idempotent, 3 posts in 10 meet a fault
//
// and one for each LeadFault, under its name, at 12.50, who answers pings in
// good order.
func LeadBuyings() map[string]LeadBuying {
	const unit = ringbid.MoneyScale
	out := map[string]LeadBuying{
		"good":      {Least: 8 * unit, Most: 24 * unit, Delay: 30 * time.Millisecond, Idempotent: true},
		"fast":      {Least: 10 * unit, Most: 18 * unit, Idempotent: true},
		"slow":      {Least: 20 * unit, Most: 30 * unit, Delay: 2 * time.Second, Idempotent: true},
		"premium":   {Least: 40 * unit, Most: 60 * unit, RejectShare: 0.4, Idempotent: true},
		"reject":    {Reject: "outside criteria"},
		"capped":    {Reject: "cap reached"},
		"forgetful": {Least: 15 * unit, Most: 15 * unit},
		"dedupe":    {Least: 15 * unit, Most: 15 * unit, Dedupe: true},
		"fallout":   {Least: 50 * unit, Most: 50 * unit, Fault: LeadFault500},
		"pingless":  {Least: 22 * unit, Most: 22 * unit, PingFault: LeadFault500},
		"chaos":     {Least: 16 * unit, Most: 16 * unit, Idempotent: true, Chaos: 0.3},
	}
	for f := range leadFaults() {
		out[string(f)] = LeadBuying{Least: 12*unit + unit/2, Most: 12*unit + unit/2, Fault: f}
	}
	return out
}

// check reports what is unsound. The error is Invalid.
func (h LeadBuying) check(name string) error {
	known := leadFaults()
	_, post := known[h.Fault]
	_, ping := known[h.PingFault]
	switch {
	case name == "":
		return ringbid.FieldError("names", "one is empty")
	case h.Fault != LeadFaultNone && !post:
		return ringbid.FieldError(name+".fault", "there is no %q", h.Fault)
	case h.PingFault != LeadFaultNone && !ping:
		return ringbid.FieldError(name+".ping_fault", "there is no %q", h.PingFault)
	case !(h.RejectShare >= 0 && h.RejectShare <= 1):
		return ringbid.FieldError(name+".reject_share", "%v is not a share of 1", h.RejectShare)
	case !(h.Chaos >= 0 && h.Chaos <= 1):
		return ringbid.FieldError(name+".chaos", "%v is not a share of 1", h.Chaos)
	case h.Least < 0 || h.Delay < 0:
		return ringbid.FieldError(name, "price %s, delay %s", h.Least, h.Delay)
	}
	return nil
}

// price is a whole number of cents between Least and Most that depends on where
// the consumer lives.
func (h LeadBuying) price(fields map[string]string) ringbid.Money {
	const cent = ringbid.MoneyScale / 100
	if h.Most <= h.Least {
		return h.Least
	}
	zip := leadField(fields, "zip", "zip_code", "zipcode", "postal_code", "postalcode")
	sum := fnv.New64a()
	fmt.Fprint(sum, zip, leadField(fields, "state"))
	return h.Least + ringbid.Money(sum.Sum64()%uint64((h.Most-h.Least)/cent+1))*cent
}

// rejects returns why the lead is refused, or "".
func (h LeadBuying) rejects(d dice) string {
	switch {
	case h.RejectShare > 0 && d.roll("reject").Float64() >= h.RejectShare:
		return ""
	case h.RejectShare > 0 && h.Reject == "":
		return "not wanted"
	}
	return h.Reject
}

// fault returns what the post meets when its key comes for the nth time.
func (h LeadBuying) fault(d dice, nth int) LeadFault {
	if h.Fault != LeadFaultNone || h.Chaos == 0 {
		return h.Fault
	}
	rnd := d.roll(fmt.Sprint("chaos ", nth))
	if rnd.Float64() >= h.Chaos {
		return LeadFaultNone
	}
	faults, after := chaosFaults()
	if rnd.IntN(2) == 0 {
		faults = after
	}
	return faults[rnd.IntN(len(faults))]
}

// dice fall the same way for the same seed, buyer and lead.
type dice struct {
	seed      uint64
	name, key string
}

func (d dice) roll(about string) *rand.Rand {
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s\x00%s\x00%s", d.name, d.key, about)
	return rand.New(rand.NewPCG(d.seed, sum.Sum64()))
}
