package console

import (
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

func TestSentence(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { x := start.Add(d); return &x }
	book, _ := ringbid.NewBook([]ringbid.Document{&ringbid.Buyer{Name: "acme", Title: "Acme Insurance"}, &ringbid.Target{Name: "acme-1", Buyer: "acme"}})
	busy := ringbid.Leg{Side: "buyer", Target: "acme-1", Verdict: ringbid.VerdictBusy}
	for _, c := range []struct {
		name string
		call ringbid.Call
		want string
	}{
		{"bridged", ringbid.Call{Outcome: ringbid.OutcomeBridged, Buyer: "acme", Connected: at(14 * time.Second), ConnectedMS: 192_000,
			Sale: ringbid.Sale{Currency: "USD", Revenue: 380_000, Payout: 250_000, Converted: true}},
			"Bridged to Acme Insurance after 14 s; talked 3 m 12 s; earned $38.00, paid $25.00."},
		{"second buyer", ringbid.Call{Outcome: ringbid.OutcomeBridged, Buyer: "acme", Connected: at(14 * time.Second), ConnectedMS: 2000, Legs: []ringbid.Leg{busy}, Sale: ringbid.Sale{Rule: "not paid: connected 2.0 s, needs 30.0 s"}},
			"Bridged to Acme Insurance after 14 s; talked 2 s; 1 buyer tried before; not paid: connected 2.0 s, needs 30.0 s."},
		{"abandoned", ringbid.Call{Outcome: ringbid.OutcomeAbandoned, Ended: at(4 * time.Second), Steps: []ringbid.Step{{Node: "zip"}}}, `The caller hung up after 4 s in step "zip".`},
		{"nobody", ringbid.Call{Outcome: ringbid.OutcomeNoBuyer, Ended: at(20 * time.Second), Legs: []ringbid.Leg{busy, busy, busy, busy}},
			"Nobody took the call after 20 s. Tried: Acme Insurance was busy, Acme Insurance was busy, Acme Insurance was busy, 1 more."},
		{"refused", ringbid.Call{Outcome: ringbid.OutcomeRejected, Reason: ringbid.Reason{Code: "unknown_number", Text: "nobody answers this number."}}, "Refused: nobody answers this number."},
		{"lost", ringbid.Call{Outcome: ringbid.OutcomeLost, Ended: at(9 * time.Second)}, "The node that carried the call died; the call was closed after 9 s."},
		{"nothing known", ringbid.Call{}, "The call failed: no reason given."},
	} {
		c.call.Received, c.call.State = start, ringbid.StateEnded
		if got := Sentence(&c.call, book, start); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestLostSaysWhy(t *testing.T) {
	t.Parallel()
	a := &ringbid.Auction{Winner: "acme"}
	for _, state := range []ringbid.BidState{ringbid.BidWaiting, ringbid.BidPinged, ringbid.BidStanding, ringbid.BidDeclined, ringbid.BidIneligible, ringbid.BidLate, ringbid.BidFailed, ringbid.BidExpired, ringbid.BidTried} {
		if got := lost(ringbid.Bid{State: state}, a); len(got) < 8 || !strings.Contains(got, " ") {
			t.Errorf("%s: %q is not a reason in words", state, got)
		}
		if got := lost(ringbid.Bid{State: state, Reason: "the moon is full"}, a); !strings.Contains(got, "the moon is full") {
			t.Errorf("%s: %q hides the reason given", state, got)
		}
	}
}

// TestScaleIsOneLine checks that moments and places map to one another and only
// go forward, on one speed and on two.
func TestScaleIsOneLine(t *testing.T) {
	t.Parallel()
	for _, s := range []scale{callScale(20_000, 0), callScale(209_000, 16_000), callScale(0, 0), callScale(14_400_000, 12_000),
		newScale(864_000_000, part{400, 0.45}, part{62_000, 0.3}), newScale(0, part{400, 0.5})} {
		last := -1.0
		for ms := int64(0); ms <= s.Total(); ms += max(s.Total()/977, 1) {
			x := s.x(ms)
			if x < axisLeft || x > axisRight+0.01 || x < last {
				t.Fatalf("%+v: %d ms is at %.1f after %.1f", s, ms, x, last)
			}
			last = x
			if back := s.ms(x); back < ms-2 || back > ms+2 {
				t.Fatalf("%+v: %d ms comes back as %d", s, ms, back)
			}
		}
	}
}

// TestAxisOfStrangeCalls draws calls of which hardly anything is known.
func TestAxisOfStrangeCalls(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	early := now.Add(-time.Hour)
	book, _ := ringbid.NewBook(nil)
	for i, c := range []ringbid.Call{
		{Received: now},
		{Received: now, Ended: &early, Auction: &ringbid.Auction{Bids: []ringbid.Bid{{}, {Pinged: &now}, {Replied: &early, Pinged: &now}}}},
		{Received: now, Legs: []ringbid.Leg{{Side: "buyer"}, {Side: "buyer", Answered: &now}, {Side: "buyer", Ringing: &now, Ended: &early}}},
		{Received: now, Recording: &ringbid.Recording{Started: early, MS: 1}},
	} {
		a := newAxis(&c, book, [2][]uint8{{1, 2, 3}, {1, 2, 3}}, now)
		for _, l := range a.Lanes {
			for _, m := range l.Marks {
				if m.Shape != "label" && (m.X < axisLeft-10 || m.X > axisRight+20 || m.W < 0) {
					t.Errorf("call %d: mark %q at %.0f, %.0f wide", i, m.Say, m.X, m.W)
				}
			}
		}
		if newLadder(&c) == nil {
			t.Errorf("call %d: no ladder", i)
		}
	}
}

func TestDocumentTextHidesSecrets(t *testing.T) {
	t.Parallel()
	for _, d := range []ringbid.Document{
		&ringbid.Trunk{Name: "a", Username: "u", Password: "s3cret"}, &ringbid.Bidder{Name: "a", Token: "s3cret", Requires: []string{}},
		&ringbid.User{Name: "a", Password: "s3cret", PasswordHash: "s3cret"}, &ringbid.Prompt{Name: "a", WAV: []byte("s3cret")},
		&ringbid.Source{Name: "a", PostKey: "s3cret"}, &ringbid.Hook{Name: "a", Secret: "s3cret", Before: "s3cret"},
		&ringbid.Bidder{Name: "a", Auth: ringbid.MethodAuth{Secret: "s3cret", ClientSecret: "s3cret"}, Exchange: ringbid.Raw(`{"header":{"X-Key":"s3cret"}}`)},
		&ringbid.Method{Name: "a", Auth: ringbid.MethodAuth{Secret: "s3cret", ClientSecret: "s3cret", Key: "s3cret", Refresh: "s3cret"},
			Settings: map[string]string{"api_key": "s3cret"}, Exchange: ringbid.Raw(`{"header":{"Authorization":"s3cret"},"query":{"token":"s3cret"}}`)},
	} {
		got, err := documentText(d)
		if err != nil || strings.Contains(got, "s3cret") || strings.Contains(got, "czNjcmV0") {
			t.Errorf("%s: %v\n%s", d.Key(), err, got)
		}
	}
	shown, err := documentText(&ringbid.Method{Name: "a", Auth: ringbid.MethodAuth{User: "u", Secret: "s3cret"}, Exchange: ringbid.Raw(`{"key_header":"Idempotency-Key","url":"https://x.example/"}`)})
	if err != nil || !strings.Contains(shown, `secret: "••••••"`) || !strings.Contains(shown, "key_header: Idempotency-Key") || strings.Contains(shown, "client_secret") {
		t.Errorf("%v: secrets are to be dots, and nothing else\n%s", err, shown)
	}
	got, err := documentText(&ringbid.Target{Name: "t", Buyer: "yes", User: "123", Caps: []ringbid.Cap{{On: "convert", Per: "day", Limit: 5}}, Headers: map[string]string{"X-A": "{{zip}}: #"}})
	want := "kind: Target\nname: t\nbuyer: \"yes\"\nuser: \"123\"\ncaps:\n  - \"on\": convert\n    per: day\n    limit: 5\nheaders:\n  X-A: \"{{zip}}: #\""
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

// TestDiagramOfLoops lays out flows that go back, stand alone or lead nowhere.
func TestDiagramOfLoops(t *testing.T) {
	t.Parallel()
	var many ringbid.Flow
	many.Start = "n0"
	for i := range 60 {
		id := func(n int) string { return "n" + string(rune('0'+n%60/10)) + string(rune('0'+n%10)) }
		many.Nodes = append(many.Nodes, ringbid.Node{ID: id(i), Type: ringbid.NodeMenu, Choices: ringbid.KeyMap{"1": id(i + 1), "2": id(i + 2), "3": id(i * 7)}, Next: "gone"})
	}
	many.Start = many.Nodes[0].ID
	for _, f := range []ringbid.Flow{{}, {Start: "a", Nodes: []ringbid.Node{{ID: "a", Next: "b"}, {ID: "b", Next: "a"}, {ID: "alone"}}}, many} {
		d := newDiagram(&f)
		seen := map[[2]int]string{}
		for _, b := range d.Boxes {
			if other, taken := seen[[2]int{b.X, b.Y}]; taken {
				t.Errorf("%s lies on %s", b.ID, other)
			}
			seen[[2]int{b.X, b.Y}] = b.ID
			if b.X+boxWide > d.Wide || b.Y+boxHigh > d.High {
				t.Errorf("%s lies outside of the picture", b.ID)
			}
		}
		if len(d.Boxes) != len(f.Nodes) {
			t.Errorf("%d boxes for %d nodes", len(d.Boxes), len(f.Nodes))
		}
	}
}
