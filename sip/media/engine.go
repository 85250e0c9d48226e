package media

import "net/netip"

// engine is the I/O of one shard. The epoll engine is the only one; another
// (io_uring, a kernel fast path) needs to do no more than this.
type engine interface {
	// arm makes wait report fd, until it is closed; disarm ends that. arm is
	// callable from any goroutine.
	arm(fd int) error
	disarm(fd int)
	// recv reads one datagram without waiting; n < 0 = nothing there.
	recv(fd int, buf []byte) (n int, from netip.AddrPort)
	// send writes one datagram without waiting; to nil = the connected peer.
	send(fd int, b []byte, to *sockaddr) bool
	// wait returns the sockets with something to read, at the latest at the
	// time until (ns on the engine's clock; 0 = no limit), or after wake.
	wait(until int64) []int
	// now is the engine's monotonic clock in ns.
	now() int64
	// wake ends a wait; callable from any goroutine.
	wake()
	close()
}
