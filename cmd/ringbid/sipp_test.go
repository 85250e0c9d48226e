package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cmd/ringbid/document"
	"github.com/ringbid/ringbid/sip/media"
)

// The foreign caller speaks one tone, foreign buyers another.
const (
	foreignCaller = 1100.0
	foreignBuyer  = 900.0
	// foreignTalk is how long the caller stays after it was answered.
	foreignTalk = 9 * time.Second
)

// sipp is one scenario, played once.
type sipp struct {
	name string
	addr string // where it listens
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

// startSipp plays the scenario file; it speaks the tone, and keys a ZIP code
// where it is one that does.
func startSipp(t *testing.T, scenario string, hz float64, args ...string) *sipp {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(scenario)
	if err != nil {
		t.Fatal(err)
	}
	sound, capture := filepath.Join(dir, "tone.ulaw"), filepath.Join(dir, "speech.pcap")
	for token, value := range map[string]string{
		"[file]": sound, "[pcap]": capture, "[caller]": "+14155550177", "[talk]": strconv.Itoa(int(foreignTalk.Milliseconds())),
	} {
		text = bytes.ReplaceAll(text, []byte(token), []byte(value))
	}
	file := filepath.Join(dir, filepath.Base(scenario))
	for name, data := range map[string][]byte{file: text, sound: tone(hz, 2*time.Second), capture: spoken(hz, 12*time.Second, "90210")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	port, audio := freePort(t), freePort(t)
	s := &sipp{name: filepath.Base(scenario), addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	all := append([]string{"-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", strconv.Itoa(port), "-mp", strconv.Itoa(audio),
		"-m", "1", "-nostdin", "-trace_err", "-timeout", "40s", "-timeout_error"}, args...)
	s.cmd = exec.CommandContext(ctx, "sipp", all...)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "TERM=dumb")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		cancel()
		t.Fatalf("sipp (Debian package sip-tester): %v", err)
	}
	ended := make(chan struct{})
	go func() { s.done <- s.cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s: %.2000s", s.name, s.out.String())
		}
	})
	eventually(t, 10*time.Second, s.name+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s has ended: %v", s.name, <-s.done)
		default:
		}
		c, err := net.ListenPacket("udp", s.addr)
		return err != nil || c.Close() != nil
	})
	return s
}

// passes waits until the scenario has ended the way it is written.
func (s *sipp) passes(t *testing.T) {
	t.Helper()
	limit := time.NewTimer(45 * time.Second)
	defer limit.Stop()
	err := errors.New("has not ended")
	select {
	case err = <-s.done:
	case <-limit.C:
	}
	if err == nil {
		return
	}
	files, _ := filepath.Glob(filepath.Join(s.cmd.Dir, "*errors.log"))
	var text []byte
	for _, f := range files {
		b, _ := os.ReadFile(f)
		text = append(text, b...)
	}
	t.Errorf("%s: %v\n%s", s.name, err, text)
}

// foreignPorts counts through ports for programs that bind them by themselves,
// below those that the kernel and our own parties take.
var foreignPorts atomic.Int32

