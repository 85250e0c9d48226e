package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/prometheus/client_golang/prometheus"
)

// pairParty is a party whose RTCP socket is one port above its RTP socket.
func pairParty(t *testing.T, ip netip.Addr) (*party, *net.UDPConn) {
	t.Helper()
	for range 50 {
		p := newParty(t, ip)
		if p.addr.Port() == 65535 {
			continue
		}
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, p.addr.Port()+1)))
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			return p, conn
		}
	}
	t.Fatal("no pair of ports")
	return nil, nil
}

// reports reads one compound packet.
func reports(t *testing.T, conn *net.UDPConn) []rtcp.Packet {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	got, err := rtcp.Unmarshal(buf[:n])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// soon brings the next report forward.
func (s *Stream) soon() {
	s.post(func(sh *shard, st *session) { st.rtcpAt = sh.now })
}

func TestReports(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	s, _ := openStream(t, p)
	peer, conn := pairParty(t, p.config.Bind)
	s.Apply(both(peer))
	s.Stats()
	for i := range 10 { // two of ten lost
		if i == 4 || i == 5 {
			peer.seq++
			continue
		}
		peer.voice(s, 0, 1)
	}
	eventually(t, "eight packets, and one of ours", func() bool { got := s.Stats(); return got.Received == 8 && got.Sent > 0 })

	control := net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.Local().Addr(), s.Local().Port()+1))
	send := func(from *net.UDPConn, packets ...rtcp.Packet) {
		t.Helper()
		b, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := from.WriteToUDP(b, control); err != nil {
			t.Fatal(err)
		}
	}
	send(conn, &rtcp.SenderReport{SSRC: peer.ssrc, NTPTime: 0x1111222233334444})
	eventually(t, "the peer's report", func() bool { return s.Stats().RTCPReceived == 1 })

	s.soon()
	got := reports(t, conn)
	sr, ok := got[0].(*rtcp.SenderReport)
	if !ok || len(sr.Reports) != 1 || sr.PacketCount == 0 || sr.OctetCount != sr.PacketCount*160 {
		t.Fatalf("got %v, want a sender report with one block", got[0])
	}
	block := sr.Reports[0]
	if block.SSRC != peer.ssrc || block.TotalLost != 2 || block.FractionLost != 51 || block.LastSenderReport != 0x22223333 || block.Delay == 0 {
		t.Errorf("block %+v", block)
	}
	if sdes, ok := got[1].(*rtcp.SourceDescription); !ok || sdes.Chunks[0].Items[0].Type != rtcp.SDESCNAME {
		t.Errorf("second packet %v, want a CNAME", got[1])
	}
	if off := time.Since(time.Unix(int64(sr.NTPTime>>32)-ntpEpoch, 0)); off < 0 || off > 3*time.Second {
		t.Errorf("NTP time is %v off", off)
	}

	// The peer reports 100 ms of round trip, a quarter lost and 5 ms jitter.
	middle := uint32(sr.NTPTime >> 16)
	send(conn, &rtcp.ReceiverReport{SSRC: peer.ssrc, Reports: []rtcp.ReceptionReport{{
		SSRC: sr.SSRC, FractionLost: 64, TotalLost: 5, Jitter: 40, LastSenderReport: middle - 6554,
	}}})
	eventually(t, "the second report", func() bool { return s.Stats().RTCPReceived == 2 })
	st := s.Stats()
	if st.PeerLost != 5 || st.PeerFraction != 0.25 || st.PeerJitter != 5*time.Millisecond || st.RTT < 100*time.Millisecond || st.RTT > time.Second {
		t.Errorf("lost %d, fraction %v, jitter %v, round trip %v", st.PeerLost, st.PeerFraction, st.PeerJitter, st.RTT)
	}

	stranger := newParty(t, loopback())
	send(stranger.conn, &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: sr.SSRC, TotalLost: 9999}}})
	if _, err := conn.WriteToUDP([]byte("\x81\xc9\x00\x07garbage"), control); err != nil {
		t.Fatal(err)
	}
	eventually(t, "garbage counted", func() bool { return s.Stats().RTCPMalformed == 1 })
	if st := s.Stats(); st.RTCPReceived != 2 || st.PeerLost != 5 {
		t.Errorf("a stranger's report was believed: %+v", st)
	}

	s.Close()
	got = reports(t, conn)
	if _, ok := got[len(got)-1].(*rtcp.Goodbye); !ok {
		t.Errorf("last packet %v, want a BYE", got[len(got)-1])
	}
}

// Only who has sent something says goodbye.
func TestByeOfWhoSentNothing(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	for name, talk := range map[string]bool{"silent": false, "reported": true} {
		t.Run(name, func(t *testing.T) {
			s, _ := openStream(t, p)
			peer := newParty(t, p.config.Bind)
			params := both(peer)
			params.RTCP, params.Send = peer.addr, false
			_ = s.Apply(params)
			if talk {
				s.soon()
				eventually(t, "a report", func() bool { return len(peer.all()) == 1 })
			}
			s.Close()
			ended(t, s)
			if !talk {
				pace(2, 20*time.Millisecond, func(int) {})
				if len(peer.all()) != 0 {
					t.Errorf("%d packets", len(peer.all()))
				}
				return
			}
			eventually(t, "BYE", func() bool { return len(peer.all()) == 2 })
		})
	}
}

func TestReportInterval(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	sum := time.Duration(0)
	for range 1000 {
		d := time.Duration(p.shards[0].reportInterval()) // the thread has nothing to do yet
		if d < 2500*time.Millisecond || d > 7500*time.Millisecond {
			t.Fatalf("interval %v", d)
		}
		sum += d
	}
	if mean := sum / 1000; mean < 4700*time.Millisecond || mean > 5300*time.Millisecond {
		t.Errorf("mean %v, want 5s", mean)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	c := newBridged(t, func(c *Config) { c.Registerer = reg })
	c.bridge()
	c.alice.talk(c.a, 5, 1)
	c.alice.raw(c.a, []byte("junk"))
	eventually(t, "the junk", func() bool { return c.a.Stats().Malformed == 1 })
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"ringbid_media_packets_total in": 5, "ringbid_media_dropped_packets_total malformed": 1,
		"ringbid_media_streams": 2, "ringbid_media_streams_capacity": 100, "ringbid_media_streams_total": 2,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v (all: %v)", name, got[name], want, got)
		}
	}
	if got["ringbid_media_packets_total out"] < 5 {
		t.Errorf("sent %v packets", got["ringbid_media_packets_total out"])
	}
	if _, err := Open(Config{Bind: c.plane.config.Bind, PortMin: 2, PortMax: 9, Registerer: reg}); err == nil {
		t.Error("a second plane on the same registry is accepted")
	}
	if err := c.plane.Close(); err != nil {
		t.Fatal(err)
	}
	if families, _ := reg.Gather(); len(families) != 0 {
		t.Errorf("%d metrics left after Close", len(families))
	}
}
