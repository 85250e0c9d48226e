package media

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// The tones of the three parties, in hertz.
const (
	aliceTone = 400
	agentTone = 1000
	bossTone  = 2100
)

// supervised is a call with a supervisor; all three hum.
type supervised struct {
	*bridged
	boss   *party
	s      *Stream
	events chan Event
}

func newSupervised(t testing.TB, change ...func(*Config)) *supervised {
	t.Helper()
	x := &supervised{bridged: newBridged(t, change...)}
	x.s, x.events = openStream(t, x.plane)
	x.boss = newParty(t, x.plane.config.Bind)
	params := both(x.boss)
	params.Codec = PCMA
	_ = x.s.Apply(params)
	x.bridge()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	hum := func(p *party, to *Stream, pt uint8, hz float64) {
		ulaw := Tone([]float64{hz}, time.Second, 0, time.Second, 0.3).ULaw()
		if pt == 8 {
			newLaws().convert(ulaw, PCMA)
		}
		wg.Go(func() {
			ticker := time.NewTicker(20 * time.Millisecond)
			defer ticker.Stop()
			for i := 0; ; i++ {
				at := i % 50 * frameSamples
				p.packet(to, pt, ulaw[at:at+frameSamples])
				p.ts += frameSamples
				select {
				case <-ticker.C:
				case <-stop:
					return
				}
			}
		})
	}
	hum(x.alice, x.a, 0, aliceTone)
	hum(x.buyer, x.b, 0, agentTone)
	hum(x.boss, x.s, 8, bossTone)
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
	})
	return x
}

// power is the share of the last 200 ms that is each of the three tones.
func power(p *party, pt uint8) [3]bool {
	var ulaw []byte
	for _, h := range p.all() {
		if h.pt == pt {
			ulaw = append(ulaw, h.payload...)
		}
	}
	if len(ulaw) < 10*frameSamples {
		return [3]bool{}
	}
	ulaw = ulaw[len(ulaw)-10*frameSamples:]
	if pt == 8 {
		newLaws().convert(ulaw, PCMU)
	}
	return tones(ulaw)
}

func tones(ulaw []byte) (out [3]bool) {
	for i, hz := range []float64{aliceTone, agentTone, bossTone} {
		out[i] = TonePower(ulaw, hz) > 0.2
	}
	return out
}

// hear waits until each party hears whom it should: alice, the agent, the supervisor.
func (x *supervised) hear(t testing.TB, alice, agent, boss [3]bool) {
	t.Helper()
	var got [3][3]bool
	ok := func() bool {
		got = [3][3]bool{power(x.alice, 0), power(x.buyer, 0), power(x.boss, 8)}
		return got == [3][3]bool{alice, agent, boss}
	}
	defer func() {
		if t.Failed() {
			t.Logf("heard (alice, agent, supervisor) by each: %v", got)
		}
	}()
	eventually(t, fmt.Sprintf("who hears whom: %v %v %v", alice, agent, boss), ok)
}

var (
	onlyAlice = [3]bool{true, false, false}
	onlyAgent = [3]bool{false, true, false}
	parties   = [3]bool{true, true, false}
	nobody    = [3]bool{}
)

func TestSupervise(t *testing.T) {
	t.Parallel()
	for _, shards := range []int{1, 4} {
		t.Run(fmt.Sprintf("shards=%d", shards), func(t *testing.T) {
			t.Parallel()
			calmly(t, func(t testing.TB) *Plane { return superviseModes(t, shards) })
		})
	}
}

// superviseModes goes through all modes, and checks who hears whom.
func superviseModes(t testing.TB, shards int) *Plane {
	x := newSupervised(t, func(c *Config) { c.Shards = shards })
	x.hear(t, onlyAgent, onlyAlice, nobody)
	tap := new(recorder)
	x.a.Tap(tap)
	x.s.Supervise(x.b, Listen)
	x.hear(t, onlyAgent, onlyAlice, parties)
	x.s.Supervise(x.b, Whisper)
	x.hear(t, onlyAgent, [3]bool{true, false, true}, parties)
	for _, f := range tap.all() {
		if len(f.Ulaw) > 100 && TonePower(f.Ulaw, bossTone) > 0.2 {
			t.Fatal("the whisper is on the caller's tap")
		}
	}
	x.s.Supervise(x.b, Barge)
	x.hear(t, [3]bool{false, true, true}, [3]bool{true, false, true}, parties)
	eventually(t, "the supervisor on the caller's tap", func() bool {
		frames := tap.all()
		f := frames[len(frames)-1]
		return f.Ch == Tx && tones(f.Ulaw) == [3]bool{false, true, true}
	})
	x.s.Supervise(x.b, Off)
	x.hear(t, onlyAgent, onlyAlice, nobody)
	for _, p := range []*party{x.alice, x.buyer, x.boss} {
		checkOrder(t, p.all())
	}
	x.s.Supervise(x.b, Listen)
	x.hear(t, onlyAgent, onlyAlice, parties)
	x.b.Close()
	await(t, x.events, Unsupervised)
	return x.plane
}

