package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid"
)

// TestPasswordsAreCheckedOneAtATime: who waits gets in when the one before is
// done, leaves when the browser does, and is told Busy after a while.
func TestPasswordsAreCheckedOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := newTries(time.Now)
		leave, err := tries.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := tries.enter(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("after the browser left: %v", err)
		}
		began := time.Now()
		if _, err := tries.enter(t.Context()); ringbid.KindOf(err) != ringbid.Busy || time.Since(began) != signInWait {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		time.AfterFunc(time.Second, leave)
		next, err := tries.enter(t.Context())
		if err != nil {
			t.Fatalf("after the one before: %v", err)
		}
		next()
	})
}

// TestNobodyCostsWhatUsersCost: the time of an answer must not tell names apart.
func TestNobodyCostsWhatUsersCost(t *testing.T) {
	t.Parallel()
	cfg := Config{DSN: "x", Dir: "x", KeyFile: "x", Node: "x"}
	if err := cfg.fill(); err != nil {
		t.Fatal(err)
	}
	if cost, err := bcrypt.Cost([]byte(nobodysHash)); err != nil || cost != cfg.PasswordCost || cost != bcrypt.DefaultCost {
		t.Errorf("nobody costs %d (%v), users %d by the store and %d by commands", cost, err, cfg.PasswordCost, bcrypt.DefaultCost)
	}
}
