package delivery_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/store/localpg"
	"github.com/ringbid/ringbid/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// until polls for up to 30 s.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s for: %s", what)
		}
	}
}

// uploads notes what is uploaded; errs are the answers, nil when they run out.
type uploads struct {
	mu   sync.Mutex
	got  []delivery.UploadArgs
	errs []error
}

func (u *uploads) upload(_ context.Context, a delivery.UploadArgs) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.got = append(u.got, a)
	if len(u.errs) == 0 {
		return nil
	}
	err := u.errs[0]
	u.errs = u.errs[1:]
	return err
}

func (u *uploads) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.got)
}

func queue(t *testing.T, dsn string, u *uploads, node string) *delivery.Queue {
	t.Helper()
	q, err := delivery.New(delivery.Config{DSN: dsn, Node: node, Upload: u.upload, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, q) })
	return q
}

func start(t *testing.T, q *delivery.Queue) {
	t.Helper()
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, q *delivery.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func enqueue(t *testing.T, dsn string, q *delivery.Queue, call ringbid.Call, commit bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := q.EnqueueTx(t.Context(), tx, call); err != nil {
		t.Fatal(err)
	}
	end := tx.Rollback
	if commit {
		end = tx.Commit
	}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func recorded(id, node string) ringbid.Call {
	return ringbid.Call{ID: id, Node: node, Recording: &ringbid.Recording{ID: "rec-" + id, Path: "/r/" + id + ".wav", Bytes: 1000}}
}

// jobs returns how many jobs there are in the state.
func jobs(t *testing.T, dsn, state string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE $1 IN ('', state::text)`, state).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUploadOnceTheTransactionIsTrue(t *testing.T) {
	t.Parallel()
	dsn, u := storetest.DB(t), &uploads{}
	q := queue(t, dsn, u, "Node 1")
	start(t, q)
	enqueue(t, dsn, q, recorded("undone", "Node 1"), false)
	enqueue(t, dsn, q, ringbid.Call{ID: "silent"}, true)
	uploaded := recorded("uploaded", "Node 1")
	uploaded.Recording.URL = "s3://there"
	enqueue(t, dsn, q, uploaded, true)
	for range 3 {
		enqueue(t, dsn, q, recorded("call", "Node 1"), true)
	}
	enqueue(t, dsn, q, recorded("elsewhere", "node-2"), true)
	until(t, "the upload", func() bool { return jobs(t, dsn, "completed") == 1 })
	if n := jobs(t, dsn, ""); n != 2 || u.count() != 1 {
		t.Errorf("%d jobs, %d uploads", n, u.count())
	}
	want := delivery.UploadArgs{CallID: "call", RecordingID: "rec-call", Path: "/r/call.wav", Bytes: 1000}
	if u.got[0] != want {
		t.Errorf("uploaded %+v", u.got[0])
	}
	if err := q.Start(t.Context()); ringbid.KindOf(err) != ringbid.Conflict {
		t.Errorf("second start: %v", err)
	}
	stop(t, q)
	stop(t, q)
}

func TestRetriesWhatCanHeal(t *testing.T) {
	t.Parallel()
	dsn := storetest.DB(t)
	u := &uploads{errs: []error{errors.New("bucket is away")}}
	q := queue(t, dsn, u, "n")
	start(t, q)
	enqueue(t, dsn, q, recorded("heals", "n"), true)
	until(t, "the second try", func() bool { return u.count() == 2 && jobs(t, dsn, "completed") == 1 })

	hopeless := &uploads{errs: []error{ringbid.Errorf(ringbid.NotFound, "no such file")}}
	q2 := queue(t, dsn, hopeless, "m")
	start(t, q2)
	enqueue(t, dsn, q2, recorded("hopeless", "m"), true)
	until(t, "the end of the hopeless", func() bool { return jobs(t, dsn, "cancelled") == 1 })
	if hopeless.count() != 1 {
		t.Errorf("%d tries", hopeless.count())
	}
}

// The queue starts, goes on and stops whatever Postgres does.
func TestPostgresAway(t *testing.T) {
	if testing.Short() {
		t.Skip("takes an outage")
	}
	t.Parallel()
	dir := filepath.Join(storetest.Dir(t), "pg")
	up := func() *localpg.Cluster {
		t.Helper()
		c, err := localpg.Start(t.Context(), localpg.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { down(t, c) })
		return c
	}
	c := up()
	dsn := c.DSN()
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := delivery.Migrate(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	pool.Close()
	down(t, c)

	u := &uploads{}
	q := queue(t, dsn, u, "n")
	start(t, q) // away from the beginning
	never := queue(t, dsn, u, "never")
	start(t, never)
	stop(t, never) // before Postgres ever came
	c = up()
	enqueue(t, dsn, q, recorded("one", "n"), true)
	until(t, "the first upload", func() bool { return u.count() == 1 })
	down(t, c)
	c = up()
	enqueue(t, dsn, q, recorded("two", "n"), true)
	until(t, "the second upload", func() bool { return u.count() == 2 })
	down(t, c)
	stop(t, q) // while it is away
}

func down(t *testing.T, c *localpg.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}
