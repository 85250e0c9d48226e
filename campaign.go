package ringbid

import (
	"regexp"
	"time"
)

var tagForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// Campaign is what is sold: the flow a caller goes through, who may buy the
// call, and what the publisher earns.
type Campaign struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Flow is what a caller goes through; a campaign of leads only has none.
	Flow     string `json:"flow,omitempty"`
	Currency string `json:"currency,omitempty"` // ISO 4217, default USD; the same for all its buyers
	// Routes are who may buy, in the operator's order.
	Routes []Route `json:"routes"`
	// Deadline is how long the caller may wait for bids once the last question
	// is answered; default 2s, 50ms to 30s.
	Deadline Duration `json:"deadline,omitempty"`
	// Floor is the least revenue a call is sold for.
	Floor  Money   `json:"floor,omitempty"`
	Payout *Payout `json:"payout,omitempty"`
	// Recording is "announce" (default), "silent" (record, say nothing) or
	// "off". The states in NoRecord are never recorded.
	Recording string   `json:"recording,omitempty"`
	NoRecord  []string `json:"no_record_states,omitempty"`
	// AcceptAnonymous lets callers in who withhold their number.
	AcceptAnonymous bool `json:"accept_anonymous,omitempty"`
	// SpamWindow refuses a caller who dialled the same number less than so long
	// ago; default 2s, "0s" is written as "1ms".
	SpamWindow Duration `json:"spam_window,omitempty"`
	// Blocked lists callers who are refused.
	Blocked []Phone `json:"blocked,omitempty"`
	// MaxDuration ends a call, default 4h, 1m to 12h.
	MaxDuration Duration `json:"max_duration,omitempty"`
	// Lead says what its data leads look like and how they are sold; none: calls
	// only.
	Lead *LeadRules `json:"lead,omitempty"`
	// Missed are the methods by which a call that no buyer took is passed on.
	Missed []string `json:"missed,omitempty"`
	// MaxAttempts is how many buyers are dialled for one call, default 10.
	MaxAttempts int `json:"max_attempts,omitempty"`
	// Retention is how many days calls and recordings are kept; default 1825
	// (five years: 16 CFR 310.5 as amended 2024), Medicare needs 3650.
	Retention int  `json:"retention_days,omitempty"`
	Paused    bool `json:"paused,omitempty"`
}

// Route is one who may buy a campaign's calls: a Target at its fixed price or a
// Bidder that is pinged. A lower Priority goes first among equal bids, then the
// higher Weight is likelier.
type Route struct {
	Target   string `json:"target,omitempty"`
	Bidder   string `json:"bidder,omitempty"`
	Priority int    `json:"priority,omitempty"` // 1 to 100, default 10
	Weight   int    `json:"weight,omitempty"`   // 1 to 1000, default 100
}

// Name returns the bidder's name, or the target's where there is no bidder.
func (r Route) Name() string {
	if r.Bidder != "" {
		return r.Bidder
	}
	return r.Target
}

// Payout is what the publisher earns for a call: a fixed Amount or a Share of
// the revenue in percent, once the buyer's side was connected for After.
type Payout struct {
	Amount Money    `json:"amount,omitempty"`
	Share  int      `json:"share_percent,omitempty"` // 0 to 100
	After  Duration `json:"after,omitempty"`
}

func (p *Payout) check(c *checker, path string) {
	if p == nil {
		return
	}
	c.that(p.Amount >= 0, path+".amount", "%s is negative", p.Amount)
	c.between(path+".share_percent", p.Share, 0, 100)
	c.that(p.Amount == 0 || p.Share == 0, path, "amount and share_percent exclude each other")
}

// Defaults of a campaign.
const (
	DefaultDeadline    = 2 * time.Second
	DefaultSpamWindow  = 2 * time.Second
	DefaultMaxDuration = 4 * time.Hour
	DefaultMaxAttempts = 10
	DefaultRetention   = 1825
	DefaultCurrency    = "USD"
)

// Key identifies the campaign.
func (p *Campaign) Key() Key { return Key{KindCampaign, p.Name} }

func (p *Campaign) refs(need func(string, Key)) {
	if p.Flow != "" {
		need("flow", Key{KindFlow, p.Flow})
	}
	for i, m := range p.Missed {
		need(index("missed", i), Key{KindMethod, m})
	}
	for i, r := range p.Routes {
		if r.Target != "" {
			need(index("routes", i)+".target", Key{KindTarget, r.Target})
		}
		if r.Bidder != "" {
			need(index("routes", i)+".bidder", Key{KindBidder, r.Bidder})
		}
	}
}

// Validate returns what is unsound in the campaign.
func (p *Campaign) Validate() []Problem {
	c := check(p)
	c.name()
	c.that(p.Flow != "" || p.Lead != nil, "flow", "is missing")
	c.that(len(p.Missed) <= 10, "missed", "has more than 10 entries")
	p.Lead.check(c)
	c.that(len(p.Routes) <= 200, "routes", "has more than 200 entries")
	seen := map[string]bool{}
	for i, r := range p.Routes {
		path := index("routes", i)
		c.that((r.Target == "") != (r.Bidder == ""), path, "names either a target or a bidder")
		c.that(!seen[r.Name()], path, "%q stands twice in the routes", r.Name())
		seen[r.Name()] = true
		c.between(path+".priority", r.Priority, 0, 100)
		c.between(path+".weight", r.Weight, 0, 1000)
	}
	c.span("deadline", p.Deadline, Duration(50*time.Millisecond), Duration(30*time.Second))
	c.that(p.Floor >= 0, "floor", "%s is negative", p.Floor)
	p.Payout.check(c, "payout")
	switch p.Recording {
	case "", "announce", "silent", "off":
	default:
		c.addf("recording", "%.20q is not announce, silent or off", p.Recording)
	}
	c.that(p.Currency == "" || len(p.Currency) == 3, "currency", "%.10q is not a currency code", p.Currency)
	c.span("spam_window", p.SpamWindow, Duration(time.Millisecond), Duration(24*time.Hour))
	c.span("max_duration", p.MaxDuration, Duration(time.Minute), Duration(12*time.Hour))
	c.between("max_attempts", p.MaxAttempts, 0, 50)
	c.between("retention_days", p.Retention, 0, 36500)
	return c.problems
}

// Records reports whether calls from the given state (two letters, "" if not
// known) are recorded.
func (p *Campaign) Records(state string) bool {
	if p.Recording == "off" {
		return false
	}
	for _, s := range p.NoRecord {
		if state != "" && s == state {
			return false
		}
	}
	return true
}

// CurrencyCode returns the currency, USD by default.
func (p *Campaign) CurrencyCode() string {
	if p.Currency == "" {
		return DefaultCurrency
	}
	return p.Currency
}
