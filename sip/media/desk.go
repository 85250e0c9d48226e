package media

// seat is a place at a supervised call. The caller is whoever the agent is
// bridged with, which may be nobody.
type seat uint8

const (
	seatBoss seat = iota
	seatAgent
	seatCaller
	seats
)

// The buffering of what is mixed, in samples of 8 kHz.
const (
	voiceRing = 4096             // a power of two, half a second
	voiceLead = 2 * frameSamples // what waits before a voice is mixed in, against jitter
	voiceMax  = 6 * frameSamples // more than this beyond is cut: a burst, or a clock that runs fast
)

// desk mixes a supervised call: three voices in, and out to each party what it
// is to hear, in frames of 20 ms. It belongs to the shard of its parties.
type desk struct {
	mode    Mode
	parties [seats]*session
	voices  [seats]spoken
	ears    [seats][seats]ear // who hears, whom
	sum     [frameSamples]int32
}

// spoken is what one party said lately, as linear samples.
type spoken struct {
	ring    [voiceRing]int16
	written int64
	span    int64 // samples of the last packet
	ssrc    uint32
	seq     uint16
	begun   bool
}

// ear is how far one party has heard another.
type ear struct {
	at  int64
	wet bool // enough had been buffered
}

// sit gives a session a seat; it has heard nothing yet.
func (d *desk) sit(at seat, st *session) {
	d.parties[at] = st
	st.desk, st.seat = d, at
	d.voices[at].begun = false
	for i := range d.ears {
		d.ears[i][at], d.ears[at][i] = ear{at: d.voices[at].written}, ear{at: d.voices[i].written}
	}
}

// rise frees a seat.
func (d *desk) rise(at seat) {
	if st := d.parties[at]; st != nil {
		st.desk, d.parties[at] = nil, nil
	}
}

// clear ends the supervision; tell has the supervisor know.
func (d *desk) clear(sh *shard, tell bool) {
	if boss := d.parties[seatBoss]; boss != nil && tell && sh != nil {
		boss.emit(sh, Event{Kind: Unsupervised})
	}
	for at := range seats {
		d.rise(at)
	}
}

// set changes the mode. Who hears a mix from now on begins with what comes.
func (d *desk) set(m Mode) {
	for at := range seats {
		if before := d.mode; !d.mixes(at) {
			d.mode = m
			if d.mixes(at) {
				for i := range d.ears[at] {
					d.ears[at][i] = ear{at: d.voices[i].written}
				}
			}
			d.mode = before
		}
	}
	d.mode = m
}

// mixes reports whether the party on the seat hears a mix instead of the relay.
func (d *desk) mixes(at seat) bool {
	switch at {
	case seatAgent:
		return d.mode >= Whisper
	case seatCaller:
		return d.mode == Barge
	}
	return true
}

// hears reports whether one party hears another.
func (d *desk) hears(at, other seat) bool {
	return at != other && (other != seatBoss || d.mixes(at))
}

// take adds a packet of the party on the seat; what comes out of order is left out.
func (d *desk) take(at seat, p rtpPacket, samples []byte, codec Codec) {
	v := &d.voices[at]
	if v.begun && p.ssrc == v.ssrc && int16(p.seq-v.seq) <= 0 {
		return
	}
	v.begun, v.ssrc, v.seq = true, p.ssrc, p.seq
	samples = samples[:min(len(samples), voiceRing/2)]
	v.span = int64(len(samples))
	for i, b := range samples {
		s := DecodeULaw(b)
		if codec == PCMA {
			s = DecodeALaw(b)
		}
		v.ring[(v.written+int64(i))%voiceRing] = s
	}
	v.written += v.span
}

// frame fills b with the next 20 ms of what the party on the seat hears.
func (d *desk) frame(at seat, b []byte, codec Codec) {
	d.sum = [frameSamples]int32{}
	for other := range seats {
		if d.hears(at, other) {
			d.ears[at][other].listen(&d.voices[other], &d.sum)
		}
	}
	for i := range b {
		s := int16(max(-1<<15, min(1<<15-1, d.sum[i%frameSamples])))
		if codec == PCMA {
			b[i] = EncodeALaw(s)
		} else {
			b[i] = EncodeULaw(s)
		}
	}
}

// listen adds the next frame of a voice to the sum, if there is one.
func (e *ear) listen(v *spoken, sum *[frameSamples]int32) {
	lead := max(voiceLead, v.span+frameSamples)
	waiting := v.written - e.at
	if waiting > lead+voiceMax {
		e.at = v.written - lead
		waiting = lead
	}
	if !e.wet && waiting < lead || waiting < frameSamples {
		e.wet = false
		return
	}
	e.wet = true
	for i := range sum {
		sum[i] += int32(v.ring[(e.at+int64(i))%voiceRing])
	}
	e.at += frameSamples
}
