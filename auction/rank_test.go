package auction_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/auction"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	at := func(ms int) *time.Time {
		return new(time.Date(2026, 3, 1, 0, 0, 0, ms*1_000_000, time.UTC))
	}
	bid := func(name string, amount ringbid.Money, priority, weight, ms int) ringbid.Bid {
		return ringbid.Bid{Name: name, Amount: amount, Priority: priority, Weight: weight, Pinged: at(0), Replied: at(ms), Rank: 1}
	}
	rec := ringbid.Auction{Seed: 7, Bids: []ringbid.Bid{
		bid("low", dollars(1), 1, 100, 1), bid("late-priority", dollars(5), 20, 100, 1),
		bid("high", dollars(5), 10, 100, 1), bid("cent-more", dollars(5)+1, 50, 1, 999),
		{Name: "unranked", Amount: dollars(99)},
	}}
	var got []string
	for i, b := range auction.Replay(rec) {
		got = append(got, b.Name)
		if b.Rank != i+1 {
			t.Errorf("%s has rank %d", b.Name, b.Rank)
		}
	}
	if d := cmp.Diff([]string{"cent-more", "high", "late-priority", "low"}, got); d != "" {
		t.Error(d)
	}
}

// Among equal bids the chance to be first is in proportion to the weight.
func TestWeightedDraw(t *testing.T) {
	t.Parallel()
	rec := ringbid.Auction{Bids: []ringbid.Bid{
		{Name: "a", Weight: 100, Rank: 1}, {Name: "b", Weight: 200, Rank: 2}, {Name: "c", Weight: 700, Rank: 3},
	}}
	const runs = 20_000
	wins := map[string]int{}
	for seed := range uint64(runs) {
		rec.Seed = seed
		wins[auction.Replay(rec)[0].Name]++
	}
	for name, want := range map[string]float64{"a": .1, "b": .2, "c": .7} {
		if got := float64(wins[name]) / runs; math.Abs(got-want) > .015 {
			t.Errorf("%s won %.3f of the draws, want %.1f", name, got, want)
		}
	}
}

// The draw of a stored auction must not change: these are what it gave when it
// was written.
func TestDrawIsStable(t *testing.T) {
	t.Parallel()
	rec := ringbid.Auction{Seed: 0x1234567890abcdef, Bids: []ringbid.Bid{
		{Name: "keystone", Weight: 100, Rank: 1}, {Name: "orchard", Weight: 1, Rank: 2}, {Name: "desk", Weight: 1000, Rank: 3},
	}}
	got := ""
	for _, b := range auction.Replay(rec) {
		got += fmt.Sprintf("%s %.12f\n", b.Name, b.Draw)
	}
	want := "desk 0.999229486756\nkeystone 0.985810097436\norchard 0.238151549278\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Whatever buyers, answers and dials come together: the record replays to the
// same order, also from JSON; the winner was asked for no more than it bid; and
// no slot stays held.
func TestReplayOfRandomAuctions(t *testing.T) {
	t.Parallel()
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	ranked := 0
	for i := range rounds {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(i), 1))
			rec, f := randomAuction(t, rnd)
			ranked += checkReplay(t, rec)
			if len(f.ledger.held) != 0 {
				t.Errorf("round %d: held %v", i, f.ledger.held)
			}
		})
	}
	if ranked < rounds {
		t.Errorf("only %d bids were ranked in %d auctions", ranked, rounds)
	}
}

func checkReplay(t *testing.T, rec ringbid.Auction) int {
	t.Helper()
	var want []ringbid.Bid
	for _, b := range rec.Bids {
		if b.Rank > 0 {
			want = append(want, b)
		}
	}
	slices.SortFunc(want, func(x, y ringbid.Bid) int { return x.Rank - y.Rank })
	if d := cmp.Diff(want, auction.Replay(rec)); d != "" {
		t.Errorf("replay differs: %s", d)
	}
	stored, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	var back ringbid.Auction
	if err := json.Unmarshal(stored, &back); err != nil {
		t.Fatal(err)
	}
	rand.New(rand.NewPCG(rec.Seed, 2)).Shuffle(len(back.Bids), func(i, j int) { back.Bids[i], back.Bids[j] = back.Bids[j], back.Bids[i] })
	if d := cmp.Diff(want, auction.Replay(back)); d != "" {
		t.Errorf("replay from JSON differs: %s", d)
	}
	for _, b := range rec.Bids {
		if b.State == ringbid.BidPinged {
			t.Errorf("%s is still being asked", b.Name)
		}
		if (b.State == ringbid.BidStanding || b.State == ringbid.BidWon || b.State == ringbid.BidTried) != (b.Rank > 0) &&
			b.Code != "full" && b.Code != "expired" {
			t.Errorf("%s is %s with rank %d", b.Name, b.State, b.Rank)
		}
	}
	if rec.Closed == nil || rec.CloseWhy == "" {
		t.Errorf("not closed: %+v", rec)
	}
	return len(want)
}

// randomAuction runs an auction by the dice, facts and dials and all.
func randomAuction(t *testing.T, rnd *rand.Rand) (ringbid.Auction, *floor) {
	var buyings []ringbid.Buying
	scripts := map[string]script{}
	for i := range rnd.IntN(9) {
		name := fmt.Sprintf("b%d", i)
		amount := dollars(int64(1 + rnd.IntN(4))) // so that there are ties
		dice := func(b *ringbid.Buying) {
			b.Route.Priority, b.Route.Weight = 1+rnd.IntN(2), 1+rnd.IntN(1000)
			if b.Bidder != nil && rnd.IntN(2) == 0 {
				b.Bidder.MaxBid = amount
			}
		}
		if rnd.IntN(3) == 0 {
			buyings = append(buyings, static(name, amount, dice))
			continue
		}
		edits := []func(*ringbid.Buying){dice}
		if rnd.IntN(3) == 0 {
			edits = append(edits, requires([]string{"zip", "age", "never"}[rnd.IntN(3)]))
		}
		buyings = append(buyings, pinged(name, edits...))
		after := time.Duration(rnd.IntN(2500)) * time.Millisecond
		scripts[name] = bids(amount, after)
		if rnd.IntN(4) == 0 {
			scripts[name] = stubborn(amount, after)
		}
	}
	f := setup(t, buyings...)
	f.bidder.scripts = scripts
	for _, b := range buyings {
		if rnd.IntN(8) == 0 {
			f.ledger.refuse[b.Target.Name] = ringbid.Errorf(ringbid.Busy, "full")
		}
	}
	a := f.open(nil)
	for range rnd.IntN(4) {
		pass(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		a.Offer(ringbid.TagMap{[]string{"zip", "age", "colour"}[rnd.IntN(3)]: fmt.Sprint(rnd.IntN(2))})
	}
	for range rnd.IntN(5) {
		w, ok := a.Award(t.Context())
		if !ok {
			break
		}
		pass(time.Duration(rnd.IntN(20)) * time.Second)
		verdict := ringbid.VerdictNoAnswer
		if rnd.IntN(3) == 0 {
			verdict = ringbid.VerdictAnswered
		}
		a.Report(w, ringbid.Attempt{Verdict: verdict})
		if verdict == ringbid.VerdictAnswered {
			break
		}
	}
	rec := a.Done(0)
	return rec, f
}
