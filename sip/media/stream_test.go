package media

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSilenceKeepsThePathOpen(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, _ := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	params := both(peer)
	params.Codec = PCMA
	s.Apply(params)
	eventually(t, "ten frames of silence", func() bool { return len(peer.all()) >= 10 })
	got := peer.all()
	checkContinuous(t, got)
	if diff := cmp.Diff([]byte{0xD5}, marks(got, 8)); diff != "" {
		t.Errorf("silence (-want +got):\n%s", diff)
	}
	if !got[0].marker || got[1].marker {
		t.Error("the first packet, and only that, must be marked")
	}
	params.Send = false
	s.Apply(params)
	s.Stats()
	n := len(peer.all())
	pace(5, 20*time.Millisecond, func(int) {})
	if more := len(peer.all()); more > n+1 {
		t.Errorf("%d packets to a peer on hold", more-n)
	}
}

// bridged is a call of two parties.
type bridged struct {
	plane        *Plane
	a, b         *Stream
	aEv, bEv     chan Event
	alice, buyer *party
}

func newBridged(t testing.TB, change ...func(*Config)) *bridged {
	t.Helper()
	c := &bridged{plane: openPlane(t, change...)}
	c.a, c.aEv = openStream(t, c.plane)
	c.b, c.bEv = openStream(t, c.plane)
	c.alice, c.buyer = newParty(t, c.plane.config.Bind), newParty(t, c.plane.config.Bind)
	c.a.Apply(both(c.alice))
	c.b.Apply(both(c.buyer))
	c.b.Stats()
	return c
}

// bridge joins the two sides and waits until they are.
func (c *bridged) bridge() {
	c.a.Bridge(c.b)
	c.a.Stats()
	c.b.Stats()
}

func TestBridgeRelaysBothWays(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"event": func(*Config) {}, "poll": func(c *Config) { c.Poll = true },
		"two shards": func(c *Config) { c.Shards = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calmly(t, func(t testing.TB) *Plane { return talkBothWays(t, change) })
		})
	}
}

// talkBothWays bridges two parties and lets both talk at once.
func talkBothWays(t testing.TB, change func(*Config)) *Plane {
	c := newBridged(t, change)
	c.a.Bridge(c.b)
	pace(30, 20*time.Millisecond, func(i int) {
		c.alice.voice(c.a, 0, byte(i))
		c.buyer.voice(c.b, 0, byte(100+i))
	})
	for _, side := range []struct {
		p     *party
		first byte
	}{{c.buyer, 0}, {c.alice, 100}} {
		eventually(t, "the last frame", func() bool {
			return slices.ContainsFunc(side.p.all(), func(h heard) bool { return h.payload[0] == side.first+29 })
		})
		got := side.p.all()
		checkContinuous(t, got)
		var want []byte
		for i := range byte(30) {
			want = append(want, side.first+i)
		}
		spoken := marks(got, 0)
		spoken = slices.DeleteFunc(spoken, func(b byte) bool { return b == 0xFF })
		// Frames sent before a bridge across shards stood may be missing.
		if len(spoken) < 28 || !bytes.HasSuffix(want, spoken) {
			t.Errorf("heard % d, want % d", spoken, want)
		}
	}
	return c.plane
}

func TestSourceSwitchesKeepOneStream(t *testing.T) {
	t.Parallel()
	calmly(t, switchSources)
}

// switchSources lets the caller hear a prompt, two buyers and silence.
func switchSources(t testing.TB) *Plane {
	c := newBridged(t)
	second, _ := openStream(t, c.plane)
	other := newParty(t, c.plane.config.Bind)
	second.Apply(both(other))

	eventually(t, "silence", func() bool { return len(c.alice.all()) >= 3 })
	id := c.a.Play(ClipFromULaw(bytes.Repeat([]byte{11}, 1600)), false)
	if ev := await(t, c.aEv, PlayDone); ev.ID != id || ev.Stream != c.a {
		t.Errorf("PlayDone of %d, want %d", ev.ID, id)
	}
	c.bridge()
	c.buyer.talk(c.b, 10, 22)
	c.a.Bridge(second)
	other.talk(second, 10, 33)
	c.a.Unbridge()
	n := len(c.alice.all())
	eventually(t, "silence again", func() bool { return len(c.alice.all()) >= n+5 })

	got := c.alice.all()
	checkContinuous(t, got)
	said := slices.DeleteFunc(marks(got, 0), func(b byte) bool { return b == 0xFF })
	if diff := cmp.Diff([]byte{11, 22, 33}, said); diff != "" {
		t.Errorf("order of sources (-want +got):\n%s", diff)
	}
	last := byte(0)
	for i, h := range got {
		if h.payload[0] != last && !h.marker {
			t.Errorf("packet %d begins source %d without a marker", i, h.payload[0])
		}
		last = h.payload[0]
	}
	if tail := got[len(got)-1]; tail.payload[0] != 0xFF {
		t.Errorf("after the bridge %d is sent, want silence", tail.payload[0])
	}
	return c.plane
}

