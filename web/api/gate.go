package api

import (
	"cmp"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

const (
	defaultSourcePosts = 200
	defaultAllPosts    = 1000
	// burst is how many seconds' worth of posts may come at once.
	burst = 2
)

// gate keeps the posts of every source within its rate, and within how many are
// worked on at once. It knows only names that are in the Book, so that nobody
// outside can make it grow.
type gate struct {
	now              func() time.Time
	perSource, inAll int

	mu      sync.Mutex
	working int
	sources map[string]*meter
}

// meter is one source's part: how many of its posts are worked on, and when the
// next one would be due if they came evenly (GCRA).
type meter struct {
	working int
	due     time.Time
}

func newGate(c Config) *gate {
	return &gate{
		now: c.Now, perSource: cmp.Or(c.SourcePosts, defaultSourcePosts), inAll: cmp.Or(c.AllPosts, defaultAllPosts),
		sources: map[string]*meter{},
	}
}

// rateOf returns how many posts a second the source may send.
func rateOf(s *ringbid.Source) int { return cmp.Or(s.Rate, ringbid.DefaultSourceRate) }

// wait returns 0 and counts the post, or how long the source must wait first.
func (g *gate) wait(s *ringbid.Source) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, now := g.meter(s.Name), g.now()
	if m.due.Before(now) {
		m.due = now
	}
	rate := rateOf(s)
	gap := time.Second / time.Duration(rate)
	if early := m.due.Sub(now) - time.Duration(burst*rate-1)*gap; early > 0 {
		return early
	}
	m.due = m.due.Add(gap)
	return 0
}

// enter lets a post be worked on until leave is called; leave is nil where too
// many are already.
func (g *gate) enter(source string) (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.meter(source)
	if m.working >= g.perSource || g.working >= g.inAll {
		return nil
	}
	m.working++
	g.working++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		m.working--
		g.working--
	}
}

func (g *gate) meter(source string) *meter {
	m := g.sources[source]
	if m == nil {
		m = &meter{}
		g.sources[source] = m
	}
	return m
}
