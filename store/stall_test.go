package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

// stall is a way to Postgres that can be held up: statements wait before they
// get there, or answers before they come back. What was held goes on when the
// stall ends, though nobody waits for it any more; requests to cancel are lost.
type stall struct {
	listener net.Listener
	socket   string
	dsn      string

	mu         sync.Mutex
	freed      *sync.Cond
	statements bool
	answers    bool
	lose       bool // what is held is lost instead
	seen       []byte
	connected  sync.WaitGroup
}

func newStall(t *testing.T, dsn string) *stall {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	s := &stall{listener: l, socket: filepath.Join(c.Host, fmt.Sprintf(".s.PGSQL.%d", c.Port))}
	s.dsn = fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=%s sslmode=disable", port, c.User, c.Database)
	s.freed = sync.NewCond(&s.mu)
	s.connected.Go(s.accept)
	t.Cleanup(func() { l.Close(); s.set(false, false, true); s.connected.Wait() })
	return s
}

// set holds statements or answers from now on, or lets all go that is held.
func (s *stall) set(statements, answers, lose bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements, s.answers, s.lose = statements, answers, lose
	s.freed.Broadcast()
}

// holds reports whether the text is in what was held.
func (s *stall) holds(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Contains(s.seen, []byte(text))
}

func (s *stall) accept() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", s.socket)
		if err != nil {
			client.Close()
			continue
		}
		s.connected.Go(func() { s.pass(server, client, &s.statements); server.Close() })
		s.connected.Go(func() { s.pass(client, server, &s.answers); client.Close() })
	}
}

// pass copies until the source ends. What was read while held is passed on
// afterwards, whether or not the source is still there.
func (s *stall) pass(to, from net.Conn, held *bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		s.mu.Lock()
		if *held {
			s.seen = append(s.seen, b[:n]...)
		}
		for *held {
			s.freed.Wait()
		}
		lost := s.lose
		s.mu.Unlock()
		if n == 16 && binary.BigEndian.Uint32(b[4:]) == 80877102 || lost { // CancelRequest
			return
		}
		if _, e := io.Copy(to, bytes.NewReader(b[:n])); e != nil || err != nil {
			return
		}
	}
}

// capped is a target that takes calls, with a cap on attempts.
func capped(limit int64) []ringbid.Document {
	docs := sample()
	t := docs[6].(*ringbid.Target)
	t.Concurrency, t.Caps = 0, []ringbid.Cap{{On: "attempt", Per: "total", Limit: limit}, {On: "attempt", Per: "day", Limit: limit}}
	return docs
}

const counted = `SELECT coalesce(max(used) FILTER (WHERE per = 'total'), 0)::bigint FROM cap_counters WHERE counts = 'attempt'`

// stalled opens a node behind a stall and one that is not, with a target both
// sell, each with a share of its cap.
func stalled(t *testing.T, limit int64, edit ...func(*store.Config)) (way *stall, late, prompt *store.Store, target *ringbid.Target) {
	t.Helper()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	way = newStall(t, dsn)
	prompt = storetest.Open(t, patient, func(c *store.Config) { c.DSN, c.KeyFile, c.Node = dsn, keys, "prompt" })
	apply(t, prompt, capped(limit), false)
	late = storetest.Open(t, append(edit, func(c *store.Config) { c.DSN, c.KeyFile, c.Node = way.dsn, keys, "late" })...)
	until(t, "each node has a quarter", func() bool {
		return store.Room(late, "acme-line") == 2*limit/4 && store.Room(prompt, "acme-line") == 2*limit/4
	})
	until(t, "the late node knows the target", func() bool { return late.Book().Targets["acme-line"] != nil })
	return way, late, prompt, late.Book().Targets["acme-line"]
}

// sell reserves n times, one after the other, and returns how many got through.
func sell(t *testing.T, s *store.Store, target *ringbid.Target, prefix string, n int) (got int64) {
	t.Helper()
	for i := range n {
		err := s.Reserve(context.Background(), fmt.Sprint(prefix, i), target)
		if err == nil {
			got++
		} else if ringbid.KindOf(err) != ringbid.Busy {
			t.Errorf("reserve: %v", err)
		}
	}
	return got
}

