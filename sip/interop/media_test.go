package interop

import (
	"net"
	"net/netip"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

// answeredLine takes the next incoming call of a phone and hums.
func answeredLine(t *testing.T, p *siptest.Phone) *siptest.Line {
	t.Helper()
	line := siptest.Receive(t, "the buyer's line", p.Lines)
	line.Answer()
	line.Hum(1100)
	return line
}

func TestReports(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3550", "receiver reports against loss that was made", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		a := newRawAudio(t, 900)
		caller := r.phone().Call(r.addr, "+18005550100", says(a.offer(port(a.rtp), "a=rtcp:"+itoa(port(a.rtcp)))))
		a.joins(caller.Want(leg.Answered).SDP)
		line := answeredLine(t, buyer)
		a.talks(func(i int) bool { return i == 4 }) // one of ten
		line.Hears(900)
		sr := a.report(a.rtcp)
		if len(sr.Reports) != 1 || sr.Reports[0].SSRC != a.out.SSRC {
			t.Fatalf("our report %v", sr)
		}
		if got := float64(sr.Reports[0].FractionLost) / 256; got < 0.05 || got > 0.15 {
			t.Errorf("we report %.2f lost, a tenth was", got)
		}
		a.answers(a.rtcp, a.toRTCP, sr, 64, sr.PacketCount/4)
		a.answers(a.rtp, a.toRTCP, sr, 0, 1<<20) // from a port that nobody signalled: the last one counts
		a.hears()                                // so that they do not overtake each other
		a.answers(a.rtcp, a.toRTCP, sr, 64, sr.PacketCount/4)
		a.hears()
		a.hears() // time enough for it to be read
		caller.HangUp()
		m := r.ended(t, calls).Legs[0].Media
		if m.In.LossPercent < 5 || m.In.LossPercent > 15 || m.In.MOS < 3 || m.In.MOS > 3.9 || m.In.JitterMaxMS < m.In.JitterMS {
			t.Errorf("heard %+v", m.In)
		}
		if m.Out.LossPercent < 20 || m.Out.LossPercent > 30 || m.Out.Word() != "poor" || m.Out.JitterMS != 5 {
			t.Errorf("reported %+v", m.Out)
		}
		if m.RoundTripMS < 50 || m.RoundTripMS > 1000 {
			t.Errorf("round trip %v ms", m.RoundTripMS)
		}
	})
	prove(t, "RFC 5761", "RTCP on the RTP port", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		a := newRawAudio(t, 900)
		caller := r.phone().Call(r.addr, "+18005550100", says(a.offer(port(a.rtp), "a=rtcp-mux")))
		a.joins(caller.Want(leg.Answered).SDP)
		line := answeredLine(t, buyer)
		a.talks(none)
		line.Hears(900)
		a.hears()
		sr := a.report(a.rtp)
		a.answers(a.rtp, a.to, sr, 0, 0)
		a.hears()
		a.hears()
		caller.HangUp()
		m := r.ended(t, calls).Legs[0].Media
		if m.Out.Packets == 0 || m.Out.Word() != "good" || m.In.Lost != 0 {
			t.Errorf("%+v", m)
		}
	})
}

