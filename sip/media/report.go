package media

import (
	"net/netip"
	"strconv"
	"time"
)

// ntpEpoch is 1970 in NTP seconds.
const ntpEpoch = 2208988800

// reportInterval is the time to the next report: 5 s, randomised as RFC 3550
// section 6.3.1 asks for.
func (sh *shard) reportInterval() int64 {
	return int64(5*time.Second)/2 + sh.random.Int64N(int64(5*time.Second))
}

// ntp is the NTP time of a moment of the shard's clock.
func (sh *shard) ntp(now int64) uint64 {
	at := sh.plane.start.UnixNano() + now
	seconds, rest := uint64(at/1e9)+ntpEpoch, uint64(at%1e9)
	return seconds<<32 | rest<<32/1e9
}

// compound builds SR or RR with SDES.
func (st *session) compound(sh *shard) []byte {
	var info *senderInfo
	if st.out.src != fromNowhere {
		info = &senderInfo{
			ntp:     sh.ntp(sh.now),
			ts:      st.out.ts + uint32(st.out.elapsed(sh.now)),
			packets: uint32(st.out.packets - st.out.packetsBefore), octets: uint32(st.out.bytes - st.out.bytesBefore),
		}
	}
	b := appendReport(sh.report[:0], st.out.ssrc, info, st.rx.report(sh.now))
	var room [80]byte
	return appendCNAME(b, st.out.ssrc, st.s.appendName(room[:0]))
}

// appendName appends the canonical name of the stream (RFC 3550 section 6.5.1),
// which is written anew for each report: few calls are long enough for many.
func (s *Stream) appendName(b []byte) []byte {
	b = append(strconv.AppendUint(b, s.name, 36), '@')
	return s.local.Addr().AppendTo(b)
}

func (st *session) sendReport(sh *shard) {
	if st.toRTC != nil {
		st.transmitReport(sh, st.compound(sh))
	}
}

// sayBye says goodbye, unless nothing was ever sent (RFC 3550 section 6.3.7).
func (st *session) sayBye(sh *shard) {
	if st.toRTC != nil && (st.told || st.out.packets > 0) {
		st.transmitReport(sh, appendBYE(st.compound(sh), st.out.ssrc))
	}
}

// transmitReport sends one compound packet.
func (st *session) transmitReport(sh *shard, b []byte) {
	st.told = true
	if st.guard.seal != nil {
		b = sh.sealed[:st.guard.seal.sealReport(sh.sealed[:], b)]
	}
	fd := st.pair.rtcp
	if st.params.Mux {
		fd = st.pair.rtp
	}
	sh.eng.send(fd, b, st.toRTC)
}

// answerTo sends reports to where a peer behind NAT sends its own from.
func (st *session) answerTo(from netip.AddrPort) {
	if st.toRTC != nil && !st.params.Mux && st.latch.current.IsValid() && st.latch.current != st.latch.signalled {
		st.toRTC.set(from)
	}
}

// receiveReport reads one RTCP packet. It is believed if it comes from the
// address that is heard; it changes nothing but statistics.
func (st *session) receiveReport(sh *shard) {
	n, from := sh.eng.recv(st.pair.rtcp, sh.buf[:])
	if n >= 0 {
		st.reported(sh, n, from)
	}
}

// reported handles the RTCP packet in sh.buf.
func (st *session) reported(sh *shard, n int, from netip.AddrPort) {
	if target := st.latch.target(); !target.IsValid() || from.Addr() != target.Addr() && from != st.params.RTCP {
		sh.count.wrongSource.Add(1)
		return
	}
	if n = st.unsealReport(sh, n); n == 0 {
		return
	}
	sum, ok := parseRTCP(sh.buf[:n], st.out.ssrc)
	if !ok {
		st.stats.RTCPMalformed++
		sh.count.malformed.Add(1)
		return
	}
	st.stats.RTCPReceived++
	st.answerTo(from)
	if sum.isSR {
		st.rx.lastSR, st.rx.lastSRAt = uint32(sum.sender.ntp>>16), sh.now
	}
	if !sum.about {
		return
	}
	r := sum.report
	st.stats.PeerLost = int64(r.lost)
	st.stats.PeerReports++
	st.stats.PeerOf = st.out.packets - st.out.packetsBefore
	st.stats.PeerFraction = float64(r.fraction) / 256
	st.stats.PeerJitter = time.Duration(r.jitter) * time.Duration(nsPerSample)
	st.stats.PeerJitterSum += st.stats.PeerJitter
	st.stats.PeerJitterMax = max(st.stats.PeerJitterMax, st.stats.PeerJitter)
	if r.lastSR == 0 {
		return
	}
	if trip := int32(uint32(sh.ntp(sh.now)>>16) - r.lastSR - r.delay); trip >= 0 {
		st.stats.RTT = time.Duration(trip) * time.Second / 65536
		st.stats.RTTMax = max(st.stats.RTTMax, st.stats.RTT)
	}
}
