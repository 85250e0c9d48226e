package media

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollBatch is how many ready sockets one wait reports; the rest comes with the next.
const epollBatch = 256

// Tokens of the engine's own descriptors.
const (
	wakeToken  = -1
	timerToken = -2
)

// epoll is the engine over epoll, level-triggered for sockets, which are read and written
// with raw system calls, which never wait; only wait itself goes through the
// scheduler, so that it gives its processor away while it sleeps.
type epoll struct {
	fd       int
	event    int   // eventfd, for wake
	timer    int   // timerfd, for the end of a wait
	alarm    int64 // when the timer fires, 0 = not
	spec     unix.ItimerSpec
	poll     bool // sleep until the tick, then look, instead of waking for each packet
	full     bool // the last batch was full, so there is more to read
	start    time.Time
	startAbs int64 // start on CLOCK_MONOTONIC
	ready    [epollBatch]unix.EpollEvent
	socks    [epollBatch]int
	from     sockaddr
	fromLen  uint32
	limit    unix.Timespec
	mu       sync.RWMutex // for wake against close, never taken on the packet path
	closed   bool
}

func newEpoll(poll bool, start time.Time) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(event)
		_ = unix.Close(fd)
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	e := &epoll{fd: fd, event: event, timer: timer, poll: poll, start: start}
	if err := e.compare(); err != nil {
		e.close()
		return nil, fmt.Errorf("monotonic clock: %w", err)
	}
	if err := e.watch(event, wakeToken, unix.EPOLLET); err != nil {
		e.close()
		return nil, fmt.Errorf("watch eventfd: %w", err)
	}
	if err := e.watch(timer, timerToken, unix.EPOLLET); err != nil {
		e.close()
		return nil, fmt.Errorf("watch timerfd: %w", err)
	}
	return e, nil
}

// compare finds out where the engine's clock stands on CLOCK_MONOTONIC. It errs
// on the late side: a timer that fires before its time by the engine's clock would
// end a wait with nothing to do.
func (e *epoll) compare() error {
	best := int64(math.MaxInt64)
	for range 100 {
		var abs unix.Timespec
		before := e.now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &abs); err != nil {
			return err
		}
		if took := e.now() - before; took < best { // else the thread lost the processor in between
			best, e.startAbs = took, abs.Nano()-before
		}
		if best < int64(2*time.Microsecond) {
			break
		}
	}
	return nil
}

func (e *epoll) arm(fd int) error { return e.watch(fd, fd, 0) }

// watch has wait report fd as token. Edge-triggered, it is reported once for
// each write of an eventfd and each time a timerfd is set, and needs no read.
func (e *epoll) watch(fd, token int, trigger uint32) error {
	return unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | trigger, Fd: int32(token)})
}

func (e *epoll) disarm(fd int) { _ = unix.EpollCtl(e.fd, unix.EPOLL_CTL_DEL, fd, nil) }

func (e *epoll) now() int64 { return int64(time.Since(e.start)) }

func (e *epoll) recv(fd int, buf []byte) (int, netip.AddrPort) {
	for range 4 { // an ICMP error of an earlier send is reported first
		e.fromLen = uint32(unsafe.Sizeof(e.from.raw))
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
			uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0,
			uintptr(unsafe.Pointer(&e.from.raw)), uintptr(unsafe.Pointer(&e.fromLen)))
		if errno == 0 {
			return int(n), e.from.addrPort()
		}
		if errno == unix.EAGAIN {
			break
		}
	}
	return -1, netip.AddrPort{}
}

func (e *epoll) send(fd int, b []byte, to *sockaddr) bool {
	var addr, size uintptr
	for range 2 { // the first try may only report an ICMP error of an earlier send
		if to != nil {
			addr, size = uintptr(unsafe.Pointer(&to.raw)), uintptr(to.len)
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
			uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, addr, size)
		if errno == 0 {
			return true
		}
		if errno != unix.ECONNREFUSED {
			break
		}
	}
	return false
}

func (e *epoll) wait(until int64) []int {
	if e.poll && until > 0 {
		if !e.full {
			e.sleep(until)
		}
		until = -1
	}
	n := e.await(until)
	e.full = n == epollBatch
	count := 0
	for _, ev := range e.ready[:n] {
		if ev.Fd == timerToken {
			e.alarm = 0 // it has fired: the same time must be set anew
			continue
		}
		if ev.Fd == wakeToken {
			continue
		}
		e.socks[count] = int(ev.Fd)
		count++
	}
	return e.socks[:count]
}

// await waits for ready sockets until a time, 0 = for ever, -1 = not at all.
// The limit is a timer of its own, set once for each time, and not a time-out
// of the call: programming one for every packet costs more than the packet.
func (e *epoll) await(until int64) int {
	timeout := -1
	if until < 0 {
		timeout = 0
	} else if until != e.alarm {
		e.setAlarm(until)
	}
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.ready[0])), epollBatch, uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// setAlarm lets the timer fire at a time of the engine's clock, 0 = not.
func (e *epoll) setAlarm(at int64) {
	e.alarm = at
	e.spec = unix.ItimerSpec{}
	if at > 0 {
		e.spec.Value = unix.NsecToTimespec(e.startAbs + at)
	}
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(e.timer), unix.TFD_TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&e.spec)), 0, 0, 0)
}

// sleep waits until a time on the absolute clock, so that ticks do not drift.
func (e *epoll) sleep(until int64) {
	e.limit = unix.NsecToTimespec(e.startAbs + until)
	_, _, _ = unix.Syscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&e.limit)), 0, 0, 0)
}

func (e *epoll) wake() {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return // the descriptor may be somebody else's by now
	}
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(e.event), uintptr(unsafe.Pointer(&one)), 8)
}

func (e *epoll) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	_ = unix.Close(e.timer)
	_ = unix.Close(e.event)
	_ = unix.Close(e.fd)
}
