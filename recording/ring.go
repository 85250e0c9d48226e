package recording

import (
	"encoding/binary"
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
	// block is what a file system writes at once, in bytes; 256 ms.
	block = 4096
)

const shut = int64(math.MaxInt64)

// busy is the bit of a ring's state that says that a put is under way; the rest
// is where its newest audio ends.
const busy = 1

// ring is a window on the call's clock, silent where nothing was put. One media
// thread puts, the writer takes; neither ever waits for the other. Its memory are
// chunks that come from a pool when something is put into them and go back once
// they are written: about six while the disk keeps up.
//
// The writer owns [tail, claim), the media thread [claim, tail+ringFrames).
// Moving claim is safe because put marks itself busy first and looks at claim
// afterwards: when the writer has moved claim and then sees the thread idle, no
// put below claim is running and none will start.
//
// What put needs for each packet comes first and is 56 bytes: with the 8 that the
// allocator keeps before a large object they are one line of the cache. Hundreds
// of calls take turns on the thread, and each line is fetched from afar.
type ring struct {
	state  atomic.Int64    // twice the end of the newest audio, and busy; moved by the media thread
	claim  atomic.Int64    // puts below are refused; moved by the writer
	tail   atomic.Int64    // first position not yet written; moved by the writer
	quiet  [2]atomic.Int64 // audio of a channel before this position is replaced by silence
	near   *chunk          // the one that was last put into, or nil; the media thread's
	nearAt int64           // its first position

	pool   *pool
	chunks [ringSlots]atomic.Pointer[chunk] // set by the media thread, unset by the writer
}

// head returns where the newest audio ends; 0 = none came yet.
func (r *ring) head() int64 { return r.state.Load() / 2 }

// What became of a put.
type fate uint8

const (
	kept fate = iota
	late      // the writer has passed the position already
	full      // the writer is too far behind
	over      // the ring is shut
)

// put stores the audio of one channel at pos, or only moves the clock on where
// the channel is to be quiet.
func (r *ring) put(ch uint8, pos int64, ulaw []byte) fate {
	state := r.state.Load()
	r.state.Store(state | busy)
	end := pos + int64(len(ulaw))
	f := r.admit(pos, end)
	if f == kept {
		state = max(state, 2*end)
		f = r.store(ch, pos, ulaw)
	}
	r.state.Store(state)
	return f
}

// admit says whether there is a place for audio from pos to end on the clock.
func (r *ring) admit(pos, end int64) fate {
	claim := r.claim.Load()
	switch {
	case claim == shut:
		return over
	case pos < claim:
		return late
	case end > maxFrames:
		return full
	}
	return kept
}

func (r *ring) store(ch uint8, pos int64, ulaw []byte) fate {
	if pos+int64(len(ulaw)) > r.tail.Load()+ringFrames {
		return full
	}
	if pos < r.quiet[ch].Load() {
		return kept
	}
	for len(ulaw) > 0 {
		c, at := r.near, pos-r.nearAt
		if c == nil || uint64(at) >= chunkFrames {
			at = pos % chunkFrames
			c = r.chunk(pos)
			r.near, r.nearAt = c, pos-at
		}
		if c == nil {
			return full
		}
		n := copy(c[int64(ch)*chunkFrames+at:int64(ch+1)*chunkFrames], ulaw)
		ulaw, pos = ulaw[n:], pos+int64(n)
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

// take claims what is old enough and returns where it ends; wall is the
// position that the clock shows. The claim takes effect only once the media
// thread is not in a put; ok is false when that does not happen at once.
func (r *ring) take(wall int64) (limit int64, ok bool) {
	limit = max(whole(max(r.head()-slack, min(wall, maxFrames)-idleSlack)), r.claim.Load())
	r.claim.Store(limit)
	return limit, r.idle()
}

// whole returns the last position up to pos that begins a block of the file, so
// that each block is written once; 0 when there is none.
func whole(pos int64) int64 {
	return max(0, pos-offset(pos)%block/frameBytes)
}

// close refuses all puts from now on and returns where the audio ends.
func (r *ring) close() (limit int64, ok bool) {
	r.claim.Store(shut)
	if !r.idle() {
		return 0, false
	}
	return max(r.head(), r.tail.Load()), true
}

// idle waits a moment for the media thread to leave a put. A put takes well
// under a microsecond, unless its thread has lost the processor.
func (r *ring) idle() bool {
	for range 1000 {
		if r.state.Load()&busy == 0 {
			return true
		}
	}
	t := time.NewTimer(200 * time.Microsecond)
	defer t.Stop()
	<-t.C
	return r.state.Load()&busy == 0
}

// next makes the file bytes from tail up to limit into b, as many as fit, and
// returns them.
func (r *ring) next(limit int64, b []byte) []byte {
	from := r.tail.Load()
	limit = min(limit, from+int64(len(b)/frameBytes))
	n := 0
	for pos := from; pos < limit; {
		end := min(limit, pos-pos%chunkFrames+chunkFrames)
		part := b[n : n+int(end-pos)*frameBytes]
		if c := r.slot(pos).Load(); c != nil {
			at := pos % chunkFrames
			weave(part, c[at:chunkFrames], c[chunkFrames+at:])
		} else {
			fill(part)
		}
		n += len(part)
		pos = end
	}
	return b[:n]
}

// weave fills dst with the samples of both channels in turn.
func weave(dst, rx, tx []byte) {
	le := binary.LittleEndian
	n := len(dst) / frameBytes
	rx, tx = rx[:n], tx[:n]
	i := 0
	for ; i+8 <= n; i += 8 {
		a, b, to := le.Uint64(rx[i:i+8]), le.Uint64(tx[i:i+8]), dst[2*i:2*i+16]
		le.PutUint64(to, spread(uint32(a))|spread(uint32(b))<<8)
		le.PutUint64(to[8:], spread(uint32(a>>32))|spread(uint32(b>>32))<<8)
	}
	for ; i < n; i++ {
		dst[2*i], dst[2*i+1] = rx[i], tx[i]
	}
}

// spread puts the four bytes of v into every second one of eight.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	return (x | x<<8) & 0x00FF00FF00FF00FF
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
