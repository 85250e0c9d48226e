package media

import "cmp"

// nsPerSample is the length of one sample.
const nsPerSample = int64(125_000)

// frameSamples is what is said at once: 20 ms, which is a packet unless the peer
// wants another length.
const frameSamples = 160

// source is where the audio that a stream sends comes from.
type source uint8

const (
	fromNowhere source = iota
	fromSilence
	fromClip
	fromKeys
	fromPeer
	fromDesk
)

// maxLead bounds how far the media clock of a relayed source may be ahead of or
// behind ours before it is pulled along.
const maxLead = int64(40_000_000)

// sender numbers the packets of one direction. SSRC, sequence and timestamp
// are ours and continuous for the life of the stream: when the source changes,
// the sequence goes on by one, the timestamp by the time elapsed, and the first
// packet is marked. Within a relayed source its own gaps and order are kept.
type sender struct {
	packets, bytes uint64
	packetsBefore  uint64 // of these, under an earlier SSRC
	bytesBefore    uint64
	ssrc           uint32
	seq            uint16 // highest sent
	ts             uint32 // highest sent
	at             int64  // media time of ts, ns
	span           uint32 // samples of the packet at ts
	src            source
	size           uint32 // samples of a packet of our own; 0 = frameSamples
	staged         bool   // seq belongs to a packet that is being filled
	in             relayed
}

// relayed is how the packets of the present relay source map to ours.
type relayed struct {
	ssrc         uint32
	seqOff       uint16
	tsOff        uint32
	floor        uint16 // older packets belong before the switch
	high         uint16
	highTS       uint32
	highAt       int64
	restart      uint16 // the sequence number that would prove a restarted source
	restartArmed bool
}

// next numbers a packet of ours with a new timestamp; due is its place on the wheel.
func (s *sender) next(src source, due int64) rtpPacket {
	s.unstage()
	size := cmp.Or(s.size, frameSamples)
	p := rtpPacket{ssrc: s.ssrc, marker: src != s.src}
	if elapsed := s.elapsed(due); !p.marker && elapsed < 5*frameSamples {
		s.step(int64(s.span), size)
	} else {
		s.jump(due, size)
	}
	s.src = src
	s.seq++
	p.seq, p.ts = s.seq, s.ts
	return p
}

// again numbers a further packet with the timestamp of the last.
func (s *sender) again() rtpPacket {
	s.seq++
	return rtpPacket{ssrc: s.ssrc, seq: s.seq, ts: s.ts}
}

// elapsed is the time since the last timestamp, in samples.
func (s *sender) elapsed(now int64) int64 { return (now - s.at) / nsPerSample }

// jump moves the timestamp to now, but behind the samples already sent; only
// when sources change so often that this would run ahead of the clock, onto them.
func (s *sender) jump(now int64, span uint32) {
	if s.src == fromNowhere {
		s.at, s.span = now, span
		return
	}
	elapsed, behind := s.elapsed(now), int64(s.span)
	if (behind-elapsed)*nsPerSample > maxLead {
		behind = 1
	}
	s.step(max(elapsed, behind), span)
}

func (s *sender) step(samples int64, span uint32) {
	s.ts += uint32(samples)
	s.at += samples * nsPerSample
	s.span = span
}

// relay numbers a packet of the bridged peer. It reports false for one that
// comes too late: from before the switch to this source.
func (s *sender) relay(p rtpPacket, voice bool, now int64) (rtpPacket, bool) {
	r := &s.in
	d := int16(p.seq - r.high)
	switch {
	case s.src != fromPeer || p.ssrc != r.ssrc || d > maxDropout:
		return s.switchTo(p, now), true
	case d < -maxMisorder:
		if r.restartArmed && p.seq == r.restart {
			return s.switchTo(p, now), true
		}
		r.restart, r.restartArmed = p.seq+1, true
		return p, false
	case int16(p.seq-r.floor) < 0:
		return p, false
	case d > 0 && voice && !s.plausible(p.ts, now):
		return s.switchTo(p, now), true
	}
	if d > 0 {
		s.follow(p, voice, now)
	}
	p.ssrc, p.seq, p.ts = s.ssrc, p.seq+r.seqOff, p.ts+r.tsOff
	return p, true
}

// plausible reports whether a timestamp moved about as far as the clock did.
func (s *sender) plausible(ts uint32, now int64) bool {
	moved, passed := int64(int32(ts-s.in.highTS)), (now-s.in.highAt)/nsPerSample
	return moved-passed < 2*sampleRate && passed-moved < 2*sampleRate
}

// follow advances the highest numbers sent to those of a newer packet.
func (s *sender) follow(p rtpPacket, voice bool, now int64) {
	r := &s.in
	r.high, r.restartArmed = p.seq, false
	if p.seq-r.floor > 2*maxMisorder {
		r.floor = p.seq - maxMisorder
	}
	s.seq = p.seq + r.seqOff
	moved := int32(p.ts + r.tsOff - s.ts)
	if moved <= 0 {
		return
	}
	s.step(int64(moved), frameSamples)
	if voice {
		s.span = uint32(p.to - p.from)
	}
	s.at = max(now-maxLead, min(now+maxLead, s.at))
	r.highTS, r.highAt = p.ts, now
}

// switchTo makes p the first packet of a new relay source.
func (s *sender) switchTo(p rtpPacket, now int64) rtpPacket {
	s.unstage()
	s.jump(now, uint32(max(1, p.to-p.from)))
	s.src = fromPeer
	s.seq++
	s.in = relayed{
		ssrc: p.ssrc, seqOff: s.seq - p.seq, tsOff: s.ts - p.ts,
		floor: p.seq, high: p.seq, highTS: p.ts, highAt: now,
	}
	p.ssrc, p.seq, p.ts, p.marker = s.ssrc, s.seq, s.ts, true
	return p
}

// skip closes the gap that a packet of the present source leaves because it is
// not passed on.
func (s *sender) skip(p rtpPacket) {
	if r := &s.in; s.src == fromPeer && p.ssrc == r.ssrc {
		if d := int16(p.seq - r.high); d > 0 && d <= maxMisorder {
			r.high = p.seq
			r.seqOff--
		}
	}
}
