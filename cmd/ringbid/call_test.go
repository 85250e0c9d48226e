package main

import (
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/sip/media"
)

// TestOneCall follows a call from the first INVITE to the settled money: the
// caller answers by keypad, the auction closes while the prompt still plays,
// the agent's screen pops before the buyer answers, both sides hear each other,
// and the recording holds both.
func TestOneCall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of a quarter of a minute")
	}
	s := startStage(t, testConfig(t))
	story := s.place(t, "+18005550100", 4*time.Second)
	if !story.Heard {
		t.Fatalf("the caller did not hear the buyer: %+v", story)
	}
	if visit := s.visit(t, story.From); !visit.Heard {
		t.Errorf("the buyer did not hear the caller: %+v", visit)
	}
	c := s.settled(t, story.CallID)
	if c.Outcome != ringbid.OutcomeBridged || c.EndedBy != "caller" || c.Buyer != "keystone-insurance" {
		t.Errorf("outcome %s by %s with %s: %+v", c.Outcome, c.EndedBy, c.Buyer, c.Reason)
	}
	if v, _ := c.Tags.Get("zip"); v != "90210" {
		t.Errorf("zip is %q", v)
	}
	inOrder(t, c, ringbid.EventReceived, ringbid.EventAnswered, ringbid.EventOpened, ringbid.EventAnswer, ringbid.EventPing,
		ringbid.EventClosed, ringbid.EventDial, ringbid.EventRinging, ringbid.EventPop, ringbid.EventLegAnswer, ringbid.EventBridged,
		ringbid.EventEnded)
	closed, dialled := eventAt(t, c, ringbid.EventClosed), eventAt(t, c, ringbid.EventDial)
	if gap := dialled.Sub(closed); gap < time.Second {
		t.Errorf("the auction closed %s before the dial: the prompt was still to be played", gap)
	}
	money(t, c)
	sound(t, c)
}

// visit returns the call of the caller as the last buyer saw it, when it is over.
func (s *stage) visit(t *testing.T, caller string) sim.Visit {
	t.Helper()
	var found sim.Visit
	eventually(t, 5*time.Second, "the buyer tells of the call", func() bool {
		for _, v := range slices.Backward(s.world.buyers.Visits()) {
			if v.Caller == caller && v.Over {
				found = v
				return true
			}
		}
		return false
	})
	return found
}

// inOrder checks that the kinds happened, each for the first time, in this order.
func inOrder(t *testing.T, c *ringbid.Call, kinds ...ringbid.EventKind) {
	t.Helper()
	var got []ringbid.EventKind
	for _, ev := range c.Events {
		if slices.Contains(kinds, ev.Kind) && !slices.Contains(got, ev.Kind) {
			got = append(got, ev.Kind)
		}
	}
	if diff := cmp.Diff(kinds, got); diff != "" {
		t.Errorf("order of events: %s", diff)
	}
}

func eventAt(t *testing.T, c *ringbid.Call, kind ringbid.EventKind) time.Time {
	t.Helper()
	for _, ev := range c.Events {
		if ev.Kind == kind {
			return ev.At
		}
	}
	t.Fatalf("there is no %s", kind)
	return time.Time{}
}

// money checks the sale against the contract: the winning bid, 65 % of it.
func money(t *testing.T, c *ringbid.Call) {
	t.Helper()
	var won ringbid.Bid
	for _, b := range c.Auction.Bids {
		if b.State == ringbid.BidWon {
			won = b
		}
	}
	if won.Amount == 0 || c.Sale.Revenue != won.Amount || c.Sale.Payout != won.Amount.Share(6500) || !c.Sale.Converted {
		t.Errorf("bid %s sold as %+v", won.Amount, c.Sale)
	}
}

// sound checks that the caller's tone is left, the buyer's right, neither on
// the other side, and that the file is what its hash says.
func sound(t *testing.T, c *ringbid.Call) {
	t.Helper()
	r := c.Recording
	if r == nil || r.Channels != 2 || r.SHA256 == "" {
		t.Fatalf("recording %+v", r)
	}
	left, right := channels(t, r.Path)
	if ms := int64(len(left)) / 8; ms < r.MS-40 || ms > r.MS+40 {
		t.Errorf("%d ms of sound, the row says %d", ms, r.MS)
	}
	talk := func(ch []byte) []byte { return ch[max(0, len(ch)-3*8000):max(0, len(ch)-8000)] }
	for _, x := range []struct {
		name string
		ch   []byte
		tone float64
		here bool
	}{
		{"caller left", left, sim.CallerTone, true}, {"buyer right", right, sim.BuyerTone, true},
		{"buyer left", left, sim.BuyerTone, false}, {"caller right", right, sim.CallerTone, false},
	} {
		if n := windows(talk(x.ch), x.tone); (n >= 3) != x.here {
			t.Errorf("%s: the tone is in %d of 10 windows", x.name, n)
		}
	}
}

