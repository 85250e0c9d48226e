package sim

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// LeadBuyersConfig describes a house of lead buyers on one HTTP port.
type LeadBuyersConfig struct {
	// Addr is where they are posted to, "ip:port"; default "127.0.0.1:0".
	Addr string
	// TLS makes them speak HTTPS; GoodCert and BadCert make some.
	TLS *tls.Config
	// Names says who buys how; default LeadBuyings().
	Names map[string]LeadBuying
	// Seed makes the same refusals and the same chaos again; 0 = new ones.
	Seed   uint64
	Logger *slog.Logger // nil = discard
}

// LeadBuyers take leads at /post/NAME and pings at /ping/NAME, as JSON, XML or a
// form, whatever the fields are called. They remember what came and what they
// kept, whatever they answered: at most the last 100,000 posts, and 128 MB of
// them.
type LeadBuyers struct {
	seed   uint64
	port   *port
	faults map[LeadFault]faultFacts

	mu    sync.Mutex
	names map[string]LeadBuying
	book  *leadBook
}

// NewLeadBuyers opens the server; leads are taken when it returns. An unsound
// buyer is an Invalid error.
func NewLeadBuyers(c LeadBuyersConfig) (*LeadBuyers, error) {
	if c.Names == nil {
		c.Names = LeadBuyings()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b := &LeadBuyers{
		seed: cmp.Or(c.Seed, rand.Uint64()), faults: leadFaults(), names: map[string]LeadBuying{}, book: newLeadBook(),
	}
	for name, how := range c.Names {
		if err := b.Set(name, how); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /post/{name}", b.post)
	mux.HandleFunc("POST /ping/{name}", b.ping)
	var err error
	b.port, err = openPort(portConfig{who: "lead buyers", addr: c.Addr, tls: c.TLS, logger: c.Logger, handler: mux.ServeHTTP})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Addr returns the address of the server.
func (b *LeadBuyers) Addr() string { return b.port.addr }

// URL returns where leads for the named buyer are posted.
func (b *LeadBuyers) URL(name string) string { return b.port.url() + "/post/" + url.PathEscape(name) }

// PingURL returns where the named buyer is pinged.
func (b *LeadBuyers) PingURL(name string) string {
	return b.port.url() + "/ping/" + url.PathEscape(name)
}

// Close ends the server, and the answers under way with it.
func (b *LeadBuyers) Close(ctx context.Context) error { return b.port.close(ctx) }

// Set makes a buyer behave otherwise from the next request on, or adds one.
func (b *LeadBuyers) Set(name string, how LeadBuying) error {
	if err := how.check(name); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[name] = how
	return nil
}

// SetFault gives a buyer a fault on posts, or takes it with LeadFaultNone. It says
// NotFound where there is no such buyer.
func (b *LeadBuyers) SetFault(name string, f LeadFault) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	how, ok := b.names[name]
	if !ok {
		return ringbid.Errorf(ringbid.NotFound, "set fault: there is no lead buyer %q", name)
	}
	how.Fault = f
	if err := how.check(name); err != nil {
		return err
	}
	b.names[name] = how
	return nil
}

// Leads returns the posts to a buyer, the oldest first.
func (b *LeadBuyers) Leads(name string) []LeadSeen {
	b.mu.Lock()
	rows := b.book.leads(name)
	b.mu.Unlock()
	out := make([]LeadSeen, 0, len(rows))
	for _, row := range rows {
		row.Fields, _ = readLead(row.kind, row.body) // unsound ones have none
		out = append(out, row.LeadSeen)
	}
	return out
}

// Kept returns how often a buyer has taken the lead of that key.
func (b *LeadBuyers) Kept(name, key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rec := b.book.keys[leadKey{name, key}]; rec != nil {
		return rec.kept
	}
	return 0
}

// Count returns what came to a buyer since it opened.
func (b *LeadBuyers) Count(name string) LeadCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.book.counts[name]
}

// Counts returns what came to each buyer.
func (b *LeadBuyers) Counts() map[string]LeadCount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.book.counts)
}

