package load

import "encoding/binary"

// Sizes of a packet of 20 ms of G.711.
const (
	headerLen  = 12
	samples    = 160
	packetLen  = headerLen + samples
	stampBytes = 4 + 4 + 8 + 16 // magic, flow, count, time: a byte for four bits
)

// stampMagic tells our packets from comfort silence and prompts.
const stampMagic = 0xB1D5

// stamp is what a packet says of itself.
type stamp struct {
	flow  uint16 // who sent it
	count uint32 // its number, from 1
	at    int64  // when, ns of the wall clock
}

// put writes the stamp over the head of a payload. Each byte carries four bits
// as 0x80|bits: loud values of µ-law and A-law alike, which a decoder and an
// encoder give back as they were.
func (s stamp) put(b []byte) {
	nibbles(b[0:4], stampMagic)
	nibbles(b[4:8], uint64(s.flow))
	nibbles(b[8:16], uint64(s.count))
	nibbles(b[16:32], uint64(s.at))
}

// readStamp returns the stamp of a payload; false where there is none.
func readStamp(b []byte) (s stamp, ok bool) {
	if len(b) < stampBytes {
		return s, false
	}
	magic, ok1 := denibble(b[0:4])
	flow, ok2 := denibble(b[4:8])
	count, ok3 := denibble(b[8:16])
	at, ok4 := denibble(b[16:32])
	if magic != stampMagic || !ok1 || !ok2 || !ok3 || !ok4 {
		return s, false
	}
	return stamp{uint16(flow), uint32(count), int64(at)}, true
}

func nibbles(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = 0x80 | byte(v&15)
		v >>= 4
	}
}

func denibble(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		if c&0xF0 != 0x80 {
			return 0, false
		}
		v = v<<4 | uint64(c&15)
	}
	return v, true
}

// putHeader writes an RTP header (RFC 3550 section 5.1) of G.711 µ-law.
func putHeader(b []byte, seq uint16, ts, ssrc uint32) {
	b[0], b[1] = 0x80, 0
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
}
