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
	run func(T)

	mu   sync.Mutex
	list []T
	busy bool
}

// New returns a queue whose things are done by run, which must not panic.
func New[T any](run func(T)) *Queue[T] { return &Queue[T]{run: run} }

// Put has a thing done. It returns when that is so, unless somebody else is at
// work: then it returns at once.
func (q *Queue[T]) Put(v T) {
	q.mu.Lock()
	if q.busy {
		q.list = append(q.list, v)
		q.mu.Unlock()
		return
	}
	q.busy = true
	q.mu.Unlock()
	for {
		q.run(v)
		q.mu.Lock()
		if len(q.list) == 0 {
			q.busy = false
			q.mu.Unlock()
			return
		}
		v = q.list[0]
		if q.list = q.list[1:]; len(q.list) == 0 {
			q.list = nil
		}
		q.mu.Unlock()
	}
}
