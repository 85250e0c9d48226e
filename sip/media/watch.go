package media

import (
	"net/netip"
	"time"
)

// HeaderLen is the length of the fixed RTP header (RFC 3550 section 5.1), in
// bytes.
const HeaderLen = rtpHeaderLen

// Watcher is told of the RTP packets of a stream, for example to capture them.
type Watcher interface {
	// Header hands over one packet that was accepted from the peer (Rx) or sent
	// to it (Tx): the fixed header as on the wire, valid only during the call,
	// the size of the whole datagram in bytes, and when, as time since 1970. It
	// runs on the media thread: it must not block or allocate.
	Header(ch Channel, at time.Duration, peer netip.AddrPort, header []byte, size int)
}

// Watch has w told of every packet from now on; nil ends it.
func (s *Stream) Watch(w Watcher) {
	s.post(func(_ *shard, st *session) { st.watcher = w })
}

// watched tells the watcher of the packet b.
func (st *session) watched(sh *shard, ch Channel, b []byte) {
	at := time.Duration(sh.plane.start.UnixNano() + sh.now)
	st.watcher.Header(ch, at, st.latch.target(), b[:rtpHeaderLen], len(b))
}
