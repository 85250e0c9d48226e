package sip

import (
	"math"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// packetTime is how much audio a packet usually carries.
const packetTime = 20 * time.Millisecond

// heardOf is the quality of what we received.
func heardOf(st media.Stats, codec string) ringbid.Quality {
	lost := max(0, st.Lost)
	q := ringbid.Quality{
		Packets: st.Received + uint64(lost), Lost: uint64(lost),
		JitterMS: inMS(st.JitterMean), JitterMaxMS: inMS(st.JitterMax),
	}
	return judged(q, codec, burstRatio(lost, st.LostRuns, q.Packets), mouthToEar(st.RTT, st.JitterMean))
}

// reportedOf is the quality of what we sent, as the peer's reports say. They do
// not tell bursts from random loss.
func reportedOf(st media.Stats, codec string) ringbid.Quality {
	if st.PeerReports == 0 {
		return ringbid.Quality{}
	}
	mean := st.PeerJitterSum / time.Duration(st.PeerReports)
	q := ringbid.Quality{
		Packets: st.PeerOf, Lost: min(st.PeerOf, uint64(max(0, st.PeerLost))),
		JitterMS: inMS(mean), JitterMaxMS: inMS(st.PeerJitterMax),
	}
	return judged(q, codec, 1, mouthToEar(st.RTT, mean))
}

// judged fills in the share lost and the opinion of a listener.
func judged(q ringbid.Quality, codec string, burst float64, d time.Duration) ringbid.Quality {
	if q.Packets == 0 {
		return q
	}
	loss := float64(q.Lost) / float64(q.Packets)
	q.LossPercent = rounded(100 * loss)
	q.MOS = rounded(media.MOS(codec, loss, burst, d))
	return q
}

// burstRatio is BurstR of ITU-T G.107: the mean run of lost packets over what
// it would be were each lost by chance.
func burstRatio(lost int64, runs, packets uint64) float64 {
	if lost <= 0 || runs == 0 || packets == 0 {
		return 1
	}
	return max(1, float64(lost)/float64(runs)*(1-float64(lost)/float64(packets)))
}

// mouthToEar is about how old the audio is when it is heard: half a round trip, a
// packet's worth, and a jitter buffer of twice the jitter.
func mouthToEar(roundTrip, jitter time.Duration) time.Duration {
	return roundTrip/2 + packetTime + 2*jitter
}

func inMS(d time.Duration) float64 { return rounded(float64(d) / float64(time.Millisecond)) }

func rounded(v float64) float64 { return math.Round(100*v) / 100 }