// windows counts the fifths of a second in which the tone is a quarter of the
// sound or more.
func windows(ch []byte, tone float64) (n int) {
	for w := range slices.Chunk(ch, 1600) {
		if media.TonePower(w, tone) >= 0.25 {
			n++
		}
	}
	return n
}

// channels reads a recording as two channels of µ-law.
func channels(t *testing.T, path string) (left, right []byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	linear, err := recording.PCM(f)
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := io.ReadAll(linear)
	if err != nil {
		t.Fatal(err)
	}
	const header = 44
	for i := header; i+3 < len(pcm); i += 4 {
		left = append(left, media.EncodeULaw(int16(pcm[i])|int16(pcm[i+1])<<8))
		right = append(right, media.EncodeULaw(int16(pcm[i+2])|int16(pcm[i+3])<<8))
	}
	return left, right
}

// TestNextBidder shows the best bidder busy, the second ringing in vain, and
// the third taking the call.
func TestNextBidder(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("lets a buyer ring for five seconds")
	}
	s := startStage(t, testConfig(t))
	story := s.place(t, "+18005550101", 4*time.Second)
	c := s.settled(t, story.CallID)
	var got []ringbid.Verdict
	for _, l := range c.Legs {
		if l.Side == "buyer" {
			got = append(got, l.Verdict)
		}
	}
	if diff := cmp.Diff([]ringbid.Verdict{ringbid.VerdictBusy, ringbid.VerdictNoAnswer, ringbid.VerdictAnswered}, got); diff != "" {
		t.Error(diff)
	}
	if !story.Heard || c.Target != "summit-roof" || c.Sale.Revenue != 200000 || c.Sale.Payout != 95000 {
		t.Errorf("heard %v, %s took it for %+v", story.Heard, c.Target, c.Sale)
	}
}

// TestRungThrough shows a call that is answered when the buyer is.
func TestRungThrough(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of five seconds")
	}
	s := startStage(t, testConfig(t))
	story := s.place(t, "+18005550103", 4*time.Second)
	c := s.settled(t, story.CallID)
	if !story.Heard || c.Target != "summit-roof" || c.Outcome != ringbid.OutcomeBridged || c.Sale.Revenue != 200000 || len(c.Legs) != 2 {
		t.Fatalf("heard %v, %s took it for %+v: %s, %d legs", story.Heard, c.Target, c.Sale, c.Outcome, len(c.Legs))
	}
	caller, buyer := c.Legs[0], c.Legs[1]
	if c.Answered == nil || caller.Ringing == nil || caller.Answered == nil || buyer.Answered == nil || caller.Answered.Before(*buyer.Answered) {
		t.Errorf("caller %+v\nbuyer %+v", caller, buyer)
	}
}

// TestNobody shows a caller whom nobody can take: a polite message, then BYE.
func TestNobody(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of ten seconds")
	}
	s := startStage(t, testConfig(t))
	story := s.place(t, "+18005550102", time.Second)
	c := s.settled(t, story.CallID)
	if story.Heard || story.EndedBy != "platform" || c.Outcome != ringbid.OutcomeNoBuyer || c.Sale.Revenue != 0 {
		t.Errorf("heard %v, ended by %s: %s, %+v", story.Heard, story.EndedBy, c.Outcome, c.Sale)
	}
}

// TestRefusedCallIsKept shows that a call over the limit gets a clear answer and
// a row that says why, and that the next one is unharmed.
func TestRefusedCallIsKept(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of a quarter of a minute")
	}
	c := testConfig(t)
	c.MaxCalls = 1
	s := startStage(t, c)
	first := make(chan sim.Story, 1)
	go func() {
		story, err := s.carrier.Place(t.Context(), sim.Caller{From: newCaller(), To: "+18005550100", Via: s.sipUDP(), Digits: "90210", Hold: time.Second})
		if err != nil {
			t.Error(err)
		}
		first <- story
	}()
	eventually(t, 5*time.Second, "the first call is up", func() bool { return s.sip.Active() == 1 })
	second := s.place(t, "+18005550100", time.Second)
	if second.Status != 503 {
		t.Errorf("the second call got %d %s", second.Status, second.Reason)
	}
	if row := s.settled(t, second.CallID); row.Outcome != ringbid.OutcomeRejected || row.Reason.Code != "over_capacity" || row.Campaign != "auto-insurance" {
		t.Errorf("row: %s, %+v, campaign %q", row.Outcome, row.Reason, row.Campaign)
	}
	if story := <-first; !story.Heard {
		t.Errorf("the first call was harmed: %+v", story)
	}
}
