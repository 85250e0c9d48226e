package recording

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// filledRing has all the memory it can use.
func filledRing() *ring {
	p := &pool{}
	p.level(ringFrames/chunkFrames + 1)
	return &ring{pool: p}
}

// drain takes and releases everything that the ring lets go of and returns it.
func drain(t *testing.T, r *ring, wall int64) []byte {
	t.Helper()
	limit, ok := r.take(wall)
	if !ok {
		t.Fatal("ring busy without a writer")
	}
	return takeUpTo(r, limit)
}

func takeUpTo(r *ring, limit int64) []byte {
	var out []byte
	page := make([]byte, 5000)
	for b := r.next(limit, page); len(b) > 0; b = r.next(limit, page) {
		out = append(out, b...)
		r.release(len(b))
	}
	return out
}

// TestRingAgainstModel puts frames of random length, order and lateness and
// compares what comes out with a plain slice.
func TestRingAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := filledRing()
		var model, got []byte
		var head int64
		for n := range 3000 {
			pos := max(0, head+rnd.Int64N(600)-250)
			ch := uint8(rnd.IntN(2))
			frame := make([]byte, 1+rnd.IntN(320))
			for i := range frame {
				frame[i] = byte(rnd.Uint32())
			}
			want := kept
			if pos < int64(len(got)/2) {
				want = late
			}
			mute := rnd.IntN(10) == 0
			r.quiet[ch].Store(0)
			if mute {
				r.quiet[ch].Store(shut)
			}
			if fate := r.put(ch, pos, frame); fate != want {
				t.Fatalf("seed %d: put at %d with %d taken: fate %d, want %d", seed, pos, len(got)/2, fate, want)
			}
			if want == late {
				continue
			}
			for end := 2 * (pos + int64(len(frame))); int64(len(model)) < end; {
				model = append(model, silence)
			}
			if !mute {
				for i, b := range frame {
					model[2*(pos+int64(i))+int64(ch)] = b
				}
			}
			head = max(head, pos+int64(len(frame)))
			if n%20 == 0 || rnd.IntN(20) == 0 {
				got = append(got, drain(t, r, 0)...)
			}
		}
		limit, ok := r.close()
		if !ok {
			t.Fatal("ring busy")
		}
		got = append(got, takeUpTo(r, limit)...)
		if !bytes.Equal(got, model) {
			t.Fatalf("seed %d: %d bytes came out that are not the %d put in", seed, len(got), len(model))
		}
		if fate := r.put(0, limit, []byte{1}); fate != over {
			t.Fatalf("put into a closed ring: fate %d", fate)
		}
	}
}

func TestRingOverflowLosesOnlyTheOverflow(t *testing.T) {
	t.Parallel()
	r := filledRing()
	frame := bytes.Repeat([]byte{7}, 160)
	var fates [4]int
	const frames = 2 * ringFrames / 160
	for i := range int64(frames) {
		fates[r.put(0, 160*i, frame)]++
	}
	fit := ringFrames / 160
	if diff := cmp.Diff([4]int{kept: fit, full: frames - fit}, fates); diff != "" {
		t.Fatal(diff)
	}
	got := drain(t, r, 0)
	for i := 0; i < len(got); i += 2 {
		want := byte(7)
		if i/2 >= fit*160 {
			want = silence
		}
		if got[i] != want || got[i+1] != silence {
			t.Fatalf("position %d: %x %x, want %x ff", i/2, got[i], got[i+1], want)
		}
	}
	if fate := r.put(0, frames*160, frame); fate != kept {
		t.Fatalf("after room was made: fate %d", fate)
	}
}

