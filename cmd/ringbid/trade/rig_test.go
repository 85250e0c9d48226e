package trade

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
	"github.com/ringbid/ringbid/auction/dialect"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

// rig is a trade over a database of its own, with a clock that tests move and no
// queue: tests make each try themselves.
type rig struct {
	*Trade
	parts
	t     *testing.T
	store *store.Store
}

// parts are what a rig is made of; what is not given is made for it.
type parts struct {
	clock   *clock
	buyers  *sim.LeadBuyers
	client  *connector.Client
	mailer  *email.Mailer // nil: no letters
	alertTo []string
	node    string
	dsn     string
	keys    string // the file of the keys that seal
}

// newRig opens a rig. The client is made anew where it is nil.
func newRig(t *testing.T, mailer *email.Mailer, client *connector.Client) *rig {
	t.Helper()
	return openRig(t, parts{mailer: mailer, client: client})
}

func openRig(t *testing.T, p parts) *rig {
	t.Helper()
	p.fill(t)
	r := &rig{t: t, parts: p}
	var err error
	r.store, err = store.Open(t.Context(), store.Config{
		DSN: p.dsn, Dir: t.TempDir(), KeyFile: p.keys, Node: p.node, Now: p.clock.Now, Settled: func(x ringbid.LeadResult) { r.Desk.Settled(x) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { storetest.Close(t, r.store) })
	r.Trade = New(Config{
		Store: r.store, Client: p.client, Mailer: p.mailer, Book: r.store.Book, AlertTo: p.alertTo, Node: p.node, Now: p.clock.Now,
		Market: auction.New(auction.Config{
			Roster: roster{r.store}, Ledger: r.store, Now: p.clock.Now,
			Bidders: map[string]auction.Bidder{"exchange": &dialect.Exchange{Sender: connector.NewSender(p.client, nil, nil)}},
		}),
	})
	return r
}

// twin opens a second node over the rig's database, with the same clock, keys and
// buyers. It sees what was published before.
func (r *rig) twin() *rig {
	r.t.Helper()
	p := r.parts
	p.node = "twin"
	return openRig(r.t, p)
}

func (p *parts) fill(t *testing.T) {
	t.Helper()
	var err error
	if p.clock == nil {
		p.clock = &clock{now: time.Now().UTC().Truncate(time.Microsecond)} // as Postgres keeps it
	}
	if p.node == "" {
		p.node = "rig"
	}
	if p.dsn == "" {
		p.dsn = storetest.DB(t)
	}
	if p.keys == "" {
		p.keys = filepath.Join(t.TempDir(), "keys")
	}
	if p.client == nil {
		if p.client, err = connector.New(connector.Config{Allow: []string{"127.0.0.1"}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.client.Close)
	}
	if p.buyers == nil {
		if p.buyers, err = sim.NewLeadBuyers(sim.LeadBuyersConfig{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closing(t, p.buyers.Close) })
	}
}

// roster says who may buy, by what is published.
type roster struct{ *store.Store }

func (r roster) Buyings(campaign string) []ringbid.Buying { return r.Book().Buyings(campaign) }

// publish applies documents.
func (r *rig) publish(docs ...ringbid.Document) {
	r.t.Helper()
	_, problems, err := r.store.Apply(r.t.Context(), docs, false, "test")
	if err != nil || len(problems) > 0 {
		r.t.Fatal(err, problems)
	}
}

// basics are a campaign with one source and the given targets as routes.
func basics(targets ...string) []ringbid.Document {
	c := &ringbid.Campaign{Name: "solar", Payout: &ringbid.Payout{Share: 60}, Lead: &ringbid.LeadRules{
		AnswerWithin: ringbid.Duration(time.Millisecond),
		Fields: []ringbid.LeadField{
			{Name: "first_name"}, {Name: "last_name"}, {Name: "phone", Type: "phone", Required: true}, {Name: "email", Type: "email"},
			{Name: "state", Type: "state"}, {Name: "zip", Type: "zip", Required: true}, {Name: "trustedform_url", Type: "trustedform"},
		},
	}}
	for _, t := range targets {
		c.Routes = append(c.Routes, ringbid.Route{Target: t})
	}
	return []ringbid.Document{
		c, &ringbid.Publisher{Name: "leadsrus"},
		&ringbid.Source{Name: "solar-main", Campaign: "solar", Publisher: "leadsrus", PostKey: "0123456789abcdef"},
	}
}

// buyer is a buyer with one target at a fixed price and its methods.
func buyer(name, price string, methods ...*ringbid.Method) []ringbid.Document {
	m, err := ringbid.ParseMoney(price)
	if err != nil {
		panic(err)
	}
	t := &ringbid.Target{Name: name, Buyer: name, Price: m}
	docs := []ringbid.Document{&ringbid.Buyer{Name: name}, t}
	for _, x := range methods {
		t.Methods = append(t.Methods, ringbid.Way{Method: x.Name})
		x.Buyer = name
		docs = append(docs, x)
	}
	return docs
}

// httpMethod posts JSON to a simulated buyer; patch changes the exchange.
func (r *rig) httpMethod(name, buying, patch string) *ringbid.Method {
	m := &ringbid.Method{Name: name, Type: "http", Preset: "json-post", Settings: map[string]string{"url": r.buyers.URL(buying)}}
	if patch != "" {
		m.Exchange = ringbid.Raw(patch)
	}
	return m
}

var people struct {
	mu sync.Mutex
	n  int
}

// person is somebody nobody knows yet.
func person() map[string]string {
	people.mu.Lock()
	defer people.mu.Unlock()
	people.n++
	return map[string]string{
		"first_name": "Ann", "last_name": fmt.Sprintf("Lee%d", people.n), "phone": fmt.Sprintf("213555%04d", people.n%10000),
		"email": fmt.Sprintf("ann%d@example.com", people.n), "state": "CA", "zip": "90210",
		"trustedform_url": "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567",
	}
}

// post takes a lead in.
func (r *rig) post(values map[string]string, external string) intake.Answer {
	r.t.Helper()
	a, err := r.Desk.Post(r.t.Context(), intake.Posting{Source: r.store.Book().Sources["solar-main"], Way: "direct", External: external, Values: values})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// settle makes tries, moving the clock from one to the next, until nothing of
// the lead is open, and returns all that is known of it then.
func (r *rig) settle(lead string) *ringbid.Lead {
	r.t.Helper()
	for range 200 {
		l, err := r.store.Lead(r.t.Context(), lead)
		if err != nil {
			r.t.Fatal(err)
		}
		open := false
		for _, d := range l.Deliveries {
			if d.State.Over() {
				continue
			}
			open = true
			again, err := r.Engine.Deliver(r.t.Context(), d.ID)
			if err != nil {
				r.t.Fatal(err)
			}
			if again > 0 {
				r.clock.advance(again)
			}
		}
		if !open {
			return l
		}
	}
	r.t.Fatalf("lead %s does not come to rest", lead)
	return nil
}

// ledgerZero checks that all lines of the ledger sum to zero.
func (r *rig) ledgerZero() {
	r.t.Helper()
	var sum int64
	if err := r.store.Pool().QueryRow(r.t.Context(), `SELECT coalesce(sum(amount), 0)::bigint FROM entries`).Scan(&sum); err != nil {
		r.t.Fatal(err)
	}
	if sum != 0 {
		r.t.Errorf("the ledger sums to %d", sum)
	}
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
