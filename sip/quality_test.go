package sip

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

func TestQuality(t *testing.T) {
	t.Parallel()
	st := media.Stats{
		Received: 980, Lost: 20, LostRuns: 4, JitterMean: 3 * time.Millisecond, JitterMax: 9 * time.Millisecond,
		PeerReports: 2, PeerOf: 1000, PeerLost: 10, PeerJitterSum: 8 * time.Millisecond, PeerJitterMax: 5 * time.Millisecond,
		RTT: 80 * time.Millisecond,
	}
	in := ringbid.Quality{Packets: 1000, Lost: 20, LossPercent: 2, JitterMS: 3, JitterMaxMS: 9, MOS: 4.17}
	out := ringbid.Quality{Packets: 1000, Lost: 10, LossPercent: 1, JitterMS: 4, JitterMaxMS: 5, MOS: 4.28}
	if diff := cmp.Diff([]ringbid.Quality{in, out}, []ringbid.Quality{heardOf(st, "pcmu"), reportedOf(st, "pcmu")}); diff != "" {
		t.Error(diff)
	}
	if q := heardOf(media.Stats{}, "pcmu"); q != (ringbid.Quality{}) {
		t.Errorf("nothing heard: %+v", q)
	}
	if q := reportedOf(media.Stats{Received: 5}, "pcmu"); q != (ringbid.Quality{}) || q.Word() != "" {
		t.Errorf("nothing reported: %+v", q)
	}
	if q := heardOf(media.Stats{Received: 5, Lost: -3}, "pcmu"); q.Lost != 0 || q.LossPercent != 0 || q.Word() != "good" {
		t.Errorf("duplicates: %+v", q)
	}
	if q := reportedOf(media.Stats{PeerReports: 1, PeerOf: 10, PeerLost: 1 << 22}, "pcmu"); q.Lost != 10 || q.MOS > 1.6 {
		t.Errorf("a peer that counts wrong: %+v", q)
	}
}
