// Package turn runs things one at a time on whoever brings them: the first who
// finds nobody at work does what is there, also what others bring meanwhile. It
// saves the goroutine that would wait for work, and with it the two switches
// that each piece of work would cost.
//
// It keeps no lock while it works, so work may bring more work, to the same queue
// or to another; it then runs in its turn. It does not bound what waits: who
// brings is held up by nothing, and brings no more than its own source allows.
package turn

import "sync"

// Queue is things to do, in order. Make one with New.
type Queue[T any] struct {
	run  func(T)
	work func() // q.drain, bound once

	mu   sync.Mutex
	list []T
	busy bool
}

// New returns a queue whose things are done by run, which must not panic. It runs
// on a deep stack.
func New[T any](run func(T)) *Queue[T] {
	q := &Queue[T]{run: run}
	q.work = q.drain
	return q
}

// Put has a thing done. It returns when that is so, unless somebody else is at
// work: then it returns at once. Not from a goroutine locked to its thread, see
// Deep.
func (q *Queue[T]) Put(v T) {
	q.mu.Lock()
	q.list = append(q.list, v)
	busy := q.busy
	q.busy = true
	q.mu.Unlock()
	if !busy {
		Deep(q.work)
	}
}

// drain does what is there until nothing is left.
func (q *Queue[T]) drain() {
	whole := false
	defer func() {
		if !whole { // run panicked after all: the next who comes goes on
			q.mu.Lock()
			q.busy = false
			q.mu.Unlock()
		}
	}()
	for {
		q.mu.Lock()
		if len(q.list) == 0 {
			q.busy, whole = false, true
			q.mu.Unlock()
			return
		}
		v := q.list[0]
		n := copy(q.list, q.list[1:])
		var zero T
		q.list[n] = zero
		q.list = q.list[:n]
		q.mu.Unlock()
		q.run(v)
	}
}
