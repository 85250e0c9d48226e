package media

import "encoding/binary"

// RTCP packet types (RFC 3550 section 12.1).
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpSDES = 202
	rtcpBYE  = 203
)

// isRTCP tells the second byte of RTCP from that of RTP on a shared port (RFC
// 5761 section 4).
func isRTCP(b byte) bool { return b >= 192 && b <= 223 }

// receptionReport is one report block (RFC 3550 section 6.4.1).
type receptionReport struct {
	ssrc     uint32
	fraction uint8
	lost     int32 // 24 bits, signed
	highest  uint32
	jitter   uint32
	lastSR   uint32
	delay    uint32 // since that SR, 1/65536 s
}

// senderInfo is the sender part of an SR.
type senderInfo struct {
	ntp             uint64
	ts              uint32
	packets, octets uint32
}

// rtcpSummary is what we read from a compound packet: the last SR, and the last
// report about us.
type rtcpSummary struct {
	ssrc   uint32
	sender senderInfo
	isSR   bool
	report receptionReport
	about  bool // report is set
	bye    bool
}

// parseRTCP reads a compound packet (RFC 3550 section 6.1 and appendix A.2),
// looking for reports about the source us. Everything must fit, or nothing counts.
func parseRTCP(b []byte, us uint32) (sum rtcpSummary, ok bool) {
	if len(b) < 8 || (b[1] != rtcpSR && b[1] != rtcpRR) {
		return sum, false
	}
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 {
			return sum, false
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) || (b[0]&0x20 != 0 && size < len(b)) {
			return sum, false // too long, or padding before the last packet
		}
		count, body := int(b[0]&0x1F), b[4:size]
		switch b[1] {
		case rtcpSR, rtcpRR:
			if !sum.reports(body, count, b[1] == rtcpSR, us) {
				return sum, false
			}
		case rtcpBYE:
			if len(body) < 4*count {
				return sum, false
			}
			sum.bye = true
		}
		b = b[size:]
	}
	return sum, true
}

func (sum *rtcpSummary) reports(b []byte, count int, sr bool, us uint32) bool {
	head := 4
	if sr {
		head = 24
	}
	if len(b) < head+24*count {
		return false
	}
	sum.ssrc = binary.BigEndian.Uint32(b)
	if sr {
		sum.isSR = true
		sum.sender = senderInfo{
			ntp:     binary.BigEndian.Uint64(b[4:]),
			ts:      binary.BigEndian.Uint32(b[12:]),
			packets: binary.BigEndian.Uint32(b[16:]),
			octets:  binary.BigEndian.Uint32(b[20:]),
		}
	}
	for b = b[head:]; count > 0; count, b = count-1, b[24:] {
		if binary.BigEndian.Uint32(b) != us {
			continue
		}
		sum.about = true
		sum.report = receptionReport{
			ssrc:     us,
			fraction: b[4],
			lost:     int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8,
			highest:  binary.BigEndian.Uint32(b[8:]),
			jitter:   binary.BigEndian.Uint32(b[12:]),
			lastSR:   binary.BigEndian.Uint32(b[16:]),
			delay:    binary.BigEndian.Uint32(b[20:]),
		}
	}
	return true
}

// appendReport appends an SR (if s is set) or RR with at most one block.
func appendReport(b []byte, ssrc uint32, s *senderInfo, r *receptionReport) []byte {
	start, kind, count := len(b), byte(rtcpRR), byte(0)
	if s != nil {
		kind = rtcpSR
	}
	if r != nil {
		count = 1
	}
	b = append(b, 0x80|count, kind, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if s != nil {
		b = binary.BigEndian.AppendUint64(b, s.ntp)
		b = binary.BigEndian.AppendUint32(b, s.ts)
		b = binary.BigEndian.AppendUint32(b, s.packets)
		b = binary.BigEndian.AppendUint32(b, s.octets)
	}
	if r != nil {
		b = binary.BigEndian.AppendUint32(b, r.ssrc)
		b = binary.BigEndian.AppendUint32(b, uint32(r.fraction)<<24|uint32(r.lost)&0xFFFFFF)
		b = binary.BigEndian.AppendUint32(b, r.highest)
		b = binary.BigEndian.AppendUint32(b, r.jitter)
		b = binary.BigEndian.AppendUint32(b, r.lastSR)
		b = binary.BigEndian.AppendUint32(b, r.delay)
	}
	return sealRTCP(b, start)
}

// appendCNAME appends an SDES packet with the one item every report needs.
func appendCNAME[text string | []byte](b []byte, ssrc uint32, cname text) []byte {
	start := len(b)
	cname = cname[:min(len(cname), 255)]
	b = append(b, 0x81, rtcpSDES, 0, 0)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, 1, byte(len(cname)))
	b = append(b, cname...)
	for b = append(b, 0); (len(b)-start)%4 != 0; {
		b = append(b, 0)
	}
	return sealRTCP(b, start)
}

func appendBYE(b []byte, ssrc uint32) []byte {
	start := len(b)
	b = append(b, 0x81, rtcpBYE, 0, 0)
	return sealRTCP(binary.BigEndian.AppendUint32(b, ssrc), start)
}

// sealRTCP writes the length of the packet that begins at start.
func sealRTCP(b []byte, start int) []byte {
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
	return b
}
