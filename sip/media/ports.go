package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ports hands out pairs of ports: even for RTP, the odd one above for RTCP. A
// pair that comes back rests before it is used again, and the longest rested
// goes first. Its sockets may stay open meanwhile: see spares, which go before
// those that have to be opened.
type ports struct {
	rest time.Duration
	dscp int

	mu       sync.Mutex
	idle     []restingPort // a circle: from head on, in the order of their return, which is that of until
	head     int
	out      int // ports that are not in the circle
	spare    [2]spares
	capacity int
}

type restingPort struct {
	port  uint16
	until time.Time
}

// portPair is a bound pair of sockets.
type portPair struct {
	port      uint16
	rtp, rtcp int // descriptors
}

func (p portPair) close() {
	_ = unix.Close(p.rtp)
	_ = unix.Close(p.rtcp)
}

func newPorts(c Config) (*ports, error) {
	first := c.PortMin + c.PortMin%2
	n := (c.PortMax - first + 1) / 2
	if n <= 0 {
		return nil, fmt.Errorf("media plane: rtp ports %d-%d hold no even port with its odd one", c.PortMin, c.PortMax)
	}
	p := &ports{rest: c.Rest, dscp: c.DSCP, capacity: n, idle: make([]restingPort, n)}
	for i := range p.spare {
		p.spare[i].limit = spareLimit()
	}
	start := rand.IntN(n)
	for i := range n {
		p.idle[i].port = uint16(first + 2*((start+i)%n))
	}
	return p, nil
}

// take returns the pair that has rested longest, bound to the address. A port
// that some other process holds is left to rest.
func (p *ports) take(bind netip.Addr) (portPair, error) {
	if pair, ok := p.reopen(bind); ok {
		return pair, nil
	}
	var inUse error
	for range p.capacity {
		port, ok := p.pop()
		if !ok {
			break
		}
		pair, err := bindPair(bind, port, p.dscp)
		if err == nil {
			return pair, nil
		}
		p.put(port)
		if !errors.Is(err, unix.EADDRINUSE) {
			return portPair{}, err
		}
		inUse = err
	}
	if inUse != nil {
		return portPair{}, fmt.Errorf("%w: %w", ErrNoPorts, inUse)
	}
	open, capacity := p.load()
	return portPair{}, fmt.Errorf("%w: %d of %d pairs in use, the others rest", ErrNoPorts, open, capacity)
}

// pop takes the port at the head of the queue if it has rested, else that of a
// spare pair of the other family.
func (p *ports) pop() (uint16, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.out == p.capacity || now.Before(p.idle[p.head].until) {
		for i := range p.spare {
			if pair, ok := p.spare[i].take(now); ok {
				pair.close()
				return pair.port, true
			}
		}
		return 0, false
	}
	port := p.idle[p.head].port
	p.head = (p.head + 1) % p.capacity
	p.out++
	return port, true
}

// put sends a port whose sockets have been closed to rest.
func (p *ports) put(port uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lay(port, time.Now())
}

func (p *ports) lay(port uint16, now time.Time) {
	tail := (p.head + p.capacity - p.out) % p.capacity
	p.idle[tail] = restingPort{port: port, until: now.Add(p.rest)}
	p.out--
}

// load returns how many pairs are in use, of how many.
func (p *ports) load() (open, capacity int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open = p.out
	for i := range p.spare {
		open -= p.spare[i].n()
	}
	return open, p.capacity
}

func bindPair(addr netip.Addr, port uint16, dscp int) (portPair, error) {
	rtp, err := bindUDP(netip.AddrPortFrom(addr, port), dscp)
	if err != nil {
		return portPair{}, err
	}
	rtcp, err := bindUDP(netip.AddrPortFrom(addr, port+1), dscp)
	if err != nil {
		_ = unix.Close(rtp)
		return portPair{}, err
	}
	return portPair{port: port, rtp: rtp, rtcp: rtcp}, nil
}
