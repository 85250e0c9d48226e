package sip

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// sipp is a foreign party: one scenario of testdata/sipp played once.
type sipp struct {
	t    *testing.T
	name string
	addr string // where it listens
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

// startSipp plays a scenario; hz is the tone it speaks.
func startSipp(t *testing.T, scenario string, hz float64, args ...string) *sipp {
	t.Helper()
	dir := t.TempDir()
	sound := filepath.Join(dir, "tone.ulaw")
	if err := os.WriteFile(sound, tone(hz, 2*time.Second), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "sipp", scenario))
	if err != nil {
		t.Fatal(err)
	}
	capture := filepath.Join(dir, "speech.pcap")
	if err := os.WriteFile(capture, pcapOf(hz, 5*time.Second, "90210"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("[pcap]"), []byte(capture))
	file := filepath.Join(dir, scenario)
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("[file]"), []byte(sound)), 0o600); err != nil {
		t.Fatal(err)
	}
	port, audio := freePort(t), freePort(t)
	s := &sipp{t: t, name: scenario, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	all := append([]string{"-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", strconv.Itoa(port), "-mp", strconv.Itoa(audio),
		"-m", "1", "-nostdin", "-trace_err", "-timeout", "20s", "-timeout_error"}, args...)
	s.cmd = exec.CommandContext(ctx, "sipp", all...)
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "TERM=dumb")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("sipp (Debian package sip-tester): %v", err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(cancel)
	if strings.HasPrefix(scenario, "uac") {
		return s // it calls at once and may be through already
	}
	eventually(t, scenario+" to listen", func() bool {
		c, err := net.ListenPacket("udp", s.addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	return s
}

// passes waits for the scenario to end as it is written.
func (s *sipp) passes() {
	s.t.Helper()
	if err := receive(s.t, s.name, s.done); err != nil {
		errs, _ := filepath.Glob(filepath.Join(s.cmd.Dir, "*errors.log"))
		var text []byte
		for _, f := range errs {
			b, _ := os.ReadFile(f)
			text = append(text, b...)
		}
		tail := s.out.Bytes()
		if len(tail) > 2000 {
			tail = tail[len(tail)-2000:]
		}
		s.t.Errorf("%s: %v\n%s\n%s", s.name, err, text, tail)
	}
}

// freePort finds an even port below those that systems hand out, free with the
// next three.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 5200 + 4*rand.IntN(1000)
		free := true
		for p := port; p < port+4; p++ {
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
			if err != nil {
				free = false
				break
			}
			c.Close()
		}
		if free {
			return port
		}
	}
	t.Fatal("no port free on this machine")
	return 0
}

// pcapOf writes a capture of one RTP stream: a tone, and after half a second
// the keys as RFC 4733 events of payload type 96, 120 ms each, the End three
// times.
func pcapOf(hz float64, d time.Duration, keys string) []byte {
	var out bytes.Buffer
	le, be := binary.LittleEndian, binary.BigEndian
	header := le.AppendUint32(nil, 0xa1b2c3d4)
	header = append(header, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0) // version 2.4, Ethernet
	out.Write(header)
	seq := uint16(1000)
	packet := func(frame int, marker bool, pt byte, ts uint32, payload []byte) {
		rtp := []byte{0x80, pt}
		if marker {
			rtp[1] |= 0x80
		}
		rtp = be.AppendUint16(rtp, seq)
		rtp = be.AppendUint32(rtp, ts)
		rtp = append(be.AppendUint32(rtp, 0xfeedbeef), payload...)
		seq++
		ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
		be.PutUint16(ip[2:], uint16(28+len(rtp)))
		udp := be.AppendUint16([]byte{0x17, 0x70, 0x17, 0x70}, uint16(8+len(rtp)))
		frameBytes := append(make([]byte, 12, 60), 8, 0)
		frameBytes = append(append(append(append(frameBytes, ip...), udp...), 0, 0), rtp...)
		us := frame * 20000
		rec := le.AppendUint32(le.AppendUint32(nil, uint32(us/1e6)), uint32(us%1e6))
		rec = le.AppendUint32(le.AppendUint32(rec, uint32(len(frameBytes))), uint32(len(frameBytes)))
		out.Write(append(rec, frameBytes...))
	}
	sound := tone(hz, d)
	for frame := 0; (frame+1)*160 <= len(sound); frame++ {
		ts := uint32(frame * 160)
		key, at := (frame-25)/10, (frame-25)%10
		if frame < 25 || key >= len(keys) || at > 5 {
			packet(frame, frame == 0, 0, ts, sound[frame*160:(frame+1)*160])
			continue
		}
		start := uint32((25 + key*10) * 160)
		event := []byte{keys[key] - '0', 10, 0, 0}
		be.PutUint16(event[2:], uint16((at+1)*160))
		copies := 1
		if at == 5 {
			event[1] |= 0x80
			copies = 3
		}
		for range copies {
			packet(frame, at == 0, 96, start, event)
		}
	}
	return out.Bytes()
}

// ears taps both directions of a caller.
type ears struct{ rx, tx ear }

func (e *ears) Frame(ch media.Channel, pos int64, ulaw []byte) {
	to := &e.rx
	if ch == media.Tx {
		to = &e.tx
	}
	to.Frame(media.Rx, pos, ulaw)
}

func (e *ears) Close() {}

// TestForeignCallerAndBuyer has sipp on both sides: keys out of a pcap or INFO,
// speech out of files, hold music in between, audio both ways.
func TestForeignCallerAndBuyer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	tests := []struct {
		name, caller, buyer string
		back                float64 // what the caller hears of the buyer
		args                []string
	}{
		{"speaking buyer", "uac.xml", "uas.xml", 900, nil},
		{"echoing buyer", "uac.xml", "uas_echo.xml", 1100, []string{"-rtp_echo"}},
		{"keys by INFO", "uac_info.xml", "uas.xml", 900, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.caller == "uac.xml" && os.Geteuid() != 0 {
				t.Skip("sipp needs a raw socket to play keys out of a pcap")
			}
			sink := &ears{}
			talks, digits := make(chan ringbid.Talk, 1), make(chan string, 1)
			legs := make(chan []ringbid.Leg, 1)
			r := bareRig(t)
			buyer := startSipp(t, tt.buyer, 900, tt.args...)
			r.trunks.put(&ringbid.Trunk{Name: "buyers", Address: buyer.addr})
			r.start(func(ctx context.Context, c *Call) {
				_ = c.Answer(ctx, true)
				s, err := c.Gather(ctx, ringbid.Gather{Prompt: tone(500, time.Second), Min: 5, Max: 5})
				if err != nil {
					t.Error(err)
				}
				digits <- s
				a := c.Dial(ctx, dialOf(c, &ringbid.Target{Name: "acme", Trunk: "buyers", User: "agent"}))
				if a.Verdict != ringbid.VerdictAnswered || a.RingMS == 0 {
					t.Errorf("attempt %+v", a)
				}
				talks <- c.Bridge(ctx, 0)
				legs <- c.Legs()
			}, func(c *Config) { c.Tap = tapFunc(func(ringbid.Invite) (Sink, error) { return sink, nil }) })
			caller := startSipp(t, tt.caller, 1100, "-s", "+18005550100", r.addr)
			if s := receive(t, "the digits", digits); s != "90210" {
				t.Errorf("digits %q", s)
			}
			eventually(t, "the caller on the tap", func() bool { return sink.rx.power(1100) > 0.7 })
			eventually(t, "the buyer on the tap", func() bool { return sink.tx.power(tt.back) > 0.7 })
			caller.passes()
			buyer.passes()
			if talk := receive(t, "the talk", talks); talk.EndedBy != "caller" || talk.MS < 1000 {
				t.Errorf("talk %+v", talk)
			}
			for _, l := range receive(t, "the legs", legs) {
				if l.Media.PacketsIn < 50 || l.Media.PacketsOut < 50 || l.Media.Lost != 0 {
					t.Errorf("%s: %+v", l.Side, l.Media)
				}
			}
			r.idle()
		})
	}
}

func TestForeignBusyBuyer(t *testing.T) {
	t.Parallel()
	buyer := startSipp(t, "uas_busy.xml", 900)
	_, _, out := dialOnce(t, newPhone(t, nil), func(_ *ringbid.Target, _ *ringbid.Dial, r *rig) {
		r.trunks.put(&ringbid.Trunk{Name: "buyers", Address: buyer.addr})
	})
	if got := receive(t, "the attempt", out); got.attempt.Verdict != ringbid.VerdictBusy {
		t.Errorf("attempt %+v", got.attempt)
	}
	buyer.passes()
}

func TestForeignCallerGivesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(ctx context.Context, _ *Call) { <-ctx.Done() })
	startSipp(t, "uac_cancel.xml", 900, "-s", "+18005550100", r.addr).passes()
	r.idle()
}
