package media

import "math/bits"

// DecodeULaw returns the 16-bit linear sample of a µ-law byte (ITU-T G.711).
func DecodeULaw(u byte) int16 {
	u = ^u
	mag := ((int(u&0x0F) << 3) + 0x84) << (u >> 4 & 7)
	mag -= 0x84
	if u&0x80 != 0 {
		return int16(-mag)
	}
	return int16(mag)
}

// EncodeULaw returns the µ-law byte nearest below a 16-bit linear sample (ITU-T G.711).
func EncodeULaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 0x84
	exp := bits.Len(uint(v)) - 8
	return ^(sign | byte(exp)<<4 | byte(v>>(exp+3))&0x0F)
}

// DecodeALaw returns the 16-bit linear sample of an A-law byte (ITU-T G.711).
func DecodeALaw(a byte) int16 {
	a ^= 0x55
	mag := int(a&0x0F)<<4 + 8
	if exp := a >> 4 & 7; exp > 0 {
		mag = (mag + 0x100) << (exp - 1)
	}
	if a&0x80 == 0 {
		return int16(-mag)
	}
	return int16(mag)
}

// EncodeALaw returns the A-law byte nearest below a 16-bit linear sample (ITU-T G.711).
func EncodeALaw(s int16) byte {
	v, sign := int(s), byte(0x80)
	if v < 0 {
		v, sign = -v-1, 0
	}
	if v < 256 {
		return (sign | byte(v>>4)) ^ 0x55
	}
	exp := bits.Len(uint(v)) - 8
	return (sign | byte(exp)<<4 | byte(v>>(exp+3))&0x0F) ^ 0x55
}

// laws holds the conversions between the two G.711 laws, one byte in, one out,
// and what a plane needs to speak G.722 at once.
type laws struct {
	toA, toU [256]byte
	linear   [256]int16         // of µ-law
	settled  g722Encoder        // after silence
	quiet    [frameSamples]byte // silence in G.722
}

func newLaws() *laws {
	l := new(laws)
	for i := range 256 {
		l.toA[i] = EncodeALaw(DecodeULaw(byte(i)))
		l.toU[i] = EncodeULaw(DecodeALaw(byte(i)))
		l.linear[i] = DecodeULaw(byte(i))
	}
	enc := newG722Encoder()
	for range 50 { // it settles
		for i := range l.quiet {
			l.quiet[i] = enc.encode(0)
		}
	}
	l.settled = enc
	return l
}

// convert rewrites b in place from one law to the other.
func (l *laws) convert(b []byte, to Codec) {
	table := &l.toU
	if to == PCMA {
		table = &l.toA
	}
	for i, v := range b {
		b[i] = table[v]
	}
}
