package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringbid/ringbid"
)

// inTx runs f in a transaction and commits it, or rolls back where f fails or
// panics. Where Postgres asks for another try (serialization, deadlock), f is
// run again, three times in all. Not to be nested; no network calls in f.
func inTx(ctx context.Context, pool *pgxpool.Pool, f func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, pool, f)
		if err == nil || try == 3 || !again(err) {
			return err
		}
		timer := time.NewTimer(time.Duration(try)*5*time.Millisecond + rand.N(10*time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

func again(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// lost reports whether the error means that Postgres could not be reached, as
// opposed to its refusing something.
func lost(err error) bool { return err != nil && kindOf(err) == ringbid.Unavailable }
