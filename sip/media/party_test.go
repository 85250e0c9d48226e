package media

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of the tests.
const patience = 10 * time.Second

// loopback is an address of this machine that nobody else is likely to use.
func loopback() netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(254)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
}

// openPlane opens a plane on an address of its own. change may alter the config.
func openPlane(t testing.TB, change ...func(*Config)) *Plane {
	t.Helper()
	first := 2 * (4000 + rand.IntN(10000))
	c := Config{Bind: loopback(), PortMin: first, PortMax: first + 199, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	p, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func openStream(t testing.TB, p *Plane) (*Stream, chan Event) {
	t.Helper()
	events := make(chan Event, 64)
	s, err := p.NewStream(events)
	if err != nil {
		t.Fatal(err)
	}
	return s, events
}

// heard is a packet a party received.
type heard struct {
	rtpPacket
	at      time.Time
	payload []byte
}

// party is the far end of a stream: a socket with a clock of its own.
type party struct {
	t    testing.TB
	conn *net.UDPConn
	addr netip.AddrPort

	ssrc uint32
	seq  uint16
	ts   uint32

	mu  sync.Mutex
	got []heard
}

func newParty(t testing.TB, ip netip.Addr) *party {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		t.Fatal(err)
	}
	p := &party{t: t, conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), ts: rand.Uint32()}
	var wg sync.WaitGroup
	wg.Go(p.listen)
	t.Cleanup(func() {
		_ = conn.Close()
		wg.Wait()
	})
	return p
}

func (p *party) listen() {
	buf := make([]byte, 2048)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			if ne, ok := err.(net.Error); ok && !ne.Timeout() && !isClosed(err) {
				continue // an ICMP error of an earlier packet
			}
			return
		}
		h := heard{at: time.Now()}
		if h.rtpPacket, _ = parseRTP(buf[:n]); true {
			h.payload = slices.Clone(buf[h.from:max(h.from, h.to)])
		}
		p.mu.Lock()
		p.got = append(p.got, h)
		p.mu.Unlock()
	}
}

func isClosed(err error) bool {
	oe, ok := err.(*net.OpError)
	return ok && oe.Err == net.ErrClosed
}

// all returns what has been received so far.
func (p *party) all() []heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// raw sends bytes as they are.
func (p *party) raw(to *Stream, b []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(b, to.Local()); err != nil {
		p.t.Fatal(err)
	}
}

// packet sends one packet with the party's next numbers.
func (p *party) packet(to *Stream, pt uint8, payload []byte) {
	p.t.Helper()
	b := make([]byte, rtpHeaderLen, rtpHeaderLen+len(payload))
	putRTP(b, rtpPacket{pt: pt, seq: p.seq, ts: p.ts, ssrc: p.ssrc})
	p.seq++
	p.raw(to, append(b, payload...))
}

// voice sends 20 ms of audio, each byte being mark, and advances the clock.
func (p *party) voice(to *Stream, pt uint8, mark byte) {
	p.t.Helper()
	p.packet(to, pt, slices.Repeat([]byte{mark}, frameSamples))
	p.ts += frameSamples
}

// talk sends n frames in real time, 20 ms apart.
func (p *party) talk(to *Stream, n int, mark byte) {
	p.t.Helper()
	pace(n, 20*time.Millisecond, func(int) { p.voice(to, 0, mark) })
}

// pace calls f n times, every so often.
func pace(n int, every time.Duration, f func(i int)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for i := range n {
		f(i)
		<-ticker.C
	}
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// await returns the next event of a kind; others may come before it.
func await(t testing.TB, events <-chan Event, kind EventKind) Event {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case ev := <-events:
			if ev.Kind == kind {
				return ev
			}
		case <-limit.C:
			t.Fatalf("no event: %v", kind)
		}
	}
}

// ended waits until a stream has ended.
func ended(t testing.TB, s *Stream) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-s.Done():
	case <-limit.C:
		t.Fatal("the stream does not end")
	}
}

// digitsIn takes the events that are waiting and returns the digits among them.
func digitsIn(events <-chan Event) string {
	out := ""
	for {
		select {
		case ev := <-events:
			if ev.Kind == Digit {
				out += string(ev.Digit)
			}
		default:
			return out
		}
	}
}

// marks returns the distinct first payload bytes of voice packets, in order.
func marks(got []heard, pt uint8) []byte {
	var out []byte
	for _, h := range got {
		if h.pt == pt && len(h.payload) > 0 {
			out = append(out, h.payload[0])
		}
	}
	return slices.Compact(out)
}

// both is what a peer without restrictions agreed.
func both(p *party) Params {
	return Params{Remote: p.addr, Send: true, Recv: true, Codec: PCMU, DTMF: 101}
}

// checkContinuous fails if what a party received is not one stream: one SSRC,
// sequence by one, timestamps by at least a frame and as the clock says.
func checkContinuous(t testing.TB, got []heard) {
	t.Helper()
	checkOrder(t, got)
	if n := len(got); n > 1 {
		slack := 80 * time.Millisecond
		for i := 1; i < n; i++ { // a machine that stood still made somebody leave frames out
			if gap := got[i].at.Sub(got[i-1].at); gap > 40*time.Millisecond {
				slack += gap
			}
		}
		media := time.Duration(int32(got[n-1].ts-got[0].ts)) * time.Duration(nsPerSample)
		if off := media - got[n-1].at.Sub(got[0].at); off < -slack || off > slack {
			t.Errorf("timestamps are %v off the clock", off)
		}
	}
}

// checkOrder is checkContinuous without the clock, which a busy machine stops.
func checkOrder(t testing.TB, got []heard) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if a.ssrc != b.ssrc {
			t.Errorf("packet %d: SSRC changes", i)
		}
		if b.seq != a.seq+1 {
			t.Errorf("packet %d: sequence %d after %d", i, b.seq, a.seq)
		}
		if step := int32(b.ts - a.ts); step < frameSamples && b.pt != 101 {
			t.Errorf("packet %d: timestamp advances by %d", i, step)
		}
	}
}
