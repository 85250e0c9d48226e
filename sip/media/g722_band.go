package media

// The step sizes a band starts with (G.722 section 6.2.1.4).
const (
	lowerDet = 32
	upperDet = 8
)

// band is one half of the codec's band: an adaptive step size and an adaptive
// predictor of two poles and six zeros, which encoder and decoder keep in step
// (G.722 section 6.2.1). Names are those of the standard, in small letters.
type band struct {
	nb, det int32    // log of the step size, and the step size
	s, sz   int32    // prediction, and its part from the zeros
	a1, a2  int32    // poles
	r1, r2  int32    // reconstructed signal
	p1, p2  int32    // partly reconstructed signal
	b, d    [6]int32 // zeros, and the quantized differences
}

func newBand(det int32) band { return band{det: det} }

// adaptLower moves the lower band on by the code of a sample.
func (b *band) adaptLower(il byte) {
	il >>= 2
	dlt := (b.det * levels4[il]) >> 15
	b.nb = max(0, min(18432, b.nb*127>>7+steps4[il]))
	b.det = stepSize(b.nb, 8)
	b.predict(dlt)
}

// adaptUpper moves the upper band on.
func (b *band) adaptUpper(ih byte) {
	dh := (b.det * levels2[ih]) >> 15
	b.nb = max(0, min(22528, b.nb*127>>7+steps2[ih]))
	b.det = stepSize(b.nb, 10)
	b.predict(dh)
}

// stepSize turns the logarithm of the step size into the step size.
func stepSize(nb, base int32) int32 {
	mantissa, shift := exponents[nb>>6&31], base-nb>>11
	if shift < 0 {
		return mantissa << -shift << 2
	}
	return mantissa >> shift << 2
}

// predict takes the quantized difference of a sample and predicts the next.
func (b *band) predict(d int32) {
	r := clip16(b.s + d)
	p := clip16(b.sz + d)
	b.adaptPoles(p)
	b.adaptZeros(d)
	b.r2, b.r1 = b.r1, r
	b.p2, b.p1 = b.p1, p
	sp := clip16(b.a1*clip16(2*b.r1)>>15 + b.a2*clip16(2*b.r2)>>15)
	sz := int32(0)
	for i := range b.b {
		sz += b.b[i] * clip16(2*b.d[i]) >> 15
	}
	b.sz = clip16(sz)
	b.s = clip16(sp + b.sz)
}

// adaptPoles moves the two poles by the signs of the partly reconstructed signal.
func (b *band) adaptPoles(p int32) {
	along := clip16(4 * b.a1)
	first := int32(-192)
	if p^b.p1 >= 0 { // same sign
		along, first = min(-along, 32767), 192
	}
	second := int32(-128)
	if p^b.p2 >= 0 {
		second = 128
	}
	b.a2 = max(-12288, min(12288, along>>7+second+b.a2*32512>>15))
	limit := clip16(15360 - b.a2)
	b.a1 = max(-limit, min(limit, clip16(first+b.a1*32640>>15)))
}

// adaptZeros moves the six zeros by the signs of the differences.
func (b *band) adaptZeros(d int32) {
	step := int32(128)
	if d == 0 {
		step = 0
	}
	for i := range b.b {
		way := step
		if b.d[i]^d < 0 {
			way = -step
		}
		b.b[i] = clip16(way + b.b[i]*32640>>15)
	}
	copy(b.d[1:], b.d[:5])
	b.d[0] = d
}

// clip16 saturates to 16 bits.
func clip16(v int32) int32 { return max(-32768, min(32767, v)) }

// levels4 and levels2 are the levels that the predictors see, by code, scaled
// by 32768 (G.722 tables 16 and 18).
var (
	levels4 = [16]int32{
		0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
		20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
	}
	levels2 = [4]int32{-7408, -1616, 7408, 1616}
)

// steps4 and steps2 say how a code moves the logarithm of the step size (G.722
// tables 17 and 19).
var (
	steps4 = [16]int32{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	steps2 = [4]int32{798, -214, 798, -214}
)

// exponents are 2048 times the powers of 2 to i/32 (G.722 table 20).
var exponents = [32]int32{
	2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
	2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
}
