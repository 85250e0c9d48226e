package webtest

import (
	"encoding/binary"
	"math"
)

// sound returns a stereo 16-bit WAV of so many milliseconds in which two people
// take turns, and its peaks.
func sound(ms int64, peaks int) (wav []byte, wave [2][]uint8) {
	const rate = 8000
	n := int(ms) * rate / 1000
	wav = make([]byte, 44+4*n)
	copy(wav, "RIFF")
	binary.LittleEndian.PutUint32(wav[4:], uint32(len(wav)-8))
	copy(wav[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(wav[16:], 16)
	binary.LittleEndian.PutUint16(wav[20:], 1)
	binary.LittleEndian.PutUint16(wav[22:], 2)
	binary.LittleEndian.PutUint32(wav[24:], rate)
	binary.LittleEndian.PutUint32(wav[28:], rate*4)
	binary.LittleEndian.PutUint16(wav[32:], 4)
	binary.LittleEndian.PutUint16(wav[34:], 16)
	copy(wav[36:], "data")
	binary.LittleEndian.PutUint32(wav[40:], uint32(4*n))
	wave = [2][]uint8{make([]uint8, peaks), make([]uint8, peaks)}
	for i := range n {
		t := float64(i) / rate
		for ch, tone := range [2]float64{180, 240} {
			v := loudness(t, ch) * math.Sin(2*math.Pi*tone*t)
			binary.LittleEndian.PutUint16(wav[44+4*i+2*ch:], uint16(int16(v*9000)))
			p := i * peaks / n
			wave[ch][p] = max(wave[ch][p], uint8(math.Abs(v)*250))
		}
	}
	return wav, wave
}

// loudness is how loud a side is: turns of a few seconds, words in them.
func loudness(t float64, ch int) float64 {
	turn := math.Sin(2*math.Pi*t/9 + float64(ch)*math.Pi)
	if turn < -0.1 {
		return 0.01
	}
	word := 0.55 + 0.45*math.Sin(2*math.Pi*t*2.3+float64(ch))
	return word * (0.5 + 0.5*math.Abs(math.Sin(t*0.7)))
}
