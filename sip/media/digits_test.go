package media

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// dtmf sends one event packet with the party's present timestamp.
func (p *party) dtmf(to *Stream, pt uint8, event byte, end, marker bool, duration uint16) {
	p.t.Helper()
	b := make([]byte, rtpHeaderLen+4)
	putRTP(b, rtpPacket{marker: marker, pt: pt, seq: p.seq, ts: p.ts, ssrc: p.ssrc})
	b[12], b[13], b[14], b[15] = event, 10, byte(duration>>8), byte(duration)
	if end {
		b[13] |= 0x80
	}
	p.seq++
	p.raw(to, b)
}

// damage is a way in which a key press arrives that is not quite right.
type damage struct {
	name               string
	copies, body, ends int
	marker, reversed   bool
}

// press sends one key with a damage and moves the clock behind it.
func (d damage) press(p *party, to *Stream, pt uint8, event byte) {
	send := func(end, marker bool, duration int) {
		for range max(1, d.copies) {
			p.dtmf(to, pt, event, end, marker, uint16(min(duration, 0xFFFF)))
		}
	}
	if d.reversed {
		send(true, false, 160*(d.body+1))
	}
	for i := range d.body {
		send(false, d.marker && i == 0, 160*(i+1))
	}
	for range d.ends {
		send(true, false, 160*(d.body+1))
	}
	p.ts += uint32(160 * (d.body + 5))
}

func TestDigitsSurviveDamage(t *testing.T) {
	t.Parallel()
	c := openPlane(t)
	for _, pt := range []uint8{96, 101, 127} {
		for _, d := range []damage{
			{name: "clean", body: 5, ends: 3, marker: true},
			{name: "no marker", body: 5, ends: 3},
			{name: "ends lost", body: 5, marker: true},
			{name: "only ends", ends: 3},
			{name: "one end", ends: 1},
			{name: "three copies of all", copies: 3, body: 5, ends: 3, marker: true},
			{name: "end comes first", body: 5, ends: 2, reversed: true},
			{name: "long press", body: 100, ends: 3, marker: true},
			{name: "start lost", body: 1, ends: 3},
		} {
			t.Run(fmt.Sprintf("%d %s", pt, d.name), func(t *testing.T) {
				t.Parallel()
				s, events := openStream(t, c)
				peer := newParty(t, c.config.Bind)
				params := both(peer)
				params.DTMF = pt
				s.Apply(params)
				other, _ := openStream(t, c)
				s.Bridge(other) // whether bridged or not, digits are heard
				s.Stats()
				peer.voice(s, 0, 1)
				await(t, events, Latched)
				want := ""
				sent := uint64(1)
				for _, key := range []byte{9, 0, 0, 2, 1, 0, 11, 10, 12, 12, 15} {
					before := peer.seq
					d.press(peer, s, pt, key)
					want += string(keys[key])
					sent += uint64(peer.seq - before)
					eventually(t, "the packets", func() bool { return s.Stats().Received == sent })
				}
				if got := digitsIn(events); got != want {
					t.Errorf("heard %q, want %q", got, want)
				}
				if n := s.Stats().Digits; n != uint64(len(want)) {
					t.Errorf("%d digits counted, want %d", n, len(want))
				}
			})
		}
	}
}

func TestDigitsOfForeignPayloadTypeAreNotHeard(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, events := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	s.Apply(both(peer))
	s.Stats()
	peer.voice(s, 0, 1)
	await(t, events, Latched)
	peer.dtmf(s, 100, 5, false, true, 160)
	peer.packet(s, 101, []byte{5, 0, 0}) // cut short
	peer.packet(s, 101, []byte{99, 0, 0, 160})
	eventually(t, "the packets", func() bool { got := s.Stats(); return got.WrongPayload == 1 && got.Received == 3 })
	if got := digitsIn(events); got != "" {
		t.Errorf("heard %q", got)
	}
}

// One stream dials, the other hears; between them the keys are relayed to a
// payload type of its own.
func TestSendDigitsThroughABridge(t *testing.T) {
	t.Parallel()
	calmly(t, dialThroughBridge)
}