// TestRingWithoutMemory loses what there is no memory for, and only that.
func TestRingWithoutMemory(t *testing.T) {
	t.Parallel()
	p := &pool{}
	p.level(1)
	r := &ring{pool: p}
	frame := bytes.Repeat([]byte{7}, chunkFrames)
	fates := []fate{r.put(0, 0, frame), r.put(0, chunkFrames, frame), r.put(0, 2*chunkFrames, frame)}
	if diff := cmp.Diff([]fate{kept, full, full}, fates); diff != "" {
		t.Fatal(diff)
	}
	got := drain(t, r, 60*sampleRate)
	for i := 0; i < len(got); i += 2 {
		if want := byte(7); i/2 >= chunkFrames && got[i] == want || i/2 < chunkFrames && got[i] != want {
			t.Fatalf("position %d: %x", i/2, got[i])
		}
	}
	if p.n.Load() != 1 {
		t.Errorf("%d chunks came back", p.n.Load())
	}
	if fate := r.put(0, 60*sampleRate, frame[:160]); fate != kept {
		t.Errorf("after memory came back: fate %d", fate)
	}
}

// TestPool has several take and put at once; none may hold what another holds.
func TestPool(t *testing.T) {
	t.Parallel()
	p := &pool{}
	p.level(8)
	var all sync.WaitGroup
	for me := range byte(4) {
		all.Go(func() {
			for range 20_000 {
				c := p.take()
				if c == nil {
					continue
				}
				c[0] = me
				runtime.Gosched()
				if c[0] != me {
					t.Error("a chunk is held twice")
				}
				p.put(c)
			}
		})
	}
	all.Wait()
	if p.n.Load() != 8 {
		t.Errorf("%d chunks are left", p.n.Load())
	}
	p.level(2)
	if p.n.Load() != 4 {
		t.Errorf("%d chunks after levelling to 2", p.n.Load())
	}
}

// TestRingIdle has nothing arrive for a minute: the writer keeps up with the
// clock, so that the next frame finds room.
func TestRingIdle(t *testing.T) {
	t.Parallel()
	r := filledRing()
	frame := bytes.Repeat([]byte{7}, 160)
	r.put(1, 0, frame)
	got := drain(t, r, 60*sampleRate)
	if want := 2 * (60*sampleRate - idleSlack); len(got) > want || len(got) <= want-block || offset(int64(len(got)/2))%block != 0 {
		t.Fatalf("%d bytes taken of an idle minute, want whole blocks of %d", len(got), want)
	}
	if fate := r.put(0, 60*sampleRate, frame); fate != kept {
		t.Fatalf("first frame after a silent minute: fate %d", fate)
	}
	if fate := r.put(0, maxFrames-1, frame); fate != full {
		t.Fatalf("frame behind the longest recording: fate %d", fate)
	}
}

func TestWeave(t *testing.T) {
	t.Parallel()
	a, b := make([]byte, 40), make([]byte, 40)
	for i := range a {
		a[i], b[i] = byte(3*i+1), byte(5*i+128)
	}
	for n := range 20 {
		for from := range 9 {
			got, want := make([]byte, 2*n), make([]byte, 0, 2*n)
			weave(got, a[from:], b[from:])
			for i := range n {
				want = append(want, a[from+i], b[from+i])
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%d samples from %d: % x, want % x", n, from, got, want)
			}
		}
	}
}

// TestRingIsCompact has what put looks at for each packet fit a line of the
// cache, with the 8 bytes that the allocator puts before a large object.
func TestRingIsCompact(t *testing.T) {
	t.Parallel()
	if end := unsafe.Offsetof(ring{}.nearAt) + unsafe.Sizeof(ring{}.nearAt); end > 56 {
		t.Errorf("a packet needs the first %d bytes of a ring, more than 56", end)
	}
	if at := unsafe.Offsetof(File{}.ring); at != 0 {
		t.Errorf("the ring begins at byte %d of its file", at)
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	for n := range 70 {
		b := make([]byte, n+1)
		fill(b[:n])
		if !bytes.Equal(b, append(bytes.Repeat([]byte{silence}, n), 0)) {
			t.Fatalf("fill of %d bytes: %x", n, b)
		}
	}
}
