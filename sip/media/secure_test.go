package media

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// vault is a party that seals what it sends and opens what it gets.
type vault struct {
	*party
	seal *sealer
	open *opener
}

func newVault(t testing.TB, ip netip.Addr, suite Suite) (*vault, Params) {
	t.Helper()
	v := &vault{party: newParty(t, ip)}
	p := both(v.party)
	p.Seal, p.Open = randomKey(suite), randomKey(suite)
	v.seq = firstSeq(uint32(v.seq))
	v.seal, v.open = mustSealer(t, p.Open), mustOpener(t, p.Seal)
	return v, p
}

// say sends 20 ms of audio, each byte being mark, under the vault's key.
func (v *vault) say(to *Stream, mark byte) {
	v.t.Helper()
	v.raw(to, sealedPacket(v.seal, v.seq, v.ssrc, slices.Repeat([]byte{mark}, frameSamples)))
	v.seq++
	v.ts += frameSamples
}

// opens returns the marks of the packets received that open, and how many do not.
func (v *vault) opens(got []heard) (marks []byte, bad int) {
	o := mustOpener(v.t, &v.open.key)
	for _, h := range got {
		b := make([]byte, rtpHeaderLen, 2048)
		putRTP(b, h.rtpPacket)
		clear, verdict := o.take(append(b, h.payload...))
		if verdict != opened || len(clear) == 0 {
			bad++
			continue
		}
		marks = append(marks, clear[0])
	}
	return slices.Compact(marks), bad
}

// Each leg is protected on its own: the usual call is SRTP on one side only.
func TestSecureOnOneSide(t *testing.T) {
	t.Parallel()
	for _, suite := range suites {
		t.Run(string(suite), func(t *testing.T) {
			t.Parallel()
			c := newBridged(t)
			alice, params := newVault(t, c.plane.config.Bind, suite)
			if err := c.a.Apply(params); err != nil {
				t.Fatal(err)
			}
			c.bridge()
			c.a.Stats()
			pace(10, 20*time.Millisecond, func(i int) {
				alice.say(c.a, 0x21)
				c.buyer.voice(c.b, 0, 0x42)
				c.buyer.voice(c.a, 0, evil) // in the clear, from a stranger
				alice.voice(c.a, 0, evil)   // in the clear, from her address
			})
			eventually(t, "her voice at the buyer", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 0x21) })
			eventually(t, "his voice at her", func() bool { m, _ := alice.opens(alice.all()); return slices.Contains(m, 0x42) })
			if m, bad := alice.opens(alice.all()); bad > 0 {
				t.Errorf("%d packets do not open, others are %x", bad, m)
			}
			if m := marks(c.buyer.all(), 0); slices.Contains(m, evil) {
				t.Errorf("the buyer heard %x", m)
			}
			eventually(t, "all of hers, and none of the others", func() bool {
				st := c.a.Stats()
				return st.Forged >= 10 && st.Received == 10 && st.Sealed == suite && st.Opened == suite
			})
		})
	}
}

// Packets that had been there are not relayed, whatever their tag.
func TestReplayIsNotRelayed(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	alice, params := newVault(t, c.plane.config.Bind, AESCM80)
	_ = c.a.Apply(params)
	c.bridge()
	c.a.Stats()
	old := sealedPacket(alice.seal, alice.seq, alice.ssrc, slices.Repeat([]byte{0x11}, frameSamples))
	alice.seq++
	alice.raw(c.a, old)
	pace(10, 20*time.Millisecond, func(int) { alice.say(c.a, 0x21) })
	for range 5 {
		alice.raw(c.a, old)
	}
	eventually(t, "replays", func() bool { return c.a.Stats().Replayed == 5 })
	n := 0
	for _, h := range c.buyer.all() {
		if len(h.payload) > 0 && h.payload[0] == 0x11 {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the buyer heard the old packet %d times", n)
	}
}

// A new key comes into force at once, the old one stays good for a moment, and
// the same one goes on.
func TestNewKeys(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	alice, params := newVault(t, c.plane.config.Bind, AESCM80)
	_ = c.a.Apply(params)
	c.bridge()
	c.a.Stats()
	pace(3, 20*time.Millisecond, func(int) { alice.say(c.a, 0x21) })
	_ = c.a.Apply(params) // a hold and its end repeat the keys
	pace(3, 20*time.Millisecond, func(int) { alice.say(c.a, 0x22) })
	next := params
	next.Open = randomKey(AESGCM)
	_ = c.a.Apply(next)
	c.a.Stats()
	alice.say(c.a, 0x23) // she has not read our answer yet
	eventually(t, "the old key", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 0x23) })
	alice.seal = mustSealer(t, next.Open)
	pace(3, 20*time.Millisecond, func(int) { alice.say(c.a, 0x24) })
	eventually(t, "the new key", func() bool { return slices.Contains(marks(c.buyer.all(), 0), 0x24) })
	if st := c.a.Stats(); st.Forged != 0 || st.Replayed != 0 || st.Received != 10 || st.Opened != AESGCM {
		t.Errorf("%+v", st)
	}
	_, bad := alice.opens(alice.all())
	if bad != 0 {
		t.Errorf("%d of our packets do not open", bad)
	}
}

