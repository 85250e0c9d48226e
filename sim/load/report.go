package load

import (
	"math"
	"slices"
	"time"
)

// Times are durations to be summed up.
type Times []time.Duration

// Quantile returns the time that the share q, 0..1, of all stayed within; 0 of
// none.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	if !slices.IsSorted(t) {
		slices.Sort(t)
	}
	return t[min(len(t)-1, int(math.Ceil(q*float64(len(t))))-1+btoi(q == 0))]
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// passage is one packet that came back.
type passage struct {
	at   int64 // sent, ns of the wall clock
	took int64 // ns
}

// Report is what a [Voice] saw while it ran.
type Report struct {
	Sent   int64 // packets
	Back   int64 // of them, came out at the other party
	Lost   int64 // missing between two counters that came
	Queued int64 // behind the last counter that came: still on the way, or lost
	Astray int64 // came out at a party they were not meant for
	Early  int64 // came before an older one
	// LateTicks counts how often the generator itself was late by more than 1 ms.
	LateTicks int64
	passages  []passage
	beats     []beat
}

// beat is a packet of the other side's own, such as one of a prompt.
type beat struct {
	party, seq uint16
	at         int64 // came, ns of the wall clock
}

// Latency returns the times on the way, from just before the sending to the
// arrival in the socket of the other party.
func (r *Report) Latency() Times {
	out := make(Times, len(r.passages))
	for i, p := range r.passages {
		out[i] = time.Duration(p.took)
	}
	return out
}

// Settled returns how long after t the latency came down for good: the sending
// time of the last packet, later than t, that belongs to a tenth of a second in
// which more than 1 % took longer than limit. 0 = at once.
func (r *Report) Settled(t time.Time, limit time.Duration) time.Duration {
	const slice = int64(100 * time.Millisecond)
	type bin struct{ all, slow int }
	bins := map[int64]*bin{}
	last := time.Duration(0)
	from := t.UnixNano()
	for _, p := range r.passages {
		if p.at < from {
			continue
		}
		b := bins[(p.at-from)/slice]
		if b == nil {
			b = &bin{}
			bins[(p.at-from)/slice] = b
		}
		b.all++
		if p.took > int64(limit) {
			b.slow++
		}
	}
	for i, b := range bins {
		if b.slow*100 > b.all {
			last = max(last, time.Duration((i+1)*slice))
		}
	}
	return last
}

// Lateness returns how late the packets came that the other side made itself, a
// prompt's for one: behind a clock of 20 ms for each sequence number that goes
// by the earliest of its party.
func (r *Report) Lateness() Times {
	type track struct {
		at0    int64
		seq0   uint16
		least  int64
		behind []int64
	}
	tracks := map[uint16]*track{}
	for _, b := range r.beats {
		t := tracks[b.party]
		if t == nil {
			t = &track{at0: b.at, seq0: b.seq}
			tracks[b.party] = t
		}
		behind := b.at - t.at0 - int64(int16(b.seq-t.seq0))*int64(20*time.Millisecond)
		t.least = min(t.least, behind)
		t.behind = append(t.behind, behind)
	}
	out := make(Times, 0, len(r.beats))
	for _, t := range tracks {
		for _, b := range t.behind {
			out = append(out, time.Duration(b-t.least))
		}
	}
	return out
}
