package store

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store/spool"
)

// What is sold from a share is flushed though no call waits for it, and so is what
// comes after a flush that failed.
func TestVerdictsAreFlushed(t *testing.T) {
	t.Parallel()
	s := &Store{cfg: Config{Logger: slog.New(slog.DiscardHandler)}}
	s.journal.init()
	var err error
	if s.metrics, err = newMetrics(s); err != nil {
		t.Fatal(err)
	}
	if s.spool, err = spool.Open(spool.Config{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	defer s.spool.Close()
	target := &ringbid.Target{Name: "line", Caps: []ringbid.Cap{{On: "attempt", Per: "total", Limit: 1}}}
	r := newLedger("a").ask("call", target, limitsAt(target, time.Now()))
	if err := s.keepVerdict(r, r.attempts(), true); err != nil {
		t.Fatal(err)
	}
	if n := len(s.journal.unflushed); n != 1 {
		t.Fatalf("%d to be flushed", n)
	}
	flushed := make(chan error, 1)
	verdict := s.journal.unflushed[0]
	s.journal.unflushed[0] = func() error { flushed <- verdict(); return errors.New("disk trouble") }
	work, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.flushKept(work) }()
	if err := <-flushed; err != nil {
		t.Error(err)
	}
	s.journal.flushLater(func() error { flushed <- nil; return nil })
	<-flushed
	stop()
	<-done
}
