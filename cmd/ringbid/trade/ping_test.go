package trade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/sim"
)

// ear is a bidder's endpoint that keeps all it hears, headers too, and bids 9.00.
type ear struct {
	url string
	mu  sync.Mutex
	all []string
}

func newEar(t *testing.T) *ear {
	t.Helper()
	e := &ear{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		e.all = append(e.all, fmt.Sprintf("%s %s %v\n%s", r.Method, r.RequestURI, r.Header, body))
		e.mu.Unlock()
		_, _ = io.WriteString(w, `{"status":"accepted","price":9,"ping_id":"E-1"}`)
	}))
	t.Cleanup(s.Close)
	e.url = s.URL + "/ping"
	return e
}

// heard returns what came, and forgets it.
func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := e.all
	e.all = nil
	return out
}

// bidder asks an endpoint for a bid for the target of the same name.
func bidder(name, url string, fields ...string) *ringbid.Bidder {
	b := &ringbid.Bidder{Name: name + "-bot", Target: name, Dialect: "exchange", URL: url, Fields: map[string]string{}}
	for _, f := range fields {
		b.Fields[f] = f
	}
	return b
}

// pingMethod posts what a buyer who was pinged needs, its own id of the ping too.
func (r *rig) pingMethod(name, buying string) *ringbid.Method {
	return r.httpMethod(name, buying, `{"idempotent":true,"timeout":"400ms","map":{"fields":[
		{"to":"lead_id","from":"key"},{"to":"phone","from":"phone"},{"to":"zip","from":"zip"},{"to":"ping_id","from":"ping_id"},{"to":"price","from":"price"}]}}`)
}

// pinged is a rig with two buyers who are pinged: one bids 12.50, the other
// 10.00. Facts may not differ from the ping's but for whom they name.
func pinged(t *testing.T, edit ...func(docs []ringbid.Document)) *rig {
	t.Helper()
	r := newRig(t, nil, nil)
	docs := basics()
	for name, price := range map[string]ringbid.Money{"high": 125_000, "low": 100_000} {
		if err := r.buyers.Set(name, sim.LeadBuying{Least: price, Most: price, Idempotent: true}); err != nil {
			t.Fatal(err)
		}
		campaign(docs).Routes = append(campaign(docs).Routes, ringbid.Route{Bidder: name + "-bot"})
		docs = append(append(docs, buyer(name, "0.00", r.pingMethod(name+"-api", name))...), bidder(name, r.buyers.PingURL(name), "zip", "state"))
	}
	slices.SortFunc(campaign(docs).Routes, func(a, b ringbid.Route) int { return strings.Compare(a.Bidder, b.Bidder) })
	for _, f := range edit {
		f(docs)
	}
	r.publish(docs...)
	return r
}

// ping asks for a price and expects one.
func (r *rig) ping(values map[string]string) intake.Answer {
	r.t.Helper()
	a := r.sendOK(intake.Posting{Way: "ping", Values: values})
	if a.Status != "accepted" || a.PingID == "" {
		r.t.Fatalf("ping: %+v", a)
	}
	return a
}

// TestPingTellsNoName asks a bidder who would like to know everything: it learns
// nothing by which the person could be reached, neither by a ping nor by the
// auction of a direct post. The winner is told all.
func TestPingTellsNoName(t *testing.T) {
	t.Parallel()
	r, e := newRig(t, nil, nil), newEar(t)
	docs := basics()
	c := campaign(docs)
	c.Routes = []ringbid.Route{{Bidder: "nosy-bot"}}
	c.Lead.Fields = append(c.Lead.Fields, ringbid.LeadField{Name: "address"}, ringbid.LeadField{Name: "ip", Type: "ip"}, ringbid.LeadField{Name: "landlord", Contact: true},
		ringbid.LeadField{Name: "Mobile", Type: "phone"})
	docs[2].(*ringbid.Source).Tags = ringbid.TagMap{"sub_id": "s7"}
	nosy := bidder("nosy", e.url, "first_name", "last_name", "phone", "email", "state", "zip", "address", "ip", "landlord", "Mobile", "mobile", "caller", "area_state", "sub_id", "lead_id")
	r.publish(slices.Concat(docs, buyer("nosy", "0.00", r.httpMethod("nosy-api", "fast", "")), []ringbid.Document{nosy})...)
	who := with(person(), "address", "12 Main St", "ip", "203.0.113.9", "landlord", "Bob Ross", "mobile", "3105550188")
	for _, way := range []string{"ping", "direct"} {
		a := r.sendOK(intake.Posting{Way: way, Values: who})
		heard := e.heard()
		if len(heard) != 1 {
			t.Fatalf("%s: %d pings; %+v", way, len(heard), a)
		}
		_, body, _ := strings.Cut(heard[0], "\n")
		want := `{"state":"CA","sub_id":"s7","zip":"90210"}`
		if body != want {
			t.Errorf("%s: told %s, want %s", way, body, want)
		}
		for _, k := range []string{"first_name", "last_name", "phone", "email", "address", "ip", "landlord", "mobile"} {
			if strings.Contains(heard[0], who[k]) {
				t.Errorf("%s: told %s: %s", way, k, heard[0])
			}
		}
		if way == "direct" {
			l := r.settle(a.LeadID)
			if got := r.buyers.Leads("fast")[0].Fields; got["phone"] != who["phone"] || got["email"] != who["email"] || got["address"] != "12 Main St" {
				t.Errorf("the winner was told %v", got)
			}
			if bid := l.Auction.Bids[0]; strings.Contains(bid.Request+bid.Reply, who["phone"]) {
				t.Errorf("the record of the ping: %s", asJSON(bid))
			}
		}
	}
	if kept := ask[string](r, `SELECT facts::text || auction::text FROM lead_pings`); strings.Contains(kept, who["phone"]) || strings.Contains(kept, "Ann") {
		t.Errorf("kept with the ping: %s", kept)
	}
}

