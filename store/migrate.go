package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringbid/ringbid/migrations"
)

// migrateLock is the advisory lock under which one process at a time migrates.
const migrateLock = 0x72696e67_62696400

type migration struct {
	number int
	name   string
	sql    string
}

// Migrate brings the database's schema up to date: the store's own migrations,
// then the further ones. Processes that come at the same time take turns.
func Migrate(ctx context.Context, dsn string, more ...func(context.Context, *pgxpool.Pool) error) error {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return fmt.Errorf("migrate: %w", kinded(err))
	}
	defer pool.Close()
	if err := migrate(ctx, pool, more); err != nil {
		return fmt.Errorf("migrate: %w", kinded(err))
	}
	return nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool, more []func(context.Context, *pgxpool.Pool) error) (err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrateLock)); err != nil {
		return err
	}
	defer func() {
		_, e := conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrateLock))
		err = errors.Join(err, e)
	}()
	if err := migrateOwn(ctx, conn.Conn()); err != nil {
		return err
	}
	for _, f := range more {
		if err := f(ctx, pool); err != nil {
			return err
		}
	}
	return nil
}

func migrateOwn(ctx context.Context, conn *pgx.Conn) error {
	all, err := readMigrations(migrations.Files)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (
		number integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL DEFAULT now())`)
	if err != nil {
		return err
	}
	rows, err := conn.Query(ctx, `SELECT number FROM schema_migrations`)
	if err != nil {
		return err
	}
	done, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return err
	}
	for _, m := range all {
		if slices.Contains(done, m.number) {
			continue
		}
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, m.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO schema_migrations (number, name) VALUES ($1, $2)`, m.number, m.name)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// readMigrations returns the migrations in order; the numbers run from 1
// without gaps.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []migration
	for i, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		n, err := strconv.Atoi(digits)
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		out = append(out, migration{n, name, string(b)})
	}
	return out, nil
}
