package store

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringbid/ringbid"
)

// sqlKinds translates SQLSTATEs (PostgreSQL documentation, appendix A) into
// kinds. A code is looked up whole, then by its class, the first two letters;
// what is not here is Internal.
var sqlKinds = map[string]ringbid.Kind{
	"08":    ringbid.Unavailable, // connection
	"22":    ringbid.Invalid,     // data
	"23":    ringbid.Invalid,     // integrity
	"23503": ringbid.Conflict,    // foreign key
	"23505": ringbid.Conflict,    // unique
	"23P01": ringbid.Conflict,    // exclusion
	"28":    ringbid.Unavailable, // our own login is refused
	"3D000": ringbid.Unavailable, // no such database, yet
	"40":    ringbid.Busy,        // serialization, deadlock
	"53":    ringbid.Unavailable, // disk, memory, connections
	"54":    ringbid.Invalid,     // too large
	"55P03": ringbid.Busy,        // lock not available
	"57":    ringbid.Unavailable, // cancelled, shut down, starting up
	"58":    ringbid.Unavailable, // I/O
	"25006": ringbid.Unavailable, // read only: a standby
}

// kindOf returns what sort of failure a database error is.
func kindOf(err error) ringbid.Kind {
	var known *ringbid.Error
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil:
		return ringbid.Internal
	case errors.As(err, &known):
		return known.Kind
	case errors.As(err, &pg):
		if k, ok := sqlKinds[pg.Code]; ok {
			return k
		}
		if len(pg.Code) == 5 {
			return sqlKinds[pg.Code[:2]]
		}
	case errors.Is(err, pgx.ErrNoRows):
		return ringbid.NotFound
	case errors.As(err, &connect), errors.As(err, &network), pgconn.Timeout(err), pgconn.SafeToRetry(err),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ringbid.Unavailable
	}
	return ringbid.Internal
}

// kinded gives a database error its kind, keeping it as the cause. Errors that
// have one already are returned as they are.
func kinded(err error) error {
	var known *ringbid.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &ringbid.Error{Kind: kindOf(err), Text: err.Error(), Err: err}
}

func notFound(what, which string) error {
	return ringbid.Errorf(ringbid.NotFound, "there is no %s %.80q", what, which)
}
