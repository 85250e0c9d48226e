package media

// G.722 at 64 kbit/s (ITU-T G.722 mode 1): two bits of each byte are the upper
// half of the band, 4 to 8 kHz, six the lower half. The plane holds telephone
// audio only, which lies in the lower half: what we encode says nothing above
// 4 kHz, and what we decode for a recording, a listener or a G.711 peer is the
// lower half, without the filter bank that would join the two. A byte is then
// one sample at 8 kHz, as in G.711, and RTP counts it as one (RFC 3551 section
// 4.5.2). Quality: a tone comes back 30 dB above the noise or better, flat to
// 3.4 kHz; what the peer says between 4 and about 4.5 kHz folds below 4 kHz.

// g722Encoder encodes one piece of audio. Its zero value is not ready; see newG722Encoder.
type g722Encoder struct{ low, high band }

func newG722Encoder() g722Encoder {
	return g722Encoder{low: newBand(lowerDet), high: newBand(upperDet)}
}

// encode returns the byte of a 16-bit sample.
func (e *g722Encoder) encode(s int16) byte {
	el := clip16(int32(s)>>1 - e.low.s)
	il := quantize6(el, e.low.det)
	e.low.adaptLower(il)
	ih := quantize2(clip16(-e.high.s), e.high.det) // nothing above 4 kHz
	e.high.adaptUpper(ih)
	return ih<<6 | il
}

// g722Decoder decodes the lower half of the band of one stream.
type g722Decoder struct{ low band }

func newG722Decoder() g722Decoder { return g722Decoder{low: newBand(lowerDet)} }

// decode returns the 16-bit sample of a byte.
func (d *g722Decoder) decode(b byte) int16 {
	il := b & 0x3F
	fine := (d.low.det * levels6[il]) >> 15
	r := max(-16384, min(16383, d.low.s+fine))
	d.low.adaptLower(il)
	return int16(r << 1)
}

// quantize6 finds the code of a prediction error among 30 steps of each sign.
func quantize6(e, det int32) byte {
	size := e
	if e < 0 {
		size = -(e + 1)
	}
	low, high := 1, len(decisions6) // the first decision level above size
	for low < high {
		mid := (low + high) / 2
		if size < decisions6[mid]*det>>12 {
			high = mid
		} else {
			low = mid + 1
		}
	}
	switch {
	case e >= 0:
		return byte(62 - low)
	case low <= 2:
		return byte(64 - low)
	}
	return byte(34 - low)
}

// quantize2 is the same for the upper half: two steps of each sign.
func quantize2(e, det int32) byte {
	size, code := e, byte(3)
	if e < 0 {
		size, code = -(e + 1), 1
	}
	if size >= 564*det>>12 {
		code--
	}
	return code
}

// decisions6 are the decision levels of the lower quantizer, scaled by 4096
// (G.722 table 14).
var decisions6 = [30]int32{
	0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
	1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
}

// levels6 are the output levels of the lower quantizer by code, scaled by 32768
// (G.722 table 15). The first four codes are not used at 64 kbit/s.
var levels6 = [64]int32{
	-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
	-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
	24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
	4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
}
