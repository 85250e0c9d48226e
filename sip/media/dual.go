package media

import "math"

// The level of a key that we send as tones: -10 dBm0 for the low tone, -8 for
// the high one, which lines dampen more (ITU-T Q.23).
const (
	lowLevel  = 0.22
	highLevel = 0.277
	toneRamp  = 16 // samples of fade, against clicks
)

// newTones makes a clip for each key, by event code, as long as a key is sent.
func newTones(l *laws) (out [len(keys)]*Clip) {
	for i := range keys {
		at := 0
		for toneKeys[at] != keys[i] {
			at++
		}
		low, high := toneFrequencies[at/4], toneFrequencies[4+at%4]
		samples := make([]float64, toneTicks*frameSamples)
		for n := range samples {
			t := 2 * math.Pi * float64(n) / sampleRate
			edge := min(1, float64(min(n, len(samples)-1-n))/toneRamp)
			samples[n] = edge * (lowLevel*math.Sin(low*t) + highLevel*math.Sin(high*t))
		}
		out[i] = clipFromLinear(samples)
		out[i].encode(l.settled)
	}
	return out
}

// toneFrame is clipFrame for a tone. Where the relay is encoded here the tone is
// so too, by the same encoder: a change of encoders costs the first 40 ms.
func (st *session) toneFrame(sh *shard, tone *player) (heard []byte, law Codec) {
	if st.peer == nil || st.peer.route.work != lawToWide {
		return st.clipFrame(sh, tone)
	}
	heard = sh.plain[:frameSamples]
	tone.frame(heard, PCMU)
	frame := sh.frame[rtpHeaderLen:]
	copy(frame, heard)
	st.encodeG722(sh, frame, PCMU)
	return heard, PCMU
}

// serveTone sends the key of this tick as tones: 120 ms, then 40 ms of silence
// before the relay goes on.
func (st *session) serveTone(sh *shard, due int64) {
	d := &st.dialler
	if d.tick < toneTicks {
		event, _ := eventOf(d.queue[0])
		tone := player{clip: sh.plane.tones[event], pos: d.tick * frameSamples}
		heard, law := st.toneFrame(sh, &tone)
		st.say(sh, fromClip, due, heard, law)
		return
	}
	st.saySilence(sh, due)
}