func TestBridgeKeepsGapsAndOrder(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	c.bridge()
	c.alice.voice(c.a, 0, 1)
	await(t, c.aEv, Latched)
	base, clock := c.alice.seq, c.alice.ts
	for _, i := range []uint16{0, 3, 2, 5} {
		c.alice.seq, c.alice.ts = base+i, clock+uint32(i)*160
		c.alice.voice(c.a, 0, byte(10+i))
	}
	var got []heard
	eventually(t, "five frames", func() bool {
		got = slices.DeleteFunc(c.buyer.all(), func(h heard) bool { return h.payload[0] == 0xFF })
		return len(got) == 5
	})
	type step struct {
		Mark byte
		Seq  int16
		TS   int32
	}
	var steps []step
	for _, h := range got[1:] {
		steps = append(steps, step{h.payload[0], int16(h.seq - got[0].seq), int32(h.ts - got[0].ts)})
	}
	if diff := cmp.Diff([]step{{10, 1, 160}, {13, 4, 640}, {12, 3, 480}, {15, 6, 960}}, steps); diff != "" {
		t.Errorf("relayed (-want +got):\n%s", diff)
	}
}

func TestBridgeConvertsTheLaw(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	params := both(c.buyer)
	params.Codec = PCMA
	c.b.Apply(params)
	c.bridge()
	u, a := EncodeULaw(8000), EncodeALaw(8000)
	pace(5, 20*time.Millisecond, func(int) {
		c.alice.voice(c.a, 0, u)
		c.buyer.voice(c.b, 8, a)
	})
	eventually(t, "A-law at the buyer", func() bool { return slices.Contains(marks(c.buyer.all(), 8), EncodeALaw(DecodeULaw(u))) })
	eventually(t, "µ-law at the caller", func() bool { return slices.Contains(marks(c.alice.all(), 0), EncodeULaw(DecodeALaw(a))) })
	c.buyer.voice(c.b, 0, u) // not what was agreed
	eventually(t, "the foreign payload counted", func() bool { return c.b.Stats().WrongPayload == 1 })
}

func TestHeaderExtrasAreStripped(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	c.bridge()
	// Version 2 with padding, extension and one CSRC; 2 bytes of padding.
	b := []byte("\xb1\x00\x00\x07\x00\x00\x10\x00\x00\x00\x00\x09\x00\x00\x00\x01\xbe\xde\x00\x01\x10\x00\x00\x00audio\x00\x02")
	c.alice.raw(c.a, b)
	eventually(t, "the payload alone", func() bool {
		return slices.ContainsFunc(c.buyer.all(), func(h heard) bool { return string(h.payload) == "audio" && h.from == rtpHeaderLen })
	})
}

func TestPlayClock(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, events := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	s.Apply(both(peer))
	start := time.Now()
	s.Play(Tone([]float64{440}, time.Second, 0, time.Second, 0.5), false)
	done := await(t, events, PlayDone)
	if took := done.At.Sub(start); took < 980*time.Millisecond || took > 1200*time.Millisecond {
		t.Errorf("one second plays for %v", took)
	}
	var audio []byte
	eventually(t, "all of it", func() bool {
		audio = nil
		for _, h := range peer.all() {
			if h.payload[80] != 0xFF || h.payload[81] != 0xFF {
				audio = append(audio, h.payload...)
			}
		}
		return len(audio) >= 8000
	})
	if len(audio) != 8000 || TonePower(audio, 440) < 0.98 {
		t.Errorf("%d samples with %.2f of 440 Hz, want 8000 and all of it", len(audio), TonePower(audio, 440))
	}
	checkContinuous(t, peer.all())
}

func TestPlayReplacesLoopsAndStops(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, events := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	s.Apply(both(peer))
	first := s.Play(ClipFromULaw([]byte{1, 2, 3}), true)
	eventually(t, "the loop", func() bool { return slices.Contains(marks(peer.all(), 0), 1) })
	for _, h := range peer.all() {
		if h.payload[0] != 0xFF && len(bytes.ReplaceAll(bytes.ReplaceAll(h.payload, []byte{1, 2, 3}, nil), []byte{3}, nil)) > 4 {
			t.Errorf("loop broken: % d", h.payload[:12])
		}
	}
	second := s.Play(ClipFromULaw(bytes.Repeat([]byte{7}, 200)), false)
	if first == second || first == 0 {
		t.Errorf("ids %d and %d", first, second)
	}
	if ev := await(t, events, PlayDone); ev.ID != second {
		t.Errorf("%d ended, want %d", ev.ID, second)
	}
	s.Play(ClipFromULaw(nil), true) // an endless nothing
	await(t, events, PlayDone)
	s.Play(nil, false)
	await(t, events, PlayDone)
	s.Play(ClipFromULaw(bytes.Repeat([]byte{9}, 80_000)), false)
	eventually(t, "the long clip", func() bool { return slices.Contains(marks(peer.all(), 0), 9) })
	s.Stop()
	s.Stats()
	n := len(peer.all())
	eventually(t, "silence after Stop", func() bool { all := peer.all(); return len(all) > n+2 && all[len(all)-1].payload[0] == 0xFF })
	if len(events) != 0 {
		t.Errorf("Stop sent %v", (<-events).Kind)
	}
}

