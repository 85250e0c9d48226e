package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/spool"
	"github.com/ringbid/ringbid/store/storetest"
)

// outbox counts what is enqueued, and fails on demand.
type outbox struct {
	calls atomic.Int64
	fail  atomic.Bool
}

func (o *outbox) DeliverTx(context.Context, pgx.Tx, []string, time.Time) error { return nil }

func (o *outbox) EnqueueTx(ctx context.Context, tx pgx.Tx, call ringbid.Call) error {
	if o.fail.Load() {
		return errors.New("no room")
	}
	o.calls.Add(1)
	_, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS jobs (call_id text); `, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO jobs VALUES ($1)`, call.ID)
	}
	return err
}

func settle(t testing.TB, s *store.Store, c ringbid.Call) {
	t.Helper()
	if err := s.Settle(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	until(t, "the call is settled", func() bool {
		return ask[bool](t, s, `SELECT EXISTS (SELECT FROM calls WHERE id = $1 AND settled_at IS NOT NULL)`, c.ID)
	})
}

func TestSettledCallComesBackWhole(t *testing.T) {
	t.Parallel()
	box := &outbox{}
	s := storetest.Open(t, func(c *store.Config) { c.Outbox = box })
	apply(t, s, sample(), false)
	c := bridged("call-1")
	live := c
	live.State, live.Ended, live.Outcome, live.Legs, live.Events, live.Auction, live.Recording = ringbid.StateLive, nil, "", nil, nil, nil, nil
	s.Started(live)
	until(t, "the live row", func() bool {
		return ask[bool](t, s, `SELECT EXISTS (SELECT FROM calls WHERE id = 'call-1' AND state = 'live')`)
	})
	settle(t, s, c)

	c.CallerName = "Jo \ufffd Doe"
	got, err := s.Call(t.Context(), "call-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&c, got); diff != "" {
		t.Error(diff)
	}
	count := func() string {
		return ask[string](t, s, `SELECT concat_ws(' ', (SELECT count(*) FROM calls), (SELECT count(*) FROM legs), (SELECT count(*) FROM events),
			(SELECT count(*) FROM bids), (SELECT count(*) FROM entries), (SELECT sum(amount) FROM entries), (SELECT count(*) FROM recordings),
			(SELECT sum(calls) || '/' || sum(revenue) FROM hourly), (SELECT count(*) FROM jobs))`)
	}
	if got := count(); got != "1 2 2 2 3 0 1 1/250000 1" {
		t.Errorf("rows: %s", got)
	}
	again := c
	again.Sale.Revenue = 1
	if err := s.Settle(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	until(t, "the spool is empty", func() bool { return s.Spooled() == 0 })
	if got := count(); got != "1 2 2 2 3 0 1 1/250000 1" || box.calls.Load() != 1 {
		t.Errorf("settled again: %s, %d jobs", got, box.calls.Load())
	}
	if _, err := s.Call(t.Context(), "nobody"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("unknown call: %v", err)
	}
}

// A failing outbox takes the whole settlement with it, and both come later.
func TestOutboxAndCallAreOne(t *testing.T) {
	t.Parallel()
	box := &outbox{}
	box.fail.Store(true)
	s := storetest.Open(t, func(c *store.Config) { c.Outbox = box })
	if err := s.Settle(t.Context(), bridged("call-1")); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, s, `SELECT count(*) FROM calls`); n != 0 || s.Spooled() != 1 {
		t.Errorf("%d calls, %d spooled", n, s.Spooled())
	}
	box.fail.Store(false)
	until(t, "both", func() bool { return box.calls.Load() == 1 && s.Spooled() == 0 })
	if n := ask[int](t, s, `SELECT count(*) FROM calls`); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestBoundsOfACall(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	c := bridged("big")
	c.Events, c.Steps, c.Legs = nil, nil, nil
	many := map[string]string{}
	for i := range 500 {
		many[fmt.Sprint("k", i)] = strings.Repeat("v", 3000)
	}
	c.Tags = many
	for i := range 1100 {
		c.Events = append(c.Events, ringbid.Event{Call: c.ID, Seq: 7, At: c.Received, Kind: ringbid.EventDigit, Text: strings.Repeat("ü", 3000), Data: many})
		c.Steps = append(c.Steps, ringbid.Step{Node: fmt.Sprint(i)})
	}
	for range 100 {
		c.Legs = append(c.Legs, ringbid.Leg{Side: "buyer", Messages: make([]ringbid.Message, 1000), Media: ringbid.Media{JitterMS: nan()}})
	}
	settle(t, s, c)
	got, err := s.Call(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Events) != ringbid.MaxEvents || got.Events[999].Seq != 1000 || len(got.Events[0].Text) > store.MaxText ||
		len(got.Steps) != store.MaxSteps || len(got.Legs) != store.MaxLegs || len(got.Legs[0].Messages) != store.MaxMessages ||
		len(got.Tags) != 256 || len(got.Events[0].Data) != 32 {
		t.Errorf("kept %d events, %d steps, %d legs", len(got.Events), len(got.Steps), len(got.Legs))
	}
	if err := s.Settle(t.Context(), ringbid.Call{}); ringbid.KindOf(err) != ringbid.Invalid {
		t.Errorf("call without id: %v", err)
	}
}

func nan() float64 { var zero float64; return zero / zero }

// A node that died leaves live calls; its next run ends them when it last lived.
func TestCallsOfAnEarlierRunAreLost(t *testing.T) {
	t.Parallel()
	dsn, dir := storetest.DB(t), t.TempDir()
	s := storetest.Open(t, patient, func(c *store.Config) { c.DSN, c.Dir = dsn, dir })
	for _, id := range []string{"cut-off", "finished"} {
		c := bridged(id)
		c.State, c.Ended = ringbid.StateLive, nil
		s.Started(c)
	}
	until(t, "two live calls", func() bool { return ask[int](t, s, `SELECT count(*) FROM calls WHERE state = 'live'`) == 2 })
	if err := s.Reserve(t.Context(), "cut-off", &ringbid.Target{Name: "line", Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pool().Exec(t.Context(), `INSERT INTO leases (target, call_id, node, boot) VALUES ('line', 'poison', 'test', 'earlier')`); err != nil {
		t.Fatal(err)
	}
	storetest.Close(t, s) // stands for kill -9: live calls are not touched by it
	// What it had settled but not committed is in its spool.
	sp, err := spool.Open(spool.Config{Dir: filepath.Join(dir, "spool")})
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.Record(bridged("finished"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sp.Append("settled/finished", b), sp.Append("settled/poison", []byte(`{"call":`)), sp.Close()); err != nil {
		t.Fatal(err)
	}

	s = storetest.Open(t, func(c *store.Config) { c.DSN, c.Dir = dsn, dir })
	got, err := s.Call(t.Context(), "cut-off")
	if err != nil {
		t.Fatal(err)
	}
	want := ringbid.Reason{Code: "node_lost", Text: "node lost", Fault: ringbid.FaultOurs}
	if got.State != ringbid.StateEnded || got.Outcome != ringbid.OutcomeLost || got.Reason != want || got.Ended == nil {
		t.Errorf("lost call: %+v", got)
	}
	if got, err := s.Call(t.Context(), "finished"); err != nil || got.Outcome != ringbid.OutcomeBridged {
		t.Errorf("finished call: %+v, %v", got, err)
	}
	f, err := s.Figures(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || f.Calls != 2 || f.Lost != 1 || f.Connected != 1 {
		t.Errorf("figures: %+v, %v", f, err)
	}
	until(t, "the poison is set aside", func() bool { return s.Spooled() == 0 })
	until(t, "no lease is left", func() bool { return ask[int](t, s, `SELECT count(*) FROM leases`) == 0 })
	if bad, _ := filepath.Glob(filepath.Join(dir, "spool", "*.bad")); len(bad) != 1 {
		t.Errorf("set aside: %v", bad)
	}

	// It lived after all: what it settles counts.
	settle(t, s, bridged("cut-off"))
	f, err = s.Figures(t.Context(), time.Now().Add(-time.Hour))
	if err != nil || f.Calls != 2 || f.Lost != 0 || f.Connected != 2 {
		t.Errorf("figures: %+v, %v", f, err)
	}
}

func TestCallsOfASilentNodeAreLost(t *testing.T) {
	t.Parallel()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	silent := storetest.Open(t, func(c *store.Config) { c.DSN, c.KeyFile, c.Node = dsn, keys, "silent" })
	c := bridged("its")
	c.State, c.Ended, c.Node = ringbid.StateLive, nil, "silent"
	silent.Started(c)
	s := storetest.Open(t, func(c *store.Config) {
		c.DSN, c.KeyFile, c.Node, c.Heartbeat = dsn, keys, "alive", 100*time.Millisecond
	})
	until(t, "the call is given up", func() bool {
		got, err := s.Call(t.Context(), "its")
		return err == nil && got.Outcome == ringbid.OutcomeLost
	})
}

func TestSeenWithin(t *testing.T) {
	t.Parallel()
	all := nodes(t, "a", "b")
	a, b := all[0], all[1]
	until(t, "both nodes know each other", func() bool { return store.Nodes(a) == 2 && store.Nodes(b) == 2 })
	now := time.Now()
	c := short(1)
	c.Received = now.Add(-time.Second)
	a.Started(c)
	if !a.SeenWithin(c.Caller, c.Number, now, 2*time.Second) {
		t.Error("not remembered")
	}
	for what, seen := range map[string]bool{
		"the call itself":    a.SeenWithin(c.Caller, c.Number, c.Received, time.Minute),
		"too long ago":       a.SeenWithin(c.Caller, c.Number, now, 500*time.Millisecond),
		"another number":     a.SeenWithin(c.Caller, "+18005550199", now, time.Minute),
		"a withheld caller":  a.SeenWithin("", c.Number, now, time.Minute),
		"another caller too": b.SeenWithin("+19995550199", c.Number, now, time.Minute),
	} {
		if seen {
			t.Errorf("%s counts as seen", what)
		}
	}
	until(t, "the other node knows", func() bool { return b.SeenWithin(c.Caller, c.Number, now, 2*time.Second) })
}

func TestKeyFileMustBePrivate(t *testing.T) {
	t.Parallel()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("k 00\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(t.Context(), store.Config{DSN: "host=/nowhere", Dir: t.TempDir(), KeyFile: keys})
	if err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
}
