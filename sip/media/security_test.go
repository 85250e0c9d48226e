package media

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// evil marks what must never arrive anywhere.
const evil = 0x66

// recorder is a tap that keeps what it hears.
type recorder struct {
	mu     sync.Mutex
	frames []tapped
}

type tapped struct {
	Ch   Channel
	Pos  int64
	Ulaw []byte
	at   time.Time
}

func (r *recorder) Frame(ch Channel, pos int64, ulaw []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = append(r.frames, tapped{ch, pos, bytes.Clone(ulaw), time.Now()})
}

func (r *recorder) all() []tapped {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.frames)
}

// attack is a stranger who floods a stream with audio and keys from several
// sources until it is stopped.
type attack struct {
	strangers []*party
	stop      chan struct{}
	wg        sync.WaitGroup
}

func newAttack(t testing.TB, target *Stream) *attack {
	t.Helper()
	a := &attack{stop: make(chan struct{})}
	for range 3 {
		a.strangers = append(a.strangers, newParty(t, loopback()))
	}
	a.wg.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; ; i++ {
			for _, s := range a.strangers {
				s.voice(target, 0, evil)
				s.packet(target, 101, []byte{6, 0x8A, 3, 0x20})
			}
			select {
			case <-ticker.C:
			case <-a.stop:
				return
			}
		}
	})
	t.Cleanup(a.end)
	return a
}

func (a *attack) end() {
	select {
	case <-a.stop:
	default:
		close(a.stop)
	}
	a.wg.Wait()
}

// A stranger sends before, during and after the conversation: neither the
// other side, nor the tap, nor the key detector, nor the inactivity timer may
// notice, and nothing may be sent to him.
func TestStrangerIsNeverHeard(t *testing.T) {
	t.Parallel()
	c := &bridged{plane: openPlane(t)}
	c.a, c.aEv = openStream(t, c.plane)
	c.b, c.bEv = openStream(t, c.plane)
	c.alice, c.buyer = newParty(t, loopback()), newParty(t, loopback())
	tap := new(recorder)
	c.a.Tap(tap)
	c.bridge()
	flood := newAttack(t, c.a)
	wrong := func(n uint64) func() bool { return func() bool { return c.a.Stats().WrongSource >= n } }
	eventually(t, "strangers before any parameters", wrong(60))

	params := both(c.alice)
	params.Timeout = 1600 * time.Millisecond
	c.a.Apply(params)
	c.b.Apply(both(c.buyer))
	long := 1200 * time.Millisecond // past the second after which a known address may move
	if testing.Short() {
		long = 200 * time.Millisecond
	}
	pace(int(long/(20*time.Millisecond)), 20*time.Millisecond, func(int) {})
	eventually(t, "strangers before the first packet", wrong(300))
	if c.a.Stats().Latched {
		t.Fatal("latched to a stranger")
	}

	first := c.alice.seq
	c.alice.talk(c.a, 15, 1)
	during := c.a.Stats()
	deaf(t, c.a)
	if !during.Latched || during.Remote != c.alice.addr {
		t.Errorf("heard %v, want %v", during.Remote, c.alice.addr)
	}
	if !testing.Short() { // the caller falls silent: the socket opens again after two seconds
		await(t, c.aEv, Inactive)
		eventually(t, "strangers after the last packet", wrong(during.WrongSource+200))
		c.alice.talk(c.a, 5, 1)
		await(t, c.aEv, Resumed)
		deaf(t, c.a)
	}
	flood.end()

	if got := digitsIn(c.aEv); got != "" {
		t.Errorf("the stranger pressed %q", got)
	}
	for _, h := range c.buyer.all() {
		if h.payload[0] == evil || h.pt == 101 {
			t.Fatal("the stranger is heard by the buyer")
		}
	}
	for _, f := range tap.all() {
		if slices.Contains(f.Ulaw, evil) {
			t.Fatal("the stranger is on the recording")
		}
	}
	for _, s := range flood.strangers {
		if n := len(s.all()); n > 0 {
			t.Errorf("%d packets sent to a stranger", n)
		}
	}
	said := int(c.alice.seq - first)
	words := 0
	for _, h := range c.buyer.all() {
		if h.payload[0] == 1 {
			words++
		}
	}
	if words < said-1 {
		t.Errorf("the buyer hears %d of %d frames of the caller under the flood", words, said)
	}
	if got := c.a.Stats(); got.Received > 20 {
		t.Errorf("%d packets accepted, 20 were sent", got.Received)
	}
}

// deaf checks that a flood under way no longer reaches the media thread: the
// kernel drops it, because the socket is connected.
func deaf(t *testing.T, s *Stream) {
	t.Helper()
	before := s.Stats().WrongSource
	pace(5, 20*time.Millisecond, func(int) {})
	if after := s.Stats().WrongSource; after > before+20 { // what was queued before
		t.Errorf("%d packets of strangers got through to the latch", after-before)
	}
}

