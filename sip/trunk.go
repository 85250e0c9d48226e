package sip

import (
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// trunkLimits counts what each trunk carries, in both directions.
type trunkLimits struct {
	mu    sync.Mutex
	usage map[string]*usage // by trunk name: as many as trunks were ever configured
}

type usage struct {
	calls  int
	bucket bucket
}

func newTrunkLimits() *trunkLimits { return &trunkLimits{usage: map[string]*usage{}} }

// enter takes a place on the trunk for one leg. It returns "" and a place that
// must be left, or the code of why there is none. The rate counts calls that
// come in; calls that go out are our own.
func (l *trunkLimits) enter(t *ringbid.Trunk, incoming bool, now time.Time) (code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage[t.Name]
	if u == nil {
		u = &usage{}
		l.usage[t.Name] = u
	}
	if incoming && !u.bucket.take(now, t.CallsPerSecond) {
		return codeTrunkRate
	}
	if t.MaxCalls > 0 && u.calls >= t.MaxCalls {
		return codeTrunkFull
	}
	u.calls++
	return ""
}

// leave gives the place back.
func (l *trunkLimits) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u := l.usage[name]; u != nil && u.calls > 0 {
		u.calls--
	}
}

// calls returns how many legs the trunk carries.
func (l *trunkLimits) calls(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if u := l.usage[name]; u != nil {
		return u.calls
	}
	return 0
}
