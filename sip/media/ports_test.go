package media

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestPoolEmptyAndQuarantine(t *testing.T) {
	t.Parallel()
	p := openPlane(t, func(c *Config) {
		c.PortMin, c.PortMax = c.PortMin+1, c.PortMin+7 // holds three even ports with their odd ones
		c.Rest = 150 * time.Millisecond
	})
	var open []*Stream
	ports := map[uint16]bool{}
	for range 3 {
		s, _ := openStream(t, p)
		open = append(open, s)
		ports[s.Local().Port()] = true
		if s.Local().Port()%2 != 0 {
			t.Errorf("odd port %v", s.Local())
		}
	}
	if n, all := p.Load(); n != 3 || all != 3 || len(ports) != 3 {
		t.Errorf("load %d of %d, ports %v", n, all, ports)
	}
	if _, err := p.NewStream(nil); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a fourth stream: %v", err)
	}
	closed := open[1].Local().Port()
	open[1].Close()
	ended(t, open[1])
	freed := time.Now()
	if n, _ := p.Load(); n != 2 {
		t.Errorf("%d open after Close", n)
	}
	var s *Stream
	eventually(t, "the port to rest", func() bool {
		var err error
		s, err = p.NewStream(nil)
		if err != nil && !errors.Is(err, ErrNoPorts) {
			t.Fatal(err)
		}
		return err == nil
	})
	if rested := time.Since(freed); rested < 145*time.Millisecond {
		t.Errorf("the port is used again after %v", rested)
	}
	if s.Local().Port() != closed {
		t.Errorf("got %d, want %d", s.Local().Port(), closed)
	}
}

// What the old peer still sends must not be heard by the next user of the port.
func TestReusedPortIsDeafToOldPeer(t *testing.T) {
	t.Parallel()
	p := openPlane(t, func(c *Config) {
		c.PortMax = c.PortMin + 1
		c.Rest = time.Millisecond
	})
	old, next := newParty(t, loopback()), newParty(t, loopback())
	s, events := openStream(t, p)
	s.Apply(both(old))
	s.Stats()
	old.voice(s, 0, 1)
	await(t, events, Latched)
	s.Close()
	ended(t, s)
	var again *Stream
	fresh := make(chan Event, 16)
	eventually(t, "the port", func() bool {
		var err error
		again, err = p.NewStream(fresh)
		return err == nil
	})
	again.Apply(both(next))
	again.Stats()
	for range 6 {
		old.voice(s, 0, evil)
	}
	eventually(t, "the old peer refused", func() bool { return again.Stats().WrongSource == 6 })
	if got := again.Stats(); got.Received != 0 || len(fresh) != 0 {
		t.Errorf("the new stream heard %d packets of the old peer", got.Received)
	}
}

func TestPortHeldByAnotherIsPassedOver(t *testing.T) {
	t.Parallel()
	ip := loopback()
	taken, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := int(taken.LocalAddr().(*net.UDPAddr).Port) &^ 1
	p := openPlane(t, func(c *Config) { c.Bind, c.PortMin, c.PortMax = ip, port, min(port+3, 65535) })
	s, err := p.NewStream(nil)
	if port+3 > 65535 {
		return // the only pair is the one that is held
	}
	if err != nil || int(s.Local().Port()) != port+2 {
		t.Fatalf("got %v, want port %d", err, port+2)
	}
	if _, err := p.NewStream(nil); !errors.Is(err, ErrNoPorts) {
		t.Errorf("with one port held and one used: %v", err)
	}
}

func TestPoolStartsAnywhere(t *testing.T) {
	t.Parallel()
	starts := map[uint16]bool{}
	for range 40 {
		p, err := newPorts(Config{Bind: loopback(), PortMin: 10000, PortMax: 10999})
		if err != nil {
			t.Fatal(err)
		}
		starts[p.idle[0].port] = true
	}
	if len(starts) < 5 {
		t.Errorf("40 pools begin at only %d ports", len(starts))
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	ip := netip.MustParseAddr("127.0.0.1")
	for name, c := range map[string]Config{
		"no address":         {PortMin: 10000, PortMax: 10010},
		"nothing advertised": {Bind: netip.IPv4Unspecified(), PortMin: 10000, PortMax: 10010},
		"range reversed":     {Bind: ip, PortMin: 10010, PortMax: 10000},
		"range too high":     {Bind: ip, PortMin: 10000, PortMax: 70000},
		"no even pair":       {Bind: ip, PortMin: 10001, PortMax: 10002},
		"many shards":        {Bind: ip, PortMin: 10000, PortMax: 10010, Shards: 1000},
	} {
		if p, err := Open(c); err == nil {
			_ = p.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAddressNotOfThisMachine(t *testing.T) {
	t.Parallel()
	p := openPlane(t, func(c *Config) { c.Bind = netip.MustParseAddr("192.0.2.1") })
	if _, err := p.NewStream(nil); err == nil || errors.Is(err, ErrNoPorts) {
		t.Errorf("stream on an address of somebody else: %v", err)
	}
	if open, _ := p.Load(); open != 0 {
		t.Errorf("%d open after a refusal", open)
	}
}
