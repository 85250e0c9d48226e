package media

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// arrival is one packet in a story about latching.
type arrival struct {
	at      int64 // ms
	from    string
	ssrc    uint32
	seq     uint16
	badType bool
	want    verdict
}

func TestLatch(t *testing.T) {
	t.Parallel()
	const latched = moved
	const peer, rebound, alias, stranger = "10.0.0.1:4000", "10.0.0.1:5000", "10.9.9.9:6000", "10.6.6.6:666"
	for name, story := range map[string][]arrival{
		"the signalled address at once": {
			{at: 10, from: peer, want: latched},
			{at: 30, from: peer, seq: 1, want: accept},
		},
		"not by a payload type nobody agreed": {
			{at: 10, from: peer, badType: true, want: refuse},
			{at: 30, from: peer, seq: 1, want: latched},
			{at: 50, from: peer, seq: 2, badType: true, want: accept},
		},
		"a stranger never": {
			{at: 10, from: stranger, seq: 1}, {at: 1500, from: stranger, seq: 2}, {at: 1520, from: stranger, seq: 3},
			{at: 1540, from: stranger, seq: 4}, {at: 1560, from: stranger, seq: 5}, {at: 9000, from: stranger, seq: 6},
			{at: 9020, from: peer, want: latched},
			{at: 9040, from: stranger, seq: 7}, {at: 19000, from: stranger, seq: 8},
		},
		"another port after a second and four packets": {
			{at: 500, from: rebound, seq: 1}, {at: 520, from: rebound, seq: 2}, {at: 540, from: rebound, seq: 3},
			{at: 560, from: rebound, seq: 4}, {at: 580, from: rebound, seq: 5},
			{at: 1010, from: rebound, seq: 6, want: latched},
			{at: 1030, from: peer, seq: 6, want: refuse},
		},
		"the signalling address too": {
			{at: 1100, from: alias, seq: 1}, {at: 1120, from: alias, seq: 2}, {at: 1140, from: alias, seq: 3},
			{at: 1160, from: alias, seq: 4, want: latched},
		},
		"four in a row of one source": {
			{at: 1100, from: rebound, seq: 1}, {at: 1120, from: rebound, seq: 2}, {at: 1140, from: rebound, seq: 4},
			{at: 1160, from: rebound, seq: 5}, {at: 1180, from: rebound, ssrc: 1, seq: 6}, {at: 1200, from: rebound, ssrc: 1, seq: 7},
			{at: 1210, from: rebound, ssrc: 1, seq: 7}, {at: 1220, from: rebound, ssrc: 1, seq: 8}, {at: 1230, from: alias, ssrc: 1, seq: 9},
			{at: 1240, from: rebound, ssrc: 1, seq: 9}, {at: 1260, from: rebound, ssrc: 1, seq: 10}, {at: 1280, from: rebound, ssrc: 1, seq: 11},
			{at: 1300, from: rebound, ssrc: 1, seq: 12, want: latched},
		},
		"rebinding after two seconds of silence": {
			{at: 10, from: peer, want: latched},
			{at: 100, from: rebound, seq: 1}, {at: 120, from: rebound, seq: 2}, {at: 140, from: rebound, seq: 3},
			{at: 160, from: rebound, seq: 4}, {at: 2005, from: rebound, seq: 5},
			{at: 2010, from: rebound, seq: 6, want: latched},
			{at: 2030, from: rebound, seq: 7, want: accept},
			{at: 2040, from: peer, seq: 50, want: refuse},
			{at: 4040, from: peer, seq: 51, want: latched},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := latch{}
			if !l.aim(netip.MustParseAddrPort(peer), []netip.Addr{netip.MustParseAddr("10.9.9.9")}, false, 0) {
				t.Fatal("a first address is not a change")
			}
			for i, a := range story {
				p := rtpPacket{ssrc: a.ssrc, seq: a.seq}
				got := l.admit(netip.MustParseAddrPort(a.from), p, !a.badType, a.at*tick)
				if got != a.want {
					t.Errorf("packet %d at %d ms from %s: verdict %d, want %d", i, a.at, a.from, got, a.want)
				}
			}
		})
	}
}

func TestLatchAimedAnew(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:4000")
	l := latch{}
	if l.admit(a, rtpPacket{}, true, 0) != refuse {
		t.Error("a packet is heard before anybody was signalled")
	}
	l.aim(a, nil, false, 0)
	l.admit(a, rtpPacket{}, true, 1)
	if l.aim(a, nil, false, 2); l.current != a {
		t.Error("the same address again forgets the source")
	}
	l.aim(b, nil, false, 3)
	if diff := cmp.Diff([]verdict{refuse, moved}, []verdict{l.admit(a, rtpPacket{}, true, 4), l.admit(b, rtpPacket{}, true, 5)}); diff != "" {
		t.Errorf("old and new source after a new address (-want +got):\n%s", diff)
	}
	l.aim(netip.AddrPort{}, nil, false, 6)
	if l.admit(b, rtpPacket{}, true, 7) != refuse || l.target().IsValid() {
		t.Error("the source outlives its address")
	}
}
