package connector

import (
	"context"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// Token is what a partner gave us to act with.
type Token struct {
	Access  ringbid.Secret `json:"access"`
	Refresh ringbid.Secret `json:"refresh,omitempty"`
	// Expires is when Access ends; zero where the partner did not say, and only a
	// refusal tells.
	Expires time.Time `json:"expires,omitzero"`
	// Instance is where the partner wants to be called, such as Salesforce's
	// instance_url; or "".
	Instance string `json:"instance,omitempty"`
}

// TokenStore keeps tokens, shared by all nodes.
type TokenStore interface {
	// Load returns the account's token; the zero Token where there is none.
	Load(ctx context.Context, account string) (Token, error)
	// Save replaces the account's token, access and refresh in one step: a partner
	// that rotates refresh tokens has ended the old one already.
	Save(ctx context.Context, account string, t Token) error
	// Lock makes the caller the account's only refresher on any node, until
	// unlock is called or ctx ends.
	Lock(ctx context.Context, account string) (unlock func(), err error)
}

// Tokens keeps tokens in memory: a TokenStore for one node that may forget.
type Tokens struct {
	mu    sync.Mutex
	kept  map[string]Token
	locks map[string]chan struct{}
}

// NewTokens makes an empty store.
func NewTokens() *Tokens {
	return &Tokens{kept: map[string]Token{}, locks: map[string]chan struct{}{}}
}

// Load returns the account's token.
func (s *Tokens) Load(_ context.Context, account string) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[account], nil
}

// Save replaces the account's token.
func (s *Tokens) Save(_ context.Context, account string, t Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[account] = t
	return nil
}

// Lock waits for the account's lock. The error is the context's.
func (s *Tokens) Lock(ctx context.Context, account string) (func(), error) {
	s.mu.Lock()
	lock := s.locks[account]
	if lock == nil {
		lock = make(chan struct{}, 1)
		s.locks[account] = lock
	}
	s.mu.Unlock()
	select {
	case lock <- struct{}{}:
		return sync.OnceFunc(func() { <-lock }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
