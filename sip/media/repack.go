package media

// samplesPerMS is how many samples a millisecond has.
const samplesPerMS = sampleRate / 1000

// maxPacket is the most a packet of ours carries: 60 ms.
const maxPacket = 60 * samplesPerMS

// repacker cuts the voice packets of one direction anew, for a peer that takes
// packets of one length only. What does not fill a packet waits for the next
// one of the source, never for a clock.
type repacker struct {
	size   int // of our packets, in samples
	n      int // what waits in buf
	next   uint32
	ssrc   uint32
	marker bool
	buf    [rtpHeaderLen + maxPacket]byte
}

// repack relays one voice packet of the source in packets of the peer's length.
// Everything of the source takes this way from the first packet that has to.
func (st *session) repack(sh *shard, p rtpPacket) {
	r, peer := st.route.pack, st.peer
	st.route.min, st.route.span = anyPayload, 0
	if r.n > 0 && !peer.out.continues(p, r) {
		st.flushPack(sh, p)
	}
	if peer.out.passed(p) { // what came behind it has gone
		st.stats.LateDrops++
		sh.count.late.Add(1)
		return
	}
	out, ok := peer.out.relay(p, true, sh.now)
	if !ok {
		st.stats.LateDrops++
		sh.count.late.Add(1)
		return
	}
	samples := sh.buf[p.from:p.to]
	st.convert(sh, out, samples)
	out.ts -= uint32(r.n)
	out.marker = out.marker || r.marker
	out.pt = peer.voicePT
	sent := 0
	for len(samples) > 0 {
		c := copy(r.buf[rtpHeaderLen+r.n:rtpHeaderLen+r.size], samples)
		samples = samples[c:]
		if r.n += c; r.n < r.size {
			break
		}
		r.send(sh, peer, out)
		out.seq, out.ts, out.marker = out.seq+1, out.ts+uint32(r.size), false
		sent++
	}
	peer.out.spread(sent)
	r.marker = out.marker
	r.next, r.ssrc = p.ts+uint32(p.to-p.from), p.ssrc
}

// send sends what waits under the numbers of p.
func (r *repacker) send(sh *shard, to *session, p rtpPacket) {
	putRTP(r.buf[:], p)
	to.transmit(sh, r.buf[:rtpHeaderLen+r.n])
	r.n = 0
}

// flushPack sends the rest before a gap in the source as a short packet, or
// forgets it when the source is another one.
func (st *session) flushPack(sh *shard, p rtpPacket) {
	r, out := st.route.pack, &st.peer.out
	if ahead := int32(p.ts - r.next); ahead < 0 && ahead > -sampleRate && p.ssrc == r.ssrc {
		return // an old packet
	}
	if out.src == fromPeer && p.ssrc == r.ssrc && out.in.ssrc == r.ssrc {
		out.spread(2)
		r.send(sh, st.peer, rtpPacket{
			ssrc: out.ssrc, seq: out.seq, ts: r.next - uint32(r.n) + out.in.tsOff, marker: r.marker, pt: st.peer.voicePT,
		})
		r.marker = false
	}
	r.n = 0
}

// continues reports whether a packet goes on where the rest in r ends.
func (s *sender) continues(p rtpPacket, r *repacker) bool {
	return s.src == fromPeer && s.in.ssrc == p.ssrc && p.ssrc == r.ssrc && p.ts == r.next
}

// passed reports whether a packet of the present source belongs before one that
// has been relayed.
func (s *sender) passed(p rtpPacket) bool {
	d := int16(p.seq - s.in.high)
	return s.src == fromPeer && s.in.ssrc == p.ssrc && d <= 0 && d >= -maxMisorder
}

// spread corrects the numbering after a packet of the source became n of ours.
func (s *sender) spread(n int) {
	s.seq += uint16(n - 1)
	s.in.seqOff += uint16(n - 1)
}
