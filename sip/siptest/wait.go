package siptest

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Patience bounds every wait of a test.
const Patience = 20 * time.Second

// Eventually waits for a condition that other goroutines or processes bring
// about, and fails the test when it does not come.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-limit.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Receive takes the next value of a channel.
func Receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(Patience):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

// Output collects what several goroutines or processes write.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns everything written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Lines counts the lines with the text.
func (o *Output) Lines(text string) int {
	n := 0
	for line := range strings.Lines(o.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// nextPort walks the ports below those that systems hand out; each test process
// begins elsewhere.
var nextPort atomic.Int64

// FreePort returns a port that is free on 127.0.0.1 with the next three, for
// UDP and TCP. No two calls in a process return the same one.
func FreePort(t testing.TB) int {
	t.Helper()
	nextPort.CompareAndSwap(0, 5200+4*(time.Now().UnixNano()/1000%1100))
	for range 1200 {
		port := int(nextPort.Add(4))
		if port > 9900 {
			nextPort.Store(5200)
			continue
		}
		if free(port) {
			return port
		}
	}
	t.Fatal("no port free on this machine")
	return 0
}

func free(port int) bool {
	for p := port; p < port+4; p++ {
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
		if err != nil {
			return false
		}
		u.Close()
		c, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p})
		if err != nil {
			return false
		}
		c.Close()
	}
	return true
}

// Loopback returns "127.0.0.1:port".
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
