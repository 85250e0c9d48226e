package recording

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// TestRecordStreams records a stream whose peer plays one tone while a prompt
// with another is played to it, over real sockets.
func TestRecordStreams(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("talks for seconds")
	}
	plane, err := media.Open(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), PortMin: 28_000, PortMax: 29_999})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plane.Close() })
	var ends [2]*media.Stream
	for i := range ends {
		if ends[i], err = plane.NewStream(nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range ends {
		s.Apply(media.Params{Remote: ends[1-i].Local(), Send: true, Recv: true, Codec: media.PCMU})
	}
	tone := func(hz float64) *media.Clip {
		return media.Tone([]float64{hz}, time.Second, 0, time.Second, 0.5)
	}
	r := setup(t, Config{})
	f := start(t, r, "call")
	ends[0].Tap(f)
	began := time.Now()
	ends[1].Play(tone(600), true)  // the caller
	ends[0].Play(tone(1000), true) // the prompt
	until(t, "two seconds are over", func() bool { return time.Since(began) > 2*time.Second })
	f.Close()
	took := time.Since(began)
	rec := seal(t, f)
	if diff := took - time.Duration(rec.MS)*time.Millisecond; diff < -100*time.Millisecond || diff > 100*time.Millisecond {
		t.Errorf("%d ms recorded in %s", rec.MS, took)
	}
	data := load(t, rec)
	var sides [2][]byte
	for i, b := range data[:len(data)/2*2] {
		sides[i%2] = append(sides[i%2], b)
	}
	for ch, hz := range [2]float64{600, 1000} {
		middle := sides[ch][len(sides[ch])/4:]
		if own, other := media.TonePower(middle[:8000], hz), media.TonePower(middle[:8000], 1600-hz); own < 0.9 || other > 0.05 {
			t.Errorf("channel %d holds %.2f of its own tone and %.2f of the other", ch, own, other)
		}
	}
	if rec.Dropped != 0 {
		t.Errorf("%d samples dropped", rec.Dropped)
	}
}
