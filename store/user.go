package store

import (
	"context"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid"
)

const (
	maxTries  = 15 // of one name from one address
	triesFor  = 15 * time.Minute
	maxTriers = 50_000 // remembered at once

	// signInWait is how long a try may wait for the one before it: checking a
	// password is made to cost, and calls need the processors.
	signInWait = 5 * time.Second
)

// nobodysHash is compared with where the name is unknown, so that the answer
// takes as long. It has the cost that users' hashes have and is never accepted.
const nobodysHash = "$2a$10$l.HGF05/kRe6PT8pRQ9qvO0uSjja9RadEjReoO2QfOnvsDcDteSjO"

// tries counts failed attempts to sign in, by name and address.
type tries struct {
	mu    sync.Mutex
	now   func() time.Time
	count map[[2]string]*attempts
	turn  chan struct{} // holds one token while a password is checked
}

type attempts struct {
	n     int
	until time.Time
}

func newTries(now func() time.Time) *tries {
	return &tries{now: now, count: map[[2]string]*attempts{}, turn: make(chan struct{}, 1)}
}

// enter waits for its turn and returns how to give it up. The error is Busy, or
// that of ctx.
func (t *tries) enter(ctx context.Context) (leave func(), err error) {
	limit := time.NewTimer(signInWait)
	defer limit.Stop()
	select {
	case t.turn <- struct{}{}:
		return func() { <-t.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-limit.C:
		return nil, ringbid.Errorf(ringbid.Busy, "too many people sign in at once; try again in a moment")
	}
}

// spend takes one try and reports whether there was one left.
func (t *tries) spend(name, ip string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := [2]string{cut(name, 64), cut(ip, 64)}
	a := t.count[k]
	if a == nil || t.now().After(a.until) {
		if a == nil && len(t.count) >= maxTriers {
			return false
		}
		a = &attempts{until: t.now().Add(triesFor)}
		t.count[k] = a
	}
	a.n++
	return a.n <= maxTries
}

func (t *tries) forgive(name, ip string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.count, [2]string{cut(name, 64), cut(ip, 64)})
}

func (t *tries) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, a := range t.count {
		if t.now().After(a.until) {
			delete(t.count, k)
		}
	}
}

// Authenticate returns the user with the name and password. The error is Denied
// for whatever does not fit, and Busy after 15 failed tries of one name from one
// address within 15 minutes. Passwords are checked one at a time, so that a
// flood of tries leaves the processors to calls; who waits too long is told
// Busy. It works while Postgres is away.
func (s *Store) Authenticate(ctx context.Context, name, password, ip string) (*ringbid.User, error) {
	leave, err := s.tries.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if !s.tries.spend(name, ip) {
		return nil, ringbid.Errorf(ringbid.Busy, "too many tries to sign in; try again in %d minutes", int(triesFor.Minutes()))
	}
	u := s.Book().Users[name]
	hash := nobodysHash
	if u != nil && u.PasswordHash != "" {
		hash = u.PasswordHash
	}
	err = bcrypt.CompareHashAndPassword([]byte(hash), []byte(cut(password, 72)))
	if err != nil || u == nil || u.Disabled || hash == nobodysHash || len(password) > 72 {
		return nil, ringbid.Errorf(ringbid.Denied, "name or password is wrong")
	}
	s.tries.forgive(name, ip)
	return u, nil
}
