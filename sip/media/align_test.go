package media

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAlignerPlacesByTimestamp(t *testing.T) {
	t.Parallel()
	var a aligner
	var got []int64
	for _, p := range []struct {
		ts   uint32
		wall int64
	}{
		{1000, 500},
		{1160, 700},  // 5 ms late
		{1480, 1000}, // one missing, 20 samples of jitter
		{1320, 1010}, // which comes now
		{1640, 2000}, // 100 ms late
		{1800, 2001},
		{1960, 2002},
	} {
		got = append(got, a.place(p.ts, false, p.wall))
	}
	if diff := cmp.Diff([]int64{500, 660, 980, 820, 1140, 1300, 1460}, got); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
}

func TestAlignerFollowsTheWall(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct{ perFrame, pauseAt, pause int64 }{
		"sender 0.5 % slow":             {perFrame: 20_100_000},
		"sender 0.5 % fast":             {perFrame: 19_900_000},
		"timestamps stand for 10 s":     {perFrame: 20_000_000, pauseAt: 500, pause: 10_000_000_000},
		"timestamps stand still 300 ms": {perFrame: 20_000_000, pauseAt: 500, pause: 300_000_000},
	} {
		var a aligner
		at := int64(0)
		ts := uint32(0xFFFFF000)
		for i := range int64(6000) {
			if i == c.pauseAt {
				at += c.pause
			}
			wall := (at + random.Int64N(15_000_000)) / nsPerSample
			pos := a.place(ts, false, wall)
			if off := pos - at/nsPerSample; (off < -alignSlack-160 || off > alignSlack+160) && (i < c.pauseAt || i > c.pauseAt+alignWindow*2) {
				t.Fatalf("%s: frame %d is %d samples off", name, i, off)
			}
			at += c.perFrame
			ts += 160
		}
	}
}

func TestAlignerUsesMarker(t *testing.T) {
	t.Parallel()
	var a aligner
	a.place(0, true, 0)
	if got := a.place(160, true, 4000); got != 4000 {
		t.Errorf("talk spurt placed at %d, want 4000", got)
	}
}
