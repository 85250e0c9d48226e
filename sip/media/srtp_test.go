package media

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// randomKey is a key of a suite that nobody has had before.
func randomKey(s Suite) *Key {
	k := &Key{Suite: s, Master: make([]byte, masterKeyLen+cmSaltLen)}
	if s == AESGCM {
		k.Master = k.Master[:masterKeyLen+gcmSaltLen]
	}
	for i := range k.Master {
		k.Master[i] = byte(rand.Uint32())
	}
	return k
}

var suites = []Suite{AESCM80, AESCM32, AESGCM}

// The vectors of RFC 3711 appendix B.3.
func TestKeyDerivation(t *testing.T) {
	t.Parallel()
	master := unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"+"0EC675AD498AFEEBB6960B3AABE6")
	for label, want := range []string{"C61E7A93744F39EE10734AFE3FF7A087", "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", "30CBBC08863D8C85D49DB34A9AE1"} {
		if got := derive(master, byte(label), len(want)/2); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("label %d: %X, want %s", label, got, want)
		}
	}
}

// The vectors of RFC 3711 appendix B.2.
func TestCounterMode(t *testing.T) {
	t.Parallel()
	c := &cryption{}
	c.block, _ = aes.NewCipher(unhex(t, "2B7E151628AED2A6ABF7158809CF4F3C"))
	copy(c.salt[:], unhex(t, "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"))
	got := make([]byte, 48)
	c.counter(got, got, 0, 0)
	want := unhex(t, "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0")
	if !bytes.Equal(got, want) {
		t.Errorf("%X, want %X", got, want)
	}
}

// The first vector of RFC 7714 section 16.1, whose keys are session keys.
func TestGCM(t *testing.T) {
	t.Parallel()
	c, err := newCryption(*randomKey(AESGCM), false)
	if err != nil {
		t.Fatal(err)
	}
	c.aead = gcmOf(t, unhex(t, "000102030405060708090a0b0c0d0e0f"))
	copy(c.salt[:], unhex(t, "517569642070726f2071756f"))
	clear := unhex(t, "8040f17b8041f8d35501a0b2"+"47616c6c696120657374206f6d6e697320646976697361"+"20696e207061727465732074726573")
	got := make([]byte, len(clear)+maxTagLen)
	got = got[:c.seal(got, clear, rtpHeaderLen, 0xf17b)]
	want := unhex(t, "8040f17b8041f8d35501a0b2"+"f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"+"899d7f27beb16a9152cf765ee4390cce")
	if !bytes.Equal(got, want) {
		t.Errorf("%x\nwant %x", got, want)
	}
}

// sealed is one RTP packet under a key.
func sealedPacket(s *sealer, seq uint16, ssrc uint32, payload []byte) []byte {
	b := make([]byte, rtpHeaderLen, 2048)
	putRTP(b, rtpPacket{seq: seq, ts: uint32(seq) * 160, ssrc: ssrc})
	out := make([]byte, 2048+maxTagLen)
	n, ok := s.seal(out, append(b, payload...))
	if !ok {
		return nil
	}
	return out[:n]
}

