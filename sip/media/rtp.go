package media

import "encoding/binary"

// rtpHeaderLen is the fixed RTP header (RFC 3550 section 5.1), the only one we send.
const rtpHeaderLen = 12

// payloadCN is comfort noise (RFC 3389): alive, but nothing to relay.
const payloadCN = 13

// rtpPacket is what matters of a received packet. Payload is buf[from:to].
type rtpPacket struct {
	marker   bool
	pt       uint8
	seq      uint16
	ts       uint32
	ssrc     uint32
	from, to int
}

// parseRTP reads the header of b. It refuses another version, and CSRC lists,
// extensions or padding that do not fit.
func parseRTP(b []byte) (p rtpPacket, ok bool) {
	if len(b) < rtpHeaderLen || b[0]>>6 != 2 {
		return p, false
	}
	p.marker, p.pt = b[1]&0x80 != 0, b[1]&0x7F
	p.seq = binary.BigEndian.Uint16(b[2:])
	p.ts = binary.BigEndian.Uint32(b[4:])
	p.ssrc = binary.BigEndian.Uint32(b[8:])
	p.from, p.to = rtpHeaderLen+4*int(b[0]&0x0F), len(b)
	if b[0]&0x10 != 0 {
		if p.from+4 > p.to {
			return p, false
		}
		p.from += 4 + 4*int(binary.BigEndian.Uint16(b[p.from+2:]))
	}
	if p.from > p.to {
		return p, false
	}
	if b[0]&0x20 != 0 {
		if p.from == p.to {
			return p, false
		}
		pad := int(b[p.to-1])
		if pad == 0 || p.from+pad > p.to {
			return p, false
		}
		p.to -= pad
	}
	return p, true
}

// putRTP writes a fixed header into b, which holds at least rtpHeaderLen bytes.
func putRTP(b []byte, p rtpPacket) {
	b[0], b[1] = 0x80, p.pt
	if p.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], p.ts)
	binary.BigEndian.PutUint32(b[8:], p.ssrc)
}
