package media

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Making a socket deaf and letting it hear again takes a third of the time of
// closing one and opening another, so that some pairs stay open while they rest.
const (
	spareMost = 1024        // pairs of one address family, 5 KB of kernel memory each
	spareTime = time.Minute // beyond their rest, then they are closed
)

// spareLimit is how many pairs of a family may stay open: with both families and
// two sockets each, an eighth of the descriptors that the process may have.
func spareLimit() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return int(min(spareMost, limit.Cur/32))
}

// spares are pairs of one address family that rest with open sockets. They are
// connected to themselves, so that the kernel treats what comes from others as
// it does for a closed port.
type spares struct {
	limit int
	queue []spare // from head on, in the order of their return
	head  int
}

type spare struct {
	pair  portPair
	until time.Time
}

func (s *spares) n() int { return len(s.queue) - s.head }

func (s *spares) put(pair portPair, until time.Time) {
	if s.head > 0 && len(s.queue) == cap(s.queue) {
		s.queue, s.head = append(s.queue[:0], s.queue[s.head:]...), 0
	}
	s.queue = append(s.queue, spare{pair, until})
}

// take returns the pair that has rested longest, if it has rested by now.
func (s *spares) take(now time.Time) (portPair, bool) {
	if s.n() == 0 || now.Before(s.queue[s.head].until) {
		return portPair{}, false
	}
	s.head++
	return s.queue[s.head-1].pair, true
}

// spares are those of the address's family.
func (p *ports) spares(bind netip.Addr) *spares {
	if bind.Is4() {
		return &p.spare[0]
	}
	return &p.spare[1]
}

// retire sends a pair to rest that is bound to the address; keep has its sockets
// stay open, which nobody may watch then.
func (p *ports) retire(pair portPair, bind netip.Addr, keep bool) {
	keep = keep && pair.deafen(bind)
	if !keep {
		pair.close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, s := time.Now(), p.spares(bind)
	if keep {
		s.put(pair, now.Add(p.rest))
	} else {
		p.lay(pair.port, now)
	}
	if old, ok := s.take(now.Add(-spareTime)); ok { // nobody has wanted it
		old.close()
		p.lay(old.port, now)
	}
}

// room reports whether one more pair may stay open.
func (p *ports) room(bind netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.spares(bind)
	return s.n() < s.limit
}

// reopen returns a spare pair bound to the address that has rested.
func (p *ports) reopen(bind netip.Addr) (portPair, bool) {
	p.mu.Lock()
	pair, ok := p.spares(bind).take(time.Now())
	p.mu.Unlock()
	if ok && !pair.hear() {
		pair.close()
		p.put(pair.port)
		ok = false
	}
	return pair, ok
}

// closeSpares closes what rests with open sockets.
func (p *ports) closeSpares() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.spare {
		s := &p.spare[i]
		for _, x := range s.queue[s.head:] {
			x.pair.close()
			p.lay(x.pair.port, time.Now())
		}
		s.queue, s.head = nil, 0
	}
}

// deafen lets the sockets hear themselves only.
func (p portPair) deafen(bind netip.Addr) bool {
	var self sockaddr
	self.set(netip.AddrPortFrom(bind, p.port))
	if !connectUDP(p.rtp, &self) {
		return false
	}
	self.set(netip.AddrPortFrom(bind, p.port+1))
	return connectUDP(p.rtcp, &self)
}

// hear lets the sockets hear everybody again. What came before they were deaf and
// was not read is dropped.
func (p portPair) hear() bool {
	drain(p.rtp)
	drain(p.rtcp)
	return connectUDP(p.rtp, nil) && connectUDP(p.rtcp, nil)
}
