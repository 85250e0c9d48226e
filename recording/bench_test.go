package recording

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// BenchmarkFrame is what recording costs the media thread per packet of 20 ms:
// many calls, so that their rings are not in the cache, beside the floor of
// copying the same bytes.
func BenchmarkFrame(b *testing.B) {
	var payload [frame]byte
	for i := range payload {
		payload[i] = byte(i)
	}
	for _, calls := range []int{1, 200} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) {
			r := &Recorder{}
			r.chunks.level(int64(calls) * (ringFrames/chunkFrames + 1))
			files := make([]*File, calls)
			for i := range files {
				files[i] = newFile(r, "x", "x")
				files[i].begun.Store(1)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				f, pos := files[n/2%calls], int64(n/2/calls)*frame
				f.Frame(media.Channel(n%2), pos, payload[:])
				if behind := pos - f.ring.tail.Load(); behind > ringFrames/4 {
					f.ring.release(int(behind/2) * frameBytes)
				}
				n++
			}
		})
	}
	b.Run("floor", func(b *testing.B) {
		var to [frame]byte
		for b.Loop() {
			copy(to[:], payload[:])
		}
	})
}

// BenchmarkWriter is what recording costs the writer per packet of 20 ms, of
// 100 calls at the usual rhythm of 500 ms, with syncs left out and with them.
func BenchmarkWriter(b *testing.B) {
	const calls, rounds = 100, 25
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("sync=%t", sync), func(b *testing.B) {
			dir := b.TempDir()
			r := &Recorder{disk: realDisk{}}
			r.chunks.level(calls * (ringFrames/chunkFrames + 1))
			var err error
			if r.metrics, err = newMetrics(nil, r); err != nil {
				b.Fatal(err)
			}
			files := make([]*File, calls)
			for i := range files {
				files[i] = newFile(r, "x", filepath.Join(dir, fmt.Sprint(i)))
			}
			said, packets := int64(0), 0
			var spent time.Duration
			for b.Loop() {
				for _, f := range files {
					for n := range int64(rounds) {
						speak(f, said+n)
					}
				}
				said += rounds
				packets += 2 * rounds * calls
				began := time.Now()
				for _, f := range files {
					limit, _ := f.ring.take(0)
					if _, err := r.flush(f, limit); err != nil {
						b.Fatal(err)
					}
					if sync && said%(4*rounds) == 0 && f.handle != nil {
						if err := f.handle.sync(); err != nil {
							b.Fatal(err)
						}
					}
				}
				spent += time.Since(began)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/1000/float64(packets), "µs/packet")
			b.ReportMetric(0, "ns/op")
			for _, f := range files {
				_ = f.handle.Close()
			}
		})
	}
}

func TestFrameDoesNotAllocate(t *testing.T) {
	r := &Recorder{}
	r.chunks.level(2000)
	f := newFile(r, "x", "x")
	var payload [frame]byte
	pos := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		f.Frame(media.Rx, pos, payload[:])
		pos += frame
		f.ring.tail.Store(pos) // the memory is left behind: giving it back is the writer's
	}); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}