// With a key of the wrong length nothing is sent and nothing heard.
func TestBadKeyFailsClosed(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, _ := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	params := both(peer)
	params.Seal = &Key{Suite: AESGCM, Master: make([]byte, 30)}
	if err := s.Apply(params); err == nil {
		t.Error("no error")
	}
	pace(5, 20*time.Millisecond, func(int) { peer.voice(s, 0, 1) })
	if st := s.Stats(); st.Sent != 0 || st.Received != 0 {
		t.Errorf("sent %d, received %d", st.Sent, st.Received)
	}
}

// Reports are sealed as the audio is, and go over its port when that was agreed.
func TestSecureReportsOnOnePort(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	p := openPlane(t)
	s, _ := openStream(t, p)
	alice, params := newVault(t, p.config.Bind, AESCM80)
	params.Mux = true
	_ = s.Apply(params)
	s.Stats()
	alice.say(s, 1)
	eventually(t, "her packet", func() bool { return s.Stats().Received == 1 })
	out := make([]byte, 1500)
	clear := appendCNAME(appendReport(nil, alice.ssrc, &senderInfo{ntp: 5 << 32}, nil), alice.ssrc, "alice")
	n := alice.seal.sealReport(out, clear)
	alice.raw(s, out[:n])
	alice.raw(s, out[:n])
	alice.raw(s, clear)
	eventually(t, "her report", func() bool { return s.Stats().RTCPReceived == 1 })
	eventually(t, "what is not hers", func() bool { st := s.Stats(); return st.Replayed == 1 && st.Forged == 1 })
	s.soon()
	eventually(t, "our report", func() bool {
		for _, h := range alice.all() {
			if h.pt == rtcpSR-128 && h.marker {
				return true
			}
		}
		return false
	})
	if st := s.Stats(); st.RTCPReceived != 1 || st.Malformed != 0 {
		t.Errorf("%+v", st)
	}
}

// The RTCP address of the description counts, and behind NAT the one that
// reports come from.
func TestReportsGoWhereTheyAreWanted(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, _ := openStream(t, p)
	peer := newParty(t, p.config.Bind)
	control, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(p.config.Bind, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	params := both(peer)
	params.RTCP = control.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = s.Apply(params)
	s.soon()
	reports(t, control)
	s.Close()
	bye := reports(t, control)
	if len(bye) < 3 {
		t.Errorf("no BYE: %v", bye)
	}
}

// A stream that hears its signalled address only never follows another.
func TestSignalledOnly(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	p := openPlane(t)
	s, events := openStream(t, p)
	peer, other := newParty(t, p.config.Bind), newParty(t, p.config.Bind)
	params := both(peer)
	params.Signalled, params.AlsoFrom = true, []netip.Addr{p.config.Bind}
	_ = s.Apply(params)
	pace(75, 20*time.Millisecond, func(int) { other.voice(s, 0, evil) }) // longer than NAT would have to wait
	if st := s.Stats(); st.Latched || st.Received != 0 || st.WrongSource < 70 {
		t.Errorf("%+v", st)
	}
	peer.voice(s, 0, 1)
	await(t, events, Latched)
	if got := s.Stats().Remote; got != peer.addr {
		t.Errorf("hears %v", got)
	}
}

// After the first wrap a new key, or a new address under the same key, comes
// with a new source: receivers that count wraps anew then agree with those that
// do not.
func TestNewKeyAfterWrap(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, _ := openStream(t, p)
	alice, params := newVault(t, p.config.Bind, AESGCM)
	_ = s.Apply(params)
	s.post(func(_ *shard, st *session) {
		st.out.seq = 0xFFFB
		st.guard.seal.sent = window{begun: true, top: 0xFFFB, seen: 1}
	})
	eventually(t, "the wrap", func() bool { return len(alice.all()) > 20 })
	wrapped := alice.all()
	if _, bad := alice.opens(wrapped); bad != 0 {
		t.Errorf("%d packets about the wrap do not open", bad)
	}
	for name, next := range map[string]func(Params) Params{
		"new key":     func(p Params) Params { p.Seal = randomKey(AESGCM); return p },
		"new address": func(p Params) Params { return p },
	} {
		before := wrapped[len(wrapped)-1].ssrc
		other := newParty(t, p.config.Bind)
		change := next(params)
		change.Remote = other.addr
		s.post(func(_ *shard, st *session) { // it may have been renumbered by the case before
			st.guard.seal.sent.top |= 1 << 16
			before = st.out.ssrc
		})
		_ = s.Apply(change)
		s.Stats()
		eventually(t, name, func() bool { return len(other.all()) > 5 })
		fresh := &vault{party: other, open: mustOpener(t, change.Seal)}
		got := other.all()
		if _, bad := fresh.opens(got); bad != 0 || got[0].ssrc == before {
			t.Errorf("%s: %d packets do not open for somebody who begins to count; source %x after %x", name, bad, got[0].ssrc, before)
		}
		params = change
	}
}