func mustSealer(t testing.TB, k *Key) *sealer {
	t.Helper()
	s, err := newSealer(*k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustOpener(t testing.TB, k *Key) *opener {
	t.Helper()
	o, err := newOpener(*k)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// take opens a packet and keeps it if it is good.
func (o *opener) take(b []byte) ([]byte, openVerdict) {
	b = bytes.Clone(b)
	n, v := o.open(make([]byte, 4096), b)
	if v != opened {
		return nil, v
	}
	o.keep()
	return b[rtpHeaderLen:n], v
}

func TestSealedPacketsOpenAcrossWraps(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	for _, suite := range suites {
		key := randomKey(suite)
		s, o := mustSealer(t, key), mustOpener(t, key)
		payload := []byte("twenty milliseconds")
		late := []byte(nil)
		for i := range 200_000 {
			seq := uint16(65_000 + i)
			if suite != AESGCM && i > 140_000 {
				break
			}
			b := sealedPacket(s, seq, 7, payload)
			switch {
			case i%10_000 == 537: // comes one later, also across the wrap
				late = b
				continue
			case i%977 == 0:
				continue // lost
			}
			got, v := o.take(b)
			if v != opened || !bytes.Equal(got, payload) {
				t.Fatalf("%s: packet %d: verdict %d, %q", suite, i, v, got)
			}
			if late != nil {
				if _, v := o.take(late); v != opened {
					t.Fatalf("%s: late packet %d: verdict %d", suite, i-1, v)
				}
				late = nil
			}
		}
		if o.sources[0].rtp.wraps() < 2 {
			t.Errorf("%s: %d wraps", suite, o.sources[0].rtp.wraps())
		}
	}
}

func TestForgedAndReplayedPackets(t *testing.T) {
	t.Parallel()
	for _, suite := range suites {
		key := randomKey(suite)
		s, o := mustSealer(t, key), mustOpener(t, key)
		var sent [][]byte
		for i := range 100 {
			sent = append(sent, sealedPacket(s, uint16(i), 7, []byte("voice")))
			if _, v := o.take(sent[i]); v != opened {
				t.Fatalf("%s: packet %d: verdict %d", suite, i, v)
			}
		}
		for i, b := range sent {
			if _, v := o.take(b); v != replayed {
				t.Errorf("%s: packet %d again: verdict %d", suite, i, v)
			}
		}
		good := sealedPacket(s, 100, 7, []byte("voice"))
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 0x10
			if _, v := o.take(bad); v == opened {
				t.Errorf("%s: byte %d changed, opened", suite, i)
			}
		}
		for ssrc := range uint32(200) { // strangers leave no trace
			o.take(sealedPacket(mustSealer(t, randomKey(suite)), 1, 1000+ssrc, []byte("voice")))
		}
		if len(o.sources) != 1 {
			t.Errorf("%s: %d sources", suite, len(o.sources))
		}
		if _, v := o.take(good); v != opened {
			t.Errorf("%s: the good one: verdict %d", suite, v)
		}
	}
}

// A key stream is used once: a sequence number that is spent is not sent again.
func TestKeyStreamIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := mustSealer(t, randomKey(AESGCM))
	for _, seq := range []uint16{10, 12, 11} {
		if sealedPacket(s, seq, 7, []byte("a")) == nil {
			t.Errorf("packet %d not sealed", seq)
		}
	}
	for _, seq := range []uint16{10, 11, 12} {
		if sealedPacket(s, seq, 7, []byte("b")) != nil {
			t.Errorf("packet %d sealed twice", seq)
		}
	}
}

func TestManySources(t *testing.T) {
	t.Parallel()
	key := randomKey(AESCM80)
	s, o := mustSealer(t, key), mustOpener(t, key)
	for ssrc := range uint32(3 * maxSources) {
		s.sent = window{}
		if _, v := o.take(sealedPacket(s, 5, ssrc, []byte("x"))); v != opened {
			t.Fatalf("source %d: verdict %d", ssrc, v)
		}
	}
	if len(o.sources) != maxSources || o.sources[0].ssrc != 3*maxSources-1 {
		t.Errorf("%d sources, first %d", len(o.sources), o.sources[0].ssrc)
	}
}

// After a new key both are understood who go on counting and who begin anew.
func TestNewKeyKeepsOrResetsWraps(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	for _, resets := range []bool{false, true} {
		before, after := randomKey(AESCM80), randomKey(AESCM32)
		s, o := mustSealer(t, before), mustOpener(t, before)
		for i := range 70_000 {
			o.take(sealedPacket(s, uint16(i), 7, []byte("x")))
		}
		next := mustSealer(t, after)
		if !resets {
			next.sent = s.sent
		}
		o2 := mustOpener(t, after)
		o2.inherit(o)
		for i := range 100 {
			if _, v := o2.take(sealedPacket(next, uint16(70_000+i), 7, []byte("x"))); v != opened {
				t.Fatalf("resets %v: packet %d: verdict %d", resets, i, v)
			}
		}
	}
}

func TestSealedReports(t *testing.T) {
	t.Parallel()
	for _, suite := range suites {
		key := randomKey(suite)
		s, o := mustSealer(t, key), mustOpener(t, key)
		clear := appendCNAME(appendReport(nil, 7, &senderInfo{ntp: 1, packets: 3}, nil), 7, "us@here")
		scratch := make([]byte, 4096)
		var last []byte
		for i := range 3 {
			out := make([]byte, 2048)
			last = out[:s.sealReport(out, clear)]
			if bytes.Contains(last, []byte("us@here")) {
				t.Errorf("%s: in the clear", suite)
			}
			b := bytes.Clone(last)
			n, v := o.openReport(scratch, b)
			if v != opened || !bytes.Equal(b[:n], clear) {
				t.Fatalf("%s: report %d: verdict %d", suite, i, v)
			}
		}
		if _, v := o.openReport(scratch, bytes.Clone(last)); v != replayed {
			t.Errorf("%s: again: verdict %d", suite, v)
		}
		out := make([]byte, 2048)
		good := out[:s.sealReport(out, clear)]
		for i := range good {
			bad := bytes.Clone(good)
			bad[i] ^= 0x80
			if _, v := o.openReport(scratch, bad); v == opened {
				t.Errorf("%s: byte %d changed, opened", suite, i)
			}
		}
	}
}

func TestSealingAllocatesNothing(t *testing.T) {
	for _, suite := range suites {
		key := randomKey(suite)
		s, o := mustSealer(t, key), mustOpener(t, key)
		var frame [rtpHeaderLen + frameSamples]byte
		var wire, scratch [2048]byte
		seq := uint16(0)
		got := testing.AllocsPerRun(1000, func() {
			seq++
			putRTP(frame[:], rtpPacket{seq: seq, ssrc: 7})
			n, _ := s.seal(wire[:], frame[:])
			if _, v := o.open(scratch[:], wire[:n]); v == opened {
				o.keep()
			}
		})
		if got != 0 || len(o.sources) != 1 {
			t.Errorf("%s: %.1f allocations for a packet", suite, got)
		}
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	for _, suite := range suites {
		b.Run(string(suite), func(b *testing.B) {
			key := randomKey(suite)
			s, o := mustSealer(b, key), mustOpener(b, key)
			var frame [rtpHeaderLen + frameSamples]byte
			var wire, scratch [2048]byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				putRTP(frame[:], rtpPacket{seq: uint16(i), ssrc: 7})
				n, _ := s.seal(wire[:], frame[:])
				if _, v := o.open(scratch[:], wire[:n]); v != opened {
					b.Fatal(v)
				}
				o.keep()
			}
		})
	}
}

// FuzzSealedPacket feeds what is not sealed by us: nothing may panic, and
// nothing may open.
func FuzzSealedPacket(f *testing.F) {
	key := Key{Suite: AESCM80, Master: make([]byte, 30)}
	gcm := Key{Suite: AESGCM, Master: make([]byte, 28)}
	other := mustSealer(f, randomKey(AESCM80))
	f.Add(sealedPacket(other, 1, 2, []byte("voice")))
	f.Add([]byte{0x9f, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0xff, 0xff})
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 7, 0x80, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2047 {
			return
		}
		scratch := make([]byte, 4096)
		for _, k := range []Key{key, gcm} {
			c, err := newCryption(k, false)
			if head, ok := headerLen(b); ok && err == nil { // what somebody with the key may send
				wire := make([]byte, 2048+maxTagLen)
				wire = wire[:c.seal(wire, b, head, 7)]
				if n, ok := c.open(scratch, wire, head, 7); !ok || !bytes.Equal(wire[:n], b) {
					t.Errorf("%s: %x came back as %x", k.Suite, b, wire[:n])
				}
				parseRTP(wire)
			}
			o := mustOpener(t, &k)
			if n, v := o.open(scratch, bytes.Clone(b)); v == opened && n > len(b) {
				t.Errorf("opened to %d of %d bytes", n, len(b))
			}
			if n, v := o.openReport(scratch, bytes.Clone(b)); v == opened && n > len(b) {
				t.Errorf("report opened to %d of %d bytes", n, len(b))
			}
		}
	})
}

func gcmOf(t *testing.T, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}
