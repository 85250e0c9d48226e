package load

import (
	"encoding/binary"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receive takes in what comes until the sender has stopped and nothing more
// arrives for a tenth of a second, a second at the most.
func (v *Voice) receive(stopped <-chan struct{}) {
	var ended, quiet int64
	for {
		sleepUntil(monotonic() + int64(look))
		n := v.drain()
		if ended == 0 {
			select {
			case <-stopped:
				ended = monotonic()
				quiet = ended
			default:
			}
			continue
		}
		now := monotonic()
		if n > 0 {
			quiet = now
		}
		if now-quiet > int64(100*time.Millisecond) || now-ended > int64(time.Second) {
			return
		}
	}
}

// inbox reads datagrams with the time of their arrival.
type inbox struct {
	msg  unix.Msghdr
	iov  unix.Iovec
	data [2048]byte
	ctl  [64]byte
}

// read returns one datagram and when it came, ns of the wall clock; n < 0 =
// nothing there.
func (b *inbox) read(fd int) (n int, at int64) {
	b.iov = unix.Iovec{Base: &b.data[0], Len: uint64(len(b.data))}
	b.msg = unix.Msghdr{Iov: &b.iov, Iovlen: 1, Control: &b.ctl[0], Controllen: uint64(len(b.ctl))}
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.msg)), 0)
	if errno != 0 {
		return -1, 0
	}
	if at = arrival(b.ctl[:b.msg.Controllen]); at == 0 {
		at = time.Now().UnixNano()
	}
	return int(r), at
}

// arrival reads the kernel's timestamp of a datagram; 0 = it has none.
func arrival(control []byte) int64 {
	const header, want = unix.SizeofCmsghdr, unix.SizeofCmsghdr + 16
	if len(control) < want {
		return 0
	}
	level, kind := binary.NativeEndian.Uint32(control[8:]), binary.NativeEndian.Uint32(control[12:])
	if level != unix.SOL_SOCKET || kind != unix.SO_TIMESTAMPNS {
		return 0
	}
	seconds, nanos := binary.NativeEndian.Uint64(control[header:]), binary.NativeEndian.Uint64(control[header+8:])
	return int64(seconds)*int64(time.Second) + int64(nanos)
}

// drain reads whatever is there and returns how much of it was ours.
func (v *Voice) drain() (n int) {
	var in inbox
	events := make([]unix.EpollEvent, 1024)
	for {
		got, err := unix.EpollWait(v.poll, events, 0)
		if err != nil || got <= 0 {
			return n
		}
		for _, e := range events[:got] {
			size, at := in.read(v.fds[e.Fd])
			if size < headerLen {
				continue
			}
			if s, ok := readStamp(in.data[headerLen:size]); ok {
				v.note(int(e.Fd), s, at)
				n++
			} else if isVoice(in.data[:size]) {
				v.report.beats = append(v.report.beats, beat{uint16(e.Fd), binary.BigEndian.Uint16(in.data[2:]), at})
			}
		}
	}
}

// isVoice tells RTP from the RTCP of a party whose port is one below (RFC 5761
// section 4).
func isVoice(b []byte) bool { return b[0]>>6 == 2 && (b[1]&0x7f < 64 || b[1]&0x7f > 95) }

// note counts a packet that came to a party.
func (v *Voice) note(party int, s stamp, at int64) {
	if int(s.flow) != party^1 {
		v.report.Astray++
		return
	}
	f := &v.flows[s.flow]
	if s.count <= v.base[s.flow] {
		return // of an earlier run
	}
	v.report.Back++
	f.got++
	if s.count < f.last {
		v.report.Early++
	}
	f.last = max(f.last, s.count)
	v.report.passages = append(v.report.passages, passage{s.at, at - s.at})
}