func TestLatching(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 7362", "audio behind NAT is followed", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		a := newRawAudio(t, 900)
		caller := r.phone().Call(r.addr, "+18005550100", says(a.offer(port(a.rtcp)))) // not where it sends from
		a.joins(caller.Want(leg.Answered).SDP)
		line := answeredLine(t, buyer)
		a.talks(none)
		line.Hears(900)
		a.hears()
		caller.HangUp()
		r.idle()
	})
	prove(t, "RFC 7362", "the signalled address only, where the trunk says so", "raw", func(t *testing.T, r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, Latch: ringbid.LatchSignalled})
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		a := newRawAudio(t, 900)
		caller := r.phone().Call(r.addr, "+18005550100", says(a.offer(port(a.rtcp))))
		a.joins(caller.Want(leg.Answered).SDP)
		line := answeredLine(t, buyer)
		a.speaks(75, none) // longer than NAT would have to wait
		if p := line.Ear.Power(media.Rx, 900); p > 0.1 {
			t.Error("a stranger was heard by the buyer")
		}
		caller.HangUp()
		m := r.ended(t, calls).Legs[0].Media
		if m.PacketsIn != 0 || m.Stray < 70 {
			t.Errorf("%+v", m)
		}
	})
	prove(t, "RFC 7362", "a stranger beside the caller is not heard", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		a, stranger := newRawAudio(t, 900), newRawAudio(t, 2000)
		caller := r.phone().Call(r.addr, "+18005550100", says(a.offer(port(a.rtp))))
		a.joins(caller.Want(leg.Answered).SDP)
		line := answeredLine(t, buyer)
		stranger.to = a.to
		stranger.talks(none)
		a.talks(none)
		line.Hears(900)
		a.speaks(25, none)
		if p := line.Ear.Power(media.Rx, 2000); p > 0.1 {
			t.Error("a stranger was heard by the buyer")
		}
		caller.HangUp()
		if m := r.ended(t, calls).Legs[0].Media; m.Remote != a.rtp.LocalAddr().String() {
			t.Errorf("%+v", m)
		}
	})
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	// six gives the server both families; it returns its IPv6 address.
	six := func(t *testing.T, r *rig) func() string {
		c, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			t.Skipf("no IPv6 on this machine: %v", err)
		}
		_ = c.Close()
		r.cfg.Listeners = append([]leg.Listener{{Network: "udp", Addr: "[::1]:0"}}, r.cfg.Listeners...)
		r.cfg.Plane = siptest.OpenPlane(t, 200, func(c *media.Config) { c.Bind6 = netip.IPv6Loopback() })
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1", "::1"}})
		return func() string { return r.s.Addrs()[0].Addr }
	}
	uas := func(r *rig, ip string) *siptest.Sipp { return r.sipp("uas_speaks.xml", "-i", ip, "-mi", ip) }
	prove(t, "RFC 8866", "IPv6 caller, IPv4 buyer", "sipp, sipp", func(t *testing.T, r *rig) {
		addr := six(t, r)
		buyer := r.sipp("uas_speaks.xml")
		ear := r.tap()
		calls := r.bridge(r.target(buyer.Addr))
		caller := r.sipp("uac_listens.xml", "-s", "+18005550100", "-i", "::1", "-mi", "::1", addr())
		ear.Hears(t, media.Tx, 900)
		caller.Passes()
		buyer.Passes()
		checkFamilies(t, r.ended(t, calls).Legs, false, true)
	})
	prove(t, "RFC 8866", "IPv4 caller, IPv6 buyer", "raw, sipp", func(t *testing.T, r *rig) {
		six(t, r)
		buyer := uas(r, "::1")
		_, sipPort, _ := net.SplitHostPort(buyer.Addr)
		calls := r.bridge(r.target(net.JoinHostPort("::1", sipPort)))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		caller.Hears(900)
		caller.HangUp()
		buyer.Passes()
		checkFamilies(t, r.ended(t, calls).Legs, true, false)
	})
	prove(t, "RFC 8866", "IPv6 caller and buyer", "sipp, sipp", func(t *testing.T, r *rig) {
		addr := six(t, r)
		buyer := uas(r, "::1")
		ear := r.tap()
		_, sipPort, _ := net.SplitHostPort(buyer.Addr)
		calls := r.bridge(r.target(net.JoinHostPort("::1", sipPort)))
		caller := r.sipp("uac_listens.xml", "-s", "+18005550100", "-i", "::1", "-mi", "::1", addr())
		ear.Hears(t, media.Tx, 900)
		caller.Passes()
		buyer.Passes()
		checkFamilies(t, r.ended(t, calls).Legs, false, false)
	})
	prove(t, "RFC 3264", "IPv6 offer to a server of IPv4 refused with 488", "raw", func(t *testing.T, r *rig) {
		r.bridge(r.target("127.0.0.1:9"))
		a := newRawAudio(t, 900)
		offer := []byte("v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio " + itoa(port(a.rtp)) + " RTP/AVP 0\r\n")
		caller := r.phone().Call(r.addr, "+18005550100", says(offer))
		if ev := caller.Want(leg.Failed); ev.Code != 488 {
			t.Errorf("refused with %d", ev.Code)
		}
	})
}

// checkFamilies checks over which family each leg's audio went.
func checkFamilies(t *testing.T, legs []ringbid.Leg, caller4, buyer4 bool) {
	t.Helper()
	if len(legs) != 2 {
		t.Fatalf("%d legs", len(legs))
	}
	for i, four := range []bool{caller4, buyer4} {
		m := legs[i].Media
		at, err := netip.ParseAddrPort(m.Local)
		if err != nil || at.Addr().Is4() != four || m.PacketsOut == 0 {
			t.Errorf("%s: %+v", legs[i].Side, m)
		}
	}
	if legs[1].Media.PacketsIn == 0 {
		t.Errorf("nothing from the buyer: %+v", legs[1].Media)
	}
}
