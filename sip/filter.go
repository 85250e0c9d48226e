package sip

import (
	"bytes"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// Bounds of what the filter remembers, so that made-up sources cannot fill the
// memory.
const (
	maxSources   = 8192
	maxStrangers = 1024
	trustFor     = time.Second      // how long the answer of Trunks is believed
	lingerFor    = 40 * time.Second // 64*T1 and more: late messages of a leg that ended
	sweepEvery   = time.Minute
	friendFor    = time.Hour // who proved itself is no stranger
	maxDatagram  = 65507

	strangersRate = 50 // what all strangers may ask a second, and at once
)

// standing is who a source is to us, the least trusted first.
type standing int

const (
	stranger standing = iota // of no trunk
	called                   // we called it: it may answer, and hang up later
	proven                   // proved itself by digest in the last hour
	open                     // of a trunk that admits more addresses than it knows
	carrier                  // of a trunk that names it
)

// filter decides about messages by who sent them and how many. It runs in the
// readers of the sockets.
type filter struct {
	trunks Trunks
	rate   int // messages of live calls a second of one source
	log    *slog.Logger
	m      *metrics
	now    func() time.Time

	mu        sync.Mutex
	sources   map[netip.Addr]*source
	peers     map[netip.Addr]*peer // whom we called
	friends   map[netip.Addr]time.Time
	strangers map[netip.Addr]struct{}
	asking    bucket // what strangers ask, all together
	swept     time.Time
}

// source is an address that was let in lately.
type source struct {
	checked time.Time
	who     standing
	all     bucket // whatever it sends
	known   bucket // messages of live calls
	fresh   bucket // requests that begin something
}

// peer is an address we called: it may answer, and hang up later.
type peer struct {
	legs  int
	until time.Time // when no leg is left
}

func newFilter(trunks Trunks, rate int, log *slog.Logger, m *metrics) *filter {
	return &filter{trunks: trunks, rate: rate, log: log, m: m, now: time.Now,
		sources: map[netip.Addr]*source{}, peers: map[netip.Addr]*peer{}, friends: map[netip.Addr]time.Time{},
		strangers: map[netip.Addr]struct{}{}}
}

// admit lets messages of trunks and of called peers pass to the inspection.
// Where trunks take calls by digest, a stranger may send what leads to a
// challenge, at a small rate for all strangers together.
func (f *filter) admit(_ string, src netip.AddrPort, data []byte) bool {
	if len(data) == 0 || len(data) > maxDatagram {
		f.m.filtered("size")
		return false
	}
	addr := src.Addr().Unmap()
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(addr, now)
	if s == nil {
		return f.mayAsk(addr, data, now)
	}
	if !s.all.take(now, 4*f.rate) {
		f.m.filtered("rate")
		return false
	}
	return true
}

// mayAsk lets a stranger's INVITE and REGISTER pass where they can be
// challenged or refused. The caller holds mu.
func (f *filter) mayAsk(addr netip.Addr, data []byte, now time.Time) bool {
	if len(accountsOf(f.trunks)) == 0 || !bytes.HasPrefix(data, []byte("INVITE ")) && !bytes.HasPrefix(data, []byte("REGISTER ")) {
		f.stranger(addr)
		return false
	}
	if !f.asking.take(now, strangersRate) {
		f.m.filtered("strangers_rate")
		return false
	}
	return true
}

// admitStream lets trunks and called peers open connections; a stranger's is
// closed before anything is read from it, unless it may be challenged.
func (f *filter) admitStream(src netip.AddrPort) bool {
	addr := src.Addr().Unmap()
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep(now)
	if f.who(addr, now) != stranger {
		return true
	}
	if len(accountsOf(f.trunks)) == 0 {
		f.stranger(addr)
		return false
	}
	return f.asking.take(now, strangersRate)
}

// isStranger is leg.Config.Stranger.
func (f *filter) isStranger(src netip.AddrPort) bool {
	return f.standing(src.Addr().Unmap()) == stranger
}

// standing returns who a source is.
func (f *filter) standing(addr netip.Addr) standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.source(addr, f.now()); s != nil {
		return s.who
	}
	return stranger
}

// spend takes one message off the rate of an admitted source: of live calls, or
// of what begins something.
func (f *filter) spend(addr netip.Addr, fresh bool) bool {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.source(addr, now)
	switch {
	case s == nil:
		return false
	case fresh:
		return s.fresh.take(now, max(1, f.rate/4))
	}
	return s.known.take(now, f.rate)
}

// source returns what is kept of an admitted source, nil for a stranger. The
// caller holds mu.
func (f *filter) source(addr netip.Addr, now time.Time) *source {
	f.sweep(now)
	s := f.sources[addr]
	if s != nil && now.Sub(s.checked) <= trustFor {
		return s
	}
	who := f.who(addr, now)
	if who == stranger {
		delete(f.sources, addr)
		return nil
	}
	if s == nil {
		s = f.remember(addr)
	}
	s.checked, s.who = now, who
	return s
}

// who looks up whose address it is. The caller holds mu.
func (f *filter) who(addr netip.Addr, now time.Time) standing {
	if t, ok := f.trunks.From(addr); ok {
		if names(t, addr) {
			return carrier
		}
		return open
	}
	if until, ok := f.friends[addr]; ok && now.Before(until) {
		return proven
	}
	if p := f.peers[addr]; p != nil && (p.legs > 0 || now.Before(p.until)) {
		return called
	}
	return stranger
}

// names reports whether the trunk names the address, by itself or in a network
// that is not wide.
func names(t *ringbid.Trunk, addr netip.Addr) bool {
	least := 16
	if addr.Is6() {
		least = 32
	}
	for _, s := range t.From {
		if p, err := ringbid.ParsePrefix(s); err == nil && p.Bits() >= least && p.Contains(addr) {
			return true
		}
	}
	return false
}

// trust remembers that somebody at the address proved itself.
func (f *filter) trust(addr netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.friends[addr]; ok || len(f.friends) < maxSources {
		f.friends[addr] = f.now().Add(friendFor)
	}
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
	for a, until := range f.friends {
		if now.After(until) {
			delete(f.friends, a)
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
