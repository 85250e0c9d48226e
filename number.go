package ringbid

// Number is a tracking number: what the consumer dials. It says which campaign
// the call belongs to and which publisher is paid for it.
type Number struct {
	Name      string   `json:"name,omitempty"` // defaults to the number
	Number    Phone    `json:"number"`
	Campaign  string   `json:"campaign"`
	Publisher string   `json:"publisher,omitempty"`
	Payout    *Payout  `json:"payout,omitempty"` // overrides the campaign's
	Tags      TagMap   `json:"tags,omitempty"`   // set on every call to it
	Paused    bool     `json:"paused,omitempty"`
	Trunks    []string `json:"trunks,omitempty"` // if given, only calls from these
}

// Key identifies the number.
func (n *Number) Key() Key {
	if n.Name == "" {
		return Key{KindNumber, n.Number.Digits()}
	}
	return Key{KindNumber, n.Name}
}

func (n *Number) refs(need func(string, Key)) {
	need("campaign", Key{KindCampaign, n.Campaign})
	if n.Publisher != "" {
		need("publisher", Key{KindPublisher, n.Publisher})
	}
	for i, t := range n.Trunks {
		need(index("trunks", i), Key{KindTrunk, t})
	}
}

// Validate returns what is unsound in the number.
func (n *Number) Validate() []Problem {
	c := check(n)
	c.name()
	c.that(n.Number != "", "number", "is missing")
	c.that(n.Campaign != "", "campaign", "is missing")
	n.Payout.check(c, "payout")
	n.Tags.check(c, "tags")
	return c.problems
}

// Publisher (affiliate, traffic source) sends calls and is paid for them.
type Publisher struct {
	Name   string `json:"name"`
	Title  string `json:"title,omitempty"`
	Email  string `json:"email,omitempty"`
	Paused bool   `json:"paused,omitempty"`
}

// Key identifies the publisher.
func (p *Publisher) Key() Key { return Key{KindPublisher, p.Name} }

func (p *Publisher) refs(func(string, Key)) {}

// Validate returns what is unsound in the publisher.
func (p *Publisher) Validate() []Problem {
	c := check(p)
	c.name()
	return c.problems
}

// TagMap holds tags: facts about a call by name, such as zip=90210. Names match
// without regard to case.
type TagMap map[string]string

// Limits on tags, so that no document or caller can make a call heavy.
const (
	MaxTags     = 64
	MaxTagName  = 64
	MaxTagValue = 1024
)

func (m TagMap) check(c *checker, path string) {
	c.that(len(m) <= MaxTags, path, "has more than %d tags", MaxTags)
	for k, v := range m {
		c.that(tagForm.MatchString(k), path, "%.70q is not a tag name: a letter, then letters, digits and underscores", k)
		c.that(len(v) <= MaxTagValue, path+"."+k, "is longer than %d bytes", MaxTagValue)
	}
}