// TestPingThenPost sells at the ping's price to whom the ping was won by, naming
// its own id, although it would pay less by now.
func TestPingThenPost(t *testing.T) {
	t.Parallel()
	r := pinged(t)
	a := r.ping(map[string]string{"zip": "90210", "state": "CA"})
	want := intake.Answer{Status: "accepted", PingID: a.PingID, Price: new(ringbid.Money(75_000)), Currency: "USD", Expires: time.Minute}
	if d := gocmp.Diff(want, a); d != "" {
		t.Error(d)
	}
	if n := r.buyers.Count("high").Posts + r.buyers.Count("low").Posts; n != 0 || r.rows()["leads"] != 0 {
		t.Errorf("%d posts follow a ping", n)
	}
	if err := r.buyers.Set("high", sim.LeadBuying{Least: 10_000, Most: 10_000, Idempotent: true}); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(time.Minute) // it still holds
	who := person()
	p := r.sendOK(intake.Posting{Way: "post", PingID: a.PingID, External: "ext-1", Values: who})
	if d := gocmp.Diff(intake.Answer{Status: "pending", LeadID: p.LeadID, Price: a.Price, Currency: "USD"}, p); d != "" {
		t.Fatal(d)
	}
	l := r.settle(p.LeadID)
	sold := l.Purchases[0]
	if l.Ping != a.PingID || sold.Name != "high-bot" || sold.Sale.Price != 125_000 || sold.Sale.Payout != 75_000 || sold.State != ringbid.PurchaseAccepted || len(l.Purchases) != 1 {
		t.Errorf("%s", asJSON(l))
	}
	seen := r.buyers.Leads("high")
	if len(seen) != 1 || seen[0].PingID == "" || seen[0].PingID != sold.BidID || seen[0].Fields["price"] != "12.50" || seen[0].Fields["phone"] != "+1"+who["phone"] {
		t.Errorf("%+v", seen)
	}
	if l.Auction.Winner != "high-bot" || l.Auction.Bids[0].State != ringbid.BidWon || l.Auction.Bids[1].State != ringbid.BidStanding {
		t.Errorf("%s", asJSON(l.Auction))
	}
	if n := r.buyers.Count("high").Pings; n != 1 {
		t.Errorf("pinged %d times", n)
	}
	r.balanced()
}

// TestPingWaterfall lets the winner of a ping refuse the post: the next bid of
// the same ping has it, at its price and under its id.
func TestPingWaterfall(t *testing.T) {
	t.Parallel()
	r := pinged(t)
	a := r.ping(map[string]string{"zip": "90210", "state": "CA"})
	if err := r.buyers.SetFault("high", sim.LeadFaultRefuse200); err != nil {
		t.Fatal(err)
	}
	l := r.settle(r.sendOK(intake.Posting{Way: "post", PingID: a.PingID, Values: person()}).LeadID)
	if l.State != ringbid.LeadSold || len(l.Purchases) != 2 || l.Purchases[1].Name != "low-bot" || l.Purchases[1].Sale.Payout != 60_000 || !l.Recovered {
		t.Fatalf("%s", asJSON(l))
	}
	if seen := r.buyers.Leads("low"); len(seen) != 1 || seen[0].PingID != l.Purchases[1].BidID || seen[0].PingID == "" {
		t.Errorf("%+v", seen)
	}
	r.balanced()
}