// freePort returns an even port of loopback that is free for UDP and TCP, as are
// the five above it, and that no other test here is given.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 9300 + int(foreignPorts.Add(6)-6)%690
		if free(port) {
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func free(port int) bool {
	for p := port; p < port+6; p++ {
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
		if err != nil {
			return false
		}
		udp.Close()
		tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
		if err != nil {
			return false
		}
		tcp.Close()
	}
	return true
}

// tone is G.711 µ-law.
func tone(hz float64, d time.Duration) []byte {
	return media.Tone([]float64{hz}, d, 0, d, 0.3).ULaw()
}

// spoken writes a capture of one RTP stream: a tone, and two seconds after its
// beginning the keys as RFC 4733 events of payload type 96, 120 ms each and 80
// apart, the End three times.
func spoken(hz float64, d time.Duration, keys string) []byte {
	const first, each, held = 100, 10, 6 // frames of 20 ms
	c := newCapture()
	sound := tone(hz, d)
	for frame := 0; (frame+1)*160 <= len(sound); frame++ {
		key, at := (frame-first)/each, (frame-first)%each
		if frame < first || key >= len(keys) || at >= held {
			c.packet(frame, frame == 0, 0, uint32(frame*160), sound[frame*160:(frame+1)*160])
			continue
		}
		event := []byte{keys[key] - '0', 10, 0, 0}
		binary.BigEndian.PutUint16(event[2:], uint16((at+1)*160))
		copies := 1
		if at == held-1 {
			event[1] |= 0x80
			copies = 3
		}
		for range copies {
			c.packet(frame, at == 0, 96, uint32((first+key*each)*160), event)
		}
	}
	return c.out.Bytes()
}

// rtpCapture is a pcap file of RTP over UDP, IPv4 and Ethernet.
type rtpCapture struct {
	out bytes.Buffer
	seq uint16
}

func newCapture() *rtpCapture {
	c := &rtpCapture{seq: 1000}
	header := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	c.out.Write(append(header, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0))
	return c
}

func (c *rtpCapture) packet(frame int, marker bool, pt byte, ts uint32, payload []byte) {
	le, be := binary.LittleEndian, binary.BigEndian
	if marker {
		pt |= 0x80
	}
	rtp := be.AppendUint16([]byte{0x80, pt}, c.seq)
	rtp = be.AppendUint32(rtp, ts)
	rtp = append(be.AppendUint32(rtp, 0xfeedbeef), payload...)
	c.seq++
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
	be.PutUint16(ip[2:], uint16(28+len(rtp)))
	udp := be.AppendUint16([]byte{0x17, 0x70, 0x17, 0x70}, uint16(8+len(rtp)))
	all := append(make([]byte, 12, 300), 8, 0)
	all = append(append(append(append(all, ip...), udp...), 0, 0), rtp...)
	us := uint32(frame * 20_000)
	rec := le.AppendUint32(le.AppendUint32(nil, us/1e6), us%1e6)
	rec = le.AppendUint32(le.AppendUint32(rec, uint32(len(all))), uint32(len(all)))
	c.out.Write(append(rec, all...))
}

// startForeign runs a node whose two buyers are at the addresses.
func startForeign(t *testing.T, first, second string) *stage {
	t.Helper()
	a, err := start(t.Context(), testConfig(t), testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.life.stop(ctx); err != nil {
			t.Error(err)
		}
	})
	form, err := template.ParseFiles(filepath.Join("testdata", "foreign.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := form.Execute(&text, map[string]string{"First": first, "Second": second}); err != nil {
		t.Fatal(err)
	}
	set, err := document.Parse("foreign", text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	docs, err := together(t.Context(), a.store, set, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, problems, err := a.store.Apply(t.Context(), docs, false, "test"); err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	a.prompts.prepare(t.Context(), a.book())
	return &stage{app: a}
}

// TestForeignParties has telephones of another maker on both sides of the whole
// platform: the caller keys its answer by RFC 4733, the first buyer is busy, the
// second rings, answers and talks; the sound of each is on its own channel, and
// the call is settled.
func TestForeignParties(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of ten seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("sipp needs a raw socket to play keys out of a pcap")
	}
	scenario := func(name string) string { return filepath.Join("testdata", "sipp", name) }
	tests := []struct {
		name, buyer string
		right       float64 // what is heard on the buyer's channel
		args        []string
	}{
		{"speaking buyer", "buyer.xml", foreignBuyer, nil},
		// What the buyer sends back shows what it heard.
		{"echoing buyer", "buyer_echoes.xml", foreignCaller, []string{"-rtp_echo"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := startSipp(t, scenario("buyer_busy.xml"), foreignBuyer)
			second := startSipp(t, scenario(tt.buyer), foreignBuyer, tt.args...)
			s := startForeign(t, first.addr, second.addr)
			caller := startSipp(t, scenario("caller.xml"), foreignCaller, "-s", "+18005550177", s.sipUDP())
			for _, p := range []*sipp{first, caller, second} {
				p.passes(t)
			}
			c := s.only(t)
			if c.Outcome != ringbid.OutcomeBridged || c.EndedBy != "caller" {
				t.Errorf("%s by %s: %+v", c.Outcome, c.EndedBy, c.Reason)
			}
			s.foreignFacts(t, c)
			heard(t, c, foreignCaller, tt.right)
		})
	}
}

// TestForeignSoftphone has a softphone as the buyer, which hangs up.
func TestForeignSoftphone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of ten seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("sipp needs a raw socket to play keys out of a pcap")
	}
	first := startSipp(t, filepath.Join("testdata", "sipp", "buyer_busy.xml"), foreignBuyer)
	phone := startBaresip(t, foreignBuyer)
	s := startForeign(t, first.addr, phone.addr)
	caller := startSipp(t, filepath.Join("testdata", "sipp", "caller_waits.xml"), foreignCaller, "-s", "+18005550177", s.sipUDP())
	var connected time.Time
	eventually(t, 15*time.Second, "the call is bridged", func() bool {
		for _, id := range s.sip.Calls() {
			for _, ev := range s.lines.soFar(id) {
				if ev.Kind == ringbid.EventBridged {
					connected = ev.At
				}
			}
		}
		return !connected.IsZero()
	})
	eventually(t, 10*time.Second, "they have talked for four seconds", func() bool { return time.Since(connected) > 4*time.Second })
	phone.say(t, "hangup")
	caller.passes(t)
	first.passes(t)
	c := s.only(t)
	if c.Outcome != ringbid.OutcomeBridged || c.EndedBy != "buyer" {
		t.Errorf("%s by %s: %+v", c.Outcome, c.EndedBy, c.Reason)
	}
	s.foreignFacts(t, c)
	heard(t, c, foreignCaller, foreignBuyer)
}

