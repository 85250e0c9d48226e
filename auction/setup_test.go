package auction_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
)

// floor is the parts of an auction that a test looks into afterwards.
type floor struct {
	t      *testing.T
	market *auction.Market
	roster roster
	ledger *ledger
	bidder *fakeBidder

	mu     sync.Mutex
	events []ringbid.Event
}

// setup makes a market among the given buyings. Times run by the bubble's clock
// where the test is in one.
func setup(t *testing.T, buyings ...ringbid.Buying) *floor {
	f := &floor{t: t, roster: buyings, ledger: newLedger(), bidder: &fakeBidder{scripts: map[string]script{}}}
	f.market = auction.New(auction.Config{
		Roster: f.roster, Ledger: f.ledger, Bidders: map[string]auction.Bidder{"ringba": f.bidder}, Emit: f.emit,
	})
	return f
}

func (f *floor) emit(ev ringbid.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, ev)
}

func (f *floor) kinds() []ringbid.EventKind {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []ringbid.EventKind
	for _, ev := range f.events {
		out = append(out, ev.Kind)
	}
	return out
}

// open opens an auction for a caller from Los Angeles, with a deadline of 2 s.
func (f *floor) open(facts ringbid.TagMap, edit ...func(*ringbid.Ask)) *auction.Auction {
	ask := ringbid.Ask{CallID: "call-1", Campaign: "auto", Caller: "+13105550123", Number: "+18005550100", Facts: facts, Deadline: 2 * time.Second}
	for _, e := range edit {
		e(&ask)
	}
	return f.market.Open(context.Background(), ask)
}

// script is how a bidder answers.
type script func(ctx context.Context, p auction.Ping, nth int) (auction.Reply, error)

type fakeBidder struct {
	mu      sync.Mutex
	scripts map[string]script
	pings   []auction.Ping
}

func (b *fakeBidder) Ping(ctx context.Context, p auction.Ping) (auction.Reply, error) {
	b.mu.Lock()
	s := b.scripts[p.Bidder.Name]
	nth := len(b.askedLocked(p.Bidder.Name))
	b.pings = append(b.pings, p)
	b.mu.Unlock()
	if s == nil {
		return auction.Reply{Reason: "no script", Code: "none"}, nil
	}
	return s(ctx, p, nth)
}

func (b *fakeBidder) askedLocked(name string) []auction.Ping {
	var out []auction.Ping
	for _, p := range b.pings {
		if p.Bidder.Name == name {
			out = append(out, p)
		}
	}
	return out
}

func (b *fakeBidder) asked(name string) []auction.Ping {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.askedLocked(name)
}

// pause waits for d, or for less where the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// bids answers with an amount that stands for 30 s.
func bids(amount ringbid.Money, after time.Duration) script {
	return func(ctx context.Context, p auction.Ping, _ int) (auction.Reply, error) {
		if err := pause(ctx, after); err != nil {
			return auction.Reply{}, err
		}
		return auction.Reply{
			Accepted: true, BidID: "b-" + p.Bidder.Name, Amount: amount, User: "line-" + p.Bidder.Name,
			Expires: time.Now().Add(30 * time.Second), Status: 200, Raw: "{}",
		}, nil
	}
}

// stubborn answers after d whether or not anybody waits.
func stubborn(amount ringbid.Money, d time.Duration) script {
	return func(_ context.Context, p auction.Ping, nth int) (auction.Reply, error) {
		return bids(amount, d)(context.Background(), p, nth)
	}
}

type roster []ringbid.Buying

func (r roster) Buyings(string) []ringbid.Buying { return r }

// ledger counts what is held and refuses what it is told to.
type ledger struct {
	mu       sync.Mutex
	refuse   map[string]error
	full     map[string]string
	held     map[string]bool
	reserved []string
	released []string
}

func newLedger() *ledger {
	return &ledger{refuse: map[string]error{}, full: map[string]string{}, held: map[string]bool{}}
}

func (l *ledger) Reserve(_ context.Context, callID string, t *ringbid.Target) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refuse[t.Name]; err != nil {
		return err
	}
	l.held[callID+t.Name] = true
	l.reserved = append(l.reserved, t.Name)
	return nil
}

func (l *ledger) Release(_ context.Context, callID string, target string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, callID+target)
	l.released = append(l.released, target)
}

func (l *ledger) Full(t *ringbid.Target) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	why, ok := l.full[t.Name]
	return why, ok
}

// dollars makes money of whole units.
func dollars(n int64) ringbid.Money { return ringbid.Money(n * ringbid.MoneyScale) }

func route(name string) ringbid.Route { return ringbid.Route{Priority: 10, Weight: 100, Target: name} }

// static is a target at a fixed price.
func static(name string, price ringbid.Money, edit ...func(*ringbid.Buying)) ringbid.Buying {
	b := ringbid.Buying{
		Route: route(name), Buyer: &ringbid.Buyer{Name: name + "-co"},
		Target: &ringbid.Target{Name: name, Buyer: name + "-co", Trunk: "t", User: "desk-" + name, Price: price},
	}
	for _, e := range edit {
		e(&b)
	}
	return b
}

// pinged is a bidder with its own target.
func pinged(name string, edit ...func(*ringbid.Buying)) ringbid.Buying {
	b := static(name+"-target", 0)
	b.Route.Target, b.Route.Bidder = "", name
	b.Bidder = &ringbid.Bidder{Name: name, Target: name + "-target", Dialect: "ringba", URL: "http://bids.example/" + name}
	for _, e := range edit {
		e(&b)
	}
	return b
}

func maxBid(m ringbid.Money) func(*ringbid.Buying) {
	return func(b *ringbid.Buying) { b.Bidder.MaxBid = m }
}

func requires(facts ...string) func(*ringbid.Buying) {
	return func(b *ringbid.Buying) {
		b.Bidder.Requires = facts
		b.Bidder.Fields = map[string]string{}
		for _, f := range facts {
			b.Bidder.Fields["their_"+f] = f
		}
	}
}

// line is what a test says of a bid.
type line struct {
	Name   string
	State  ringbid.BidState
	Code   string
	Amount string
	Rank   int
}

func lines(rec ringbid.Auction) []line {
	out := make([]line, 0, len(rec.Bids))
	for _, b := range rec.Bids {
		out = append(out, line{b.Name, b.State, b.Code, b.Amount.String(), b.Rank})
	}
	return out
}

func find(t *testing.T, rec ringbid.Auction, name string) ringbid.Bid {
	t.Helper()
	i := slices.IndexFunc(rec.Bids, func(b ringbid.Bid) bool { return b.Name == name })
	if i < 0 {
		t.Fatalf("no bid of %s in %+v", name, rec.Bids)
	}
	return rec.Bids[i]
}

// award expects an award, to the given name.
func award(t *testing.T, a *auction.Auction, want string) ringbid.Award {
	t.Helper()
	w, ok := a.Award(context.Background())
	if !ok || w.Name != want {
		t.Fatalf("Award = %q, %v; want %q", w.Name, ok, want)
	}
	return w
}

// nobody expects that no award is left.
func nobody(t *testing.T, a *auction.Auction) {
	t.Helper()
	if w, ok := a.Award(context.Background()); ok {
		t.Fatalf("Award = %+v, want none", w)
	}
}
