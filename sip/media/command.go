package media

import "sync/atomic"

// command changes the state of a stream. It runs on the thread of sh, to which
// the stream belongs at that moment.
type command func(sh *shard, st *session)

// stack is a lock-free list of many writers and one reader, who takes all of it.
type stack[T any] struct{ head atomic.Pointer[node[T]] }

type node[T any] struct {
	next  *node[T]
	value T
}

// push reports whether the stack was empty, that is, whether the reader must be told.
func (s *stack[T]) push(v T) (first bool) {
	n := &node[T]{value: v}
	for {
		before := s.head.Load()
		n.next = before
		if s.head.CompareAndSwap(before, n) {
			return before == nil // n is the reader's now
		}
	}
}

func (s *stack[T]) empty() bool { return s.head.Load() == nil }

// take returns everything pushed so far, the oldest first.
func (s *stack[T]) take() *node[T] {
	var oldest *node[T]
	for n := s.head.Swap(nil); n != nil; {
		next := n.next
		n.next, oldest = oldest, n
		n = next
	}
	return oldest
}
