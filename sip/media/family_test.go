package media

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// dual has a plane serve IPv6 as well; machines without it skip the test.
func dual(t *testing.T) func(*Config) {
	t.Helper()
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 on this machine: %v", err)
	}
	_ = c.Close()
	return func(c *Config) { c.Bind6 = netip.IPv6Loopback() }
}

// An IPv4 caller and an IPv6 buyer hear each other, and two IPv6 parties do.
func TestBridgeAcrossFamilies(t *testing.T) {
	t.Parallel()
	p := openPlane(t, dual(t))
	six := netip.IPv6Loopback()
	for name, at := range map[string][2]netip.Addr{"v4 to v6": {p.config.Bind, six}, "v6 to v6": {six, six}} {
		t.Run(name, func(t *testing.T) {
			var streams [2]*Stream
			var parties [2]*party
			for i, ip := range at {
				var err error
				if streams[i], err = p.NewStreamTo(ip, nil); err != nil {
					t.Fatal(err)
				}
				parties[i] = newParty(t, ip)
				if got := streams[i].Local().Addr(); got != ip {
					t.Fatalf("stream for %v is at %v", ip, got)
				}
				_ = streams[i].Apply(both(parties[i]))
			}
			streams[0].Bridge(streams[1])
			for i, mark := range []byte{0x21, 0x42} {
				eventually(t, "the other's voice", func() bool {
					parties[i].voice(streams[i], 0, mark)
					return slices.Contains(marks(parties[1-i].all(), 0), mark)
				})
			}
			for _, s := range streams {
				s.Close()
				ended(t, s)
			}
		})
	}
}

// A peer of another family than the stream's is neither sent to nor heard.
func TestOtherFamilyIsNotReached(t *testing.T) {
	t.Parallel()
	p := openPlane(t, dual(t))
	s, _ := openStream(t, p)
	peer := newParty(t, netip.IPv6Loopback())
	_ = s.Apply(both(peer))
	if st := s.Stats(); st.Sent != 0 {
		t.Errorf("%+v", st)
	}
}

func TestPacketsAreMarked(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{0: 46, 34: 34, -1: 0} {
		p := openPlane(t, func(c *Config) { c.DSCP = asked })
		s, _ := openStream(t, p)
		s.Stats()
		for _, fd := range []int{s.state.pair.rtp, s.state.pair.rtcp} {
			got, err := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS)
			if err != nil || got>>2 != want {
				t.Errorf("asked for %d: %d, %v", asked, got>>2, err)
			}
		}
	}
}

func TestAddressesThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"two of IPv4":            {Bind: loopback(), Bind6: loopback()},
		"two of IPv6":            {Bind: netip.IPv6Loopback(), Bind6: netip.IPv6Loopback()},
		"nothing to advertise":   {Bind: loopback(), Bind6: netip.IPv6Unspecified()},
		"advertised in the void": {Bind: loopback(), Advertise6: netip.IPv6Loopback()},
		"dscp of 6 bits only":    {Bind: loopback(), DSCP: 64},
	} {
		c.PortMin, c.PortMax = 20000, 20010
		if p, err := Open(c); err == nil {
			_ = p.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}
