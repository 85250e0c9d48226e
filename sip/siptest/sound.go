package siptest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// OpenPlane opens an audio plane of so many streams on 127.0.0.1, below the
// ports that systems hand out. change may alter the rest.
func OpenPlane(t testing.TB, streams int, change ...func(*media.Config)) *media.Plane {
	t.Helper()
	for range 50 {
		from := 10000 + 2*rand.IntN(10000)
		c := media.Config{Bind: netip.MustParseAddr("127.0.0.1"), PortMin: from, PortMax: from + 2*streams - 1, Rest: time.Millisecond}
		for _, f := range change {
			f(&c)
		}
		p, err := media.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := p.NewStream(nil); err == nil { // others may sit on this range
			s.Close()
			<-s.Done()
			t.Cleanup(func() { _ = p.Close() })
			return p
		}
		_ = p.Close()
	}
	t.Fatal("no audio ports free on this machine")
	return nil
}

// Tone is a steady tone as 8 kHz µ-law.
func Tone(hz float64, d time.Duration) []byte {
	return media.Tone([]float64{hz}, d, 0, d, 0.5).ULaw()
}

// Ear keeps the last 200 ms of both channels of a stream, tells tones apart and
// counts silence. It is a media.Tap and a sip.Sink.
type Ear struct {
	mu    sync.Mutex
	last  [2][]byte
	n     [2]int
	quiet [2]int
}

// Frame takes one packet's audio.
func (e *Ear) Frame(ch media.Channel, _ int64, ulaw []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n[ch]++
	if !slices.ContainsFunc(ulaw, func(b byte) bool { return b != 0xff && b != 0x7f }) {
		e.quiet[ch]++
	}
	e.last[ch] = append(e.last[ch], ulaw...)
	if n := len(e.last[ch]); n > 1600 {
		e.last[ch] = append([]byte(nil), e.last[ch][n-1600:]...)
	}
}

// Close does nothing.
func (e *Ear) Close() {}

// Power returns the share of the last 200 ms that is the tone, 0 to 1.
func (e *Ear) Power(ch media.Channel, hz float64) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.last[ch]) < 1600 {
		return 0
	}
	return media.TonePower(e.last[ch], hz)
}

// Frames returns how many packets were heard on the channel.
func (e *Ear) Frames(ch media.Channel) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n[ch]
}

// Silence returns how many packets were pure silence (0 in µ-law) on the channel.
func (e *Ear) Silence(ch media.Channel) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.quiet[ch]
}

// Hears waits until most of what is heard is the tone.
func (e *Ear) Hears(t testing.TB, ch media.Channel, hz float64) {
	t.Helper()
	Eventually(t, "a tone", func() bool { return e.Power(ch, hz) > 0.7 })
}

// Wav writes µ-law as 8 kHz mono 16-bit PCM.
func Wav(ulaw []byte) []byte {
	le := binary.LittleEndian
	n := uint32(2 * len(ulaw))
	out := le.AppendUint32([]byte("RIFF"), 36+n)
	out = le.AppendUint32(append(out, "WAVEfmt "...), 16)
	out = append(out, 1, 0, 1, 0)
	out = le.AppendUint32(le.AppendUint32(out, 8000), 16000)
	out = append(out, 2, 0, 16, 0)
	out = le.AppendUint32(append(out, "data"...), n)
	for _, u := range ulaw {
		out = le.AppendUint16(out, uint16(media.DecodeULaw(u)))
	}
	return out
}

// Packet is one RTP packet of a Pcap.
type Packet struct {
	At      time.Duration // since the start
	Marker  bool
	PT      byte
	Seq     uint16
	TS      uint32
	Payload []byte
}

// Pcap writes RTP packets as an Ethernet capture that sipp can play.
func Pcap(packets []Packet) []byte {
	var out bytes.Buffer
	le, be := binary.LittleEndian, binary.BigEndian
	header := le.AppendUint32(nil, 0xa1b2c3d4)
	header = append(header, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0) // version 2.4, Ethernet
	out.Write(header)
	for _, p := range packets {
		rtp := []byte{0x80, p.PT}
		if p.Marker {
			rtp[1] |= 0x80
		}
		rtp = be.AppendUint16(rtp, p.Seq)
		rtp = be.AppendUint32(rtp, p.TS)
		rtp = append(be.AppendUint32(rtp, 0xfeedbeef), p.Payload...)
		ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1}
		be.PutUint16(ip[2:], uint16(28+len(rtp)))
		udp := be.AppendUint16([]byte{0x17, 0x70, 0x17, 0x70}, uint16(8+len(rtp)))
		frame := append(make([]byte, 12, 60), 8, 0)
		frame = append(append(append(append(frame, ip...), udp...), 0, 0), rtp...)
		us := p.At.Microseconds()
		rec := le.AppendUint32(le.AppendUint32(nil, uint32(us/1e6)), uint32(us%1e6))
		rec = le.AppendUint32(le.AppendUint32(rec, uint32(len(frame))), uint32(len(frame)))
		out.Write(append(rec, frame...))
	}
	return out.Bytes()
}

// Speech is a tone in PCMU, and after half a second the keys as RFC 4733 events
// of payload type 96, 120 ms each, the End three times.
func Speech(hz float64, d time.Duration, keys string) []Packet {
	var out []Packet
	seq := uint16(1000)
	add := func(frame int, marker bool, pt byte, ts uint32, payload []byte) {
		out = append(out, Packet{At: time.Duration(frame) * 20 * time.Millisecond, Marker: marker, PT: pt, Seq: seq, TS: ts, Payload: payload})
		seq++
	}
	sound := Tone(hz, d)
	for frame := 0; (frame+1)*160 <= len(sound); frame++ {
		key, at := (frame-25)/10, (frame-25)%10
		if frame < 25 || key >= len(keys) || at > 5 {
			add(frame, frame == 0, 0, uint32(frame*160), sound[frame*160:(frame+1)*160])
			continue
		}
		event := []byte{byte(strings.IndexByte("0123456789*#ABCD", keys[key])), 10, 0, 0}
		binary.BigEndian.PutUint16(event[2:], uint16((at+1)*160))
		copies := 1
		if at == 5 {
			event[1] |= 0x80
			copies = 3
		}
		for range copies {
			add(frame, at == 0, 96, uint32((25+key*10)*160), event)
		}
	}
	return out
}
