package media

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkCall measures processor time and memory for what a call asks of the
// plane from its first INVITE to its last BYE, 500 calls a second: two streams
// opened, applied, bridged, counted and closed.
func BenchmarkCall(b *testing.B) {
	const apart = 2 * time.Millisecond
	p := openPlane(b, func(c *Config) {
		c.PortMin, c.PortMax, c.Rest = 10000, 19999, 100*time.Millisecond
	})
	remote := netip.AddrPortFrom(p.config.Bind, 9)
	also := []netip.Addr{remote.Addr()}
	calls := make([][2]*Stream, b.N)
	steps := []func(c *[2]*Stream){ // 2 ms after one another
		func(c *[2]*Stream) { c[0] = mustOpen(b, p) },
		func(c *[2]*Stream) {
			_ = c[0].Apply(Params{Remote: remote, AlsoFrom: also, Send: true, Recv: true, DTMF: 101})
			c[1] = mustOpen(b, p)
		},
		func(c *[2]*Stream) {
			_ = c[1].Apply(Params{Remote: remote, AlsoFrom: also, Send: true, Recv: true, DTMF: 101})
			c[0].Bridge(c[1])
		},
		nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
		func(c *[2]*Stream) { c[0].Unbridge(); c[1].Close(); c[0].Close() },
		func(c *[2]*Stream) { c[0].Stats(); c[1].Stats() },
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := processTime()
	pace(b.N+len(steps), apart, func(i int) {
		for at, step := range steps {
			if n := i - at; step != nil && n >= 0 && n < len(calls) {
				step(&calls[n])
			}
		}
	})
	b.ReportMetric(float64(processTime()-before)/float64(time.Microsecond)/float64(b.N), "cpu-µs/call")
}

func mustOpen(b *testing.B, p *Plane) *Stream {
	s, err := p.NewStream(nil)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// processTime is the processor time that this process has used.
func processTime() time.Duration {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
