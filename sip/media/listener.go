package media

// The window in which packets are put in order for whoever listens, which is
// never the other party: the relay does not wait.
const (
	listenSlots = 4                 // packets that may be held
	listenWait  = int64(60_000_000) // how long a packet waits for the ones before it, ns
)

// listener puts what a peer says in order, decodes it and hands it to the tap
// and to the detector of tones. A packet in its place passes at once; one that
// is early waits for those before it; one that is late only goes to the tap,
// which knows its place.
type listener struct {
	begun bool
	ssrc  uint32
	next  uint16 // expected sequence number
	held  int
	since int64        // when the first of them came
	slots *heldPackets // nil until one comes before its turn
	dec   g722Decoder
	tones keyTones
}

type heldPackets [listenSlots]heldPacket

type heldPacket struct {
	used bool
	p    rtpPacket
	n    int
	data [maxPacket]byte
}

// attend gives the session a listener if there is somebody to listen.
func (st *session) attend() {
	switch {
	case st.tap == nil && !st.params.Detect:
		st.listener = nil
	case st.listener == nil:
		st.listener = &listener{dec: newG722Decoder()}
	}
}

// listen takes a packet as it arrives; samples is empty unless it is voice.
func (st *session) listen(sh *shard, p rtpPacket, samples []byte) {
	l := st.listener
	ahead := int16(p.seq - l.next)
	switch {
	case !l.begun || p.ssrc != l.ssrc || ahead > maxDropout || ahead < -maxMisorder:
		st.listenFlush(sh)
		if p.ssrc != l.ssrc {
			l.dec = newG722Decoder()
		}
		l.begun, l.ssrc = true, p.ssrc
	case ahead < 0: // late, or for the second time
		if st.params.Codec != G722 {
			st.hear(sh, Rx, p, samples, st.params.Codec, sh.now)
		}
		return
	case ahead >= listenSlots, ahead > 0 && len(samples) > maxPacket:
		st.listenFlush(sh)
	case ahead > 0:
		l.hold(p, samples, sh.now)
		return
	}
	l.next = p.seq + 1
	st.heed(sh, p, samples)
	for l.held > 0 && l.slots[l.next%listenSlots].used {
		st.release(sh, l.next)
	}
}

func (l *listener) hold(p rtpPacket, samples []byte, now int64) {
	if l.slots == nil {
		l.slots = new(heldPackets) // 2 KB, which most streams never need
	}
	h := &l.slots[p.seq%listenSlots]
	if h.used {
		return
	}
	if l.held == 0 {
		l.since = now
	}
	l.held++
	h.used, h.p, h.n = true, p, copy(h.data[:], samples)
}

// release hands over the packet that is held under a sequence number.
func (st *session) release(sh *shard, seq uint16) {
	l := st.listener
	h := &l.slots[seq%listenSlots]
	h.used = false
	l.held--
	l.since = sh.now
	l.next = seq + 1
	st.heed(sh, h.p, h.data[:h.n])
}

// listenFlush hands over everything that is held; what is missing is lost.
func (st *session) listenFlush(sh *shard) {
	l := st.listener
	for l.held > 0 {
		if l.slots[l.next%listenSlots].used {
			st.release(sh, l.next)
		} else {
			l.next++
		}
	}
}

// heed is what is done with audio in its order.
func (st *session) heed(sh *shard, p rtpPacket, samples []byte) {
	if len(samples) == 0 {
		return
	}
	switch l := st.listener; st.params.Codec {
	case G722:
		for i, c := range samples {
			sh.plain[i] = EncodeULaw(l.dec.decode(c))
		}
		samples = sh.plain[:len(samples)]
	case PCMA:
		samples = sh.scratch[:copy(sh.scratch[:], samples)]
		sh.laws.convert(samples, PCMU)
	}
	st.hear(sh, Rx, p, samples, PCMU, sh.now)
	if st.params.Detect {
		st.detect(sh, p, samples)
	}
}