// TestPingsThatDoNotHold refuses what does not follow its ping; a ping is used up
// only by a lead that was taken.
func TestPingsThatDoNotHold(t *testing.T) {
	t.Parallel()
	r := pinged(t)
	other := *r.store.Book().Sources["solar-main"]
	other.Name = "other"
	r.publish(&other)
	bad := func(field, text string) intake.Answer {
		reason := field + " " + text
		if field == "ping_id" {
			reason = "the ping " + text
		}
		return intake.Answer{Status: "invalid", Code: "ping", Reason: reason, Fields: []ringbid.FieldProblem{{Field: field, Text: text}}}
	}
	gone := bad("ping_id", "is unknown, used or has run out")
	fresh := r.ping(map[string]string{"zip": "90210", "state": "CA"})
	for name, c := range map[string]struct {
		posting intake.Posting
		want    intake.Answer
	}{
		"unknown":        {intake.Posting{PingID: "none", Values: person()}, gone},
		"of no form":     {intake.Posting{PingID: strings.Repeat("x\x00", 500), Values: person()}, gone},
		"another source": {intake.Posting{PingID: fresh.PingID, Source: &other, Values: person()}, gone},
		"another zip":    {intake.Posting{PingID: fresh.PingID, Values: with(person(), "zip", "10001")}, bad("zip", "differs from the ping")},
		"another state":  {intake.Posting{PingID: fresh.PingID, Values: with(person(), "state", "NY")}, bad("state", "differs from the ping")},
	} {
		c.posting.Way, c.posting.External = "post", "ext "+name
		if d := gocmp.Diff(c.want, r.sendOK(c.posting)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	test := r.sendOK(intake.Posting{Way: "post", PingID: fresh.PingID, Test: true, Values: person()})
	if d := gocmp.Diff(intake.Answer{Status: "accepted", Price: fresh.Price, Currency: "USD", Reason: "a test: nothing was sold"}, test); d != "" {
		t.Errorf("a test: %s", d)
	}
	if n := r.rows()["leads"]; n != 0 {
		t.Errorf("%d leads are written down", n)
	}
	taken := r.sendOK(intake.Posting{Way: "post", PingID: fresh.PingID, External: "ext another zip", Values: person()})
	if taken.Status != "pending" {
		t.Errorf("after all that: %+v", taken)
	}
	if again := r.sendOK(intake.Posting{Way: "post", PingID: fresh.PingID, External: "ext another zip", Values: person()}); !again.Repeat || again.LeadID != taken.LeadID {
		t.Errorf("sent again: %+v", again)
	}
	if d := gocmp.Diff(gone, r.sendOK(intake.Posting{Way: "post", PingID: fresh.PingID, External: "ext 2", Values: person()})); d != "" {
		t.Errorf("used twice: %s", d)
	}
	late := r.ping(map[string]string{"zip": "90210", "state": "CA"})
	r.clock.advance(time.Minute + time.Millisecond)
	if d := gocmp.Diff(gone, r.sendOK(intake.Posting{Way: "post", PingID: late.PingID, Values: person()})); d != "" {
		t.Errorf("too late: %s", d)
	}
	r.balanced()
}

// TestPingUsedAtOnce posts ten people on one ping at one moment: one is taken.
func TestPingUsedAtOnce(t *testing.T) {
	t.Parallel()
	r := pinged(t)
	ping := r.ping(map[string]string{"zip": "90210", "state": "CA"}).PingID
	count := map[string]int{}
	for _, a := range r.atOnce(10, func(i int) intake.Posting {
		return intake.Posting{Way: "post", PingID: ping, External: fmt.Sprint("ext-", i), Values: person()}
	}) {
		count[a.Status+a.Code]++
	}
	if count["pending"] != 1 || count["invalidping"] != 9 || r.rows()["purchases"] != 1 {
		t.Errorf("%v, %v", count, r.rows())
	}
	r.balanced()
}

// away is a shelf whose database is away when a lead is to be written down, for
// so many times.
type away struct {
	shelf
	times int
}

func (a *away) Sell(ctx context.Context, l *ringbid.Lead, offers []ringbid.Offer, since time.Time, by []string, refuse bool) (map[string]string, bool, error) {
	if a.times--; a.times >= 0 {
		return nil, false, ringbid.Errorf(ringbid.Unavailable, "sell lead: %w", errors.New("connection refused"))
	}
	return a.shelf.Sell(ctx, l, offers, since, by, refuse)
}

// A lead that could not be written down may be sent again, with its ping.
func TestPingOutlivesTrouble(t *testing.T) {
	t.Parallel()
	r := pinged(t)
	p := intake.Posting{Source: r.store.Book().Sources["solar-main"], Way: "post", External: "ext-1", Values: person(), PingID: r.ping(map[string]string{"zip": "90210"}).PingID}
	desk := intake.New(intake.Config{Documents: r.store.Book, Book: &away{shelf{r.store}, 2}, Now: r.clock.Now})
	for range 2 {
		if a, err := desk.Post(t.Context(), p); ringbid.KindOf(err) != ringbid.Unavailable {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if a, err := desk.Post(t.Context(), p); err != nil || a.Status != "pending" || *a.Price != 75_000 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestPingedRepeat lets the winner of the ping have the person already, which
// only the post can tell: the next bidder has the lead, at its own price.
func TestPingedRepeat(t *testing.T) {
	t.Parallel()
	r := pinged(t, func(docs []ringbid.Document) {
		for _, d := range docs {
			if t, is := d.(*ringbid.Target); is && t.Name == "high" {
				t.RepeatDays = 30
			}
		}
	})
	who := person()
	first := r.settle(r.sendOK(intake.Posting{Way: "direct", Values: who}).LeadID)
	r.clock.advance(29 * 24 * time.Hour)
	ping := r.ping(map[string]string{"zip": "90210", "state": "CA"})
	a := r.sendOK(intake.Posting{Way: "post", PingID: ping.PingID, Values: who})
	if first.Purchases[0].Buyer != "high" || *ping.Price != 75_000 || a.Status != "pending" || *a.Price != 60_000 {
		t.Fatalf("%+v, then %+v", ping, a)
	}
	l := r.settle(a.LeadID)
	if len(l.Purchases) != 1 || l.Purchases[0].Buyer != "low" || l.Recovered {
		t.Errorf("%s", asJSON(l.Purchases))
	}
	bid := l.Auction.Bids[0]
	if why := "bought this person on " + first.Received.Format("2 Jan 2006"); bid.Name != "high-bot" || bid.State != ringbid.BidIneligible || bid.Code != "barred" || bid.Reason != why {
		t.Errorf("%s", asJSON(bid))
	}
	r.clock.advance(2 * 24 * time.Hour) // the first is more than 30 days old now
	if a := r.sendOK(intake.Posting{Way: "direct", Values: who}); a.Status != "pending" || *a.Price != 75_000 {
		t.Errorf("after the window: %+v", a)
	}
	r.balanced()
}

// Without a bidder there is no price, and nothing is kept; what is not sound is
// told as with a post.
func TestPingWithoutBuyer(t *testing.T) {
	t.Parallel()
	r := pinged(t)
	a := r.sendOK(intake.Posting{Way: "ping", Values: map[string]string{"zip": "9", "phone": "not asked for"}})
	if d := gocmp.Diff(intake.Answer{Status: "invalid", Code: "invalid", Reason: `zip "9" is not a US ZIP code of five digits`,
		Fields: []ringbid.FieldProblem{{Field: "zip", Text: `"9" is not a US ZIP code of five digits`}}}, a); d != "" {
		t.Error(d)
	}
	for _, name := range []string{"high", "low"} {
		if err := r.buyers.Set(name, sim.LeadBuying{Reject: "no capacity"}); err != nil {
			t.Fatal(err)
		}
	}
	a = r.sendOK(intake.Posting{Way: "ping", Values: map[string]string{"zip": "90210"}})
	if d := gocmp.Diff(intake.Answer{Status: "rejected", Code: "no_buyer", Reason: "no buyer at present"}, a); d != "" {
		t.Error(d)
	}
	if n := r.rows()["lead_pings"]; n != 0 {
		t.Errorf("%d pings are kept", n)
	}
}

// TestTestPing has a publisher try a ping and the post that follows it: the test
// of the post finds the ping, as often as it is tried; nothing is sold by it.
func TestTestPing(t *testing.T) {
	t.Parallel()
	r := oneBuyer(t, func(*ringbid.Campaign) {})
	ping := r.sendOK(intake.Posting{Way: "ping", Test: true, Values: map[string]string{"zip": "90210", "state": "CA"}})
	if ping.Status != "accepted" || ping.PingID == "" {
		t.Fatalf("ping: %+v", ping)
	}
	post := intake.Posting{Way: "post", PingID: ping.PingID, Test: true, Values: person()}
	want := intake.Answer{Status: "accepted", Price: ping.Price, Currency: "USD", Reason: "a test: nothing was sold"}
	for range 2 {
		if d := gocmp.Diff(want, r.sendOK(post)); d != "" {
			t.Errorf("a test: %s", d)
		}
	}
	post.Test = false
	if a := r.sendOK(post); a.Status != "invalid" || a.Reason != "the ping was a test: only a test may follow it" {
		t.Errorf("in earnest: %+v", a)
	}
	r.clock.advance(time.Hour)
	post.Test = true
	if a := r.sendOK(post); a.Status != "invalid" || a.Reason != "the ping is unknown, used or has run out" {
		t.Errorf("an hour later: %+v", a)
	}
	if rows := r.rows(); rows["leads"] != 0 || rows["purchases"] != 0 {
		t.Errorf("written: %v", rows)
	}
}
