package leg

import (
	"net"
	"sync"
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
type outlet struct {
	mu     sync.Mutex
	queue  [][]byte
	size   int
	busy   bool // somebody writes
	closed bool
}

// put queues a message and reports whether it was taken; start says that the
// caller has to start a writer.
func (o *outlet) put(p []byte) (start, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.size+len(p) > maxQueued {
		return false, false
	}
	o.queue = append(o.queue, append([]byte(nil), p...))
	o.size += len(p)
	start = !o.busy
	o.busy = true
	return start, true
}

// take returns the next message, nil when there is none or no more.
func (o *outlet) take() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.queue) == 0 {
		o.busy = false
		return nil
	}
	p := o.queue[0]
	o.queue = o.queue[1:]
	o.size -= len(p)
	return p
}

func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.queue, o.size = true, nil, 0
}

// Write queues a message. It fails when the connection is closed or its peer
// does not read.
func (g *guard) Write(p []byte) (int, error) {
	start, ok := g.out.put(p)
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

// deliver writes what is queued.
func (g *guard) deliver() {
	for p := g.out.take(); p != nil; p = g.out.take() {
		if err := g.send(p); err != nil {
			g.s.m.dropped("slow_reader")
			g.cut()
			return
		}
	}
}

// cut ends the connection; the reader finds out and gives its place back.
func (g *guard) cut() {
	g.out.close()
	g.socket().Close()
}