// post is the handler of leads. The lead is kept before anything is answered, so
// that whoever stops waiting does not undo it.
func (b *LeadBuyers) post(w http.ResponseWriter, r *http.Request) {
	lead := readPost(w, r)
	how, fault, answer, ok := b.take(r.PathValue("name"), lead)
	switch {
	case !ok:
		http.NotFound(w, r)
	case lead.status != 0:
		answerJSON(w, lead.status, answer)
	case b.port.wait(r.Context(), how.Delay):
		b.answer(w, r, fault, leadReply{answer, lead.kind})
	}
}

// take decides on a lead and notes it.
func (b *LeadBuyers) take(name string, lead leadPost) (LeadBuying, LeadFault, leadAnswer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	how, ok := b.names[name]
	if !ok {
		return how, LeadFaultNone, leadAnswer{}, false
	}
	rec := b.book.record(name, lead.key)
	row := leadRow{
		LeadSeen: LeadSeen{Key: lead.key, At: time.Now(), Repeat: rec.times > 0 && lead.key != "", Status: http.StatusOK},
		name:     name, kind: lead.kind, body: lead.body,
	}
	var answer leadAnswer
	if lead.status != 0 {
		answer = unreadable()
		row.Status, row.Reason = lead.status, answer.Message
	} else {
		answer = b.decide(how, lead, rec, &row)
	}
	b.book.post(row)
	return how, row.Fault, answer, true
}

// decide returns the sound answer to a lead, and fills the row with what comes
// of it.
func (b *LeadBuyers) decide(how LeadBuying, lead leadPost, rec *leadRecord, row *leadRow) leadAnswer {
	fate := lead.dice(b.seed, row.name)
	row.Fault = how.fault(fate, rec.times)
	facts, faulty := b.faults[row.Fault]
	if faulty {
		row.Status = facts.status
	}
	var price ringbid.Money
	if row.PingID, price = b.book.pinged(row.name, lead.fields); price == 0 {
		price = how.price(lead.fields)
	}
	answer := leadAnswer{Status: "accepted", LeadID: randomID("B-"), Price: price.String()}
	again := how.Idempotent && lead.key != "" && rec.answer != nil
	reason := how.rejects(fate)
	switch {
	case again:
		answer = *rec.answer
	case row.Fault == LeadFaultRefuse200:
		answer = rejectedLead("outside criteria")
		row.Reason = answer.Reason
	case reason != "":
		answer = rejectedLead(reason)
	case how.Dedupe && rec.kept > 0 && lead.key != "":
		answer = rejectedLead("duplicate")
	}
	if faulty && !facts.kept {
		return answer // which nobody hears
	}
	row.Kept = answer.accepted() && !again
	row.LeadID, row.Reason = answer.LeadID, answer.Reason
	row.Price, _ = ringbid.ParseMoney(cmp.Or(answer.Price, "0")) // ours
	if rec.answer == nil {
		rec.answer = &answer
	}
	return answer
}

// ping is the handler of pings.
func (b *LeadBuyers) ping(w http.ResponseWriter, r *http.Request) {
	lead, name := readPost(w, r), r.PathValue("name")
	b.mu.Lock()
	how, ok := b.names[name]
	b.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	answer, price := unreadable(), how.price(lead.fields)
	if lead.status == 0 {
		answer = leadAnswer{Status: "accepted", PingID: randomID("P-"), Price: price.String()}
		if reason := how.rejects(lead.dice(b.seed, name)); reason != "" {
			answer = rejectedLead(reason)
		}
	}
	b.mu.Lock()
	b.book.ping(answer.PingID, leadPing{name, price})
	b.mu.Unlock()
	switch {
	case lead.status != 0:
		answerJSON(w, lead.status, answer)
	case b.port.wait(r.Context(), how.Delay):
		b.answer(w, r, how.PingFault, leadReply{answer, lead.kind})
	}
}