func TestInactiveAndResumed(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, events := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	params := both(peer)
	params.Timeout = 100 * time.Millisecond
	s.Apply(params)
	if ev := await(t, events, Inactive); ev.Wait < 100*time.Millisecond || ev.Wait > 400*time.Millisecond {
		t.Errorf("inactive after %v", ev.Wait)
	}
	peer.voice(s, 0, 1)
	if ev := await(t, events, Resumed); ev.Wait < 100*time.Millisecond {
		t.Errorf("resumed after %v", ev.Wait)
	}
	await(t, events, Inactive)
	params.Recv = false
	s.Apply(params)
	s.Stats()
	pace(10, 20*time.Millisecond, func(int) {})
	if len(events) != 0 {
		t.Errorf("on hold: %v", (<-events).Kind)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	before := time.Now()
	c.alice.voice(c.a, 0, 1)
	await(t, c.aEv, Latched)
	c.alice.seq += 2
	c.alice.voice(c.a, 0, 1)
	c.alice.raw(c.a, []byte("not rtp"))
	eventually(t, "the last packet", func() bool { return c.a.Stats().Malformed == 1 })
	got := c.a.Stats()
	want := Stats{Local: c.a.Local(), Remote: c.alice.addr, Latched: true, Received: 2, ReceivedBytes: 320, Lost: 2, LostRuns: 1, Malformed: 1}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Stats{}, "First", "Last", "Jitter", "JitterMean", "JitterMax", "Sent", "SentBytes"), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if got.First.Before(before.Add(-time.Second)) || got.Last.Before(got.First) || got.Last.After(time.Now().Add(time.Second)) {
		t.Errorf("first %v, last %v", got.First, got.Last)
	}
	if got.SentBytes != got.Sent*160 {
		t.Errorf("sent %d packets with %d bytes", got.Sent, got.SentBytes)
	}
	c.a.Close()
	ended(t, c.a)
	if after := c.a.Stats(); after.Received != 2 || after.Lost != 2 {
		t.Errorf("after Close: %+v", after)
	}
}

func TestEventsNeverBlock(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, err := p.NewStream(make(chan Event))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.SendDigits("")
	}
	if lost := s.Stats().EventsLost; lost != 3 {
		t.Errorf("%d events lost, want 3", lost)
	}
}

func TestCloseTwiceAndLate(t *testing.T) {
	t.Parallel()
	p := openPlane(t, func(c *Config) { c.Shards = 3 })
	s, _ := openStream(t, p)
	other, _ := openStream(t, p)
	s.Close()
	s.Close()
	ended(t, s)
	s.Bridge(other)
	other.Bridge(s)
	s.Play(Ringback(), true)
	s.Apply(Params{})
	s.Stats()
	if open, _ := p.Load(); open != 1 {
		t.Errorf("%d streams open, want 1", open)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	ended(t, other)
	other.Stats()
	other.Close()
	if _, err := p.NewStream(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a stream of a closed plane: %v", err)
	}
	if open, _ := p.Load(); open != 0 {
		t.Errorf("%d streams open after Close", open)
	}
}

func TestNoDescriptorsLeft(t *testing.T) {
	// Not parallel: it counts the descriptors of the process.
	for name, c := range map[string]struct{ spares, more int }{"none kept": {0, 0}, "some kept": {3, 6}, "all kept": {spareMost, 80}} {
		t.Run(name, func(t *testing.T) { countDescriptors(t, c.spares, c.more) })
	}
}

// countDescriptors opens and closes 40 streams; more descriptors are open then.
func countDescriptors(t *testing.T, spares, more int) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	p := openPlane(t, func(c *Config) { c.Shards = 4 })
	p.ports.spare[0].limit = spares
	before := count()
	for range 20 {
		a, _ := openStream(t, p)
		b, _ := openStream(t, p)
		a.Bridge(b)
		b.Bridge(a)
		a.Close()
		ended(t, a)
		b.Close()
		ended(t, b)
	}
	if after := count(); after != before+more {
		t.Errorf("%d descriptors, %d before, want %d more", after, before, more)
	}
	a, _ := openStream(t, p)
	b, _ := openStream(t, p)
	a.Bridge(b)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if after := count(); after >= before {
		t.Errorf("%d descriptors after Close, %d with the plane open", after, before)
	}
}
