package media

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// tape lays frames out as a recording would, 0xFF where nothing was said.
func tape(frames []tapped, ch Channel) []byte {
	var out []byte
	for _, f := range frames {
		if f.Ch != ch {
			continue
		}
		if end := int(f.Pos) + len(f.Ulaw); end > len(out) {
			out = append(out, bytes.Repeat([]byte{0xFF}, end-len(out))...)
		}
		copy(out[f.Pos:], f.Ulaw)
	}
	return out
}

// edges are the positions where a mark begins and ends.
func edges(audio []byte, mark byte) (first, last int) {
	return bytes.IndexByte(audio, mark), bytes.LastIndexByte(audio, mark) + 1
}

func TestTapAlignsBothChannels(t *testing.T) {
	t.Parallel()
	calmly(t, tapBoth)
}

// tapBoth compares where a tap puts prompts and both parties with when they spoke.
func tapBoth(t testing.TB) *Plane {
	c := newBridged(t)
	tap := new(recorder)
	params := both(c.buyer)
	params.Codec = PCMA
	c.b.Apply(params)
	c.a.Tap(tap)
	c.a.Stats()
	start := time.Now()
	at := func(when time.Time) int { return samplesIn(when.Sub(start)) }

	prompt := time.Now()
	c.a.Play(ClipFromULaw(bytes.Repeat([]byte{40}, 2400)), false)
	await(t, c.aEv, PlayDone)
	c.bridge()
	talk, first := time.Now(), c.alice.ts
	pace(30, 20*time.Millisecond, func(i int) {
		switch {
		case i == 10: // lost
			c.alice.seq++
			c.alice.ts += 160
		case i < 20:
			c.alice.voice(c.a, 0, byte(50+i/10))
		default: // DTX, with the clock running on
			c.alice.ts += 160
		}
		c.buyer.voice(c.b, 8, EncodeALaw(4000))
	})
	again := time.Now()
	c.alice.ts = first + uint32(at(again)-at(talk)) // a busy machine may have kept us waiting
	c.alice.voice(c.a, 0, 60)
	c.a.Unbridge()
	closing := time.Now()
	c.a.Play(ClipFromULaw(bytes.Repeat([]byte{41}, 800)), false)
	await(t, c.aEv, PlayDone)

	frames := tap.all()
	rx, tx := tape(frames, Rx), tape(frames, Tx)
	near := func(what string, got, want int) {
		t.Helper()
		if d := got - want; d < -320 || d > 480 { // 20 ms of alignment, 20 ms until the wheel comes round, the test's own delay
			t.Errorf("%s at %d, want about %d", what, got, want)
		}
	}
	from, to := edges(tx, 40)
	near("prompt", from, at(prompt))
	if to-from != 2400 {
		t.Errorf("prompt lasts %d samples, want 2400", to-from)
	}
	from, to = edges(rx, 50)
	near("caller", from, at(talk))
	if to-from != 1600 {
		t.Errorf("ten frames last %d samples", to-from)
	}
	next, _ := edges(rx, 51)
	if next-to != 160 {
		t.Errorf("the lost frame leaves %d samples, want 160", next-to)
	}
	from, _ = edges(rx, 60)
	near("caller after DTX", from, at(again))
	agent := EncodeULaw(DecodeALaw(EncodeALaw(4000)))
	from, to = edges(tx, agent)
	near("agent", from, at(talk))
	if to-from < 4640 || to-from > 4960 {
		t.Errorf("30 frames of the agent last %d samples", to-from)
	}
	from, _ = edges(tx, 41)
	near("closing prompt", from, at(closing))

	c.a.Tap(nil)
	c.a.Stats()
	n := len(tap.all())
	c.alice.talk(c.a, 3, 1)
	if more := len(tap.all()); more != n {
		t.Errorf("%d frames after the tap was removed", more-n)
	}
	return c.plane
}

func TestTapLeavesOutKeys(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	tap := new(recorder)
	c.a.Tap(tap)
	c.b.Tap(new(recorder))
	c.bridge()
	c.alice.voice(c.a, 0, 1)
	damage{body: 3, ends: 3}.press(c.alice, c.a, 101, 7)
	c.a.SendDigits("5")
	await(t, c.aEv, DigitsSent)
	for _, f := range tap.all() {
		if len(f.Ulaw) != 160 || slices.Max(f.Ulaw) != 1 {
			t.Errorf("recorded on channel %d: % x", f.Ch, f.Ulaw[:4])
		}
	}
}

// A tap hears µ-law, whatever is on the wire, in both directions.
func TestTapConvertsALaw(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	params := both(c.alice)
	params.Codec = PCMA
	c.a.Apply(params)
	tap := new(recorder)
	c.a.Tap(tap)
	c.bridge()
	pace(5, 20*time.Millisecond, func(int) {
		c.alice.voice(c.a, 8, EncodeALaw(4000))
		c.buyer.voice(c.b, 0, EncodeULaw(-4000))
	})
	eventually(t, "both channels", func() bool { return len(tape(tap.all(), Rx)) > 0 && len(tape(tap.all(), Tx)) > 0 })
	for _, f := range tap.all() {
		want := int16(4000)
		if f.Ch == Tx {
			want = -want
		}
		if got := DecodeULaw(f.Ulaw[80]); got < want-130 || got > want+130 {
			t.Errorf("channel %d hears %d, want about %d", f.Ch, got, want)
		}
	}
	if got := c.buyer.all(); DecodeULaw(got[len(got)-1].payload[0]) < 3800 {
		t.Error("the tap's conversion shows in what is relayed")
	}
}

// bomb is a tap with a defect.
type bomb struct{}

func (bomb) Frame(Channel, int64, []byte) { panic("no disk") }

func TestTapThatPanicsIsDropped(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	c.a.Tap(bomb{})
	c.bridge()
	c.alice.talk(c.a, 5, 9)
	eventually(t, "the call goes on", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 9) })
	if n := c.plane.metrics.counters.panics.Load(); n != 1 {
		t.Errorf("%d panics, want 1", n)
	}
	c.a.Tap(bomb{})
	c.alice.talk(c.a, 3, 9)
	ended(t, c.a) // once more is too often
	if open, _ := c.plane.Load(); open != 1 {
		t.Errorf("%d streams open, want the other one", open)
	}
}
