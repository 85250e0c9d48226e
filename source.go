package ringbid

// Source is where a publisher posts leads of a campaign: what a tracking number
// is to calls. Its address is /leads/NAME.
type Source struct {
	Name      string `json:"name"`
	Title     string `json:"title,omitempty"`
	Campaign  string `json:"campaign"`
	Publisher string `json:"publisher"`
	// Key is what the publisher proves itself with: a bearer token, the header
	// X-Api-Key, or the field key. At least 16 characters.
	PostKey Secret  `json:"key"`
	Payout  *Payout `json:"payout,omitempty"` // overrides the campaign's
	Tags    TagMap  `json:"tags,omitempty"`   // set on every lead
	// Rate is how many posts and pings a second are taken, per node; default 100.
	Rate   int  `json:"rate,omitempty"`
	Paused bool `json:"paused,omitempty"`
}

// DefaultSourceRate is how many posts a second a source may send.
const DefaultSourceRate = 100

// Key identifies the source.
func (s *Source) Key() Key { return Key{KindSource, s.Name} }

func (s *Source) refs(need func(string, Key)) {
	need("campaign", Key{KindCampaign, s.Campaign})
	need("publisher", Key{KindPublisher, s.Publisher})
}

// Validate returns what is unsound in the source.
func (s *Source) Validate() []Problem {
	c := check(s)
	c.name()
	c.that(s.Campaign != "", "campaign", "is missing")
	c.that(s.Publisher != "", "publisher", "is missing")
	c.that(len(s.PostKey) >= 16 && len(s.PostKey) <= 200, "key", "needs 16 to 200 characters")
	s.Payout.check(c, "payout")
	s.Tags.check(c, "tags")
	c.between("rate", s.Rate, 0, 10_000)
	return c.problems
}

// Hook takes a partner's news about leads: contacted, converted, returned. Its
// address is /hooks/NAME.
type Hook struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Buyer is whose leads it may speak of.
	Buyer string `json:"buyer"`
	// Preset is how requests are signed: "standard", "stripe", "github", "slack",
	// "hubspot", "hmac" or "token".
	Preset string `json:"preset"`
	Secret Secret `json:"secret"`
	// Before is the secret that was in use before, taken as well.
	Before Secret `json:"secret_before,omitempty"`
	// Header, Prefix, Hash, Encoding, Signed, IDHeader and TimeHeader describe
	// hmac.
	Header     string `json:"header,omitempty"`
	Prefix     string `json:"prefix,omitempty"`
	Hash       string `json:"hash,omitempty"`
	Encoding   string `json:"encoding,omitempty"`
	Signed     string `json:"signed,omitempty"`
	IDHeader   string `json:"id_header,omitempty"`
	TimeHeader string `json:"time_header,omitempty"`
	// Window is how old or new a request may be; default 5m.
	Window Duration `json:"window,omitempty"`
	// Fields are where things stand in the body: status, lead, buyer_lead, event,
	// at, amount, note, version.
	Fields map[string]string `json:"fields,omitempty"`
	// Words are the partner's words for our statuses.
	Words  map[string]string `json:"words,omitempty"`
	Paused bool              `json:"paused,omitempty"`
}

// Key identifies the hook.
func (h *Hook) Key() Key { return Key{KindHook, h.Name} }

func (h *Hook) refs(need func(string, Key)) { need("buyer", Key{KindBuyer, h.Buyer}) }

// Validate returns what is unsound in the hook by itself; its signing is
// checked where signatures are known.
func (h *Hook) Validate() []Problem {
	c := check(h)
	c.name()
	c.that(h.Buyer != "", "buyer", "is missing")
	c.that(len(h.Secret) >= 8 && len(h.Secret) <= 512, "secret", "needs 8 to 512 characters")
	c.that(len(h.Fields) <= 20 && len(h.Words) <= 100, "fields", "has too many entries")
	return c.problems
}
