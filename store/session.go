package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// sessionFor is how long a session lasts without being used.
const sessionFor = 12 * time.Hour

// NewSession signs the user in and returns the token for the browser. Only its
// SHA-256 is stored. The session ends with the user's password.
func (s *Store) NewSession(ctx context.Context, user string) (token string, err error) {
	u := s.Book().Users[user]
	if u == nil || u.Disabled {
		return "", notFound("user", user)
	}
	token = randomText()
	sum, password := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(u.PasswordHash))
	now := s.cfg.Now()
	_, err = s.pages.Exec(ctx, `INSERT INTO sessions (token, user_name, password, csrf, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		sum[:], user, password[:], randomText(), now, now.Add(sessionFor))
	if err != nil {
		return "", fmt.Errorf("sign in %s: %w", user, kinded(err))
	}
	return token, nil
}

func randomText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails on supported systems
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Session returns the signed-in user behind a token and the secret that their
// forms carry, and makes the session last for another 12 hours. The error is
// Denied where there is no such session.
func (s *Store) Session(ctx context.Context, token string) (u *ringbid.User, csrf string, err error) {
	denied := ringbid.Errorf(ringbid.Denied, "not signed in")
	if len(token) != 43 {
		return nil, "", denied
	}
	sum := sha256.Sum256([]byte(token))
	var name string
	var password []byte
	var expires time.Time
	err = s.pages.QueryRow(ctx, `SELECT user_name, password, csrf, expires_at FROM sessions WHERE token = $1`, sum[:]).
		Scan(&name, &password, &csrf, &expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, "", denied
	}
	if err != nil {
		return nil, "", fmt.Errorf("read session: %w", kinded(err))
	}
	now := s.cfg.Now()
	u = s.Book().Users[name]
	if u == nil || u.Disabled || !now.Before(expires) {
		return nil, "", denied
	}
	if now := sha256.Sum256([]byte(u.PasswordHash)); subtle.ConstantTimeCompare(now[:], password) != 1 {
		return nil, "", denied
	}
	if expires.Sub(now) < sessionFor-5*time.Minute { // not a write for every page
		if _, err := s.pages.Exec(ctx, `UPDATE sessions SET expires_at = $2 WHERE token = $1`, sum[:], now.Add(sessionFor)); err != nil {
			return nil, "", fmt.Errorf("prolong session: %w", kinded(err))
		}
	}
	return u, csrf, nil
}

// EndSession signs out. There need not be such a session.
func (s *Store) EndSession(ctx context.Context, token string) error {
	sum := sha256.Sum256([]byte(token))
	if _, err := s.pages.Exec(ctx, `DELETE FROM sessions WHERE token = $1`, sum[:]); err != nil {
		return fmt.Errorf("sign out: %w", kinded(err))
	}
	return nil
}
