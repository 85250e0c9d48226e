package media

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// written is a tap that keeps what it hears by position.
type written struct {
	audio []byte
	order []int64
}

func (w *written) Frame(ch Channel, pos int64, ulaw []byte) {
	if ch != Rx {
		return
	}
	for int64(len(w.audio)) < pos+int64(len(ulaw)) {
		w.audio = append(w.audio, 0xFF)
	}
	copy(w.audio[pos:], ulaw)
	w.order = append(w.order, pos)
}

// What is recorded is what was said, sample by sample, however the packets come.
func TestRecordingIsExact(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		arrival []int // packets in the order they arrive, 20 ms apart; -1 = nothing comes
	}{
		{"in order", []int{0, 1, 2, 3, 4, 5}},
		{"two change places", []int{0, 2, 1, 3, 4, 5}},
		{"one is three late", []int{0, 2, 3, 4, 1, 5}},
		{"one is very late", []int{0, 2, 3, 4, 5, 6, 7, 1}},
		{"one is lost", []int{0, 1, 3, 4, 5, 6, 7}},
		{"two are lost", []int{0, 3, 4, 5, 6, 7, 8}},
		{"five are lost", []int{0, -1, -1, -1, -1, -1, 6, 7}},
		{"all twice", []int{0, 0, 1, 1, 2, 2, 3, 3}},
		{"the last is held", []int{0, 1, 3, -1, -1, -1, -1}},
		{"turned round", []int{0, 3, 2, 1, 4, 5}},
	}
	for _, codec := range []Codec{PCMU, PCMA, G722} {
		for _, ms := range []int{10, 20, 30, 60} {
			for _, tt := range tests {
				t.Run(fmt.Sprintf("%v %d ms %s", codec, ms, tt.name), func(t *testing.T) {
					t.Parallel()
					recordExactly(t, codec, ms, tt.arrival)
				})
			}
		}
	}
}

func recordExactly(t *testing.T, codec Codec, ms int, arrival []int) {
	t.Helper()
	size := ms * samplesPerMS
	said := hum(codec, 1000, 12*ms)
	sh, st, _ := stillShard(Params{Codec: codec, Recv: true, Send: true}, Params{}, nil)
	st.peer = nil
	w := new(written)
	st.tap, st.tapStart = w, sh.now
	st.attend()
	base := sh.now
	came := map[int]bool{}
	for i, n := range arrival {
		// A packet that is early has not been waited for longer than it takes to speak.
		sh.now = max(sh.now, base+int64(max(i, n)*ms)*tick)
		if n >= 0 {
			came[n] = true
			arrive(sh, st, rtpPacket{pt: uint8(codec), ssrc: 5, seq: uint16(65533 + n), ts: uint32(n*size) - 300}, said[n*size:(n+1)*size])
		}
		if l := st.listener; l.held > 0 && sh.now-l.since >= listenWait {
			st.listenFlush(sh)
		}
	}
	sh.now += 4 * listenWait
	st.serve(sh, sh.now)
	dec := newG722Decoder()
	for n := range 12 {
		behind := slices.Index(arrival, n) - n // its place in the decoding may have passed
		late := codec == G722 && (behind > listenSlots || int64(behind*ms)*tick > listenWait) && !slices.Contains(w.order, int64(n*size))
		if !came[n] || late || (n+1)*size > len(w.audio) && !came[n] {
			continue
		}
		if len(w.audio) < (n+1)*size {
			t.Fatalf("packet %d is not recorded", n)
		}
		for i, b := range said[n*size : (n+1)*size] {
			want := b
			switch codec {
			case PCMA:
				want = EncodeULaw(DecodeALaw(b))
			case G722:
				want = EncodeULaw(dec.decode(b))
			}
			if got := w.audio[n*size+i]; got != want {
				t.Fatalf("sample %d of packet %d is %#x, not %#x", i, n, got, want)
			}
		}
	}
}

// Whatever arrives, in whatever order, nothing is held for ever and nothing breaks.
func FuzzListener(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4})
	f.Add([]byte{4, 3, 2, 1, 0, 200, 100, 0, 0})
	f.Fuzz(func(t *testing.T, seqs []byte) {
		random := rand.New(rand.NewPCG(3, 4))
		sh, st, _ := stillShard(Params{Codec: G722, Recv: true, Detect: true}, Params{}, nil)
		st.peer = nil
		st.tap = new(written)
		st.attend()
		for _, s := range seqs {
			arrive(sh, st, rtpPacket{pt: 9, ssrc: 1, seq: uint16(s), ts: uint32(s) * 160}, make([]byte, random.IntN(1400)))
			sh.now += 20 * tick
			if st.listener.held < 0 || st.listener.held >= listenSlots {
				t.Fatalf("%d packets held", st.listener.held)
			}
		}
		sh.now += 2 * listenWait
		st.to = nil
		st.serve(sh, sh.now)
		if st.listener.held != 0 {
			t.Errorf("%d packets held after the wait", st.listener.held)
		}
	})
}
