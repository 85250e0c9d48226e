package media

import "time"

// serve is what a stream gets every 20 ms: its time-outs, and one packet if
// nobody else provides it. due is the time of the slot, ns.
func (st *session) serve(sh *shard, due int64) {
	st.watch(sh)
	if l := st.listener; l != nil && l.held > 0 && sh.now-l.since >= listenWait {
		st.listenFlush(sh)
	}
	if st.to == nil {
		return
	}
	if due >= st.rtcpAt {
		st.rtcpAt = due + sh.reportInterval()
		st.sendReport(sh)
	}
	if st.params.Send && st.serveKey(sh, due) {
		return
	}
	if st.player.ended() {
		id := st.player.id
		st.player = player{}
		st.flushStage(sh)
		st.emit(sh, Event{Kind: PlayDone, ID: id})
	}
	switch {
	case st.player.active(): // also while the peer may not be sent to: time passes
		heard, law := st.clipFrame(sh, &st.player)
		if st.params.Send {
			st.say(sh, fromClip, due, heard, law)
		}
	case !st.params.Send:
	case st.mixed():
		heard, law := st.deskFrame(sh)
		st.say(sh, fromDesk, due, heard, law)
	case st.peer != nil && st.peerAt > 0 && sh.now-st.peerAt < quietAfter:
	case st.peer != nil && st.peer.noise && st.params.CN: // it makes noise of its own
	default:
		st.saySilence(sh, due)
	}
}

// saySilence sends 20 ms of silence, which no tap hears.
func (st *session) saySilence(sh *shard, due int64) {
	frame := sh.frame[rtpHeaderLen:]
	if st.params.Codec == G722 {
		copy(frame, sh.laws.quiet[:])
	} else {
		silence := st.params.Codec.silence()
		for i := range frame {
			frame[i] = silence
		}
	}
	st.say(sh, fromSilence, due, nil, PCMU)
}

// clipFrame puts the next 20 ms of a player into sh.frame; it returns the same
// as a law of G.711, for a tap.
func (st *session) clipFrame(sh *shard, from *player) (heard []byte, law Codec) {
	frame := sh.frame[rtpHeaderLen:]
	if st.params.Codec == G722 {
		heard = sh.plain[:frameSamples]
		from.frameG722(frame, heard, sh)
		return heard, PCMU
	}
	from.frame(frame, st.params.Codec)
	return frame, st.params.Codec
}

// deskFrame does the same with what the session hears of a supervised call.
func (st *session) deskFrame(sh *shard) (heard []byte, law Codec) {
	frame := sh.frame[rtpHeaderLen:]
	if st.params.Codec != G722 {
		st.desk.frame(st.seat, frame, st.params.Codec)
		return frame, st.params.Codec
	}
	heard = sh.plain[:frameSamples]
	st.desk.frame(st.seat, heard, PCMU)
	copy(frame, heard)
	st.encodeG722(sh, frame, PCMU)
	return heard, PCMU
}

// noisePatience is how many times Params.Timeout a peer may be silent whose last
// packet was comfort noise: it owes another only when the noise changes (RFC
// 3389 section 4).
const noisePatience = 6

// watch reports a peer that fell silent, and lets another source take over
// from one that moved.
func (st *session) watch(sh *shard) {
	if st.connected && st.latch.silent(sh.now) {
		st.open()
	}
	if st.params.Timeout <= 0 || !st.params.Recv || st.inactive || st.waiting == 0 {
		return
	}
	limit := st.params.Timeout
	if st.noise {
		limit *= noisePatience
	}
	if wait := sinceNS(st.waiting, sh.now); wait >= limit {
		st.inactive = true
		st.emit(sh, Event{Kind: Inactive, Wait: wait})
	}
}

// serveKey sends the key packet of this tick, if there is one.
func (st *session) serveKey(sh *shard, due int64) (sent bool) {
	d := &st.dialler
	if len(d.queue) == 0 {
		return false
	}
	if d.sounding() && st.params.DTMF == 0 && st.params.Tones {
		st.serveTone(sh, due)
		sent = true
	}
	if d.sounding() && st.params.DTMF != 0 {
		p := rtpPacket{}
		if d.tick == 0 || st.out.src != fromKeys {
			p = st.out.next(fromKeys, due)
			p.marker = true
		} else {
			p = st.out.again()
		}
		p.pt = st.params.DTMF
		payload := d.payload(sh.frame[rtpHeaderLen:])
		putRTP(sh.frame[:], p)
		st.transmit(sh, sh.frame[:rtpHeaderLen+len(payload)])
		sent = true
	}
	if d.advance() {
		st.emit(sh, Event{Kind: DigitsSent})
	}
	return sent
}

// say sends the 20 ms in sh.frame, heard being what a tap hears of them, nil for
// silence.
func (st *session) say(sh *shard, src source, due int64, heard []byte, law Codec) {
	if st.stage != nil {
		st.sayStaged(sh, src, due, heard, law)
		return
	}
	p := st.out.next(src, due)
	p.pt = st.voicePT
	putRTP(sh.frame[:], p)
	if heard != nil {
		st.hear(sh, Tx, p, heard, law, due)
	}
	st.transmit(sh, sh.frame[:])
}

func sinceNS(from, now int64) time.Duration { return time.Duration(now - from) }
