package media

import (
	"math"
	"testing"
	"time"
)

// The figures are those of ITU-T G.107 Annex B and G.109: R 93.2 is 4.41, 80 is
// 4.02, 70 is 3.60, 60 is 3.10, 50 is 2.58.
func TestMOS(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		codec       string
		loss, burst float64
		delay       time.Duration
		want        float64
	}{
		{"perfect", "pcmu", 0, 1, 0, 4.41},
		{"a telephone across a country", "PCMA", 0, 1, 100 * time.Millisecond, 4.36},
		{"one percent lost", "pcmu", 0.01, 1, 0, 4.32},
		{"five percent lost", "pcmu", 0.05, 1, 0, 3.92},
		{"five percent lost in bursts", "pcmu", 0.05, 3, 0, 3.84},
		{"one percent lost without concealment", "g722", 0.01, 1, 0, 3.83},
		{"a satellite", "pcmu", 0, 1, 600 * time.Millisecond, 1.71},
		{"half lost", "pcmu", 0.5, 1, 0, 1.61},
		{"everything lost late", "g722", 1, 1, 5 * time.Second, 1},
		{"nonsense", "pcmu", -3, -1, -time.Second, 4.41},
		{"more nonsense", "pcmu", 7, 0, 0, 1.18},
	}
	for _, tt := range tests {
		if got := MOS(tt.codec, tt.loss, tt.burst, tt.delay); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("%s: %.3f, want %.2f", tt.name, got, tt.want)
		}
	}
	for r := range 1000 {
		if m := MOS("pcmu", float64(r)/1000, 1, time.Duration(r)*time.Millisecond); m < 1 || m > 4.5 {
			t.Errorf("step %d: %v", r, m)
		}
	}
}

// Jitter is measured by timestamps, so that the length of packets does not
// matter, and is 0 for a steady source whatever that is; a wrap of the sequence
// number loses nothing, and bursts are counted as such.
func TestReceptionByPacketTime(t *testing.T) {
	t.Parallel()
	for _, ptime := range []int64{10, 20, 30, 40, 60} {
		var steady, shaky reception
		for i := range int64(500) {
			at := i * ptime * int64(time.Millisecond)
			p := rtpPacket{seq: uint16(65_400 + i), ts: uint32(i * ptime * 8), ssrc: 1}
			steady.add(p, true, at)
			if i >= 200 && i < 205 || i == 300 {
				continue // two runs of six packets
			}
			shaky.add(p, true, at+i%2*8*int64(time.Millisecond))
		}
		if steady.jitter != 0 || steady.lost() != 0 || steady.runs != 0 || steady.expected() != 500 {
			t.Errorf("%d ms, steady: jitter %v, lost %d", ptime, steady.jitterTime(), steady.lost())
		}
		if got := asTime(shaky.jitterMean()); got < 7*time.Millisecond || got > 9*time.Millisecond {
			t.Errorf("%d ms, 8 ms of jitter: mean %v", ptime, got)
		}
		if top := asTime(shaky.jitterTop); top < shaky.jitterTime() || shaky.lost() != 6 || shaky.runs != 2 {
			t.Errorf("%d ms: highest jitter %v, %d lost in %d runs", ptime, top, shaky.lost(), shaky.runs)
		}
		if r := shaky.report(1); r.lost != 6 || r.fraction != uint8(6*256/500) || r.highest != 65_400+499 {
			t.Errorf("%d ms: report %+v", ptime, r)
		}
	}
}
