package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// specPage says to a publisher how to post. The key is never on it.
type specPage struct {
	web.View
	Source    *ringbid.Source
	Publisher string
	Heading   string
	Closed    string // why nothing is taken at present
	Rules     *ringbid.LeadRules
	Currency  string
	Base      string // address of the source
	Operator  bool   // who needs no key for the test form
	Pings     bool
	Fields    []specField
	Ways      []specWay
	Samples   []specSample
	Result    *specResult
	Filled    map[string]string // what the test form was sent with
	Chosen    string            // way of the test form
}

type specField struct {
	ringbid.LeadField
	Words, Taken, Example string
	Most                  int      // characters, 0 where the type says enough
	Options               []string // for the test form
}

// specWay is one way of posting, with whole examples.
type specWay struct {
	Way, Title, Says, Address string
	Curl, JSON, XML, Form     string
}

// specSample is an answer as it may come.
type specSample struct{ Title, JSON, XML string }

type specResult struct {
	Good   bool
	Text   string
	Fields []ringbid.FieldProblem
	JSON   string
}

// askPage asks a visitor of whom nothing is known for the key.
type askPage struct {
	web.View
	Path  string
	Wrong bool
}

// readable returns the source whose description is asked for, and its campaign,
// to those who may read it: who has the key, and operators.
func (a *API) readable(r *web.Request) (*ringbid.Source, *ringbid.Campaign, error) {
	b, f := a.c.Book(), newFields()
	s := b.Sources[r.PathValue("source")]
	unsound := readForm(r.URL.RawQuery, "", f)
	if !r.Is(ringbid.RoleOperator) && (unsound != nil || !opens(s, keyOf(r.Request, f))) {
		return nil, nil, unauthorized("add the key to the address, ?key=, or sign in as an operator")
	}
	if s == nil {
		return nil, nil, ringbid.Errorf(ringbid.NotFound, "there is no source %.64q", r.PathValue("source"))
	}
	c := b.Campaigns[s.Campaign]
	if c == nil || c.Lead == nil {
		return nil, nil, ringbid.Errorf(ringbid.NotFound, "the campaign of this source takes no leads")
	}
	return s, c, nil
}

// spec answers with the specification of a source.
func (a *API) spec(w http.ResponseWriter, r *web.Request) error {
	s, c, err := a.readable(r)
	if err != nil {
		return a.ask(w, r, err)
	}
	return a.pages.Write(w, http.StatusOK, "spec.html", a.page(r, s, c))
}

// ask answers who may not read a specification with a form for the key, the same
// whether there is such a source or not.
func (a *API) ask(w http.ResponseWriter, r *web.Request, err error) error {
	if e := (*refusal)(nil); !errors.As(err, &e) {
		return err
	}
	p := askPage{View: r.View("Posting leads", ""), Path: r.URL.Path, Wrong: r.URL.RawQuery != "" || r.Method != http.MethodGet}
	p.Here = r.URL.Path
	return a.pages.Write(w, http.StatusUnauthorized, "key.html", p)
}

// page gathers what the specification says.
func (a *API) page(r *web.Request, s *ringbid.Source, c *ringbid.Campaign) specPage {
	p := specPage{
		View: r.View("Posting leads: "+titleOf(c.Title, c.Name), ""), Source: s, Heading: titleOf(c.Title, c.Name), Publisher: s.Publisher,
		Rules: c.Lead, Currency: c.CurrencyCode(), Base: r.Base() + "/leads/" + s.Name, Operator: r.Is(ringbid.RoleOperator),
		Pings: c.Lead.Takes("ping_post"), Ways: specWays(c.Lead, r.Base()+"/leads/"+s.Name), Samples: samples(c),
	}
	p.Here = r.URL.Path // without the key
	if pub := a.c.Book().Publishers[s.Publisher]; pub != nil {
		p.Publisher = titleOf(pub.Title, pub.Name)
	}
	p.Chosen = p.Ways[0].Way
	if _, err := a.open(s, p.Chosen); err != nil {
		p.Closed = err.Error()
	}
	for _, f := range c.Lead.Fields {
		p.Fields = append(p.Fields, specFieldOf(f))
	}
	return p
}

