package media

import (
	"testing"
	"time"
)

func TestReceptionCounts(t *testing.T) {
	t.Parallel()
	var r reception
	at := int64(time.Second)
	feed := func(ssrc uint32, seq uint16) {
		r.add(rtpPacket{ssrc: ssrc, seq: seq, ts: uint32(seq) * 160, to: 160}, true, at)
		at += 20 * tick
	}
	for i := range 100 {
		if seq := uint16(65500 + i); i%10 != 5 {
			feed(1, seq)
		}
	}
	if r.lost() != 10 || r.packets != 90 || r.bytes != 90*160 {
		t.Errorf("lost %d of %d packets, %d bytes; want 10 of 90", r.lost(), r.packets, r.bytes)
	}
	if b := r.report(at); b.fraction != 256*10/100 || b.lost != 10 || b.highest != 65536+63 {
		t.Errorf("report %+v", b)
	}
	if b := r.report(at); b.fraction != 0 {
		t.Errorf("nothing new, yet fraction %d", b.fraction)
	}
	feed(2, 7) // another source does not count as loss
	feed(2, 9)
	feed(2, 8)
	feed(2, 20000) // nor does a jump
	if r.lost() != 10 {
		t.Errorf("lost %d, want 10", r.lost())
	}
}

func TestReceptionJitter(t *testing.T) {
	t.Parallel()
	var even, shaken reception
	at := int64(time.Second)
	for i := range 500 {
		p := rtpPacket{seq: uint16(i), ts: uint32(i) * 160}
		even.add(p, true, at)
		shaken.add(p, true, at+int64(i%2)*10*tick)
		at += 20 * tick
	}
	if even.jitterTime() != 0 {
		t.Errorf("even stream has jitter %v", even.jitterTime())
	}
	if j := shaken.jitterTime(); j < 9*time.Millisecond || j > 11*time.Millisecond {
		t.Errorf("jitter %v of a stream that varies by 10 ms", j)
	}
}
