package recording

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// ringFrames is how much of the call's clock a ring can hold: 4.1 s, 64 KiB.
	ringFrames = 1 << 15
	// ringSlots are places for the chunks of that, which may begin within one.
	ringSlots = 64
	// slack is how late, behind the newest audio, a packet may be and still be
	// written: 400 ms.
	slack = 3200
	// idleSlack is how far behind the wall clock the writer stays when nothing
	// arrives on either channel: 1.5 s.
	idleSlack = 12000
)

const shut = int64(math.MaxInt64)

// ring is a window on the call's clock, both channels interleaved as in the
// file, silent where nothing was put. One media thread puts, the writer takes;
// neither ever waits for the other. Its memory are chunks that come from a pool
// when something is put into them and go back once they are written: about six
// while the disk keeps up.
//
// The writer owns [tail, claim), the media thread [claim, tail+ringFrames).
// Moving claim is safe because put marks itself busy first and looks at claim
// afterwards: when the writer has moved claim and then sees the thread idle, no
// put below claim is running and none will start.
type ring struct {
	busy   atomic.Bool
	claim  atomic.Int64 // puts below are refused; moved by the writer
	tail   atomic.Int64 // first position not yet written; moved by the writer
	head   atomic.Int64 // end of the newest audio; moved by the media thread
	pool   *pool
	chunks [ringSlots]atomic.Pointer[chunk] // set by the media thread, unset by the writer
}

func newRing(p *pool) *ring { return &ring{pool: p} }

// What became of a put.
type fate uint8

const (
	kept fate = iota
	late      // the writer has passed the position already
	full      // the writer is too far behind
	over      // the ring is shut
)

// put stores the audio of one channel at pos, or only moves the clock on where
// mute is set.
func (r *ring) put(ch uint8, pos int64, ulaw []byte, mute bool) fate {
	r.busy.Store(true)
	f := r.store(ch, pos, ulaw, mute)
	r.busy.Store(false)
	return f
}

func (r *ring) store(ch uint8, pos int64, ulaw []byte, mute bool) fate {
	end := pos + int64(len(ulaw))
	claim := r.claim.Load()
	switch {
	case claim == shut:
		return over
	case pos < claim:
		return late
	case end > maxFrames:
		return full
	}
	if end > r.head.Load() {
		r.head.Store(end)
	}
	if end > r.tail.Load()+ringFrames {
		return full
	}
	if mute {
		return kept
	}
	for len(ulaw) > 0 {
		c := r.chunk(pos)
		if c == nil {
			return full
		}
		at := pos % chunkFrames
		n := min(int64(len(ulaw)), chunkFrames-at)
		interleave(c[at*frameBytes+int64(ch):], ulaw[:n])
		ulaw, pos = ulaw[n:], pos+n
	}
	return kept
}

func (r *ring) slot(pos int64) *atomic.Pointer[chunk] {
	return &r.chunks[pos/chunkFrames%ringSlots]
}

// chunk returns the memory for a position; nil when the pool is empty.
func (r *ring) chunk(pos int64) *chunk {
	slot := r.slot(pos)
	c := slot.Load()
	if c == nil {
		if c = r.pool.take(); c != nil {
			slot.Store(c)
		}
	}
	return c
}

// interleave spreads src over every second byte of dst.
func interleave(dst, src []byte) {
	if len(src) == 0 {
		return
	}
	dst = dst[:frameBytes*len(src)-1]
	for i, b := range src {
		dst[frameBytes*i] = b
	}
}

// take claims what is old enough and returns where it ends; wall is the
// position that the clock shows. The claim takes effect only once the media
// thread is not in a put; ok is false when that does not happen at once.
func (r *ring) take(wall int64) (limit int64, ok bool) {
	limit = max(r.head.Load()-slack, min(wall, maxFrames)-idleSlack, r.claim.Load())
	r.claim.Store(limit)
	return limit, r.idle()
}

// close refuses all puts from now on and returns where the audio ends.
func (r *ring) close() (limit int64, ok bool) {
	r.claim.Store(shut)
	if !r.idle() {
		return 0, false
	}
	return max(r.head.Load(), r.tail.Load()), true
}

// idle waits a moment for the media thread to leave a put. A put takes well
// under a microsecond, unless its thread has lost the processor.
func (r *ring) idle() bool {
	for range 1000 {
		if !r.busy.Load() {
			return true
		}
	}
	t := time.NewTimer(200 * time.Microsecond)
	defer t.Stop()
	<-t.C
	return !r.busy.Load()
}

// next copies the file bytes from tail up to limit into b, as many as fit, and
// returns them.
func (r *ring) next(limit int64, b []byte) []byte {
	from := r.tail.Load()
	limit = min(limit, from+int64(len(b)/frameBytes))
	n := 0
	for pos := from; pos < limit; {
		end := min(limit, pos-pos%chunkFrames+chunkFrames)
		part := b[n : n+int(end-pos)*frameBytes]
		if c := r.slot(pos).Load(); c != nil {
			copy(part, c[pos%chunkFrames*frameBytes:])
		} else {
			fill(part)
		}
		n += len(part)
		pos = end
	}
	return b[:n]
}

// release gives back the memory of n bytes of what next returned, now written.
func (r *ring) release(n int) {
	from := r.tail.Load()
	to := from + int64(n)/frameBytes
	for pos := from - from%chunkFrames; pos+chunkFrames <= to; pos += chunkFrames {
		if c := r.slot(pos).Swap(nil); c != nil {
			fill(c[:])
			r.pool.put(c)
		}
	}
	r.tail.Store(to)
}

// empty gives all memory back, once nothing is put or read any more.
func (r *ring) empty() {
	for i := range r.chunks {
		if c := r.chunks[i].Swap(nil); c != nil {
			fill(c[:])
			r.pool.put(c)
		}
	}
}

// fill makes b silent.
func fill(b []byte) {
	if len(b) == 0 {
		return
	}
	b[0] = silence
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