// only returns the one call there was, settled.
func (s *stage) only(t *testing.T) *ringbid.Call {
	t.Helper()
	var calls []ringbid.Call
	eventually(t, 15*time.Second, "the call is settled", func() bool {
		var err error
		calls, err = s.store.Whole(t.Context(), nil, 10)
		return err == nil && len(calls) > 0 && calls[0].State == ringbid.StateEnded
	})
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	return &calls[0]
}

// foreignFacts checks what the row of a call says that the second buyer took.
func (s *stage) foreignFacts(t *testing.T, c *ringbid.Call) {
	t.Helper()
	if c.Caller != "+14155550177" || c.Campaign != "loans" || c.Publisher != "pages" || c.Buyer != "mutual" || c.Target != "mutual-line" {
		t.Errorf("%s called %s, for %s by %s, taken by %s %s", c.Caller, c.Number, c.Campaign, c.Publisher, c.Buyer, c.Target)
	}
	if zip, _ := c.Tags.Get("zip"); zip != "90210" {
		t.Errorf("zip is %q", zip)
	}
	want := ringbid.Sale{Currency: "USD", Price: 220000, Revenue: 220000, Payout: 110000, Converted: true}
	got := c.Sale
	got.Rule = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sale: %s", diff)
	}
	var verdicts []ringbid.Verdict
	for _, l := range c.Legs {
		if l.Side == "buyer" {
			verdicts = append(verdicts, l.Verdict)
		}
		if l.Side == "caller" || l.Verdict == ringbid.VerdictAnswered {
			if l.Codec != "pcmu" || l.Media.PacketsIn < 150 || l.Media.PacketsOut < 150 || l.Media.Lost > 0 {
				t.Errorf("%s %s: codec %q, %+v", l.Side, l.Target, l.Codec, l.Media)
			}
		}
	}
	if diff := cmp.Diff([]ringbid.Verdict{ringbid.VerdictBusy, ringbid.VerdictAnswered}, verdicts); diff != "" {
		t.Errorf("buyers' legs: %s", diff)
	}
	states := map[string]ringbid.BidState{}
	for _, b := range c.Auction.Bids {
		states[b.Name] = b.State
	}
	if diff := cmp.Diff(map[string]ringbid.BidState{"acme-line": ringbid.BidTried, "mutual-line": ringbid.BidWon}, states); diff != "" {
		t.Errorf("bids: %s", diff)
	}
	if n := s.store.Load("mutual-line"); n != 0 {
		t.Errorf("%d lines of the buyer are still held", n)
	}
	inOrder(t, c, ringbid.EventReceived, ringbid.EventAnswered, ringbid.EventOpened, ringbid.EventAnswer, ringbid.EventDial,
		ringbid.EventRinging, ringbid.EventLegAnswer, ringbid.EventBridged, ringbid.EventEnded)
}

// heard checks that the last three seconds before the last have the left tone
// left and the right tone right, and neither on the other side unless they are
// the same.
func heard(t *testing.T, c *ringbid.Call, leftTone, rightTone float64) {
	t.Helper()
	if c.Recording == nil || c.Recording.Channels != 2 {
		t.Fatalf("recording %+v", c.Recording)
	}
	left, right := channels(t, c.Recording.Path)
	for _, x := range []struct {
		name     string
		ch       []byte
		is, isnt float64
	}{{"left", left, leftTone, rightTone}, {"right", right, rightTone, leftTone}} {
		talk := x.ch[max(0, len(x.ch)-4*8000):max(0, len(x.ch)-8000)]
		if n := windows(talk, x.is); n < 12 {
			t.Errorf("%s: its tone is in %d of 15 windows", x.name, n)
		}
		if n := windows(talk, x.isnt); x.is != x.isnt && n > 0 {
			t.Errorf("%s: the other side's tone is in %d of 15 windows", x.name, n)
		}
	}
}
