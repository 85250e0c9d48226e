package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// until polls for up to 20 s.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for: %s", what)
		}
	}
}

// sample is a small but whole set of documents.
func sample() []ringbid.Document {
	return []ringbid.Document{
		&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}},
		&ringbid.Trunk{Name: "buyers", Address: "127.0.0.2:5060", Username: "u", Password: "trunk-secret"},
		&ringbid.Prompt{Name: "hello", Text: "Hello.", Voice: "en-us"},
		&ringbid.Prompt{Name: "tune", WAV: []byte("RIFF....WAVE")},
		&ringbid.Flow{Name: "sell", Start: "hello", Nodes: []ringbid.Node{
			{ID: "hello", Type: ringbid.NodePlay, Prompt: "hello", Next: "dial"},
			{ID: "dial", Type: ringbid.NodeDial, None: "bye"}, {ID: "bye", Type: ringbid.NodeHangup}}},
		&ringbid.Buyer{Name: "acme", Title: "Acme"},
		&ringbid.Target{Name: "acme-line", Buyer: "acme", Trunk: "buyers", User: "1000", Price: 250000, Concurrency: 2, Agents: []string{"ann"}},
		&ringbid.Bidder{Name: "acme-bid", Target: "acme-line", Dialect: "ringba", URL: "http://127.0.0.1:9/bid", Token: "bidder-secret"},
		&ringbid.Campaign{Name: "roofs", Flow: "sell", Routes: []ringbid.Route{{Target: "acme-line"}, {Bidder: "acme-bid"}}, Payout: &ringbid.Payout{Share: 60}},
		&ringbid.Publisher{Name: "pete"},
		&ringbid.Number{Number: "+18005550100", Campaign: "roofs", Publisher: "pete"},
		&ringbid.User{Name: "boss", Role: ringbid.RoleOperator, Password: "correct horse"},
		&ringbid.User{Name: "ann", Role: ringbid.RoleAgent, Buyer: "acme", Password: "battery staple"},
	}
}

func apply(t testing.TB, s *store.Store, docs []ringbid.Document, prune bool) store.Changes {
	t.Helper()
	c, problems, err := s.Apply(t.Context(), docs, prune, "tester")
	if err != nil || len(problems) > 0 {
		t.Fatalf("apply: %v, %v", problems, err)
	}
	return c
}

// ask runs a query of one value.
func ask[T any](t testing.TB, s *store.Store, sql string, args ...any) T {
	t.Helper()
	return askOn[T](t, s.Pool(), sql, args...)
}

type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func askOn[T any](t testing.TB, q rower, sql string, args ...any) (v T) {
	t.Helper()
	if err := q.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// at is a moment that survives Postgres: whole microseconds, UTC.
func at(offset time.Duration) time.Time {
	return time.Now().UTC().Truncate(time.Microsecond).Add(offset)
}

func ptr[T any](v T) *T { return &v }

// bridged is a rich call that was sold.
func bridged(id string) ringbid.Call {
	began := at(-time.Minute)
	return ringbid.Call{
		ID: id, Node: "test", State: ringbid.StateEnded, Trunk: "carrier", SIPCallID: "abc@127.0.0.1", Number: "+18005550100", Caller: "+13105550123",
		CallerName: "Jo \x00 Doe", Campaign: "roofs", Publisher: "pete", Flow: "sell", FlowVersion: 1,
		Received: began, Answered: ptr(began.Add(time.Second)), Connected: ptr(began.Add(9 * time.Second)), Ended: ptr(began.Add(50 * time.Second)),
		Outcome: ringbid.OutcomeBridged, Reason: ringbid.Reason{Code: "caller_hung_up", Text: "the caller hung up", Fault: ringbid.FaultNone}, EndedBy: "caller",
		Tags:    ringbid.TagMap{"zip": "90210", "state": "CA"},
		Steps:   []ringbid.Step{{Node: "hello", Type: ringbid.NodePlay, At: began, MS: 900, Edge: "next"}},
		Consent: &ringbid.Consent{Policy: "announce", At: began, Through: true},
		Legs: []ringbid.Leg{
			{ID: "leg-a", Side: "caller", Started: began, Messages: []ringbid.Message{{At: began, Text: "INVITE", Size: 900}}},
			{ID: "leg-b", Side: "buyer", Target: "acme-line", Started: began.Add(4 * time.Second), Verdict: ringbid.VerdictAnswered, Status: 200,
				Media: ringbid.Media{PacketsIn: 2050, JitterMS: 0.5}},
		},
		Auction: &ringbid.Auction{ID: "au-" + id, CallID: id, Campaign: "roofs", Seed: 1<<64 - 1, Opened: began.Add(2 * time.Second), CloseWhy: "all answered", Winner: "acme-line",
			Bids: []ringbid.Bid{
				{ID: "b1", Name: "acme-line", Target: "acme-line", Buyer: "acme", State: ringbid.BidWon, Amount: 250000, Rank: 1, Static: true, Draw: 0.25},
				{ID: "b2", Name: "acme-bid", Target: "acme-line", Buyer: "acme", State: ringbid.BidDeclined, Reason: "no capacity", Reply: `{"bid": 0}`}}},
		Buyer: "acme", Target: "acme-line", ConnectedMS: 41_000,
		Sale:      ringbid.Sale{Currency: "USD", Price: 250000, Revenue: 250000, Payout: 150000, Converted: true, Rule: "paid"},
		Recording: &ringbid.Recording{ID: "rec-" + id, Path: "/tmp/" + id + ".wav", Started: began, MS: 49_000, Bytes: 784_000, Channels: 2, SHA256: "00ff"},
		Events: []ringbid.Event{
			{Call: id, Seq: 1, At: began, Kind: ringbid.EventReceived, Data: map[string]string{"trunk": "carrier"}},
			{Call: id, Seq: 2, At: began.Add(9 * time.Second), Kind: ringbid.EventBridged, Leg: "leg-b"}},
	}
}

// short is a call that was abandoned.
func short(n int) ringbid.Call {
	began := at(-time.Second)
	return ringbid.Call{ID: fmt.Sprintf("short-%d", n), Number: "+18005550100", Caller: ringbid.Phone(fmt.Sprintf("+1310555%04d", n)), Campaign: "roofs", Publisher: "pete",
		Received: began, Ended: ptr(began.Add(time.Second)), State: ringbid.StateEnded, Outcome: ringbid.OutcomeAbandoned,
		Reason: ringbid.Reason{Code: "caller_hung_up", Fault: ringbid.FaultCaller}, EndedBy: "caller"}
}

func asPg(err error, pg **pgconn.PgError) bool { return errors.As(err, pg) }
