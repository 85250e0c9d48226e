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
	u := l.of(t.Name)
	if incoming && !u.bucket.take(now, t.CallsPerSecond) {
		return codeTrunkRate
	}
	if t.MaxCalls > 0 && u.calls >= t.MaxCalls {
		return codeTrunkFull
	}
	u.calls++
	return ""
}

// pace takes one new call off the trunk's rate; false when it is used up.
func (l *trunkLimits) pace(t *ringbid.Trunk, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of(t.Name).bucket.take(now, t.CallsPerSecond)
}

// full reports whether the trunk carries all it may.
func (l *trunkLimits) full(t *ringbid.Trunk) bool {
	return t.MaxCalls > 0 && l.calls(t.Name) >= t.MaxCalls
}

// of returns the usage of a trunk. The caller holds mu.
func (l *trunkLimits) of(name string) *usage {
	u := l.usage[name]
	if u == nil {
		u = &usage{}
		l.usage[name] = u
	}
	return u
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
