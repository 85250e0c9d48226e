package media

import "time"

// serve is what a stream gets every 20 ms: its time-outs, and one packet if
// nobody else provides it. due is the time of the slot, ns.
func (st *session) serve(sh *shard, due int64) {
	st.watch(sh)
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
		st.emit(sh, Event{Kind: PlayDone, ID: id})
	}
	switch {
	case st.player.active(): // also while the peer may not be sent to: time passes
		st.player.frame(sh.frame[rtpHeaderLen:], st.params.Codec)
		if st.params.Send {
			st.say(sh, fromClip, due)
		}
	case !st.params.Send:
	case st.mixed():
		st.desk.frame(st.seat, sh.frame[rtpHeaderLen:], st.params.Codec)
		st.say(sh, fromDesk, due)
	case st.peer != nil && st.peerAt > 0 && sh.now-st.peerAt < quietAfter:
	default:
		silence := st.params.Codec.silence()
		for i := rtpHeaderLen; i < len(sh.frame); i++ {
			sh.frame[i] = silence
		}
		st.say(sh, fromSilence, due)
	}
}

// watch reports a peer that fell silent, and lets another source take over
// from one that moved.
func (st *session) watch(sh *shard) {
	if st.connected && st.latch.silent(sh.now) {
		st.open()
	}
	if st.params.Timeout <= 0 || !st.params.Recv || st.inactive || st.waiting == 0 {
		return
	}
	if wait := sinceNS(st.waiting, sh.now); wait >= st.params.Timeout {
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

// say sends the 20 ms in sh.frame.
func (st *session) say(sh *shard, src source, due int64) {
	p := st.out.next(src, due)
	p.pt = uint8(st.params.Codec)
	putRTP(sh.frame[:], p)
	if src != fromSilence {
		st.hear(sh, Tx, p, sh.frame[rtpHeaderLen:], st.params.Codec, due)
	}
	st.transmit(sh, sh.frame[:])
}

func sinceNS(from, now int64) time.Duration { return time.Duration(now - from) }
