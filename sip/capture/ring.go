package capture

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// ringSize is how many headers of a stream wait to be written: more than half a
// second of packets of 10 ms in both directions.
const ringSize = 128

// heard is the header of one RTP packet.
type heard struct {
	at     int64 // Unix ns
	peer   [16]byte
	port   uint16
	size   uint16
	header [media.HeaderLen]byte
	sent   bool
}

// ring hands headers from a media thread to the book, without a lock: one
// writes, the other reads.
type ring struct {
	local   netip.AddrPort
	entries [ringSize]heard
	head    atomic.Uint32 // next to write
	tail    atomic.Uint32 // next to read
	dropped atomic.Uint64
}

// Header takes the header of a packet; it is media.Watcher.
func (r *ring) Header(ch media.Channel, at time.Duration, peer netip.AddrPort, header []byte, size int) {
	head := r.head.Load()
	if head-r.tail.Load() == ringSize {
		r.dropped.Add(1)
		return
	}
	e := &r.entries[head%ringSize]
	e.at, e.peer, e.port = int64(at), peer.Addr().As16(), peer.Port()
	e.size, e.sent = uint16(min(size, 65535)), ch == media.Tx
	copy(e.header[:], header)
	r.head.Store(head + 1)
}

// drain appends what waits as records of a capture file.
func (r *ring) drain(b []byte) []byte {
	head := r.head.Load()
	for tail := r.tail.Load(); tail != head; tail++ {
		e := &r.entries[tail%ringSize]
		from, to := netip.AddrPortFrom(netip.AddrFrom16(e.peer).Unmap(), e.port), r.local
		if e.sent {
			from, to = to, from
		}
		b = appendDatagram(b, time.Unix(0, e.at), from, to, e.header[:], int(e.size))
		r.tail.Store(tail + 1)
	}
	return b
}
