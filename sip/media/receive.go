package media

import "net/netip"

// Kinds of payload, by what was agreed.
type payloadKind uint8

const (
	unknownPayload payloadKind = iota
	voice
	keyPress
	noise
)

// receive reads one packet and does with it what is to be done.
func (st *session) receive(sh *shard) {
	n, from := sh.eng.recv(st.pair.rtp, sh.buf[:])
	if n < 0 {
		return
	}
	if st.wrapped {
		if n = st.unwrap(sh, n, from); n == 0 {
			return
		}
	}
	p, ok := parseRTP(sh.buf[:n])
	if !ok || n == len(sh.buf) {
		st.stats.Malformed++
		sh.count.malformed.Add(1)
		return
	}
	kind := st.kinds[p.pt]
	agreed := kind == voice || kind == keyPress
	switch st.latch.admit(from, p, agreed, sh.now) {
	case refuse:
		if !agreed && from == st.latch.signalled {
			st.stats.WrongPayload++
			sh.count.wrongPayload.Add(1)
			return
		}
		st.stats.WrongSource++
		sh.count.wrongSource.Add(1)
		return
	case moved:
		st.settle(sh)
	case accept:
		st.confine() // opened while it was silent
	}
	if st.guard.open != nil {
		st.guard.by.keep()
	}
	sh.count.received.Add(1)
	if st.watcher != nil {
		st.watched(sh, Rx, sh.buf[:n])
	}
	if kind == unknownPayload {
		st.stats.WrongPayload++
		sh.count.wrongPayload.Add(1)
		return
	}
	st.accepted(sh, p, kind)
}

// unwrap opens SRTP in place and takes out RTCP that came over the RTP port; 0
// = nothing is left to be done.
func (st *session) unwrap(sh *shard, n int, from netip.AddrPort) int {
	if st.params.Mux && n > 1 && isRTCP(sh.buf[1]) {
		st.reported(sh, n, from)
		return 0
	}
	if st.guard.open == nil {
		return n
	}
	return st.unseal(sh, n)
}

// accepted handles a packet of the peer.
func (st *session) accepted(sh *shard, p rtpPacket, kind payloadKind) {
	if st.inactive {
		st.inactive = false
		st.emit(sh, Event{Kind: Resumed, Wait: sinceNS(st.waiting, sh.now)})
	}
	st.waiting = sh.now
	if !st.params.Recv {
		return
	}
	if st.rx.add(p, kind == voice, sh.now) {
		st.rxAlign.set = false
	}
	payload := sh.buf[p.from:p.to]
	if st.listener != nil {
		spoken := payload
		if kind != voice {
			spoken = nil
		}
		st.listen(sh, p, spoken)
	}
	st.noise = kind == noise
	switch kind {
	case voice:
		sh.decoded = false
		if st.desk != nil {
			st.toDesk(sh, p, payload)
		}
		st.forward(sh, p, true)
	case keyPress:
		if digit, ok := st.keypad.press(p, payload, sh.now); ok {
			st.stats.Digits++
			st.emit(sh, Event{Kind: Digit, Digit: digit})
			st.keypad.apart = st.peer == nil
			// Packets and a mix do not go together, and some peers want tones.
			if peer := st.peer; peer != nil && (peer.mixed() || peer.params.DTMF == 0 && peer.params.Tones) {
				peer.dialler.push(string(digit))
			}
		}
		// What was keyed to us is not told to the party that joins meanwhile.
		if st.keypad.apart && st.peer != nil {
			st.peer.out.skip(p)
			return
		}
		st.forward(sh, p, false)
	case noise:
		st.forwardNoise(sh, p)
	}
}

// forwardNoise relays comfort noise to a peer that takes it; another one hears
// silence of ours from now on.
func (st *session) forwardNoise(sh *shard, p rtpPacket) {
	peer := st.peer
	if peer == nil {
		return
	}
	if !peer.params.CN {
		peer.out.skip(p)
		if peer.peerAt > 0 {
			peer.peerAt = min(peer.peerAt, sh.now-quietAfter)
		}
		return
	}
	peer.peerAt = sh.now
	if !peer.sending() || peer.busy() || peer.mixed() {
		return
	}
	out, ok := peer.out.relay(p, false, sh.now)
	if !ok {
		st.stats.LateDrops++
		sh.count.late.Add(1)
		return
	}
	out.pt = payloadCN
	putRTP(sh.buf[p.from-rtpHeaderLen:], out)
	peer.transmit(sh, sh.buf[p.from-rtpHeaderLen:p.to])
}

// toDesk lets the parties of a supervised call hear a packet.
func (st *session) toDesk(sh *shard, p rtpPacket, samples []byte) {
	law := st.params.Codec
	if law == G722 {
		samples, law = st.plain(sh, samples), PCMU
	}
	st.desk.take(st.seat, p, samples, law)
}

// forward relays the packet in sh.buf to the bridged peer, in place.
func (st *session) forward(sh *shard, p rtpPacket, isVoice bool) {
	peer := st.peer
	if peer == nil {
		return
	}
	if p.from == p.to { // a keep-alive
		peer.out.skip(p)
		return
	}
	if isVoice {
		peer.peerAt = sh.now
	}
	if !peer.sending() || peer.busy() || peer.mixed() {
		return
	}
	if !isVoice && (peer.params.DTMF == 0 || p.to-p.from < 4) {
		peer.out.skip(p)
		return
	}
	if isVoice && uint(p.to-p.from)-st.route.min > st.route.span {
		st.repack(sh, p)
		return
	}
	out, ok := peer.out.relay(p, isVoice, sh.now)
	if !ok {
		st.stats.LateDrops++
		sh.count.late.Add(1)
		return
	}
	out.pt = peer.params.DTMF
	if isVoice {
		out.pt = peer.voicePT
		if st.route.work == asIs {
			peer.hear(sh, Tx, out, sh.buf[p.from:p.to], peer.params.Codec, sh.now)
		} else {
			st.convert(sh, out, sh.buf[p.from:p.to])
		}
	}
	putRTP(sh.buf[p.from-rtpHeaderLen:], out)
	peer.transmit(sh, sh.buf[p.from-rtpHeaderLen:p.to])
}
