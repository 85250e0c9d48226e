package turn

import (
	"runtime"
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

func TestDeepPassesAPanicOn(t *testing.T) {
	for range 3 {
		func() {
			defer func() {
				if v := recover(); v != "no" {
					t.Errorf("recovered %v", v)
				}
			}()
			Deep(func() { panic("no") })
		}()
		ran := false
		Deep(func() { Deep(func() { ran = true }) })
		if !ran {
			t.Error("not run inside of another")
		}
	}
}

func TestDeepFromMany(t *testing.T) {
	var all sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 4 * maxFree {
		all.Go(func() {
			Deep(func() {
				runtime.Gosched()
				mu.Lock()
				defer mu.Unlock()
				n++
			})
		})
	}
	all.Wait()
	if n != 4*maxFree || len(free.list) > maxFree {
		t.Errorf("%d ran, %d stacks are kept", n, len(free.list))
	}
}

func BenchmarkPut(b *testing.B) {
	q := New(func(int) {})
	b.ReportAllocs()
	for b.Loop() {
		q.Put(1)
	}
}

func TestPanicLeavesTheQueueAlive(t *testing.T) {
	ran := 0
	q := New(func(n int) {
		if n == 1 {
			panic("no")
		}
		ran++
	})
	func() {
		defer func() { _ = recover() }()
		q.Put(1)
	}()
	q.Put(2)
	if ran != 1 {
		t.Error("nothing runs any more")
	}
}
