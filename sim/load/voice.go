package load

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The sender's clock: a party sends every 20 ms, in one of 80 slots.
const (
	slot  = 250 * time.Microsecond
	slots = 80
	look  = 2 * time.Millisecond // how often the receiver does
)

// Voice is the audio of many parties, two to a call: the parties 2i and 2i+1
// talk to each other through whatever stands between them. Each has a socket of
// its own, and sends once it has been aimed.
type Voice struct {
	fds   []int
	addrs []netip.AddrPort
	poll  int
	aimed []atomic.Bool
	sent  []atomic.Uint32 // packets each party has sent, ever
	pause atomic.Bool

	mu      sync.Mutex
	running bool
	halt    atomic.Bool
	threads sync.WaitGroup
	base    []uint32 // what was sent before this run
	flows   []flow   // the receiver's
	report  Report
}

// flow is what came of one party's packets.
type flow struct{ got, last uint32 }

// maxParties bounds a Voice: the flow is 16 bits.
const maxParties = 1 << 15

// NewVoice opens a socket for each of n parties: the even ones on callers, the
// odd ones on buyers.
func NewVoice(callers, buyers netip.Addr, n int) (_ *Voice, err error) {
	if n < 1 || n > maxParties {
		return nil, fmt.Errorf("voice of %d parties, not 1 to %d", n, maxParties)
	}
	v := &Voice{aimed: make([]atomic.Bool, n), sent: make([]atomic.Uint32, n)}
	if v.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for i := range n {
		ip := callers
		if i%2 == 1 {
			ip = buyers
		}
		fd, at, err := openSocket(ip)
		if err != nil {
			v.Close()
			return nil, fmt.Errorf("open party %d: %w", i, err)
		}
		v.fds, v.addrs = append(v.fds, fd), append(v.addrs, at)
		if err := unix.EpollCtl(v.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			v.Close()
			return nil, fmt.Errorf("watch party %d: %w", i, err)
		}
	}
	return v, nil
}

// openSocket binds a socket that tells when a packet arrived.
func openSocket(ip netip.Addr) (int, netip.AddrPort, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: ip.As4()})
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, netip.AddrPort{}, err
	}
	return fd, netip.AddrPortFrom(ip, uint16(name.(*unix.SockaddrInet4).Port)), nil
}

// Addr returns where party i is.
func (v *Voice) Addr(i int) netip.AddrPort { return v.addrs[i] }

// Parties returns how many there are.
func (v *Voice) Parties() int { return len(v.fds) }

// Aim says where party i sends, and so from where it hears. It may be called
// while the voice runs.
func (v *Voice) Aim(i int, to netip.AddrPort) error {
	if err := unix.Connect(v.fds[i], &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return fmt.Errorf("aim party %d at %s: %w", i, to, err)
	}
	v.aimed[i].Store(true)
	return nil
}

// Listen lets party i hear anybody and say nothing, as of a call that is over.
func (v *Voice) Listen(i int) { v.aimed[i].Store(false) }

// Mute holds all parties' tongues, or lets them talk again.
func (v *Voice) Mute(on bool) { v.pause.Store(on) }

// Run lets the parties talk for a time and returns what was seen.
func (v *Voice) Run(ctx context.Context, d time.Duration) Report {
	v.Start()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return v.Stop()
}

// Start lets the parties talk until Stop.
func (v *Voice) Start() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running {
		return
	}
	v.running = true
	v.halt.Store(false)
	v.flows, v.base = make([]flow, len(v.fds)), make([]uint32, len(v.fds))
	v.report = Report{passages: make([]passage, 0, 1<<16)}
	for i := range v.base {
		v.base[i] = v.sent[i].Load()
		v.flows[i].last = v.base[i]
	}
	v.drain() // what is left of an earlier run
	v.report = Report{passages: v.report.passages[:0], beats: v.report.beats[:0]}
	for i := range v.flows {
		v.flows[i] = flow{last: v.base[i]}
	}
	v.threads.Go(v.send)
}

// Stop ends the talk, waits for what is still on its way, a second at the most,
// and returns what was seen.
func (v *Voice) Stop() Report {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.running {
		return Report{}
	}
	v.running = false
	v.halt.Store(true)
	v.threads.Wait()
	r := v.report
	for i, f := range v.flows {
		sent, last := v.sent[i].Load()-v.base[i], f.last-v.base[i]
		r.Sent += int64(sent)
		r.Lost += int64(last) - int64(f.got)
		r.Queued += int64(sent) - int64(last)
	}
	r.passages = slices.Clip(r.passages)
	return r
}

// send is the generator's thread: it sends, and starts the receiver.
func (v *Voice) send() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stopped := make(chan struct{})
	defer close(stopped)
	v.threads.Go(func() { v.receive(stopped) })
	buf := make([]byte, packetLen)
	for i := range buf {
		buf[i] = 0xD5
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // coarser clocks make bursts
	late := int64(0)
	begin := monotonic()
	for n := int64(0); !v.halt.Load(); n++ {
		due := begin + n*int64(slot)
		sleepUntil(due)
		if monotonic()-due > int64(time.Millisecond) {
			late++
		}
		if !v.pause.Load() {
			for i := int(n % slots); i < len(v.fds); i += slots {
				v.say(i, buf)
			}
		}
	}
	v.report.LateTicks = late
}

// say sends the next packet of a party.
func (v *Voice) say(i int, buf []byte) {
	if !v.aimed[i].Load() {
		return
	}
	n := v.sent[i].Add(1)
	putHeader(buf, uint16(n), n*samples, 0x10AD0000|uint32(i))
	stamp{uint16(i), n, time.Now().UnixNano()}.put(buf[headerLen:])
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(v.fds[i]), uintptr(unsafe.Pointer(&buf[0])), packetLen, unix.MSG_NOSIGNAL, 0, 0)
	if errno == unix.ECONNREFUSED { // the word of an earlier packet; this one is yet to be sent
		_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(v.fds[i]), uintptr(unsafe.Pointer(&buf[0])), packetLen, unix.MSG_NOSIGNAL, 0, 0)
	}
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

// sleepUntil waits on the absolute clock, so that slots do not drift.
func sleepUntil(at int64) {
	t := unix.NsecToTimespec(at)
	_, _, _ = unix.Syscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, uintptr(unsafe.Pointer(&t)), 0, 0, 0)
}

// Close gives the sockets back.
func (v *Voice) Close() {
	_ = v.Stop()
	for _, fd := range v.fds {
		_ = unix.Close(fd)
	}
	v.fds = nil
	_ = unix.Close(v.poll)
}
