package ringbid

import (
	"net/url"
	"regexp"
	"time"
)

var headerForm = regexp.MustCompile(`^X-[A-Za-z0-9-]{1,60}$`)

// Bidder is a buyer's bidding endpoint: it is pinged with facts about the
// caller and answers with a price, and the call goes to its Target.
type Bidder struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Target is where a won call goes; its hours, caps and filters decide who
	// is asked. A SIP address or number in the bid replaces the user dialled.
	Target string `json:"target"`
	// Dialect is whose wire format the endpoint speaks: "ringba", or "exchange":
	// a form or document of Fields, answered as Exchange says.
	Dialect string `json:"dialect"`
	URL     string `json:"url"`
	// Token is put into the request where the dialect wants one.
	Token Secret `json:"token,omitempty"`
	// Exchange changes how an "exchange" is made and read: method, body, header,
	// query, map, template, answer. Without it the fields are sent as JSON, and
	// the usual words for yes, price and ping_id are understood.
	Exchange Raw        `json:"exchange,omitempty"`
	Auth     MethodAuth `json:"auth,omitzero"` // of an "exchange"
	// Requires are the facts that must be known before the ping.
	Requires []string `json:"requires,omitempty"`
	// Fields renames facts for this endpoint: their name to ours. Facts not
	// named here are not sent; "caller" is governed by HideCaller.
	Fields map[string]string `json:"fields,omitempty"`
	// HideCaller keeps the caller's number out of the ping.
	HideCaller bool `json:"hide_caller,omitempty"`
	// Timeout is how long one ping may take; default 2s, 50ms to 10s.
	Timeout Duration `json:"timeout,omitempty"`
	// MaxBid is the most this bidder may offer; higher bids are refused, and
	// the auction closes early once a better bid than this is in.
	MaxBid Money `json:"max_bid,omitempty"`
	Paused bool  `json:"paused,omitempty"`
}

// DefaultPingTimeout is how long a ping may take where nothing else is said.
const DefaultPingTimeout = 2 * time.Second

// Key identifies the bidder.
func (b *Bidder) Key() Key { return Key{KindBidder, b.Name} }

func (b *Bidder) refs(need func(string, Key)) { need("target", Key{KindTarget, b.Target}) }

// Validate returns what is unsound in the bidder.
func (b *Bidder) Validate() []Problem {
	c := check(b)
	c.name()
	c.that(b.Target != "", "target", "is missing")
	c.that(b.Dialect == "ringba" || b.Dialect == "exchange", "dialect", "%.40q is not a dialect we speak: ringba, exchange", b.Dialect)
	c.that(b.Dialect == "exchange" || len(b.Exchange) == 0 && b.Auth == MethodAuth{}, "exchange", "belongs to the dialect exchange")
	c.that(len(b.Exchange) <= 256<<10, "exchange", "is longer than 256 KB")
	u, err := url.Parse(b.URL)
	c.that(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil, "url", "%.120q is not an http or https address", b.URL)
	for i, f := range b.Requires {
		c.that(tagForm.MatchString(f), index("requires", i), "%.70q is not a tag name", f)
	}
	c.that(len(b.Fields) <= MaxTags, "fields", "has more than %d entries", MaxTags)
	for k, v := range b.Fields {
		c.that(k != "" && len(k) <= 64, "fields", "%.70q is not a field name", k)
		c.that(tagForm.MatchString(v), "fields."+k, "%.70q is not a tag name", v)
	}
	c.span("timeout", b.Timeout, Duration(50*time.Millisecond), Duration(10*time.Second))
	c.that(b.MaxBid >= 0, "max_bid", "%s is negative", b.MaxBid)
	return c.problems
}
