package bench

import (
	"net"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"
)

// floorChild is the cheapest relay there is in this language: one thread, level
// epoll, one recv and one send for each packet, nothing looked at.
func floorChild(j job) ([]string, func(), error) {
	easeMonitor() // as ours does
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	var addrs []string
	var socks []*net.UDPConn
	peer := map[int32]int{}
	fds := make([]int, 0, 2*j.Calls)
	for _, p := range j.Peers {
		to, err := netip.ParseAddrPort(p)
		if err != nil {
			return nil, nil, err
		}
		s, err := net.DialUDP("udp4", &net.UDPAddr{IP: serverIP.AsSlice()}, net.UDPAddrFromAddrPort(to))
		if err != nil {
			return nil, nil, err
		}
		socks = append(socks, s)
		addrs = append(addrs, s.LocalAddr().String())
		raw, err := s.SyscallConn()
		if err != nil {
			return nil, nil, err
		}
		if err := raw.Control(func(fd uintptr) { fds = append(fds, int(fd)) }); err != nil {
			return nil, nil, err
		}
	}
	for i, fd := range fds {
		peer[int32(fd)] = fds[i^1]
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return nil, nil, err
		}
	}
	go floorLoop(poll, peer)
	return addrs, func() { runtime.KeepAlive(socks) }, nil
}

// floorLoop runs until the process ends.
func floorLoop(poll int, peer map[int32]int) {
	runtime.LockOSThread()
	// The media thread asks for the same: who runs at once wakes more often.
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}, 0)
	table := make([]int, 65536)
	for fd, to := range peer {
		table[fd] = to
	}
	events := make([]unix.EpollEvent, 512)
	buf := make([]byte, 2048)
	for {
		n, err := unix.EpollWait(poll, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for _, e := range events[:max(n, 0)] {
			m, err := unix.Read(int(e.Fd), buf)
			if err == nil {
				_, _ = unix.Write(table[e.Fd], buf[:m])
			}
		}
	}
}
