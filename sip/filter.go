package sip

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// Bounds of what the filter remembers, so that made-up sources cannot fill the
// memory.
const (
	maxSources   = 8192
	maxStrangers = 1024
	trustFor     = time.Second      // how long the answer of Trunks is believed
	lingerFor    = 40 * time.Second // 64*T1 and more: late messages of a leg that ended
	sweepEvery   = time.Minute
	maxDatagram  = 65507
)

// filter decides about datagrams before they are parsed: who sent it and how
// much. It runs in the reader of the socket.
type filter struct {
	trunks Trunks
	rate   int // datagrams a second of one source
	log    *slog.Logger
	m      *metrics
	now    func() time.Time

	mu        sync.Mutex
	sources   map[netip.Addr]*source
	peers     map[netip.Addr]*peer // whom we called
	strangers map[netip.Addr]struct{}
	swept     time.Time
}

// source is an address that was let in lately.
type source struct {
	checked time.Time
	bucket  bucket
}

// peer is an address we called: it may answer, and hang up later.
type peer struct {
	legs  int
	until time.Time // when no leg is left
}

func newFilter(trunks Trunks, rate int, log *slog.Logger, m *metrics) *filter {
	return &filter{trunks: trunks, rate: rate, log: log, m: m, now: time.Now,
		sources: map[netip.Addr]*source{}, peers: map[netip.Addr]*peer{}, strangers: map[netip.Addr]struct{}{}}
}

// admit lets messages of trunks and of called peers pass, each at its rate.
func (f *filter) admit(_ string, src netip.AddrPort, data []byte) bool {
	if len(data) == 0 || len(data) > maxDatagram {
		f.m.filtered("size")
		return false
	}
	addr := src.Addr().Unmap()
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
	s := f.sources[addr]
	if s == nil || now.Sub(s.checked) > trustFor {
		if !f.known(addr, now) {
			delete(f.sources, addr)
			f.stranger(addr)
			return false
		}
		if s == nil {
			s = f.remember(addr)
		}
		s.checked = now
	}
	if !s.bucket.take(now, f.rate) {
		f.m.filtered("rate")
		return false
	}
	return true
}

// admitStream lets trunks and called peers open connections; a stranger's is
// closed before anything is read from it.
func (f *filter) admitStream(src netip.AddrPort) bool {
	addr := src.Addr().Unmap()
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
	if !f.known(addr, now) {
		f.stranger(addr)
		return false
	}
	return true
}

// known asks whether the address belongs to a trunk or to somebody we called.
// The caller holds mu.
func (f *filter) known(addr netip.Addr, now time.Time) bool {
	if p := f.peers[addr]; p != nil && (p.legs > 0 || now.Before(p.until)) {
		return true
	}
	_, ok := f.trunks.From(addr)
	return ok
}

// remember makes room for a source. Beyond the bound all newcomers share one
// entry and so one rate.
func (f *filter) remember(addr netip.Addr) *source {
	if len(f.sources) >= maxSources {
		addr = netip.Addr{}
		if s := f.sources[addr]; s != nil {
			return s
		}
	}
	s := &source{}
	f.sources[addr] = s
	return s
}

// stranger counts a datagram nobody asked for and tells of each source once a
// minute. The caller holds mu.
func (f *filter) stranger(addr netip.Addr) {
	f.m.filtered("unknown_source")
	if _, told := f.strangers[addr]; told || len(f.strangers) >= maxStrangers {
		return
	}
	f.strangers[addr] = struct{}{}
	f.log.Warn("datagrams of an unknown source dropped", slog.String("source", addr.String()))
}

// sweep forgets what is old. The caller holds mu.
func (f *filter) sweep(now time.Time) {
	if now.Sub(f.swept) < sweepEvery {
		return
	}
	f.swept = now
	clear(f.strangers)
	for a, s := range f.sources {
		if now.Sub(s.checked) > sweepEvery {
			delete(f.sources, a)
		}
	}
	for a, p := range f.peers {
		if p.legs == 0 && now.After(p.until) {
			delete(f.peers, a)
		}
	}
}

// expect lets an address in that we are about to call.
func (f *filter) expect(addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	addr = addr.Unmap()
	p := f.peers[addr]
	if p == nil {
		p = &peer{}
		f.peers[addr] = p
	}
	p.legs++
}

// release gives back an expect; late messages still pass for a while.
func (f *filter) release(addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.peers[addr.Unmap()]; p != nil && p.legs > 0 {
		p.legs--
		p.until = f.now().Add(lingerFor)
	}
}

// bucket lets rate things a second pass, and as many at once.
type bucket struct {
	level float64 // how many have passed and are not yet worn off
	last  time.Time
}

func (b *bucket) take(now time.Time, rate int) bool {
	if rate <= 0 {
		return true
	}
	if gone := now.Sub(b.last); gone > 0 {
		b.level = max(0, b.level-gone.Seconds()*float64(rate))
		b.last = now
	}
	if b.level+1 > float64(rate) {
		return false
	}
	b.level++
	return true
}
