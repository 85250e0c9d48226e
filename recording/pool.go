package recording

import (
	"sync/atomic"
	"time"
)

const (
	// chunkFrames is how much of the clock one piece of memory holds: 128 ms,
	// 2 KiB.
	chunkFrames = 1 << 10
	// spareChunks are kept ready besides one for each file: 0.5 MiB. A file needs a
	// new one eight times a second, and gives one back as often.
	spareChunks = 256
	restock     = 100 * time.Millisecond
)

// chunk is memory of the rings, silent where nothing was put: first the samples
// of one channel, then those of the other, so that a packet is copied in one
// piece; the writer weaves them.
type chunk [chunkFrames * frameBytes]byte

func newChunk() *chunk {
	c := new(chunk)
	fill(c[:])
	return c
}

// pool is the chunks that no ring holds. Media threads take, without waiting;
// others put.
type pool struct {
	head atomic.Pointer[spare]
	n    atomic.Int64
}

// spare is an entry of the pool, made anew for each put, so that a taker never
// mistakes one for another.
type spare struct {
	next *spare
	c    *chunk
}

// take returns a silent chunk, nil when there is none.
func (p *pool) take() *chunk {
	for {
		s := p.head.Load()
		if s == nil {
			return nil
		}
		if p.head.CompareAndSwap(s, s.next) {
			p.n.Add(-1)
			return s.c
		}
	}
}

// put adds a chunk that is silent.
func (p *pool) put(c *chunk) {
	p.n.Add(1)
	s := &spare{c: c}
	for {
		s.next = p.head.Load()
		if p.head.CompareAndSwap(s.next, s) {
			return
		}
	}
}

// level brings the pool to n chunks; more than twice as many are let go.
func (p *pool) level(n int64) {
	for p.n.Load() < n {
		p.put(newChunk())
	}
	for p.n.Load() > 2*n && p.take() != nil {
	}
}

// stock keeps the pool filled while the writer may be waiting for a disk.
func (r *Recorder) stock() {
	t := time.NewTicker(restock)
	defer t.Stop()
	for {
		select {
		case <-r.writing:
			return
		case <-t.C:
		}
		r.mu.Lock()
		files := int64(len(r.files))
		r.mu.Unlock()
		if files > 0 || r.chunks.n.Load() > 2*spareChunks {
			r.chunks.level(spareChunks + files)
		}
	}
}
