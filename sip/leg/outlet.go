package leg

import (
	"net"
	"sync"
	"time"
)

// What waits for a peer that does not read at most: here, and in the kernel,
// which would keep megabytes. A busy carrier is sent 1 MB a second.
const (
	maxQueued   = 1 << 20
	kernelQueue = 256 << 10
)

// outlet writes to a stream on a goroutine of its own, so that the owner of a
// call never waits for a peer that does not read. A peer that takes nothing for
// ten times T1 is cut off: what went out by half leaves no message boundary.
// What is queued when the connection closes, a refusal most likely, has twice
// T1 to leave.
type outlet struct {
	mu     sync.Mutex
	queue  [][]byte
	size   int
	busy   bool          // somebody writes
	ending bool          // nothing more is taken; the writer closes the connection
	closed bool          // what is queued does not matter any more
	rested chan struct{} // closed when nobody writes; nil while nobody waits for that
}

// closeLimit is how long what is queued may take when a connection closes.
func (s *Stack) closeLimit() time.Duration { return 2 * s.t1 }

// put queues a message and reports whether it was taken; start says that the
// caller has to start a writer.
func (o *outlet) put(p []byte) (start, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.ending || o.size+len(p) > maxQueued {
		return false, false
	}
	o.queue = append(o.queue, append([]byte(nil), p...))
	o.size += len(p)
	start = !o.busy
	o.busy = true
	return start, true
}

// take returns the next message: nil when there is none, and whether the
// connection is to be closed then.
func (o *outlet) take() (p []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.queue) == 0 {
		o.rest()
		return nil, o.ending
	}
	p = o.queue[0]
	o.queue = o.queue[1:]
	o.size -= len(p)
	return p, false
}

// rest ends the writing. The caller holds mu.
func (o *outlet) rest() {
	o.busy = false
	if o.rested != nil {
		close(o.rested)
		o.rested = nil
	}
}

// resting returns a channel that is closed when nobody writes, nil when nobody
// does.
func (o *outlet) resting() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.busy {
		return nil
	}
	if o.rested == nil {
		o.rested = make(chan struct{})
	}
	return o.rested
}

// end takes nothing more and reports whether somebody still writes.
func (o *outlet) end() (busy bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ending = true
	return o.busy && !o.closed
}

func (o *outlet) ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending
}

func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.queue, o.size = true, nil, 0
	o.rest()
}

// Write queues a message. It fails when the connection is closed or its peer
// does not read.
func (g *guard) Write(p []byte) (int, error) {
	start, ok := g.out.put(p)
	if !ok && g.out.ended() {
		return 0, net.ErrClosed
	}
	if !ok {
		g.s.m.dropped("slow_reader")
		g.cut()
		return 0, net.ErrClosed
	}
	if start && !g.s.track(g.deliver) {
		g.cut()
		return 0, net.ErrClosed
	}
	return len(p), nil
}

// deliver writes what is queued, and closes the connection where that is due.
func (g *guard) deliver() {
	for {
		p, last := g.out.take()
		if last {
			_ = g.gone()
		}
		if p == nil {
			return
		}
		if err := g.send(p); err != nil {
			g.s.m.dropped("slow_reader")
			g.cut()
			return
		}
	}
}

// Close forgets the connection. What is queued still goes out, for closeLimit.
func (g *guard) Close() error {
	g.in.mu.Lock()
	if g.in.to[g.src] == g {
		delete(g.in.to, g.src)
	}
	g.in.mu.Unlock()
	if !g.out.end() {
		return g.gone()
	}
	time.AfterFunc(g.s.closeLimit(), func() { _ = g.gone() })
	return nil
}

// gone closes the connection and gives its place back.
func (g *guard) gone() error {
	g.in.mu.Lock()
	delete(g.in.open, g)
	g.in.mu.Unlock()
	g.out.close()
	return g.Conn.Close()
}

// flush waits until everything queued has been written, for closeLimit.
func (s *Stack) flush() {
	limit := time.NewTimer(s.closeLimit())
	defer limit.Stop()
	for _, in := range s.inlets {
		for _, g := range in.all() {
			rested := g.out.resting()
			if rested == nil {
				continue
			}
			select {
			case <-rested:
			case <-limit.C:
				return
			}
		}
	}
}

// cut ends the connection; the reader finds out and gives its place back.
func (g *guard) cut() {
	g.out.close()
	g.socket().Close()
}
