package media

import "time"

// MOS estimates what a listener thinks of a conversation, 1.0 (bad) to 4.5
// (best a telephone can be), from packet counts alone. It is ITU-T G.107 with
// its default values, of which only loss and delay vary:
//
//	R   = 93.2 - Id - Ie,eff
//	Id  = 0.024 d + 0.11 (d - 177.3) where d > 177.3 ms, the second part only there
//	Ie,eff = Ie + (95 - Ie) · Ppl / (Ppl/BurstR + Bpl)
//	MOS = 1 + 0.035 R + R (R - 60) (100 - R) · 7·10⁻⁶, from 1 to 4.5
//
// loss is the share of packets lost, 0 to 1. burst is the mean length of a run
// of lost packets over that of random loss (BurstR), at least 1. delay is d, the
// time from mouth to ear. codec is a name as in SDP; Ie and Bpl are those of
// ITU-T G.113 Appendix I for G.711 whose receiver conceals losses (0 and 25.1).
// G.722 has no place on this scale, which ends at telephone quality: it counts as
// Ie 0 with Bpl 4.3, the robustness of a codec without concealment.
func MOS(codec string, loss, burst float64, delay time.Duration) float64 {
	ie, bpl := impairment(codec)
	d := max(0, float64(delay)/float64(time.Millisecond))
	id := 0.024 * d
	if d > 177.3 {
		id += 0.11 * (d - 177.3)
	}
	ppl := 100 * max(0, min(1, loss))
	r := 93.2 - id - ie - (95-ie)*ppl/(ppl/max(1, burst)+bpl)
	switch {
	case r <= 6.5: // below, the polynomial falls under 1
		return 1
	case r >= 100:
		return 4.5
	}
	return 1 + 0.035*r + r*(r-60)*(100-r)*7e-6
}

// impairment is what a codec costs and how well it bears loss.
func impairment(codec string) (ie, bpl float64) {
	switch codec {
	case "PCMU", "PCMA", "pcmu", "pcma":
		return 0, 25.1
	}
	return 0, 4.3
}