func specFieldOf(f ringbid.LeadField) specField {
	x := specField{LeadField: f, Words: typeWords[f.Type], Taken: some(f.Values), Example: exampleOf(f), Most: f.Max}
	switch {
	case len(f.Values) > 0:
		x.Words, x.Options, x.Most = "one of", f.Values, 0
	case f.Type == "boolean":
		x.Options = []string{"yes", "no"}
	case f.Type == "" || f.Type == "text":
		x.Most = mostOf(f)
	}
	return x
}

// some lists values, as many as can be read at a glance.
func some(values []string) string {
	const most = 40
	if len(values) > most {
		return strings.Join(values[:most], ", ") + ", … (all of them are in the JSON Schema)"
	}
	return strings.Join(values, ", ")
}

func titleOf(title, name string) string { return cmp.Or(title, name) }

func specWays(r *ringbid.LeadRules, base string) []specWay {
	var out []specWay
	add := func(way, title, says, address string) {
		pairs := examplePairs(r, way)
		out = append(out, specWay{way, title, says, address, exampleCurl(address, pairs), exampleJSON(pairs), exampleXML(pairs), exampleForm(pairs)})
	}
	if r.Takes("direct") {
		add(WayDirect, "Direct post", "The whole lead, sold at once.", base)
	}
	if r.Takes("ping_post") {
		add(WayPing, "Ping", "What may be said before the sale, without anything that names the person. The answer has a price and a ping_id.", base+"/ping")
		add(WayPost, "Post after a ping", "The whole lead with the ping_id, while the price holds.", base+"/post")
	}
	return out
}

// Rate returns how many posts a second are taken, and Burst how many at once.
func (p specPage) Rate() int { return rateOf(p.Source) }

// Burst returns how many posts may come at once.
func (p specPage) Burst() int { return burst * rateOf(p.Source) }

// Within returns how long most answers take.
func (p specPage) Within() time.Duration {
	return p.Rules.AnswerWithin.Or(ringbid.DefaultAnswerWithin)
}

// Patience returns how long a publisher should wait for an answer.
func (p specPage) Patience() time.Duration {
	return max(10*time.Second, p.Within()+5*time.Second)
}

// PingLife returns for how long a price holds.
func (p specPage) PingLife() time.Duration {
	return p.Rules.PingLife.Or(ringbid.DefaultPingLife)
}

// RepeatBy says by what a person is known.
func (p specPage) RepeatBy() string { return strings.Join(p.Rules.RepeatFields(), " or ") }

// Contact lists the fields that stay out of pings.
func (p specPage) Contact() string { return strings.Join(p.Rules.ContactFields(), ", ") }

// samples are answers as they may come, written by what writes the real ones.
func samples(c *ringbid.Campaign) []specSample {
	price := ringbid.Money(12 * ringbid.MoneyScale)
	const lead, ping = "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b", "019a1b2c-4c5d-7e6f-9a0b-1c2d3e4f5a6b"
	out := []specSample{}
	add := func(title string, a Answer) {
		j, jerr := a.encode(wireJSON)
		x, xerr := a.encode(wireXML)
		if jerr == nil && xerr == nil {
			out = append(out, specSample{title, string(j), string(x)})
		}
	}
	add("Accepted", Answer{Status: StatusAccepted, LeadID: lead, Price: &price, Currency: c.CurrencyCode()})
	if c.Lead.Takes("ping_post") {
		add("Price for a ping", Answer{Status: StatusAccepted, PingID: ping, Price: &price, Currency: c.CurrencyCode(), Expires: c.Lead.PingLife.Or(ringbid.DefaultPingLife)})
	}
	add("Invalid", Answer{Status: StatusInvalid, Code: "fields", Reason: "some fields cannot be used", Fields: []ringbid.FieldProblem{{Field: c.Lead.Fields[0].Name, Text: "is missing"}}})
	return out
}
