package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Bounds of a logPipe.
const (
	logWaiting = 4 << 20     // bytes that wait to be written; what comes then is lost and counted
	logFlush   = time.Second // for the last lines when the program ends
)

// logPipe writes lines on a goroutine of its own: who logs is often in the middle
// of a call and never waits for a terminal, a pipe or a disk. Lines that come
// together are written together.
type logPipe struct {
	out io.Writer

	mu      sync.Mutex
	waiting []byte
	lost    int
	writing bool
	idle    *sync.Cond // of mu: nothing is written
}

func newLogPipe(out io.Writer) *logPipe {
	p := &logPipe{out: out}
	p.idle = sync.NewCond(&p.mu)
	return p
}

// Write takes one line. It reports success even if the line is lost.
func (p *logPipe) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting)+len(line) > logWaiting {
		p.lost++
		return len(line), nil
	}
	p.waiting = append(p.waiting, line...)
	if !p.writing {
		p.writing = true
		go p.drain()
	}
	return len(line), nil
}

// drain writes until nothing waits.
func (p *logPipe) drain() {
	var spare []byte
	for {
		p.mu.Lock()
		if p.lost > 0 {
			p.waiting = fmt.Appendf(p.waiting, `{"time":%q,"level":"WARN","msg":"log lines lost: nobody took them in time","lines":%d}`+"\n",
				time.Now().Format(time.RFC3339Nano), p.lost)
			p.lost = 0
		}
		now := p.waiting
		if len(now) == 0 {
			p.writing = false
			p.idle.Broadcast()
			p.mu.Unlock()
			return
		}
		p.waiting = spare[:0]
		p.mu.Unlock()
		_, _ = p.out.Write(now) // there is nobody to tell
		if spare = now; cap(spare) > 64<<10 {
			spare = nil
		}
	}
}

// flush waits until everything is written, for logFlush at most.
func (p *logPipe) flush() {
	done := make(chan struct{})
	go func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for p.writing {
			p.idle.Wait()
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(logFlush):
	}
}
