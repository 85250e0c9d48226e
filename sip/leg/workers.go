package leg

// maxIdle is how many goroutines wait for the next call.
const maxIdle = 64

// workers runs functions on goroutines that are used again: their stacks have
// grown already.
type workers struct {
	next chan func()
	idle chan struct{} // a place for each that waits
}

func newWorkers() workers {
	return workers{next: make(chan func()), idle: make(chan struct{}, maxIdle)}
}

// run starts f on a goroutine that Close waits for; false when the stack is
// closed.
func (s *Stack) run(f func()) bool {
	select {
	case s.workers.next <- f:
		return true
	default:
		return s.track(func() { s.work(f) })
	}
}

// work runs f and what comes next.
func (s *Stack) work(f func()) {
	for {
		s.guarded("call", f)
		f = nil
		select {
		case s.workers.idle <- struct{}{}:
		default:
			return
		}
		select {
		case f = <-s.workers.next:
			<-s.workers.idle
		case <-s.quit:
			return
		}
	}
}
