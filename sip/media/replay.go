package media

// replayBits is how far behind the newest packet one may arrive (RFC 3711
// section 3.3.2 asks for 64 at least).
const replayBits = 64

// window follows the packet index of one source: the sequence number with the
// count of its wraps (RFC 3711 section 3.3.1). It knows which of the last 64
// have been there.
type window struct {
	begun bool
	top   uint64 // highest index
	seen  uint64 // bit n: top-n has been there
}

// index extends a sequence number to the packet index nearest to the highest;
// false if that lies before the first.
func (w *window) index(seq uint16) (uint64, bool) {
	if !w.begun {
		return uint64(seq), true
	}
	at := int64(w.top) + int64(int16(seq-uint16(w.top)))
	return uint64(at), at >= 0
}

// fresh reports whether a packet with the index may still come.
func (w *window) fresh(index uint64) bool {
	if !w.begun || index > w.top {
		return true
	}
	behind := w.top - index
	return behind < replayBits && w.seen>>behind&1 == 0
}

// mark notes a packet that came.
func (w *window) mark(index uint64) {
	switch {
	case !w.begun:
		*w = window{begun: true, top: index, seen: 1}
	case index > w.top:
		w.seen = w.seen<<min(index-w.top, replayBits) | 1
		w.top = index
	case w.top-index < replayBits:
		w.seen |= 1 << (w.top - index)
	}
}

// wraps is how often the sequence number has wrapped.
func (w *window) wraps() uint32 { return uint32(w.top >> 16) }
