package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

var (
	us   = netip.MustParseAddrPort("127.0.0.1:5060")
	them = netip.MustParseAddrPort("198.51.100.7:5070")
)

func entry(id, text string, sent bool) leg.TraceEntry {
	return leg.TraceEntry{At: time.Unix(1_700_000_000, 5000), CallID: id, Network: "udp", Peer: them, Local: us, Sent: sent, Raw: []byte(text)}
}

// record is one packet of a capture file, read by the format's description.
type record struct {
	at            time.Time
	from, to      netip.AddrPort
	size, kept    int
	payload       []byte
	headerCorrect bool
}

func readPcap(t *testing.T, b []byte) []record {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	if len(b) < 24 || le.Uint32(b) != 0xa1b2c3d4 || le.Uint32(b[20:]) != 101 {
		t.Fatalf("not a raw IP capture: % x", b[:min(len(b), 24)])
	}
	var out []record
	for b = b[24:]; len(b) > 0; {
		if len(b) < 16 || len(b) < 16+int(le.Uint32(b[8:])) {
			t.Fatalf("%d bytes left over", len(b))
		}
		n := int(le.Uint32(b[8:]))
		r := record{at: time.Unix(int64(le.Uint32(b)), int64(le.Uint32(b[4:]))*1000), kept: n, size: int(le.Uint32(b[12:]))}
		ip := b[16 : 16+n]
		udp := ip[20:]
		if ip[0]>>4 == 6 {
			udp = ip[40:]
			r.from = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip[8:24])), be.Uint16(udp))
			r.to = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip[24:40])), be.Uint16(udp[2:]))
			r.headerCorrect = int(be.Uint16(ip[4:])) == r.size-40
		} else {
			r.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:16])), be.Uint16(udp))
			r.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:20])), be.Uint16(udp[2:]))
			r.headerCorrect = fold(sum(0, ip[:20])) == 0xffff && int(be.Uint16(ip[2:])) == r.size
		}
		r.payload = udp[8:]
		out = append(out, r)
		b = b[16+n:]
	}
	return out
}

