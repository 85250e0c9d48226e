package interop

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// deaf is a TCP port of 127.0.0.1 that neither takes connections nor refuses
// them: its queue is full.
func deaf(t *testing.T, port int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	at := &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Bind(fd, at); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(os.NewSyscallError("listen", err))
	}
	for range 4 {
		c, err := net.DialTimeout("tcp", siptest.Loopback(port), 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill")
}

func TestOversize(t *testing.T) {
	t.Parallel()
	signed := func(t *testing.T) func(*siptest.Line, *leg.DialConfig) {
		return saying(header(t, "Date", "Thu, 26 Nov 2026 01:00:00 GMT"),
			header(t, "Identity", "eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0.c2lnbmF0dXJl;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken;pad="+strings.Repeat("x", 2000)+"y"))
	}
	leads := func(target *ringbid.Target) {
		target.Headers = map[string]string{}
		for i := range 20 {
			target.Headers[fmt.Sprintf("X-Lead-%d", i)] = strings.Repeat("x", 80)
		}
	}
	prove(t, "RFC 3261 18.1.1", "INVITE over 1300 bytes goes by TCP, and the dialog with it", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_long_tcp.xml", "-t", "t1"), func(t *ringbid.Trunk) { t.RelayIdentity = true },
			func(t *ringbid.Target) { t.User = "+18005550100" }, signed(t))
	})
	prove(t, "RFC 3261 18.1.1", "INVITE over 1300 bytes to a peer without TCP comes by UDP", "sipp", func(t *testing.T, r *rig) {
		told(t, r, r.sipp("uas_long_udp.xml"), func(*ringbid.Trunk) {}, leads)
	})
	prove(t, "RFC 3261 18.1.1", "TCP that does not answer: by UDP, and the next call at once", "raw", func(t *testing.T, r *rig) {
		buyer := siptest.NewWire(t, "127.0.0.1")
		deaf(t, int(portOf(t, buyer.Addr())))
		target := r.target(buyer.Addr())
		leads(target)
		calls := r.bridge(target)
		for i := range 2 {
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			began := time.Now()
			invite := buyer.Next("INVITE ")
			if waited := time.Since(began); i == 0 && waited < testT1 || i == 1 && waited > testT1 {
				t.Errorf("call %d: INVITE after %s", i+1, waited)
			}
			if via := siptest.Header(invite, "Via"); !strings.HasPrefix(via, "SIP/2.0/UDP") {
				t.Errorf("Via %s", via)
			}
			buyer.Reply(invite, "486 Busy Here", "")
			verdict(t, calls, ringbid.VerdictBusy)
			caller.Over()
		}
		r.idle()
	})
	prove(t, "RFC 3261 9", "CANCEL of a long INVITE follows it by TCP", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		target := r.target(buyer.TCP)
		leads(target)
		calls := r.bridge(target)
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		if n := line.Leg.Network(); n != "tcp" {
			t.Errorf("came by %s", n)
		}
		line.Ring()
		siptest.Eventually(t, "ringing", func() bool { return len(r.events.Of(ringbid.EventRinging)) == 1 })
		caller.HangUp()
		line.Want(leg.Cancelled)
		verdict(t, calls, ringbid.VerdictCancelled)
		r.idle()
	})
}
