package load

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// The addresses of a test: its own block.
var (
	serverIP = netip.MustParseAddr("127.0.9.1")
	callerIP = netip.MustParseAddr("127.0.9.2")
	buyerIP  = netip.MustParseAddr("127.0.9.3")
)

func TestStamp(t *testing.T) {
	t.Parallel()
	want := stamp{4711, 1 << 31, 1<<62 + 12345}
	b := make([]byte, samples)
	want.put(b)
	for i, c := range b[:stampBytes] {
		if c&0xF0 != 0x80 {
			t.Fatalf("byte %d is %#x", i, c)
		}
	}
	if got, ok := readStamp(b); !ok || got != want {
		t.Errorf("read %+v %v, want %+v", got, ok, want)
	}
	b[7] = 0xFF
	if _, ok := readStamp(b); ok {
		t.Error("a spoilt stamp is believed")
	}
	if _, ok := readStamp(b[:20]); ok {
		t.Error("half a stamp is believed")
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var times Times
	for i := 100; i > 0; i-- {
		times = append(times, time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0: 1, .5: 50, .99: 99, 1: 100} {
		if got := times.Quantile(q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if (Times{}).Quantile(.5) != 0 {
		t.Error("nothing has a quantile")
	}
}

// mirror relays between pairs of sockets and drops and delays what it is told to.
type mirror struct {
	socks []*net.UDPConn
	drop  func(pair, n int) bool
}

func newMirror(t *testing.T, v *Voice, drop func(side, n int) bool) *mirror {
	t.Helper()
	m := &mirror{drop: drop}
	for i := range v.Parties() {
		s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(serverIP, 0)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		m.socks = append(m.socks, s)
		if err := v.Aim(i, s.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range m.socks {
		go func() {
			buf := make([]byte, 2048)
			for n := 0; ; n++ {
				k, err := s.Read(buf)
				if err != nil {
					return
				}
				if !drop(i, n) {
					_, _ = m.socks[i^1].WriteToUDPAddrPort(buf[:k], v.Addr(i^1))
				}
			}
		}()
	}
	return m
}

func TestVoice(t *testing.T) {
	t.Parallel()
	v, err := NewVoice(callerIP, buyerIP, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	newMirror(t, v, func(side, n int) bool { return side == 1 && n == 3 })
	for run := range 2 {
		r := v.Run(t.Context(), 500*time.Millisecond)
		lost := int64(1 - run)
		if r.Sent < 40 || r.Back != r.Sent-lost || r.Lost != lost || r.Queued != 0 || r.Astray != 0 {
			t.Errorf("run %d: %+v", run, r)
		}
		if p50 := r.Latency().Quantile(.5); p50 <= 0 || p50 > 200*time.Millisecond {
			t.Errorf("run %d: half took %v", run, p50)
		}
	}
}

// TestVoiceAstray sends every packet to the wrong call.
func TestVoiceAstray(t *testing.T) {
	t.Parallel()
	v, err := NewVoice(callerIP, buyerIP, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for i := range 4 {
		if err := v.Aim(i, v.Addr((i+1)%4)); err != nil {
			t.Fatal(err)
		}
	}
	// Connected sockets refuse each other's packets here, so these are not.
	if r := v.Run(t.Context(), 100*time.Millisecond); r.Sent == 0 || r.Back != 0 || r.Queued != r.Sent {
		t.Errorf("%+v", r)
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1000, 0)
	var r Report
	for ms := range 1000 {
		took := 100 * time.Microsecond
		if ms < 230 {
			took = time.Duration(230-ms) * time.Millisecond
		}
		r.passages = append(r.passages, passage{begin.Add(time.Duration(ms) * time.Millisecond).UnixNano(), int64(took)})
	}
	if got := r.Settled(begin, 2*time.Millisecond); got != 300*time.Millisecond {
		t.Errorf("settled after %v", got)
	}
	if got := r.Settled(begin.Add(400*time.Millisecond), 2*time.Millisecond); got != 0 {
		t.Errorf("settled after %v", got)
	}
}

func TestLateness(t *testing.T) {
	t.Parallel()
	var r Report
	for seq := range 10 {
		for party := range uint16(2) {
			late := time.Duration(0)
			if party == 1 && seq == 5 {
				late = 3 * time.Millisecond
			}
			at := time.Duration(party)*7*time.Millisecond + time.Duration(seq)*20*time.Millisecond + late
			r.beats = append(r.beats, beat{party, uint16(65530 + seq), int64(at)})
		}
	}
	late := r.Lateness()
	if len(late) != 20 || late.Quantile(1) != 3*time.Millisecond || late.Quantile(.9) != 0 {
		t.Errorf("late by %v", late)
	}
}

func TestBencode(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "i12", "5:abc", "l", "d", "di1ei2ee", "-1:a", "lllllllllllllllleeeeeeeeeeeeeeee", "1:ab"} {
		if v, err := bdecode(bad); !errors.Is(err, errBencode) {
			t.Errorf("%q is %v, %v", bad, v, err)
		}
	}
	v, err := bdecode("d1:al1:xi-3ee1:b2:yze")
	m, _ := v.(map[string]any)
	if err != nil || m["b"] != "yz" || len(m["a"].([]any)) != 2 {
		t.Errorf("read %v, %v", v, err)
	}
}

func FuzzBdecode(f *testing.F) {
	f.Add("d1:al1:xi-3ee1:b2:yze")
	f.Fuzz(func(t *testing.T, s string) { _, _ = bdecode(s) })
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: x\r\nFrom: <sip:+13105500001@h>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 0\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := readMessage(b); ok {
			m.index()
			voiceAt(m.body)
		}
	})
}

func TestCPU(t *testing.T) {
	t.Parallel()
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		after, err := CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after-before > 5*time.Millisecond {
			break
		}
	}
	if n, err := Resident(os.Getpid()); err != nil || n < 1<<20 {
		t.Errorf("%d bytes resident, %v", n, err)
	}
	if Scheduling(os.Getpid()) == "" {
		t.Error("no scheduling")
	}
}

// TestRtpengine relays through the real one.
func TestRtpengine(t *testing.T) {
	t.Parallel()
	r, err := StartRtpengine(t.Context(), serverIP, 40_000, 40_999, t.TempDir())
	if errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	v, err := NewVoice(callerIP, buyerIP, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for i := range 2 {
		a, b, err := r.Bridge(i, v.Addr(2*i), v.Addr(2*i+1), i == 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(v.Aim(2*i, a), v.Aim(2*i+1, b)); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.Run(t.Context(), 500*time.Millisecond); got.Sent == 0 || got.Back < got.Sent*9/10 {
		t.Errorf("%+v", got)
	}
	if cpu, err := CPU(r.Pids()...); err != nil || cpu == 0 {
		t.Errorf("processor time %v, %v", cpu, err)
	}
}

// TestKamailio calls through the real one.
func TestKamailio(t *testing.T) {
	t.Parallel()
	p, err := NewPhones(callerIP, buyerIP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	k, err := StartKamailio(t.Context(), serverIP, p.Buyers(), t.TempDir())
	if errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer k.Stop()
	p.Dial(k.Addr())
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c, err := p.Place(true)
		if err != nil {
			t.Fatal(err)
		}
		if status := c.Answered(ctx); status != 200 || !c.Bridged(ctx) {
			t.Fatalf("answered %d", status)
		}
		if !c.HangUp(ctx) {
			t.Fatal("no end")
		}
		for name, f := range map[string]func() (time.Duration, bool){"invite": c.InviteOut, "answer": c.AnswerOut, "ack": c.AckOut, "bye": c.ByeDone} {
			if d, ok := f(); !ok || d <= 0 || d > 5*time.Second {
				t.Errorf("%s took %v, %v", name, d, ok)
			}
		}
	}
	if len(k.Pids()) < 3 {
		t.Errorf("processes %v", k.Pids())
	}
}
