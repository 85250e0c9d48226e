package bench

import (
	"context"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// packet is what an RTP packet of 20 ms of G.711 measures, in bytes.
const packet = 172

// load is the parent's side of the relay figures: two sockets a call, each
// sending 50 packets a second to its leg, and one thread that takes in what
// comes back.
type load struct {
	socks []*net.UDPConn
	peers []netip.AddrPort
	poll  int
	fds   []int
}

// newLoad opens 2 sockets for each call.
func newLoad(calls int) (*load, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	l := &load{poll: poll}
	for range 2 * calls {
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			l.close()
			return nil, err
		}
		l.socks = append(l.socks, s)
		raw, err := s.SyscallConn()
		if err != nil {
			l.close()
			return nil, err
		}
		err = raw.Control(func(fd uintptr) {
			l.fds = append(l.fds, int(fd))
			_ = unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		})
		if err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *load) addrs() []string {
	out := make([]string, len(l.socks))
	for i, s := range l.socks {
		out[i] = s.LocalAddr().String()
	}
	return out
}

// aim connects each socket to its leg, so that the kernel does least for us.
func (l *load) aim(addrs []string) error {
	for i, a := range addrs {
		ap, err := netip.ParseAddrPort(a)
		if err != nil {
			return err
		}
		l.peers = append(l.peers, ap)
		sa := &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
		if err := unix.Connect(l.fds[i], sa); err != nil {
			return err
		}
	}
	return nil
}

// run sends for the given time on an absolute 1 ms clock and returns how many
// packets were sent and how many came back.
func (l *load) run(ctx context.Context, d time.Duration, seq *uint16) (sent, back int64) {
	done := make(chan int64)
	stop := make(chan struct{})
	go func() { done <- l.drain(stop) }()
	sent = l.send(ctx, d, seq)
	time.Sleep(50 * time.Millisecond)
	close(stop)
	return sent, <-done
}

func (l *load) send(ctx context.Context, d time.Duration, seq *uint16) (sent int64) {
	buf := make([]byte, packet)
	buf[0] = 0x80
	begin := time.Now()
	for slot := 0; ctx.Err() == nil; slot++ {
		due := time.Duration(slot) * time.Millisecond
		if due >= d {
			break
		}
		if wait := due - time.Since(begin); wait > 0 {
			time.Sleep(wait)
		}
		if slot%20 == 0 {
			*seq++
		}
		for i := slot % 20; i < len(l.fds); i += 20 {
			buf[2], buf[3] = byte(*seq>>8), byte(*seq)
			ts := uint32(*seq) * 160
			buf[4], buf[5], buf[6], buf[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
			buf[8], buf[9], buf[10], buf[11] = 0xbe, 0xac, byte(i>>8), byte(i)
			if _, err := unix.Write(l.fds[i], buf); err == nil {
				sent++
			}
		}
	}
	return sent
}

// drain reads everything that comes back until it is told to stop.
func (l *load) drain(stop chan struct{}) (n int64) {
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 2048)
	for {
		select {
		case <-stop:
			return n
		default:
		}
		got, err := unix.EpollWait(l.poll, events, 5)
		if err != nil && err != unix.EINTR {
			return n
		}
		for _, e := range events[:max(got, 0)] {
			if m, err := unix.Read(int(e.Fd), buf); err == nil && m == packet {
				n++
			}
		}
	}
}

func (l *load) close() {
	for _, s := range l.socks {
		_ = s.Close()
	}
	_ = unix.Close(l.poll)
}
