package media

import (
	"net/netip"
	"slices"
	"time"
)

// The guards of latching (RFC 7362 section 5, with limits of our own: who may
// move a stream at all, and only while the one heard now is silent).
const (
	latchAfter   = int64(time.Second)     // silence of the signalled address before another may take its place
	relatchAfter = int64(2 * time.Second) // silence of the latched source before another may
	latchPackets = 4                      // consecutive packets of one source that prove a sender
)

// verdict is what the latch says about a packet's source.
type verdict uint8

const (
	refuse verdict = iota
	accept
	moved // accepted, and from now on the only source
)

// latch decides whose packets a stream hears. Times are ns of the shard's clock.
type latch struct {
	signalled netip.AddrPort
	also      []netip.Addr
	strict    bool           // hear signalled only
	current   netip.AddrPort // the source that is heard; zero = none yet
	since     int64          // when signalled was set
	heard     int64          // last packet of current
	cand      candidate
}

// candidate is a source on probation.
type candidate struct {
	from  netip.AddrPort
	ssrc  uint32
	seq   uint16
	count int
}

// aim sets the signalled address, and whether no other will do. A new one forgets the source heard so far,
// the same one changes nothing; it reports which.
func (l *latch) aim(remote netip.AddrPort, also []netip.Addr, strict bool, now int64) (changed bool) {
	l.also = also
	if remote == l.signalled && strict == l.strict {
		return false
	}
	*l = latch{signalled: remote, also: also, strict: strict, since: now}
	return true
}

// target is where to send; invalid = nowhere.
func (l *latch) target() netip.AddrPort {
	if l.current.IsValid() {
		return l.current
	}
	return l.signalled
}

// silent reports whether the current source has been quiet long enough for
// another to replace it.
func (l *latch) silent(now int64) bool {
	return l.current.IsValid() && now-l.heard >= relatchAfter
}

// admit judges a packet. agreed says that its payload type was negotiated.
func (l *latch) admit(from netip.AddrPort, p rtpPacket, agreed bool, now int64) verdict {
	if from == l.current && from.IsValid() {
		l.heard, l.cand = now, candidate{}
		return accept
	}
	if !agreed || !l.signalled.IsValid() || l.signalled.Port() == 0 {
		return refuse
	}
	open := l.silent(now)
	if from == l.signalled && (open || !l.current.IsValid()) {
		return l.take(from, now)
	}
	if l.strict || from.Addr() != l.signalled.Addr() && !slices.Contains(l.also, from.Addr()) {
		return refuse
	}
	if c := &l.cand; c.from == from && c.ssrc == p.ssrc && p.seq == c.seq+1 {
		c.seq++
		c.count++
	} else {
		*c = candidate{from: from, ssrc: p.ssrc, seq: p.seq, count: 1}
	}
	if !l.current.IsValid() {
		open = now-l.since >= latchAfter
	}
	if open && l.cand.count >= latchPackets {
		return l.take(from, now)
	}
	return refuse
}

func (l *latch) take(from netip.AddrPort, now int64) verdict {
	l.current, l.heard, l.cand = from, now, candidate{}
	return moved
}