// However late an answer is, if it comes at all, the cap holds and each attempt
// is counted once.
func TestCapHoldsWhereAnswersAreLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statements, answers, lose bool }{
		"the statement is late":   {true, false, false},
		"the statement is lost":   {true, false, true},
		"the answer is late":      {false, true, false},
		"the answer is lost":      {false, true, true},
		"both are late":           {true, true, false},
		"postgres answers at all": {false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 20
			way, late, prompt, target := stalled(t, most)
			before := sell(t, late, target, "before-", 2) // its connections know the statement
			way.set(c.statements, c.answers, false)
			var got atomic.Int64
			var both sync.WaitGroup
			var took []time.Duration
			both.Go(func() {
				for i := range 12 {
					began := time.Now()
					got.Add(sell(t, late, target, fmt.Sprint("late-", i, "-"), 1))
					took = append(took, time.Since(began))
				}
			})
			both.Go(func() { got.Add(sell(t, prompt, target, "prompt-", 30)) })
			both.Wait()
			if slices.Sort(took); took[len(took)/2] > limit {
				t.Errorf("half of the calls waited %v", took[len(took)/2:])
			}
			sold := before + got.Load()
			if sold > most || sold < most/2 {
				t.Errorf("%d of %d sold while it lasted", sold, most)
			}
			way.set(false, false, c.lose)
			if c.lose {
				way.set(false, false, false)
			}
			until(t, "what waited on disk is told", func() bool { return !late.Away() && late.Spooled() == 0 })
			until(t, "each attempt is counted once", func() bool { return ask[int64](t, prompt, counted) == sold })
			defer func() {
				if t.Failed() {
					t.Logf("sold %d, counted %d, room %d and %d, shares %s", sold, ask[int64](t, prompt, counted), store.Room(late, target.Name), store.Room(prompt, target.Name),
						ask[string](t, prompt, `SELECT string_agg(concat_ws(' ', node, per, n), ', ' ORDER BY node, per) FROM cap_shares`))
				}
			}()
			until(t, "the rest is sold", func() bool {
				sold += sell(t, late, target, ringbid.NewID(), 1) + sell(t, prompt, target, ringbid.NewID(), 1)
				return sold >= most
			})
			if n := ask[int64](t, prompt, counted); sold != most || n != most {
				t.Errorf("%d sold and %d counted of %d", sold, n, most)
			}
			sums := ask[string](t, prompt, `SELECT string_agg(c.per || ' ' || (c.used = (SELECT count(*) FROM reservations r WHERE r.taken AND c.per = ANY (r.per))), ', ' ORDER BY per)
				FROM cap_counters c WHERE counts = 'attempt'`)
			if sums != "day true, total true" {
				t.Errorf("counters are the reservations: %s", sums)
			}
		})
	}
}

// Lines that were given out while Postgres was away are leases afterwards, and
// hold back nothing beside.
func TestLinesAfterAnOutage(t *testing.T) {
	t.Parallel()
	way := newStall(t, storetest.DB(t))
	s := storetest.Open(t, func(c *store.Config) { c.DSN, c.Heartbeat = way.dsn, 200*time.Millisecond })
	docs := sample()
	target := docs[6].(*ringbid.Target)
	target.Concurrency, target.Caps = 10, []ringbid.Cap{{On: "convert", Per: "total", Limit: 8}}
	apply(t, s, docs, false)
	shares := func(want string, room int64) {
		t.Helper()
		until(t, "shares of "+want, func() bool {
			return store.Room(s, "acme-line") == room &&
				ask[string](t, s, `SELECT coalesce(string_agg(counts || ' ' || n, ', ' ORDER BY counts), '') FROM cap_shares`) == want
		})
	}
	shares("convert 8, line 10", 18)
	way.set(true, true, false)
	until(t, "the store notices", func() bool { _ = s.Reserve(t.Context(), "early", target); return s.Away() })
	if got := sell(t, s, target, "away-", 4); got != 4 {
		t.Errorf("%d lines of 4", got)
	}
	way.set(false, false, false)
	until(t, "five leases", func() bool { return !s.Away() && ask[int](t, s, `SELECT count(*) FROM leases`) == 5 })
	shares("convert 3, line 5", 8)
	got := int64(0)
	until(t, "three more that may convert", func() bool { got += sell(t, s, target, ringbid.NewID(), 1); return got == 3 })
	if more := sell(t, s, target, "more-", 6); more != 0 {
		t.Errorf("%d more calls than may convert", more)
	}
}

