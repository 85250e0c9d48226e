package media

import "math"

// The limits of a key sent as tones in the audio (ITU-T Q.24). A block is 12.75
// ms, so that 40 ms of tone hold two whole ones, and so do 40 ms of pause.
const (
	toneBlock   = 102
	toneHits    = 2       // blocks in a row that make a key
	toneMisses  = 3       // blocks in a row that end it; a short break disturbs two
	toneLeast   = 2.0e7   // energy of each tone in a block, -31 dBm0
	toneShare   = 0.78    // of the block's energy that must be in the two tones
	toneTwist   = 8       // the high tone may be 9 dB louder than the low one
	toneReverse = 3.2     // the low one 5 dB louder
	toneOthers  = 4       // 6 dB to the next strongest tone of a group
	toneSteady  = 2       // 3 dB from one block to the next
	toneGap     = 3 * 160 // a longer gap in the audio ends a key, samples
)

// toneFrequencies are the low group, then the high one, in Hz (ITU-T Q.23).
var toneFrequencies = [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

// toneKeys are the keys by low and high tone.
const toneKeys = "123A456B789C*0#D"

// keyTones finds keys in 8 kHz audio, each once, when it has lasted two blocks.
type keyTones struct {
	s1, s2 [8]float32
	energy float32
	n      int
	next   uint32     // timestamp expected
	last   byte       // key of the last block; 0 = none
	lastE  [2]float32 // and the energy of its tones
	now    byte       // key that is pressed; 0 = none
	misses int
}

// coefficients are those of Goertzel's filter for each frequency.
var coefficients = func() (out [8]float32) {
	for i, f := range toneFrequencies {
		out[i] = float32(2 * math.Cos(2*math.Pi*f/sampleRate))
	}
	return out
}()

// gap tells where a piece of audio begins. A short gap is passed
// over, so that a lost packet does not make two keys of one.
func (d *keyTones) gap(ts uint32, n int) {
	if missing := int32(ts - d.next); missing > toneGap || missing < 0 {
		*d = keyTones{}
	}
	d.next = ts + uint32(n)
}

// feed takes one sample; it returns a key when one is found.
func (d *keyTones) feed(sample int16) (key byte) {
	x := float32(sample)
	d.energy += x * x
	for i, c := range coefficients {
		d.s1[i], d.s2[i] = x+c*d.s1[i]-d.s2[i], d.s1[i]
	}
	if d.n++; d.n < toneBlock {
		return 0
	}
	hit, low, high := d.block()
	steady := near(low, d.lastE[0]) && near(high, d.lastE[1])
	d.lastE = [2]float32{low, high}
	d.n, d.energy, d.s1, d.s2 = 0, 0, [8]float32{}, [8]float32{}
	return d.step(hit, steady)
}

// block judges a whole block.
func (d *keyTones) block() (key byte, low, high float32) {
	var e [8]float32
	for i, c := range coefficients {
		e[i] = (d.s1[i]*d.s1[i] + d.s2[i]*d.s2[i] - c*d.s1[i]*d.s2[i]) * (2.0 / toneBlock)
	}
	row, column := strongest(e[:4]), 4+strongest(e[4:])
	l, h := e[row], e[column]
	switch {
	case l < toneLeast, h < toneLeast, h > toneTwist*l, l > toneReverse*h, l+h < toneShare*d.energy:
		return 0, 0, 0
	}
	for i, v := range e {
		if i < 4 && i != row && v*toneOthers > l || i >= 4 && i != column && v*toneOthers > h {
			return 0, 0, 0
		}
	}
	return toneKeys[4*row+column-4], l, h
}

// step follows the blocks: two of the same key and strength press it, three of
// others release it.
func (d *keyTones) step(hit byte, steady bool) (key byte) {
	switch {
	case hit != 0 && hit == d.now:
		d.misses = 0
	case hit != 0 && hit == d.last && steady:
		d.now, d.misses, key = hit, 0, hit
	case d.now != 0:
		if d.misses++; d.misses >= toneMisses {
			d.now = 0
		}
	}
	d.last = hit
	return key
}

// near reports whether two energies differ by little.
func near(a, b float32) bool { return a < b*toneSteady && b < a*toneSteady }

func strongest(e []float32) (at int) {
	for i, v := range e {
		if v > e[at] {
			at = i
		}
	}
	return at
}

// detect looks for keys in audio of the peer, unless the only one who could
// want them hears the tones, or the tones are the echo of ours.
func (st *session) detect(sh *shard, p rtpPacket, ulaw []byte) {
	d := &st.listener.tones
	peer := st.peer
	if st.dialler.sounding() || peer != nil && peer.params.DTMF == 0 && peer.params.Tones {
		*d = keyTones{}
		return
	}
	d.gap(p.ts, len(ulaw))
	for _, u := range ulaw {
		key := d.feed(sh.laws.linear[u])
		if key == 0 {
			continue
		}
		st.stats.Digits++
		st.emit(sh, Event{Kind: Digit, Digit: key, Tone: true})
		if peer != nil && peer.params.DTMF != 0 {
			peer.dialler.push(string(rune(key)))
		}
	}
}