// A key pressed while the call is mixed arrives once.
func TestKeysPassTheMix(t *testing.T) {
	t.Parallel()
	x := &supervised{bridged: newBridged(t)}
	x.s, x.events = openStream(t, x.plane)
	x.boss = newParty(t, x.plane.config.Bind)
	_ = x.s.Apply(both(x.boss))
	x.bridge()
	x.s.Supervise(x.b, Barge)
	x.b.Stats()
	pace(10, 20*time.Millisecond, func(int) { x.alice.voice(x.a, 0, 0x20) })
	for i := range 8 {
		end := byte(0x0A)
		if i > 5 {
			end = 0x8A
		}
		x.alice.packet(x.a, 101, []byte{7, end, 0, byte(160 * (1 + i%2))})
	}
	eventually(t, "the key at the agent", func() bool {
		var k keypad
		n := 0
		for _, h := range x.buyer.all() {
			if h.pt == 101 {
				if d, ok := k.press(h.rtpPacket, h.payload, 0); ok && d == '7' {
					n++
				}
			}
		}
		return n == 1
	})
}

// A supervisor gives way to another, and a caller who takes another's place is
// heard.
func TestSupervisorsAndPartiesChange(t *testing.T) {
	t.Parallel()
	x := newSupervised(t)
	x.s.Supervise(x.b, Listen)
	x.hear(t, onlyAgent, onlyAlice, parties)
	second, _ := openStream(t, x.plane)
	_ = second.Apply(both(newParty(t, x.plane.config.Bind)))
	second.Supervise(x.b, Barge)
	await(t, x.events, Unsupervised)
	x.hear(t, onlyAgent, onlyAlice, nobody)
	x.s.Supervise(x.b, Listen)
	x.hear(t, onlyAgent, onlyAlice, parties)
	x.a.Unbridge()
	eventually(t, "the agent alone", func() bool { return power(x.boss, 8) == onlyAgent })
	x.a.Bridge(x.b)
	x.hear(t, onlyAgent, onlyAlice, parties)
	x.s.Close()
	ended(t, x.s)
	x.b.Supervise(nil, Barge) // supervises nobody
	x.a.Close()
	ended(t, x.a)
}

func TestMixingAllocatesNothing(t *testing.T) {
	d := &desk{mode: Barge}
	for at := range seats {
		d.sit(at, &session{})
	}
	var frame [frameSamples]byte
	seq := uint16(0)
	if n := testing.AllocsPerRun(500, func() {
		seq++
		for at := range seats {
			d.take(at, rtpPacket{seq: seq}, frame[:], PCMU)
			d.frame(at, frame[:], PCMA)
		}
	}); n != 0 {
		t.Errorf("%.1f allocations for a frame", n)
	}
}

// A burst does not pile up, a pause does not repeat what was said, and too
// loud is cut off.
func TestDeskBuffers(t *testing.T) {
	t.Parallel()
	d := &desk{mode: Listen}
	d.sit(seatBoss, &session{})
	d.sit(seatAgent, &session{})
	loud := make([]byte, frameSamples)
	for i := range loud {
		loud[i] = EncodeULaw(30000)
	}
	var out [frameSamples]byte
	for i := range 40 { // 0.8 s at once
		d.take(seatAgent, rtpPacket{seq: uint16(i)}, loud, PCMU)
	}
	heard := 0
	for range 60 {
		d.frame(seatBoss, out[:], PCMU)
		if DecodeULaw(out[0]) > 20000 {
			heard++
		}
	}
	if heard != voiceLead/frameSamples {
		t.Errorf("heard %d frames of a burst", heard)
	}
	d.sit(seatCaller, &session{})
	for i := range 3 {
		d.take(seatAgent, rtpPacket{seq: uint16(100 + i)}, loud, PCMU)
		d.take(seatCaller, rtpPacket{seq: uint16(i)}, loud, PCMU)
		d.take(seatCaller, rtpPacket{seq: uint16(i)}, loud, PCMU)
	}
	d.frame(seatBoss, out[:], PCMU)
	if got := DecodeULaw(out[5]); got < 30000 {
		t.Errorf("two loud voices are %d", got)
	}
}

func BenchmarkMix(b *testing.B) {
	d := &desk{mode: Barge}
	for at := range seats {
		d.sit(at, &session{})
	}
	var frame [frameSamples]byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for at := range seats {
			d.take(at, rtpPacket{seq: uint16(i)}, frame[:], PCMU)
			d.frame(at, frame[:], PCMU)
		}
	}
}
