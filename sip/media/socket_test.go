package media

import (
	"net/netip"
	"testing"
	"time"
)

func TestSockaddrKeepsTheAddress(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"127.1.2.3:258", "[2001:db8::1]:65535"} {
		want := netip.MustParseAddrPort(s)
		if got := newSockaddr(want).addrPort(); got != want {
			t.Errorf("%v becomes %v", want, got)
		}
	}
	if got := new(sockaddr).addrPort(); got.IsValid() {
		t.Errorf("no address becomes %v", got)
	}
}

// A wait ends at its time, at once when woken, and when the time has passed.
func TestEpollWaits(t *testing.T) {
	t.Parallel()
	for name, poll := range map[string]bool{"event": false, "poll": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := newEpoll(poll, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				until := e.now() + 5*tick
				e.wait(until)
				if late := e.now() - until; late < 0 || late > 200*tick {
					t.Errorf("waited until %d ns past the time", late)
				}
			}
			e.wait(1) // long ago
			e.wake()
			e.wait(0)
			e.close()
			e.wake() // after the end: nothing
		})
	}
}