func dialThroughBridge(t testing.TB) *Plane {
	p := openPlane(t)
	ivr, ivrEv := openStream(t, p)
	a, aEv := openStream(t, p)
	b, _ := openStream(t, p)
	buyer := newParty(t, p.config.Bind)
	to := func(s *Stream, pt uint8) Params {
		return Params{Remote: s.Local(), Send: true, Recv: true, DTMF: pt}
	}
	ivr.Apply(to(a, 96))
	a.Apply(to(ivr, 96))
	params := both(buyer)
	params.DTMF = 127
	b.Apply(params)
	a.Bridge(b)
	await(t, aEv, Latched)

	dialled := "0123456789*#ABCD"
	if testing.Short() {
		dialled = "09*D"
	}
	start := time.Now()
	ivr.SendDigits(dialled[:2] + "w" + dialled[2:])
	done := await(t, ivrEv, DigitsSent)
	want := 500*time.Millisecond + time.Duration(len(dialled))*200*time.Millisecond
	if took := done.At.Sub(start); took < want-40*time.Millisecond || took > want+300*time.Millisecond {
		t.Errorf("%d keys and a pause took %v, want %v", len(dialled), took, want)
	}
	if got := digitsIn(aEv); got != dialled {
		t.Errorf("heard %q, want %q", got, dialled)
	}
	var k keypad
	relayed, markers := "", 0
	for _, h := range buyer.all() {
		if h.pt != 127 {
			continue
		}
		if h.marker {
			markers++
		}
		if d, ok := k.press(h.rtpPacket, h.payload, int64(h.at.Sub(start))); ok {
			relayed += string(d)
		}
	}
	if relayed != dialled || markers < len(dialled) {
		t.Errorf("relayed %q with %d markers", relayed, markers)
	}
	if n := slices.IndexFunc(buyer.all(), func(h heard) bool { return h.pt == 96 }); n >= 0 {
		t.Error("the caller's payload type reaches the buyer")
	}
	return p
}

func TestKeysWithoutTelephoneEvent(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	params := both(c.buyer)
	params.DTMF = 0
	c.b.Apply(params)
	c.bridge()
	c.b.SendDigits("12")
	await(t, c.bEv, DigitsSent)
	c.alice.voice(c.a, 0, 1)
	await(t, c.aEv, Latched)
	damage{body: 3, ends: 3}.press(c.alice, c.a, 101, 7)
	c.alice.voice(c.a, 0, 2)
	eventually(t, "the voice behind the key", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 2) })
	if ev := await(t, c.aEv, Digit); ev.Digit != '7' {
		t.Errorf("heard %c", ev.Digit)
	}
	got := c.buyer.all()
	for i := range got[1:] {
		if got[i+1].seq != got[i].seq+1 {
			t.Errorf("sequence %d after %d: the keys left out leave a gap", got[i+1].seq, got[i].seq)
		}
	}
}

// Each key is marked, also when nothing is sent between two.
func TestEveryKeyIsMarked(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	c.bridge()
	c.buyer.voice(c.b, 0, 1) // from now on the buyer has a second to go on
	await(t, c.bEv, Latched)
	c.a.SendDigits("55")
	await(t, c.aEv, DigitsSent)
	var stamps []uint32
	for _, h := range c.alice.all() {
		if h.pt == 101 && h.marker {
			stamps = append(stamps, h.ts)
		}
	}
	if len(stamps) != 2 {
		t.Fatalf("marked keys at %v, want two", stamps)
	}
	if apart := int32(stamps[1] - stamps[0]); apart < 1440 || apart > 1600 { // the first may begin within a frame
		t.Errorf("keys are %d samples apart, want 200 ms", apart)
	}
}

// A key that was pressed for the menu is not told to the buyer who joins before
// it is let go; the next one is.
func TestKeyOfTheMenuStaysThere(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	a, aEv := openStream(t, p)
	b, _ := openStream(t, p)
	alice, buyer := newParty(t, p.config.Bind), newParty(t, p.config.Bind)
	for _, x := range []struct {
		s *Stream
		p *party
	}{{a, alice}, {b, buyer}} {
		params := both(x.p)
		params.DTMF = 101
		x.s.Apply(params)
	}
	a.Stats() // applied: what comes before is refused
	b.Stats()
	alice.voice(a, 0, 1)
	await(t, aEv, Latched)
	alice.dtmf(a, 101, 5, false, true, 160)
	if ev := await(t, aEv, Digit); ev.Digit != '5' {
		t.Fatalf("heard %c", ev.Digit)
	}
	a.Bridge(b)
	a.Stats()
	for range 3 {
		alice.dtmf(a, 101, 5, true, false, 960)
	}
	alice.ts += 8 * frameSamples
	pace(5, 20*time.Millisecond, func(i int) { alice.dtmf(a, 101, 7, false, i == 0, uint16(160*(i+1))) })
	await(t, aEv, Digit)
	eventually(t, "the next key", func() bool {
		return slices.ContainsFunc(buyer.all(), func(h heard) bool { return h.pt == 101 && h.payload[0] == 7 })
	})
	if slices.ContainsFunc(buyer.all(), func(h heard) bool { return h.pt == 101 && h.payload[0] == 5 }) {
		t.Error("the buyer hears the end of a key that was meant for the menu")
	}
}
