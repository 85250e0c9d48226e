package delivery

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/ringbid/ringbid"
)

const (
	rescueAfter = time.Minute // a job whose node died is tried again, not before its timeout
	startEvery  = time.Second // while Postgres is away
)

// Config is what a Queue is made with.
type Config struct {
	// DSN names the database.
	DSN string
	// Node is this node's name: uploads are run by the node that has the file.
	Node string
	// Boot names this run of the process, as no other run was; default a NewID.
	Boot string
	// Upload uploads one recording. An error of kind NotFound or Invalid ends the
	// job; any other is tried again for three days. It may be called twice for
	// one recording, and must end when its context does.
	Upload func(ctx context.Context, a UploadArgs) error
	// Deliver makes the next try of a delivery and says how much later to come
	// back, 0 for not at all; nil: this node delivers nothing. It may be called
	// twice for one delivery.
	Deliver func(ctx context.Context, delivery string) (again time.Duration, err error)
	// Workers is how many deliveries are under way at once on this node; default
	// 100. Each waits for a partner most of the time.
	Workers int

	Logger     *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Queue enqueues jobs and runs those that are this node's.
type Queue struct {
	cfg     Config
	pool    *pgxpool.Pool
	client  *river.Client[pgx.Tx]
	metrics *metrics

	mu      sync.Mutex
	cancel  context.CancelFunc
	stopped chan struct{}
	once    sync.Once
}

// Migrate brings the queue's own tables up to date.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: quiet()})
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("migrate queue: %w", err)
	}
	return nil
}

// New makes a queue. It does not connect: EnqueueTx works at once, jobs run from
// Start on.
func New(c Config) (*Queue, error) {
	if c.Logger == nil {
		c.Logger = quiet()
	}
	if c.Upload == nil || c.DSN == "" {
		return nil, ringbid.Errorf(ringbid.Invalid, "new queue: upload or dsn is missing")
	}
	pc, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "new queue: dsn: %w", err)
	}
	pc.MaxConns = uploadAt + 8
	pc.ConnConfig.ConnectTimeout = 2 * time.Second
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, fmt.Errorf("new queue: %w", err)
	}
	q := &Queue{cfg: c, pool: pool, stopped: make(chan struct{})}
	if q.metrics, err = newMetrics(c.Registerer); err == nil {
		q.client, err = q.newClient()
	}
	if err != nil {
		pool.Close()
		q.metrics.close()
		return nil, fmt.Errorf("new queue: %w", err)
	}
	return q, nil
}

func (q *Queue) newClient() (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &uploadWorker{upload: q.metrics.around(q.cfg.Upload)}); err != nil {
		return nil, err
	}
	queues := map[string]river.QueueConfig{uploadQueue(q.cfg.Node): {MaxWorkers: uploadAt}}
	if q.cfg.Deliver != nil {
		if err := river.AddWorkerSafely(workers, &deliverWorker{deliver: q.cfg.Deliver, metrics: q.metrics}); err != nil {
			return nil, err
		}
		queues[deliverQueue] = river.QueueConfig{MaxWorkers: cmp.Or(q.cfg.Workers, defaultWorkers), FetchCooldown: deliverCooldown, FetchPollInterval: deliverPoll}
	}
	return river.NewClient(riverpgxv5.New(q.pool), &river.Config{
		ID:                   cmp.Or(q.cfg.Boot, ringbid.NewID()),
		Queues:               queues,
		Workers:              workers,
		JobTimeout:           uploadFor,
		RescueStuckJobsAfter: rescueAfter,
		RetryPolicy:          retry{time.Now},
		MaxAttempts:          maxTries,
		Logger:               slog.New(quieter{q.cfg.Logger.Handler()}),
		ErrorHandler:         q.metrics,
	})
}

// EnqueueTx enqueues, in the transaction that settles the call, what follows
// from it: the upload of its recording. Doing it again enqueues nothing new.
func (q *Queue) EnqueueTx(ctx context.Context, tx pgx.Tx, call ringbid.Call) error {
	if call.Recording == nil || call.Recording.URL != "" {
		return nil
	}
	r := call.Recording
	node := call.Node
	if node == "" {
		node = q.cfg.Node
	}
	_, err := q.client.InsertTx(ctx, tx, UploadArgs{CallID: call.ID, RecordingID: r.ID, Path: r.Path, Bytes: r.Bytes}, &river.InsertOpts{
		Queue: uploadQueue(node), MaxAttempts: maxTries, UniqueOpts: river.UniqueOpts{ByArgs: true},
	})
	if err != nil {
		return fmt.Errorf("enqueue upload of recording %s: %w", r.ID, err)
	}
	return nil
}

// Start begins to run jobs. Where Postgres is away it keeps trying in the
// background. The context's end does not stop the queue; Stop does.
func (q *Queue) Start(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.cancel != nil {
		return ringbid.Errorf(ringbid.Conflict, "queue is started already")
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	q.cancel = cancel
	go q.run(run)
	return nil
}

// run starts the client as soon as Postgres is there, and waits for Stop.
func (q *Queue) run(ctx context.Context) {
	defer close(q.stopped)
	tick := time.NewTicker(startEvery)
	defer tick.Stop()
	for warned := false; ; {
		err := q.tryStart(ctx)
		if err == nil {
			break
		}
		if !warned && ctx.Err() == nil {
			q.cfg.Logger.Warn("queue waits for postgres", slog.Any("error", err))
			warned = true
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	q.cfg.Logger.Info("queue runs", slog.String("queue", uploadQueue(q.cfg.Node)))
	<-ctx.Done()
	<-q.client.Stopped()
}

func (q *Queue) tryStart(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := q.pool.Ping(asking); err != nil {
		return err
	}
	return q.client.Start(ctx)
}

// Stop lets running jobs finish until ctx ends, then cancels them; they are
// tried again later. It may be called twice, and before Start.
func (q *Queue) Stop(ctx context.Context) error {
	var err error
	q.once.Do(func() {
		q.mu.Lock()
		cancel := q.cancel
		q.mu.Unlock()
		if cancel != nil {
			if err = q.client.Stop(ctx); err != nil {
				hard, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
				err = q.client.StopAndCancel(hard)
				done()
			}
			cancel()
			<-q.stopped
		}
		q.pool.Close()
		q.metrics.close()
	})
	if err != nil {
		return fmt.Errorf("stop queue: %w", err)
	}
	return nil
}

var notQueue = regexp.MustCompile(`[^a-z0-9]+`)

// uploadQueue names the queue of a node's uploads. Names that had to be changed
// get a checksum, so that they stay apart.
func uploadQueue(node string) string {
	name := strings.Trim(notQueue.ReplaceAllString(strings.ToLower(node), "-"), "-")
	if name == node && name != "" && len(name) <= 60 {
		return "upload_" + name
	}
	sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(node)))
	if name = strings.Trim(name[:min(60, len(name))], "-"); name == "" {
		return "upload_" + sum
	}
	return "upload_" + name + "_" + sum
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
