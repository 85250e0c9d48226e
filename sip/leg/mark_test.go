package leg

import (
	"syscall"
	"testing"
)

func TestSocketsAreMarked(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{0: 24, 40: 40, -1: 0} {
		s, err := Listen(Config{Listeners: []Listener{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}}, DSCP: asked})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []syscall.Conn{s.udp[0].conn, s.inlets[0].real.(syscall.Conn)} {
			raw, err := c.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			_ = raw.Control(func(fd uintptr) {
				if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TOS); err != nil || got>>2 != want {
					t.Errorf("asked for %d: %d, %v", asked, got>>2, err)
				}
			})
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
