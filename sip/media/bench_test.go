package media

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkRelay measures the processor time of the media thread per relayed
// packet, beside the floor of the same run.
func BenchmarkRelay(b *testing.B) { benchmarkRelay(b, false) }

// BenchmarkRelayTapped is BenchmarkRelay with a tap on every call.
func BenchmarkRelayTapped(b *testing.B) { benchmarkRelay(b, true) }

func benchmarkRelay(b *testing.B, tapped bool) {
	for _, poll := range []bool{false, true} {
		for _, calls := range []int{100, 500} {
			b.Run(fmt.Sprintf("calls=%d/poll=%v", calls, poll), func(b *testing.B) {
				procs := runtime.GOMAXPROCS(runtime.NumCPU() + 2) // as the program does
				defer runtime.GOMAXPROCS(procs)
				compareRelay(b, calls, poll, tapped)
			})
		}
	}
}

// compareRelay sends b.N packets through the plane and as many through the
// floor, in turns of a quarter of a second.
func compareRelay(b *testing.B, calls int, poll, tapped bool) {
	bare := newGenerator(b, 2*calls)
	base := newFloor(b, bare)
	r := newRig(b, calls, tapped, func(c *Config) { c.Poll = poll })
	r.gen.run(4 * calls) // latch
	turn := 25 * calls
	var relay, least time.Duration
	relayed, passed, sent := 0, 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for sent < b.N {
		n := min(turn, max(b.N-sent, 2*calls))
		before := base.cpu()
		passed += bare.run(n)
		least += base.cpu() - before

		before = r.streams[0].cpu()
		relayed += r.gen.run(n)
		relay += r.streams[0].cpu() - before
		sent += n
	}
	b.StopTimer()
	if relayed < sent-sent/100 || passed < sent-sent/100 {
		b.Errorf("%d packets relayed, %d by the floor, of %d", relayed, passed, sent)
	}
	perRelay := float64(relay) / float64(time.Microsecond) / float64(max(1, relayed))
	perFloor := float64(least) / float64(time.Microsecond) / float64(max(1, passed))
	b.ReportMetric(perRelay, "cpu-µs/packet")
	b.ReportMetric(perFloor, "floor-µs/packet")
	b.ReportMetric(perRelay/perFloor, "x-floor")
	b.ReportMetric(100*float64(max(0, sent-relayed))/float64(max(1, sent)), "%-lost")
}

// A relayed and recorded packet allocates nothing. Not parallel: the counter
// is that of the whole process.
func TestRelayAllocatesNothing(t *testing.T) {
	r := newRig(t, 50, true, func(*Config) {})
	r.gen.run(500)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := r.gen.run(5000)
	runtime.ReadMemStats(&after)
	if n < 4990 {
		t.Errorf("%d of 5000 packets relayed", n)
	}
	if seen := r.sinks[0].seen.Load(); seen < 100 {
		t.Errorf("%d frames tapped", seen)
	}
	if allocs := after.Mallocs - before.Mallocs; allocs > 100 { // reports and the runtime's own
		t.Errorf("%d allocations for %d packets", allocs, n)
	}
}
