package media

import "time"

// Bounds of a believable sequence (RFC 3550 appendix A.1).
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// reception counts what arrives, as RFC 3550 appendix A asks for.
type reception struct {
	packets, bytes uint64
	first, last    int64 // ns; 0 = none
	ssrc           uint32
	begun          bool
	base, highest  uint32 // extended sequence numbers of this run
	run            uint32 // packets of this run
	lostBefore     int64  // by earlier runs
	transit        int32
	jitter         uint32 // scaled by 16
	timed          bool   // transit is set
	jitterTop      uint32 // highest, scaled by 16
	jitterSum      uint64 // scaled by 16, of so many
	jitters        uint64
	runs           uint64 // runs of lost packets, however long

	priorExpected, priorReceived uint32 // at the last report
	lastSR                       uint32 // middle 32 bits of the NTP time of the peer's last SR
	lastSRAt                     int64
}

// add counts a packet; voice says that its timestamp is a sampling time. It
// reports whether a new source begins.
func (r *reception) add(p rtpPacket, voice bool, now int64) (fresh bool) {
	r.packets++
	r.bytes += uint64(p.to - p.from)
	if r.first == 0 {
		r.first = now
	}
	r.last = now
	d := int16(p.seq - uint16(r.highest))
	switch {
	case !r.begun || p.ssrc != r.ssrc || d > maxDropout || d < -maxMisorder:
		fresh = !r.begun || p.ssrc != r.ssrc
		r.restart(p)
	case d > 0:
		if d > 1 {
			r.runs++
		}
		r.highest += uint32(d)
		r.run++
	default:
		r.run++
	}
	if voice {
		r.measure(p.ts, now)
	}
	return fresh
}

func (r *reception) restart(p rtpPacket) {
	r.lostBefore = r.lost()
	r.begun, r.ssrc = true, p.ssrc
	r.base, r.highest, r.run = uint32(p.seq), uint32(p.seq), 1
	r.priorExpected, r.priorReceived, r.timed = 0, 0, false
}

// measure is the jitter estimate of RFC 3550 appendix A.8.
func (r *reception) measure(ts uint32, now int64) {
	transit := int32(uint32(now/nsPerSample) - ts)
	d := transit - r.transit
	r.transit = transit
	if !r.timed {
		r.timed = true
		return
	}
	if d < 0 {
		d = -d
	}
	if d < 0 || d > 10*sampleRate {
		return // a jump of the clock, not jitter
	}
	r.jitter += uint32(d) - (r.jitter+8)>>4
	r.jitterTop = max(r.jitterTop, r.jitter)
	r.jitterSum += uint64(r.jitter)
	r.jitters++
}

// jitterMean is the mean of the estimate over all packets, in sixteenths of a sample.
func (r *reception) jitterMean() uint32 { return uint32(r.jitterSum / max(1, r.jitters)) }

func (r *reception) expected() uint32 {
	if !r.begun {
		return 0
	}
	return r.highest - r.base + 1
}

func (r *reception) lost() int64 {
	return r.lostBefore + int64(r.expected()) - int64(r.run)
}

func (r *reception) jitterTime() time.Duration { return asTime(r.jitter) }

// asTime is a jitter estimate as a time.
func asTime(scaled uint32) time.Duration {
	return time.Duration(int64(scaled) * nsPerSample / 16)
}

// report makes the block for the next SR or RR and starts a new interval.
func (r *reception) report(now int64) *receptionReport {
	if !r.begun {
		return nil
	}
	expected := r.expected()
	due, got := expected-r.priorExpected, r.run-r.priorReceived
	r.priorExpected, r.priorReceived = expected, r.run
	out := &receptionReport{ssrc: r.ssrc, highest: r.highest, jitter: r.jitter >> 4, lastSR: r.lastSR}
	if due > got {
		out.fraction = uint8(min(255, uint64(due-got)<<8/uint64(due)))
	}
	out.lost = int32(max(-1<<23, min(1<<23-1, r.lost())))
	if r.lastSR != 0 {
		out.delay = uint32((now - r.lastSRAt) * 65536 / int64(time.Second))
	}
	return out
}