func TestLatchToPeerBehindNAT(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the second of silence that latching demands")
	}
	calmly(t, latchBehindNAT)
}

func latchBehindNAT(t testing.TB) *Plane {
	p := openPlane(t)
	s, events := openStream(t, p)
	signalled, real := newParty(t, p.config.Bind), newParty(t, loopback())
	params := both(signalled)
	params.AlsoFrom = []netip.Addr{real.addr.Addr()}
	start := time.Now()
	s.Apply(params)
	tap := new(recorder)
	s.Tap(tap)
	real.talk(s, 60, 5)
	ev := await(t, events, Latched)
	if after := ev.At.Sub(start); after < time.Second || after > 1300*time.Millisecond {
		t.Errorf("latched after %v, want just over a second", after)
	}
	if got := s.Stats(); got.Remote != real.addr {
		t.Errorf("sends to %v, want %v", got.Remote, real.addr)
	}
	eventually(t, "audio at the real address", func() bool { return len(real.all()) > 3 })
	if frames := tap.all(); len(frames) == 0 || len(frames) > 12 {
		t.Errorf("%d frames heard, want those after the latch", len(frames))
	}
	return p
}

func TestRebindingInMidCall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the two seconds of silence that rebinding demands")
	}
	c := newBridged(t)
	c.bridge()
	c.alice.talk(c.a, 5, 1)
	await(t, c.aEv, Latched)
	rebound := newParty(t, c.plane.config.Bind)
	rebound.ssrc, rebound.seq, rebound.ts = c.alice.ssrc, c.alice.seq, c.alice.ts
	start := time.Now()
	rebound.talk(c.a, 115, 2)
	if ev := await(t, c.aEv, Latched); ev.At.Sub(start) < 1800*time.Millisecond {
		t.Errorf("rebound after %v", ev.At.Sub(start))
	}
	if got := c.a.Stats(); got.Remote != rebound.addr {
		t.Errorf("sends to %v, want %v", got.Remote, rebound.addr)
	}
	c.alice.talk(c.a, 10, evil) // the old mapping is nobody now
	n := len(rebound.all())
	eventually(t, "audio at the new mapping", func() bool { return len(rebound.all()) > n+3 })
	heard := marks(c.buyer.all(), 0)
	if !slices.Contains(heard, 2) || slices.Contains(heard, evil) {
		t.Errorf("the buyer hears % x", heard)
	}
}

func TestNewAddressReplacesOld(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	c.bridge()
	c.alice.talk(c.a, 3, 1)
	await(t, c.aEv, Latched)
	moved := newParty(t, loopback())
	c.a.Apply(both(moved))
	c.a.Stats()
	eventually(t, "audio at the new address", func() bool { return len(moved.all()) > 2 })
	pace(5, 20*time.Millisecond, func(int) {
		c.alice.voice(c.a, 0, evil)
		moved.voice(c.a, 0, 2)
	})
	await(t, c.aEv, Latched)
	eventually(t, "the new source", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 2) })
	if slices.Contains(marks(c.buyer.all(), 0), evil) {
		t.Error("the old address is still heard")
	}
	c.a.Apply(both(moved)) // a session refresh
	if !c.a.Stats().Latched {
		t.Error("the same address again forgets the source")
	}
	c.a.Apply(Params{Send: true, Recv: true})
	c.a.Stats()
	n := len(moved.all())
	moved.voice(c.a, 0, evil)
	pace(4, 20*time.Millisecond, func(int) {})
	if len(moved.all()) > n+1 || slices.Contains(marks(c.buyer.all(), 0), evil) {
		t.Error("a peer without address is still served")
	}
}

func TestGarbageIsCounted(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	c.alice.voice(c.a, 0, 1)
	await(t, c.aEv, Latched)
	for _, b := range [][]byte{{}, {0x80}, make([]byte, 12), bytes.Repeat([]byte{0x80}, 4000), []byte("\xbf\x00\x00\x01aaaabbbb")} {
		c.alice.raw(c.a, b)
	}
	eventually(t, "five malformed packets", func() bool { return c.a.Stats().Malformed == 5 })
	c.bridge()
	c.alice.voice(c.a, 0, 2)
	c.alice.packet(c.a, 0, nil)         // a keep-alive without audio is no error
	c.alice.packet(c.a, 13, []byte{30}) // nor is comfort noise
	c.alice.voice(c.a, 0, 3)
	eventually(t, "the stream goes on", func() bool { return c.a.Stats().Received == 5 })
	eventually(t, "the last word", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 3) })
	got := c.buyer.all()
	for i := range got[1:] {
		if got[i+1].seq != got[i].seq+1 {
			t.Errorf("sequence %d after %d: what is not relayed leaves a gap", got[i+1].seq, got[i].seq)
		}
	}
}
