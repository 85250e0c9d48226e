package media

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// generator plays all parties of many calls from one thread: each sends a
// packet every 20 ms, spread over the milliseconds, and receives what comes.
type generator struct {
	t        testing.TB
	eng      *epoll
	socks    []int
	to       []*sockaddr
	addrs    []netip.AddrPort
	packet   [rtpHeaderLen + frameSamples]byte
	buf      [2048]byte
	seq      uint16
	at       int64
	received int
}

func newGenerator(t testing.TB, n int) *generator {
	t.Helper()
	eng, err := newEpoll(true, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	g := &generator{t: t, eng: eng, to: make([]*sockaddr, n)}
	t.Cleanup(g.close)
	ip := loopback()
	for i := range n {
		fd, err := bindUDP(netip.AddrPortFrom(ip, 0), 46)
		if err != nil {
			t.Fatal(err)
		}
		g.socks = append(g.socks, fd)
		name, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		g.addrs = append(g.addrs, netip.AddrPortFrom(ip, uint16(name.(*unix.SockaddrInet4).Port)))
		if err := eng.watch(fd, i, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range g.packet {
		g.packet[i] = 0x55
	}
	return g
}

func (g *generator) close() {
	for _, fd := range g.socks {
		_ = unix.Close(fd)
	}
	g.eng.close()
}

// run sends n packets and returns how many arrived.
func (g *generator) run(n int) int {
	g.received = 0
	g.at = g.eng.now()
	for sent, slot := 0, 0; sent < n; slot++ {
		g.listen()
		if slot%wheelSlots == 0 {
			g.seq++
		}
		for i := slot % wheelSlots; i < len(g.socks); i += wheelSlots {
			putRTP(g.packet[:], rtpPacket{seq: g.seq, ts: uint32(g.seq) * frameSamples, ssrc: uint32(i)})
			g.eng.send(g.socks[i], g.packet[:], g.to[i])
			sent++
		}
	}
	for range 30 { // what is still on its way
		g.listen()
	}
	return g.received
}

// listen waits for the next millisecond and counts what has come.
func (g *generator) listen() {
	g.at += tick
	for _, i := range g.eng.wait(g.at) {
		for {
			n, _ := g.eng.recv(g.socks[i], g.buf[:])
			if n < 0 {
				break
			}
			// Comfort silence is not a relayed packet.
			if n == len(g.packet) && binary.BigEndian.Uint32(g.buf[20:]) == 0x55555555 {
				g.received++
			}
		}
	}
}

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// cpu is the processor time that the media thread of s has used.
func (s *Stream) cpu() time.Duration {
	reply := make(chan time.Duration, 1)
	s.hurry(func(*shard, *session) { reply <- threadTime() })
	return <-reply
}

// sink is a tap that copies, as a recorder does, and allocates nothing.
type sink struct {
	buf  [8192]byte
	seen atomic.Int64
}

func (k *sink) Frame(_ Channel, pos int64, ulaw []byte) {
	at := int(pos) % (len(k.buf) - 2048)
	copy(k.buf[at:], ulaw)
	k.seen.Add(1)
}

// rig is calls bridged by a plane, and the generator that talks through them.
type rig struct {
	gen     *generator
	streams []*Stream
	sinks   []*sink
}

func newRig(t testing.TB, calls int, tapped bool, change func(*Config)) *rig {
	t.Helper()
	p := openPlane(t, func(c *Config) {
		c.PortMin, c.PortMax = 10000, 10000+4*calls
		change(c)
	})
	r := &rig{gen: newGenerator(t, 2*calls)}
	for i, addr := range r.gen.addrs {
		s, err := p.NewStream(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(Params{Remote: addr, Send: true, Recv: true, DTMF: 101})
		r.gen.to[i] = newSockaddr(s.Local())
		r.streams = append(r.streams, s)
		if i%2 == 1 {
			r.streams[i-1].Bridge(s)
			if tapped {
				r.sinks = append(r.sinks, new(sink))
				r.streams[i-1].Tap(r.sinks[i/2])
			}
		}
		s.Stats()
	}
	return r
}

// floor is the least a relay can do: one thread, epoll, connected sockets, one
// recv and one send per packet.
type floor struct {
	fd   int
	port []int
	stop atomic.Bool
	used chan time.Duration
	ask  atomic.Bool
	done chan struct{}
}

func newFloor(t testing.TB, gen *generator) *floor {
	t.Helper()
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := &floor{fd: fd, used: make(chan time.Duration), done: make(chan struct{})}
	ip := loopback()
	for i, addr := range gen.addrs {
		sock, err := bindUDP(netip.AddrPortFrom(ip, 0), 46)
		if err != nil {
			t.Fatal(err)
		}
		name, err := unix.Getsockname(sock)
		if err != nil {
			t.Fatal(err)
		}
		gen.to[i] = newSockaddr(netip.AddrPortFrom(ip, uint16(name.(*unix.SockaddrInet4).Port)))
		connectUDP(sock, newSockaddr(addr))
		f.port = append(f.port, sock)
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, sock, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			t.Fatal(err)
		}
	}
	go f.run()
	t.Cleanup(func() {
		f.stop.Store(true)
		<-f.done
		for _, sock := range append(f.port, fd) {
			_ = unix.Close(sock)
		}
	})
	return f
}

func (f *floor) run() {
	runtime.LockOSThread()
	raisePriority()
	defer close(f.done)
	ready := make([]unix.EpollEvent, epollBatch)
	buf := make([]byte, 2048)
	for !f.stop.Load() {
		if f.ask.CompareAndSwap(true, false) {
			f.used <- threadTime()
		}
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(f.fd), uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), 10, 0, 0)
		if errno != 0 {
			continue
		}
		for _, ev := range ready[:n] {
			size, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(f.port[ev.Fd]), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0, 0)
			if errno == 0 {
				_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(f.port[ev.Fd^1]), uintptr(unsafe.Pointer(&buf[0])), size, unix.MSG_NOSIGNAL, 0, 0)
			}
		}
	}
}

func (f *floor) cpu() time.Duration {
	f.ask.Store(true)
	return <-f.used
}
