package interop

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
)

// rawAudio is a party's audio by hand: a socket for RTP and one for RTCP, packets
// made and read by pion.
type rawAudio struct {
	t         testing.TB
	rtp, rtcp *net.UDPConn
	to        netip.AddrPort // our RTP address
	toRTCP    netip.AddrPort
	voice     []byte
	out       rtp.Header
}

func newRawAudio(t testing.TB, hz float64) *rawAudio {
	t.Helper()
	a := &rawAudio{t: t, voice: siptest.Tone(hz, time.Second), out: rtp.Header{Version: 2, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32())}}
	for _, c := range []**net.UDPConn{&a.rtp, &a.rtcp} {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		*c = conn
	}
	return a
}

func port(c *net.UDPConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

// offer describes the audio: RTP at the port, and further lines.
func (a *rawAudio) offer(rtpPort int, lines ...string) []byte {
	body := []string{"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP 0", rtpPort), "a=rtpmap:0 PCMU/8000"}
	return []byte(strings.Join(append(body, lines...), "\r\n") + "\r\n")
}

// says has a phone's call offer the audio.
func says(offer []byte) func(*siptest.Line, *leg.DialConfig) {
	return func(_ *siptest.Line, d *leg.DialConfig) { d.SDP = offer }
}

// joins reads where our audio is from the answer.
func (a *rawAudio) joins(answer []byte) {
	a.t.Helper()
	s, err := sdp.Parse(answer)
	if err != nil {
		a.t.Fatalf("%v\n%s", err, answer)
	}
	a.to, a.toRTCP = s.Audio.Addr, s.Audio.RTCP
}

// speaks sends n packets in real time, leaving out those that skip names.
func (a *rawAudio) speaks(n int, skip func(i int) bool) {
	a.t.Helper()
	clock := time.NewTicker(20 * time.Millisecond)
	defer clock.Stop()
	for i := range n {
		if !skip(i) {
			at := i * 160 % len(a.voice)
			b, err := (&rtp.Packet{Header: a.out, Payload: a.voice[at : at+160]}).Marshal()
			if err == nil {
				_, err = a.rtp.WriteToUDPAddrPort(b, a.to)
			}
			if err != nil {
				a.t.Error(err)
			}
		}
		a.out.SequenceNumber++
		a.out.Timestamp += 160
		<-clock.C
	}
}

// talks is speaks in the background, for as long as the test runs.
func (a *rawAudio) talks(skip func(i int) bool) {
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				a.speaks(10, skip)
			}
		}
	}()
	a.t.Cleanup(func() { close(stop); <-done })
}

// report waits for the next sender report on a socket.
func (a *rawAudio) report(c *net.UDPConn) *rtcp.SenderReport {
	a.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		a.t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for {
		n, err := c.Read(buf)
		if err != nil {
			a.t.Fatalf("no report: %v", err)
		}
		if n < 2 || buf[1] < 192 || buf[1] > 223 {
			continue
		}
		list, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			a.t.Fatal(err)
		}
		if sr, ok := list[0].(*rtcp.SenderReport); ok {
			return sr
		}
	}
}

// answers sends a receiver report about sr, as after a way of 50 ms there and
// back, with the share lost.
func (a *rawAudio) answers(c *net.UDPConn, to netip.AddrPort, sr *rtcp.SenderReport, fraction uint8, lost uint32) {
	a.t.Helper()
	rr := &rtcp.ReceiverReport{SSRC: a.out.SSRC, Reports: []rtcp.ReceptionReport{{
		SSRC: sr.SSRC, FractionLost: fraction, TotalLost: lost, LastSequenceNumber: 1, Jitter: 40,
		LastSenderReport: uint32(sr.NTPTime>>16) - 65536/20,
	}}}
	cname := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: a.out.SSRC, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "raw"}}}}}
	b, err := rtcp.Marshal([]rtcp.Packet{rr, cname})
	if err == nil {
		_, err = c.WriteToUDPAddrPort(b, to)
	}
	if err != nil {
		a.t.Error(err)
	}
}

// none leaves nothing out.
func none(int) bool { return false }

// hears waits until an RTP packet with sound comes, one that was not there before.
func (a *rawAudio) hears() {
	a.t.Helper()
	buf := make([]byte, 2048)
	_ = a.rtp.SetReadDeadline(time.Now().Add(time.Millisecond))
	for {
		if _, err := a.rtp.Read(buf); err != nil {
			break
		}
	}
	if err := a.rtp.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		a.t.Fatal(err)
	}
	for {
		n, err := a.rtp.Read(buf)
		if err != nil {
			a.t.Fatalf("nothing heard: %v", err)
		}
		if n == 172 && binary.BigEndian.Uint32(buf[8:]) != a.out.SSRC && slices.Max(buf[12:n]) != slices.Min(buf[12:n]) {
			return
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// ended is how a call went, once every leg of it is through: nobody is waited
// for who has left already.
func (r *rig) ended(t *testing.T, calls <-chan talked) talked {
	t.Helper()
	x := siptest.Receive(t, "the call", calls)
	r.idle()
	return x
}
