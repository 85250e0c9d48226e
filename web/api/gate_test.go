package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid/web/api"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestRateOfASource(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)}
	h := setup(t, documents(), func(a *api.Config) { a.Now = c.now })
	// The source takes 2 a second, 4 at once.
	taken := func(path string, tries int) (n int, last reply) {
		for range tries {
			if last = h.post(t, path, asForm, "a=b"); last.status/100 == 2 {
				n++
			}
		}
		return n, last
	}
	n, last := taken("/leads/slow", 6)
	if n != 4 || last.status != 429 || last.kind != "application/problem+json" || last.header.Get("Retry-After") != "1" {
		t.Errorf("at once: %d taken, then %d with Retry-After %q", n, last.status, last.header.Get("Retry-After"))
	}
	if n, _ := taken("/leads/bright", 10); n != 10 {
		t.Errorf("another source is held up: %d of 10", n)
	}
	for _, s := range []struct {
		after time.Duration
		want  int
	}{{400 * time.Millisecond, 0}, {100 * time.Millisecond, 1}, {time.Second, 2}, {time.Hour, 4}} {
		c.move(s.after)
		if n, _ := taken("/leads/slow", 6); n != s.want {
			t.Errorf("after %s more: %d taken, want %d", s.after, n, s.want)
		}
	}
	c.move(time.Hour)
	// Pings count, and what cannot be read; what has no key does not.
	for range 10 {
		h.send(t, http.MethodPost, "/leads/slow", "a=b", "Content-Type", asForm, "X-Api-Key", "wrong")
	}
	h.post(t, "/leads/slow/ping", asForm, "a=b")
	h.post(t, "/leads/slow", asJSON, "{")
	if n, _ := taken("/leads/slow", 6); n != 2 {
		t.Errorf("after a ping and a malformed post: %d taken, want 2", n)
	}
}

func TestPostsAtOnce(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), func(c *api.Config) { c.SourcePosts, c.AllPosts = 3, 5 })
	in, out := make(chan struct{}), make(chan struct{})
	h.intake.answer = func(ctx context.Context, p api.Posting) (api.Answer, error) {
		if p.Values["wait"] != "" {
			in <- struct{}{}
			<-out
		}
		return api.Answer{Status: api.StatusAccepted}, nil
	}
	var waiting sync.WaitGroup
	hold := func(source string, n int) {
		for range n {
			waiting.Go(func() {
				if got := h.post(t, "/leads/"+source, asForm, "wait=1"); got.status != 201 {
					t.Errorf("a post that waited: %d", got.status)
				}
			})
			<-in
		}
	}
	expect := func(what, source string, want int) {
		t.Helper()
		got := h.post(t, "/leads/"+source, asForm, "a=b")
		if got.status != want || want == 503 && (got.header.Get("Retry-After") != strconv.Itoa(1) || got.kind != "application/problem+json") {
			t.Errorf("%s: %d, want %d", what, got.status, want)
		}
	}
	hold("bright", 2)
	expect("two of a source", "bright", 201)
	hold("bright", 1)
	expect("three of a source", "bright", 503)
	expect("another source", "other", 201)
	hold("other", 2)
	expect("five in all", "other", 503)
	expect("five in all, a third source", "direct", 503)
	close(out)
	waiting.Wait()
	for i := range 3 {
		expect(fmt.Sprintf("when they are through, %d", i), "bright", 201)
	}
}
