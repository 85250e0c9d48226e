package media

import (
	"bytes"
	"encoding/binary"
)

// sealer protects what a stream sends. It never uses a packet index twice: two
// packets under one key stream would give both away.
type sealer struct {
	key       Key
	rtp, rtcp *cryption
	sent      window
	reports   uint32 // index of the last SRTCP packet
}

func newSealer(k Key) (*sealer, error) {
	rtp, err := newCryption(k, false)
	if err != nil {
		return nil, err
	}
	rtcp, err := newCryption(k, true)
	return &sealer{key: k, rtp: rtp, rtcp: rtcp}, err
}

// seal writes b, a packet with the fixed header, to dst and returns its length;
// false for a sequence number that is spent.
func (s *sealer) seal(dst, b []byte) (n int, ok bool) {
	index, ok := s.sent.index(binary.BigEndian.Uint16(b[2:]))
	if !ok || !s.sent.fresh(index) {
		return 0, false
	}
	s.sent.mark(index)
	return s.rtp.seal(dst, b, rtpHeaderLen, index), true
}

func (s *sealer) sealReport(dst, b []byte) int {
	s.reports = (s.reports + 1) & (1<<31 - 1)
	return s.rtcp.sealReport(dst, b, s.reports)
}

// maxSources is how many sources of a peer are followed under one key. The one
// that has been quiet longest makes room for another.
const maxSources = 16

// opener takes apart what the peer sealed, each of its sources with its own
// count of wraps and its own memory of what has been there. A source that did
// not prove to hold the key leaves no trace.
type opener struct {
	key       Key
	rtp, rtcp *cryption
	sources   []sealedSource // room for maxSources, the last used first
	pending   sealedSource   // of the packet just opened
	at        uint64         // its index
}

// sealedSource is what RFC 3711 section 3.2.3 calls a cryptographic context.
type sealedSource struct {
	ssrc    uint32
	proven  bool // a packet has passed under this key
	rtp     window
	reports window
}

func newOpener(k Key) (*opener, error) {
	rtp, err := newCryption(k, false)
	if err != nil {
		return nil, err
	}
	rtcp, err := newCryption(k, true)
	return &opener{key: k, rtp: rtp, rtcp: rtcp, sources: make([]sealedSource, 0, maxSources)}, err
}

// inherit takes over where the sources stood under the key before: wraps are
// counted on (RFC 3711 section 3.3.1), what has been there is void.
func (o *opener) inherit(old *opener) {
	for _, s := range old.sources {
		s.proven = false
		s.rtp.seen, s.reports = 0, window{}
		o.sources = append(o.sources, s)
	}
}

// openVerdict is what became of a sealed packet.
type openVerdict uint8

const (
	opened openVerdict = iota
	forged
	replayed
)

// open checks and decrypts the RTP packet b in place; n is its new length. The
// packet counts as received only with keep.
func (o *opener) open(scratch, b []byte) (n int, v openVerdict) {
	head, ok := headerLen(b)
	if !ok {
		return 0, forged
	}
	seq, ssrc := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[8:])
	o.pending = o.source(ssrc)
	index, ok := o.pending.rtp.index(seq)
	if !ok {
		return 0, replayed
	}
	if o.pending.proven && !o.pending.rtp.fresh(index) {
		return 0, replayed
	}
	n, ok = o.rtp.open(scratch, b, head, index)
	if !ok && !o.pending.proven && index != uint64(seq) {
		// Some begin to count their wraps anew with a new key.
		o.pending, index = sealedSource{ssrc: ssrc}, uint64(seq)
		n, ok = o.rtp.open(scratch, b, head, index)
	}
	if !ok {
		return 0, forged
	}
	o.at = index
	return n, opened
}

// keep notes the packet opened last.
func (o *opener) keep() {
	o.pending.proven = true
	o.pending.rtp.mark(o.at)
	o.remember(o.pending)
}

// openReport checks and decrypts the compound RTCP packet b in place and notes it.
func (o *opener) openReport(scratch, b []byte) (n int, v openVerdict) {
	index, encrypted := o.rtcp.reportIndex(b)
	if !encrypted {
		return 0, forged
	}
	s := o.source(binary.BigEndian.Uint32(b[4:]))
	if !s.reports.fresh(uint64(index)) {
		return 0, replayed
	}
	n, ok := o.rtcp.openReport(scratch, b, index)
	if !ok {
		return 0, forged
	}
	s.reports.mark(uint64(index))
	o.remember(s)
	return n, opened
}

// source returns where a source stands.
func (o *opener) source(ssrc uint32) sealedSource {
	for _, s := range o.sources {
		if s.ssrc == ssrc {
			return s
		}
	}
	return sealedSource{ssrc: ssrc}
}

// remember puts a source in front.
func (o *opener) remember(s sealedSource) {
	at := len(o.sources)
	for i := range o.sources {
		if o.sources[i].ssrc == s.ssrc {
			at = i
			break
		}
	}
	switch {
	case at < len(o.sources):
	case at < maxSources:
		o.sources = o.sources[:at+1]
	default:
		at--
	}
	copy(o.sources[1:at+1], o.sources[:at])
	o.sources[0] = s
}

// same reports whether a key is another one's equal.
func (k Key) same(other *Key) bool {
	return other != nil && k.Suite == other.Suite && bytes.Equal(k.Master, other.Master)
}

// headerLen is how much of an RTP packet stays clear: the header with its CSRC
// list and extension.
func headerLen(b []byte) (int, bool) {
	if len(b) < rtpHeaderLen || b[0]>>6 != 2 {
		return 0, false
	}
	n := rtpHeaderLen + 4*int(b[0]&0x0F)
	if b[0]&0x10 != 0 {
		if n+4 > len(b) {
			return 0, false
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	return n, n <= len(b)
}
