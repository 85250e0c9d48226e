package media

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	calmTries = 4                     // how often something is tried until the machine was calm meanwhile
	calmLate  = 10 * time.Millisecond // how late a goroutine may run on a calm machine
)

// complaints takes the errors of an attempt, which may not count. What is fatal
// is so at once.
type complaints struct {
	testing.TB
	said []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *complaints) Error(args ...any) { c.said = append(c.said, fmt.Sprintln(args...)) }

// calmly runs a test that compares what is heard with the clock. Errors count if
// the machine ran goroutines and media threads on time meanwhile; if it did not,
// the test is run again, and skipped when it never did. The test returns its plane.
func calmly(t *testing.T, test func(t testing.TB) *Plane) {
	t.Helper()
	said := []string(nil)
	for range calmTries {
		c := &complaints{TB: t}
		var p *Plane
		late := lateness(func() { p = test(c) })
		if said = c.said; len(said) == 0 {
			return
		}
		if late <= calmLate && p.metrics.counters.lateTicks.Load() == 0 {
			t.Fatal(strings.Join(said, "\n"))
		}
		t.Logf("goroutines were %v late, the media thread %d times", late, p.metrics.counters.lateTicks.Load())
	}
	t.Skip("the machine is not calm; the last time:\n" + strings.Join(said, "\n"))
}

// lateness is by how much a goroutine that wants to run every 5 ms was late at
// the most while f ran.
func lateness(f func()) (most time.Duration) {
	const every = 5 * time.Millisecond
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-ticker.C:
			case <-stop:
				return
			}
			now := time.Now()
			most, last = max(most, now.Sub(last)-every), now
		}
	})
	f()
	close(stop)
	wg.Wait()
	return most
}

// Errors count on a calm machine only.
func TestCalmly(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	tries := 0
	calmly(t, func(t testing.TB) *Plane {
		if tries++; tries < calmTries {
			p.metrics.counters.lateTicks.Store(1)
			t.Errorf("try %d", tries)
		}
		return p
	})
	if tries != calmTries {
		t.Errorf("tried %d times, want %d", tries, calmTries)
	}
	if late := lateness(func() { pace(4, 20*time.Millisecond, func(int) {}) }); late < 0 || late > patience {
		t.Errorf("late by %v", late)
	}
}
