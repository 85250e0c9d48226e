package store_test

import (
	"fmt"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store/storetest"
)

// One reservation and its release, caps included.
func BenchmarkReserve(b *testing.B) {
	s := storetest.Open(b, patient)
	target := &ringbid.Target{Name: "line", Concurrency: 100, Caps: []ringbid.Cap{{On: "attempt", Per: "day", Limit: 1 << 40}, {On: "convert", Per: "day", Limit: 1 << 40}}}
	for i := 0; b.Loop(); i++ {
		id := fmt.Sprint(i)
		if err := s.Reserve(b.Context(), id, target); err != nil {
			b.Fatal(err)
		}
		s.Release(b.Context(), id, target.Name)
	}
}

// One whole call, on disk and committed.
func BenchmarkSettle(b *testing.B) {
	s := storetest.Open(b, patient)
	for i := 0; b.Loop(); i++ {
		if err := s.Settle(b.Context(), bridged(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
}