func openBook(t *testing.T, what string, change ...func(*Config)) *Book {
	t.Helper()
	c := Config{Dir: t.TempDir(), What: what}
	for _, f := range change {
		f(&c)
	}
	b, err := OpenBook(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestCaptureHoldsBothLegs(t *testing.T) {
	t.Parallel()
	b := openBook(t, Signaling)
	inv := ringbid.Invite{CallID: ringbid.NewID()}
	b.Trace(entry("a@x", "INVITE sip:1@h SIP/2.0\r\n\r\n", false)) // before the call is known
	b.Trace(entry("stranger", "BYE sip:1@h SIP/2.0\r\n\r\n", false))
	b.Begin(inv)
	b.Leg(inv.CallID, "a@x", nil)
	b.Leg(inv.CallID, "b@us", nil)
	b.Trace(entry("b@us", "INVITE sip:2@h SIP/2.0\r\nAuthorization: Digest username=\"u\", response=\"0123abcd\", nc=1\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^31\r\n", true))
	b.End(inv.CallID)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := b.Open(inv.CallID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, _ := io.ReadAll(f)
	list := readPcap(t, data)
	if len(list) != 2 {
		t.Fatalf("%d records", len(list))
	}
	in, out := list[0], list[1]
	if in.from != them || in.to != us || !in.headerCorrect || !in.at.Equal(time.Unix(1_700_000_000, 5000)) || string(in.payload) != "INVITE sip:1@h SIP/2.0\r\n\r\n" {
		t.Errorf("received: %+v %q", in, in.payload)
	}
	text := string(out.payload)
	if out.from != us || !strings.Contains(text, `response="xxxxxxxx", nc=1`) || !strings.Contains(text, "inline:xxxxxxxx|2^31") {
		t.Errorf("sent: %+v %q", out, text)
	}
}

func TestCaptureOfSixIsWellFormed(t *testing.T) {
	t.Parallel()
	a, z := netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:5060")
	r := readPcap(t, appendDatagram(appendFileHeader(nil), time.Now(), a, z, []byte("odd"), 3))[0]
	if r.from != a || r.to != z || !r.headerCorrect || string(r.payload) != "odd" {
		t.Errorf("%+v", r)
	}
	cut := readPcap(t, appendDatagram(appendFileHeader(nil), time.Now(), us, them, []byte("head"), 172))[0]
	if cut.size != 200 || cut.kept != 32 || !cut.headerCorrect {
		t.Errorf("%+v", cut)
	}
}

// TestHeadersOfRealPackets has two streams talk and reads their headers.
func TestHeadersOfRealPackets(t *testing.T) {
	t.Parallel()
	b := openBook(t, Headers)
	plane := siptest.OpenPlane(t, 4)
	inv := ringbid.Invite{CallID: ringbid.NewID()}
	var pair [2]*media.Stream
	for i := range pair {
		s, err := plane.NewStream(nil)
		if err != nil {
			t.Fatal(err)
		}
		pair[i] = s
	}
	b.Begin(inv)
	b.Leg(inv.CallID, "a@x", pair[0])
	for i, s := range pair {
		s.Apply(media.Params{Remote: pair[1-i].Local(), Send: true, Recv: true})
		s.Play(media.ClipFromULaw(siptest.Tone(900, time.Second)), true)
	}
	here, there := pair[0].Local(), pair[1].Local()
	var list []record
	siptest.Eventually(t, "headers both ways", func() bool {
		f, err := b.Open(inv.CallID)
		if err != nil {
			return false
		}
		defer f.Close()
		data, _ := io.ReadAll(f)
		if len(data) < 24 {
			return false
		}
		list = readPcap(t, data[:24+(len(data)-24)/56*56])
		return len(list) > 40
	})
	sent := 0
	for _, r := range list {
		if r.from == here && r.to == there {
			sent++
		} else if r.from != there || r.to != here {
			t.Fatalf("%v to %v", r.from, r.to)
		}
		if r.size != 200 || len(r.payload) != 12 || r.payload[0] != 0x80 || r.payload[1]&0x7f != 0 || time.Since(r.at) > time.Minute {
			t.Fatalf("%+v", r)
		}
	}
	if sent < 10 || sent > len(list)-10 {
		t.Errorf("%d of %d sent", sent, len(list))
	}
}

func TestHeaderDoesNotAllocate(t *testing.T) {
	r := &ring{local: us}
	header := make([]byte, 12)
	if n := testing.AllocsPerRun(1000, func() { r.Header(media.Rx, 1, them, header, 172) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if r.dropped.Load() == 0 {
		t.Error("a full ring dropped nothing")
	}
}

func TestOldCapturesGo(t *testing.T) {
	t.Parallel()
	b := openBook(t, Signaling, func(c *Config) { c.Keep, c.Limit = time.Hour, 2500 })
	_ = b.Close() // its goroutine is out of the way
	now := time.Now()
	for name, age := range map[string]time.Duration{"old.pcap": 2 * time.Hour, "older.txt": 3 * time.Hour, "second.pcap": 30 * time.Minute, "first.pcap": time.Minute} {
		path := filepath.Join(b.cfg.Dir, name)
		if err := os.WriteFile(path, make([]byte, 2000), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	b.sweep(now)
	var left []string
	entries, _ := os.ReadDir(b.cfg.Dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != "first.pcap older.txt" {
		t.Errorf("left %s", got)
	}
}

func TestStrangeNamesOpenNothing(t *testing.T) {
	t.Parallel()
	b := openBook(t, Signaling)
	for _, id := range []string{"", "../../../etc/passwd", strings.Repeat("/", 36), ringbid.NewID()} {
		if _, err := b.Open(id); ringbid.KindOf(err) != ringbid.NotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestHomerGetsMessages reads what arrives chunk by chunk.
func TestHomerGetsMessages(t *testing.T) {
	t.Parallel()
	homer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer homer.Close()
	x, err := NewExporter(ExporterConfig{Addr: homer.LocalAddr().String(), Key: "secret", Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	x.Trace(entry("a@x", "OPTIONS sip:h SIP/2.0\r\n\r\n", true))
	_ = x.Close()
	buf := make([]byte, 65536)
	_ = homer.SetReadDeadline(time.Now().Add(siptest.Patience))
	n, _, err := homer.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	b := buf[:n]
	be := binary.BigEndian
	if string(b[:4]) != "HEP3" || int(be.Uint16(b[4:])) != n {
		t.Fatalf("% x", b[:6])
	}
	got := map[uint16][]byte{}
	for b = b[6:]; len(b) >= 6; b = b[be.Uint16(b[4:]):] {
		got[be.Uint16(b[2:])] = b[6:be.Uint16(b[4:])]
	}
	want := map[uint16][]byte{1: {2}, 2: {17}, 3: {127, 0, 0, 1}, 4: {198, 51, 100, 7}, 7: {0x13, 0xc4}, 8: {0x13, 0xce},
		9: be.AppendUint32(nil, 1_700_000_000), 10: be.AppendUint32(nil, 5), 11: {1}, 12: be.AppendUint32(nil, 2001),
		14: []byte("secret"), 15: []byte("OPTIONS sip:h SIP/2.0\r\n\r\n"), 17: []byte("a@x"), 19: []byte("n1")}
	if len(got) != len(want) {
		t.Errorf("%d chunks, want %d", len(got), len(want))
	}
	for k, v := range want {
		if !bytes.Equal(got[k], v) {
			t.Errorf("chunk %d: % x, want % x", k, got[k], v)
		}
	}
}

// TestNothingWaits floods a book and an exporter whose server is gone.
func TestNothingWaits(t *testing.T) {
	t.Parallel()
	b := openBook(t, Signaling)
	x, err := NewExporter(ExporterConfig{Addr: "127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50_000 {
			e := entry("flood"+string(rune('a'+i%26)), "INVITE sip:1@h SIP/2.0\r\n\r\n", false)
			b.Trace(e)
			x.Trace(e)
		}
	}()
	siptest.Receive(t, "the flood to be over", done)
	_ = x.Close()
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte(`Authorization: Digest response="abc"`))
	f.Add([]byte("a=crypto:1 AES inline:abc|2^20"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := redact(bytes.Clone(in))
		if len(out) != len(in) || bytes.Count(out, []byte("\n")) != bytes.Count(in, []byte("\n")) {
			t.Errorf("%q became %q", in, out)
		}
	})
}
