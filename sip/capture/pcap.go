package capture

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// The classic capture file, with microseconds and packets that begin with their
// IP header (LINKTYPE_RAW, 101).
const (
	pcapMagic = 0xa1b2c3d4
	linkRaw   = 101
	snapLen   = 65535
)

// appendFileHeader begins a capture file.
func appendFileHeader(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, pcapMagic)
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	return le.AppendUint32(le.AppendUint32(b, snapLen), linkRaw)
}

// appendDatagram appends a record of a UDP datagram. payload may be the
// beginning of it only; size is what it measured on the wire. Addresses of two
// families are both written as IPv6.
func appendDatagram(b []byte, at time.Time, from, to netip.AddrPort, payload []byte, size int) []byte {
	size = max(size, len(payload))
	v4 := from.Addr().Is4() && to.Addr().Is4()
	head := 40
	if v4 {
		head = 20
	}
	size = min(size, snapLen-head-8)
	payload = payload[:min(len(payload), size)]
	le, be := binary.LittleEndian, binary.BigEndian
	us := at.UnixMicro()
	b = le.AppendUint32(le.AppendUint32(b, uint32(us/1e6)), uint32(us%1e6))
	b = le.AppendUint32(le.AppendUint32(b, uint32(head+8+len(payload))), uint32(head+8+size))
	start := len(b)
	if v4 {
		b = be.AppendUint16(append(b, 0x45, 0), uint16(head+8+size))
		b = append(b, 0, 0, 0x40, 0, 64, 17, 0, 0)
		src, dst := from.Addr().As4(), to.Addr().As4()
		b = append(append(b, src[:]...), dst[:]...)
		be.PutUint16(b[start+10:], ^fold(sum(0, b[start:])))
	} else {
		b = be.AppendUint16(append(b, 0x60, 0, 0, 0), uint16(8+size))
		b = append(b, 17, 64)
		src, dst := from.Addr().As16(), to.Addr().As16()
		b = append(append(b, src[:]...), dst[:]...)
	}
	b = be.AppendUint16(be.AppendUint16(b, from.Port()), to.Port())
	udp := len(b) - 4
	b = append(be.AppendUint16(b, uint16(8+size)), 0, 0)
	b = append(b, payload...)
	if !v4 && len(payload) == size { // IPv6 has no datagram without a checksum; that of a cut one is unknown
		c := sum(sum(uint32(17+8+size), b[start+8:start+40]), b[udp:])
		be.PutUint16(b[udp+6:], max(1, ^fold(c)))
	}
	return b
}

// sum adds 16-bit words as RFC 1071 does.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
