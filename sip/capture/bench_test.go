package capture

import (
	"testing"

	"github.com/ringbid/ringbid/sip/media"
)

// BenchmarkHeader is what a captured packet costs: taken on the media thread,
// then written into a record.
func BenchmarkHeader(b *testing.B) {
	r := &ring{local: us}
	header := make([]byte, 12)
	var out []byte
	b.ReportAllocs()
	for i := range b.N {
		r.Header(media.Rx, 1, them, header, 172)
		if i%50 == 49 {
			out = r.drain(out[:0])
		}
	}
}
