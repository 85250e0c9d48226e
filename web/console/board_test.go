package console

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

func TestBoardFollowsACall(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	now := at
	b := NewBoard(func() time.Time { return now })
	seq := 0
	tell := func(kind ringbid.EventKind, after int, data map[string]string) ringbid.Event {
		seq++
		ev := ringbid.Event{Call: "c1", Seq: seq, At: at.Add(time.Duration(after) * time.Second), Kind: kind, Data: data}
		b.Apply(ev)
		return ev
	}
	stage := func(want web.Stage) {
		t.Helper()
		if got := b.Cards()[0].Stage; got != want {
			t.Fatalf("stage %s, want %s", got, want)
		}
	}
	tell(ringbid.EventReceived, 0, map[string]string{"number": "+18005550100", "caller": "+13105550142", "campaign": "auto", "trunk": "carrier"})
	stage(web.StageFlow)
	tell(ringbid.EventOpened, 3, nil)
	stage(web.StageAuction)
	tell(ringbid.EventBid, 4, map[string]string{"state": "bid", "amount": "38.00", "name": "keystone"})
	tell(ringbid.EventBid, 4, map[string]string{"state": "bid", "amount": "9.00", "name": "orchard"})
	tell(ringbid.EventBid, 4, map[string]string{"state": "declined", "amount": "99.00", "name": "redwood"})
	if c := b.Cards()[0]; c.Amount != "38.00" || c.Best != "keystone" {
		t.Errorf("best bid %s of %s, want 38.00 of keystone", c.Amount, c.Best)
	}
	tell(ringbid.EventDial, 6, map[string]string{"target": "a", "buyer": "keystone-insurance", "price": "38.00"})
	stage(web.StageRinging)
	tell(ringbid.EventStep, 7, nil) // the flow goes on in the background
	stage(web.StageRinging)
	bridged := tell(ringbid.EventBridged, 9, nil)
	stage(web.StageTalking)
	b.Apply(bridged) // told twice
	end := tell(ringbid.EventEnded, 60, map[string]string{"outcome": "bridged", "code": "caller_hung_up"})
	want := []web.Card{{Call: "c1", Seq: seq, Stage: web.StageEnded, Since: end.At, Received: at, Number: "+18005550100", Caller: "+13105550142", Campaign: "auto", Trunk: "carrier",
		Best: "keystone", Amount: "38.00", Buyer: "keystone-insurance", Target: "a", Outcome: "bridged", Text: "caller_hung_up"}}
	now = end.At.Add(29 * time.Second)
	if d := cmp.Diff(want, b.Cards()); d != "" {
		t.Errorf("cards (-want +got):\n%s", d)
	}
	now = end.At.Add(31 * time.Second)
	if got := b.Cards(); len(got) != 0 {
		t.Errorf("%d cards half a minute after the end, want none", len(got))
	}
	b.Apply(ringbid.Event{Call: "c1", At: now, Kind: ringbid.EventSettled})
	if got := b.Cards(); len(got) != 0 {
		t.Errorf("the settlement of a call that left put %d cards back", len(got))
	}
}

func TestBoardSurvivesStrangeEvents(t *testing.T) {
	t.Parallel()
	b := NewBoard(nil)
	for _, k := range []ringbid.EventKind{"", "no.such", ringbid.EventBid, ringbid.EventClosed, ringbid.EventEnded, ringbid.EventDigit} {
		b.Apply(ringbid.Event{Call: "x" + string(k), Kind: k, At: time.Now()})
	}
	if got := len(b.Cards()); got != 6 {
		t.Errorf("%d cards, want 6", got)
	}
	b.Remove("x")
	if got := len(b.Cards()); got != 5 {
		t.Errorf("%d cards after one was removed, want 5", got)
	}
}

func BenchmarkBoardApply(b *testing.B) {
	board := NewBoard(nil)
	now := time.Now()
	for i := range 500 {
		board.Apply(ringbid.Event{Call: string(rune('a' + i)), Kind: ringbid.EventReceived, At: now})
	}
	ev := ringbid.Event{Call: "a", Kind: ringbid.EventBid, At: now, Data: map[string]string{"amount": "38.00", "state": "bid"}}
	b.ReportAllocs()
	for b.Loop() {
		board.Apply(ev)
	}
}
