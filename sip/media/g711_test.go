package media

import "testing"

func TestLawsRoundTrip(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		b := byte(i)
		if got := EncodeULaw(DecodeULaw(b)); got != b && b != 0x7F { // 0x7F is the second zero
			t.Errorf("µ-law %#x becomes %#x", b, got)
		}
		if got := EncodeALaw(DecodeALaw(b)); got != b {
			t.Errorf("A-law %#x becomes %#x", b, got)
		}
	}
}

func TestLawsKnownValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ulaw, alaw byte
		u, a       int16
	}{
		{0xFF, 0xD5, 0, 8},
		{0x00, 0x2A, -32124, -32256},
		{0x80, 0xAA, 32124, 32256},
		{0xF0, 0xC5, 120, 264},
	} {
		if got := DecodeULaw(c.ulaw); got != c.u {
			t.Errorf("µ-law %#x is %d, want %d", c.ulaw, got, c.u)
		}
		if got := DecodeALaw(c.alaw); got != c.a {
			t.Errorf("A-law %#x is %d, want %d", c.alaw, got, c.a)
		}
	}
}

// Every sample must stay within half a quantisation step, and order must be kept.
func TestLawsQuantisation(t *testing.T) {
	t.Parallel()
	lastU, lastA := int16(-32768), int16(-32768)
	for v := -32768; v <= 32767; v++ {
		u, a := DecodeULaw(EncodeULaw(int16(v))), DecodeALaw(EncodeALaw(int16(v)))
		limit := max(8, v/16, -v/16)
		if d := int(u) - v; d > limit || -d > limit+8 && v > -32600 && v < 32600 {
			t.Fatalf("µ-law of %d is %d", v, u)
		}
		if d := int(a) - v; d > limit+8 || -d > limit+8 {
			t.Fatalf("A-law of %d is %d", v, a)
		}
		if u < lastU || a < lastA {
			t.Fatalf("order lost at %d", v)
		}
		lastU, lastA = u, a
	}
}

func TestLawsTables(t *testing.T) {
	t.Parallel()
	l := newLaws()
	b := []byte{0xFF, 0x80, 0x00}
	l.convert(b, PCMA)
	if want := "\xd5\xaa\x2a"; string(b) != want {
		t.Errorf("to A-law: % x, want % x", b, want)
	}
	l.convert(b, PCMU)
	if want := "\xfe\x80\x00"; string(b) != want {
		t.Errorf("and back: % x, want % x", b, want)
	}
}
