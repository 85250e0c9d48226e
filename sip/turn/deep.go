package turn

import (
	"iter"
	"sync"
)

// maxFree is how many stacks wait to be used again.
const maxFree = 64

// Deep runs f, which may need much stack, on one that has grown already and is
// used again: a goroutine that lives for as long as a call keeps a small one, and
// the memory that work touches is what the work before has touched. It costs two
// switches between coroutines and no turn of the scheduler. A panic of f goes
// through it. It must not be called on a goroutine that is locked to its thread:
// the runtime ends the program for that.
func Deep(f func()) {
	s := take()
	s.f = f
	s.next() // a panic, or Goexit, ends the coroutine: it is not used again
	free.mu.Lock()
	keep := len(free.list) < maxFree
	if keep {
		free.list = append(free.list, s)
	}
	free.mu.Unlock()
	if !keep {
		s.stop()
	}
}

// stack is a coroutine that runs one function after the other.
type stack struct {
	f    func()
	next func() (struct{}, bool)
	stop func()
}

var free struct {
	mu   sync.Mutex
	list []*stack // the one used last is the last
}

func take() *stack {
	free.mu.Lock()
	defer free.mu.Unlock()
	if n := len(free.list); n > 0 {
		s := free.list[n-1]
		free.list[n-1] = nil
		free.list = free.list[:n-1]
		return s
	}
	s := &stack{}
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		for {
			s.f()
			s.f = nil
			if !yield(struct{}{}) {
				return
			}
		}
	})
	return s
}
