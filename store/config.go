package store

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid"
)

// Outbox enqueues what must happen after a call is settled, a recording is found
// or a lead is sold, inside the transaction that makes it true. It may be called for the
// same call more than once and must then enqueue nothing new.
type Outbox interface {
	EnqueueTx(ctx context.Context, tx pgx.Tx, call ringbid.Call) error
	// DeliverTx enqueues a try of each delivery, not before the moment; the zero
	// time is now.
	DeliverTx(ctx context.Context, tx pgx.Tx, deliveries []string, at time.Time) error
}

// Config is what a Store is opened with. Only DSN and Dir are required.
type Config struct {
	// DSN names the database: a postgres:// URL or key=value pairs.
	DSN string
	// Dir is this node's own folder: spool, key file, last Book. It is created
	// with mode 0700.
	Dir string
	// KeyFile holds the keys that seal secrets; default Dir/keys. It is created
	// with mode 0600 where it is missing.
	KeyFile string
	// Node names this process among those that share the database; default the
	// host name. Two processes must not run under one name at once.
	Node string
	// Boot names this run of the process, as no other run was; default a NewID.
	Boot string
	// Migrate holds further migrations, run after the store's own and under the
	// same lock. They must be safe to run again.
	Migrate []func(context.Context, *pgxpool.Pool) error
	// Outbox gets every settled call; may be nil.
	Outbox Outbox
	// Settled is told of leads whose state changed, on the node where it did; may be
	// nil. It must not block.
	Settled func(ringbid.LeadResult)
	// Budget is how long one statement may hold up a call; default 75ms.
	Budget time.Duration
	// Heartbeat is how often this node says that it lives; default 5s. A node
	// that was silent for four heartbeats is taken for dead.
	Heartbeat time.Duration
	// Refresh is how often the Book is looked at without a notification;
	// default 30s.
	Refresh time.Duration
	// MaxConns bounds the connections of the call path, and again of the pages;
	// default 8.
	MaxConns int32
	// LeadConns bounds the connections of leads and their deliveries; default 16.
	LeadConns int32
	// PasswordCost is bcrypt's, 4 to 31; default 10, which is also what an
	// unknown name costs to refuse: time must not tell who is a user.
	PasswordCost int
	// SpoolBytes bounds what waits on disk while Postgres is away; default 1 GB.
	SpoolBytes int64

	Now        func() time.Time // default time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Limits on what is stored, so that no call or document grows without bound.
const (
	MaxDocument = 8 << 20 // bytes of one document
	MaxLegs     = 64      // legs kept with one call
	MaxMessages = 200     // ladder lines kept with one leg
	MaxBids     = 500     // bids kept with one auction
	MaxSteps    = 1000    // steps kept with one call
	MaxText     = 2048    // bytes kept of a text somebody else wrote
	MaxPage     = 500     // calls in one answer
)

func (c *Config) fill() error {
	if c.DSN == "" {
		return ringbid.FieldError("dsn", "is missing")
	}
	if c.Dir == "" {
		return ringbid.FieldError("dir", "is missing")
	}
	if c.Node == "" {
		c.Node, _ = os.Hostname()
	}
	if c.Node == "" {
		c.Node = "node"
	}
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.Dir, "keys")
	}
	if c.Boot == "" {
		c.Boot = ringbid.NewID()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Budget = or(c.Budget, 75*time.Millisecond)
	c.Heartbeat = or(c.Heartbeat, 5*time.Second)
	c.Refresh = or(c.Refresh, 30*time.Second)
	c.MaxConns = or(c.MaxConns, 8)
	c.LeadConns = or(c.LeadConns, 16)
	c.PasswordCost = or(c.PasswordCost, bcrypt.DefaultCost)
	c.SpoolBytes = or(c.SpoolBytes, 1<<30)
	return nil
}

func or[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