// A caller who goes while the answer is out was no attempt, however late the
// statement gets there.
func TestReservationOfACallerWhoLeft(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string]bool{"the statement is late": true, "the answer is late": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			way, late, prompt, target := stalled(t, 20, patient)
			before := sell(t, late, target, "before-", 2)
			id := ""
			for sent := false; !sent; { // until one is sent before the stall is noticed
				id = ringbid.NewID()
				way.set(statements, !statements, false)
				ctx, cancel := context.WithCancel(t.Context())
				left := make(chan error, 1)
				go func() { left <- late.Reserve(ctx, id, target) }()
				until(t, "it is under way, or decided here", func() bool {
					sent = statements && way.holds(id) || !statements && ask[int64](t, prompt, counted) == before+1
					return sent || len(left) > 0
				})
				cancel()
				err := <-left
				if sent && (err == nil || ringbid.KindOf(err) == ringbid.Busy) {
					t.Fatalf("reserve: %v", err)
				}
				if !sent && err == nil {
					before++
				}
				if !sent {
					way.set(false, false, false)
					until(t, "the store is whole again", func() bool {
						return !late.Away() && late.Spooled() == 0 && ask[int64](t, prompt, counted) == before
					})
				}
			}
			if late.Spooled() != 1 {
				t.Errorf("%d wait on disk", late.Spooled())
			}
			way.set(false, false, false)
			until(t, "it is told", func() bool { return !late.Away() && late.Spooled() == 0 })
			until(t, "its row says so", func() bool {
				return ask[int](t, prompt, `SELECT count(*) FROM reservations WHERE call_id = $1 AND NOT taken`, id) == 1
			})
			if n := ask[int64](t, prompt, counted); n != before {
				t.Errorf("%d counted for %d", n, before)
			}
		})
	}
}

// A target whose row is locked for long refuses at once and for certain: the
// share decides, and the attempt is counted.
func TestCapHoldsWhereTheTargetIsLocked(t *testing.T) {
	t.Parallel()
	_, late, prompt, target := stalled(t, 20)
	tx, err := prompt.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM slots WHERE target = $1 FOR UPDATE`, target.Name); err != nil {
		t.Fatal(err)
	}
	var got atomic.Int64
	var both sync.WaitGroup
	for _, s := range []*store.Store{late, prompt} {
		both.Go(func() { got.Add(sell(t, s, target, fmt.Sprintf("%p-", s), 8)) })
	}
	both.Wait()
	if got.Load() != 10 { // a quarter each
		t.Errorf("%d sold from two shares of 5", got.Load())
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "each attempt is counted once", func() bool {
		return late.Spooled()+prompt.Spooled() == 0 && ask[int64](t, prompt, counted) == got.Load()
	})
	if err := prompt.Reserve(t.Context(), "one", &ringbid.Target{Name: "strange", Caps: []ringbid.Cap{{On: "attempt", Per: "day", Limit: 1}}}); err != nil {
		t.Errorf("a cap nobody holds a share of: %v", err)
	}
}

// What a node sold from its share is counted by its next run, if it died first.
func TestSoldFromAShareBeforeACrash(t *testing.T) {
	t.Parallel()
	dsn, dir := storetest.DB(t), t.TempDir()
	way := newStall(t, dsn)
	open := func(dsn string) *store.Store {
		return storetest.Open(t, func(c *store.Config) { c.DSN, c.Dir = dsn, dir })
	}
	s := open(way.dsn)
	apply(t, s, capped(10), false)
	until(t, "alone it has all of it", func() bool { return store.Room(s, "acme-line") == 20 })
	target := s.Book().Targets["acme-line"]
	way.set(true, true, false)
	until(t, "the store notices", func() bool { _ = s.Reserve(t.Context(), "early", target); return s.Away() })
	if got := sell(t, s, target, "away-", 20); got != 9 {
		t.Errorf("%d more sold of 9", got)
	}
	err := s.Reserve(t.Context(), "too-many", target)
	if err == nil || !strings.Contains(err.Error(), "held by other nodes, or postgres is late") {
		t.Errorf("beyond the share: %v", err)
	}
	way.set(false, false, true)
	storetest.Close(t, s) // away: it says nothing to anybody, as a crash does not

	s = open(dsn)
	if n := ask[int64](t, s, counted); n != 10 {
		t.Errorf("%d counted of 10", n)
	}
	if got := sell(t, s, target, "again-", 3); got != 0 {
		t.Errorf("%d sold beyond the cap", got)
	}
	if n := ask[int](t, s, `SELECT count(*) FROM cap_shares WHERE n > 0`); n != 0 {
		t.Errorf("%d shares of a run that is over", n)
	}
}
