package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// tokenOwner is what a sealed token belongs to.
func tokenOwner(account string) ringbid.Key { return ringbid.Key{Kind: "Token", Name: account} }

// Token returns what SaveToken kept for an account, or "" where there is
// nothing.
func (s *Store) Token(ctx context.Context, account string) (string, error) {
	var sealed string
	err := s.leads.QueryRow(ctx, `SELECT body FROM tokens WHERE account = $1`, account).Scan(&sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read token of %.64q: %w", account, kinded(err))
	}
	return s.keys.open(tokenOwner(account), sealed)
}

// SaveToken replaces an account's token, sealed.
func (s *Store) SaveToken(ctx context.Context, account, text string) error {
	_, err := s.leads.Exec(ctx, `
		INSERT INTO tokens (account, body, saved) VALUES ($1, $2, $3) ON CONFLICT (account) DO UPDATE SET body = excluded.body, saved = excluded.saved`,
		account, s.keys.seal(tokenOwner(account), text), s.cfg.Now())
	if err != nil {
		return fmt.Errorf("save token of %.64q: %w", account, kinded(err))
	}
	return nil
}

// LockToken makes the caller the account's only refresher on any node, until
// unlock is called. The lock is a connection's: where that breaks, so does it.
func (s *Store) LockToken(ctx context.Context, account string) (unlock func(), err error) {
	conn, err := pgx.ConnectConfig(ctx, s.connConfig())
	if err != nil {
		return nil, fmt.Errorf("lock token: %w", kinded(err))
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtextextended($1, 13))`, account); err != nil {
		closeConn(ctx, conn)
		return nil, fmt.Errorf("lock token: %w", kinded(err))
	}
	return sync.OnceFunc(func() { closeConn(ctx, conn) }), nil
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(closing)
}
