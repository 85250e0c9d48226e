package turn

import (
	"slices"
	"sync"
	"testing"
)

func TestWorkInsideWorkRunsInItsTurn(t *testing.T) {
	var got []int
	var q *Queue[int]
	q = New(func(n int) {
		if n < 3 {
			q.Put(n + 10)
			q.Put(n + 1)
		}
		got = append(got, n)
	})
	q.Put(1)
	if want := []int{1, 11, 2, 12, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOneAtATimeInOrderOfEachSource(t *testing.T) {
	const sources, each = 8, 1000
	last, done := [sources]int{}, 0
	q := New(func(v [2]int) { // without a lock: the race detector watches
		if v[1] != last[v[0]]+1 {
			t.Errorf("source %d: %d after %d", v[0], v[1], last[v[0]])
		}
		last[v[0]] = v[1]
		done++
	})
	var all sync.WaitGroup
	for s := range sources {
		all.Go(func() {
			for n := range each {
				q.Put([2]int{s, n + 1})
			}
		})
	}
	all.Wait()
	if done != sources*each {
		t.Errorf("%d done of %d", done, sources*each)
	}
}

func BenchmarkPut(b *testing.B) {
	q := New(func(int) {})
	b.ReportAllocs()
	for b.Loop() {
		q.Put(1)
	}
}
