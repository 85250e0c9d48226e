package media

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Plane owns the port pool, the media threads and the encoder of clips.
type Plane struct {
	config  Config
	ports   *ports
	laws    *laws
	metrics *metrics
	shards  []*shard
	start   time.Time // the wall time at 0 on the shards' clocks
	threads sync.WaitGroup
	encode  chan *Clip // to be made ready in G.722
	tones   [len(keys)]*Clip
	encoder sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	next    int
	streams map[*Stream]struct{}
}

// Open starts the media threads and returns when they run. Sockets are bound
// when a stream is made.
func Open(c Config) (*Plane, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Plane{config: c, laws: newLaws(), start: time.Now(), streams: make(map[*Stream]struct{}),
		encode: make(chan *Clip, encodeQueue)}
	p.tones = newTones(p.laws)
	if p.ports, err = newPorts(c); err != nil {
		return nil, err
	}
	if p.metrics, err = newMetrics(c.Registerer, p.ports.load); err != nil {
		return nil, fmt.Errorf("media plane: register metrics: %w", err)
	}
	for i := range c.Shards {
		sh, err := newShard(p, i)
		if err != nil {
			p.closeEngines()
			p.metrics.unregister()
			return nil, fmt.Errorf("media plane: shard %d: %w", i, err)
		}
		p.shards = append(p.shards, sh)
	}
	p.encoder.Go(p.encodeClips)
	priority := ""
	for _, sh := range p.shards {
		p.threads.Go(sh.run)
		priority = <-sh.ready
	}
	c.Logger.Info("media plane open",
		slog.String("bind", c.Bind.String()), slog.String("advertise", c.Advertise.String()),
		slog.Int("port_min", c.PortMin), slog.Int("port_max", c.PortMax), slog.Int("streams", p.ports.capacity),
		slog.Int("threads", c.Shards), slog.String("priority", priority), slog.Bool("poll", c.Poll))
	return p, nil
}

// Close ends every stream, with an RTCP BYE, and waits for the threads. It may
// be called twice.
func (p *Plane) Close() error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	p.mu.Unlock()
	for _, sh := range p.shards {
		sh.halt()
	}
	p.threads.Wait()
	if !first {
		return nil
	}
	close(p.encode)
	p.encoder.Wait()
	for _, s := range p.remaining() { // made but not yet placed, or on their way between shards
		s.state.end(nil)
	}
	p.ports.closeSpares()
	p.closeEngines()
	p.metrics.unregister()
	p.config.Logger.Info("media plane closed")
	return nil
}

// NewStream binds a pair of ports and returns the stream on them. Its events
// go to events, which may be shared by several streams, may be nil and must not
// be closed before the stream is; an event is dropped and counted when the
// channel is full. NewStream returns ErrNoPorts (wrapped) when the pool is
// empty, ErrClosed after Close.
func (p *Plane) NewStream(events chan<- Event) (*Stream, error) {
	return p.NewStreamTo(netip.Addr{}, events)
}

// NewStreamTo is NewStream for a peer at the address: where the plane has
// addresses of both families, the stream is bound to that of the peer. A stream
// of one family may be bridged with one of the other.
func (p *Plane) NewStreamTo(peer netip.Addr, events chan<- Event) (*Stream, error) {
	family := p.config.family(peer)
	pair, err := p.ports.take(family.bind)
	if err != nil {
		if errors.Is(err, ErrNoPorts) {
			p.metrics.counters.streamsNoFit.Add(1)
		}
		return nil, fmt.Errorf("new stream: %w", err)
	}
	s := &Stream{
		plane: p, events: events, done: make(chan struct{}),
		local: netip.AddrPortFrom(family.advertise, pair.port),
		name:  rand.Uint64(),
	}
	st := &s.state // set in place: a copy of it is 2 KB on the caller's stack
	st.s, st.pair = s, pair
	st.out.ssrc, st.out.seq, st.out.ts = rand.Uint32(), firstSeq(rand.Uint32()), rand.Uint32()
	if err := p.house(s); err != nil {
		pair.close()
		p.ports.put(pair.port)
		return nil, err
	}
	return s, nil
}

// house gives a new stream to a shard. Its sockets are watched from here on: what
// arrives has the thread look for the commands.
func (p *Plane) house(s *Stream) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	home := p.shards[p.next%len(p.shards)]
	if err := home.arm(&s.state); err != nil {
		return fmt.Errorf("new stream: watch socket: %w", err)
	}
	p.next++
	p.streams[s] = struct{}{}
	p.metrics.counters.streams.Add(1)
	s.home.Store(home)
	home.dirty.push(s)
	home.hint()
	return nil
}

// Load returns how many streams are open and how many the port range could
// carry. Resting ports count as neither.
func (p *Plane) Load() (open, capacity int) { return p.ports.load() }

// forget drops a stream that has ended.
func (p *Plane) forget(s *Stream) {
	p.mu.Lock()
	delete(p.streams, s)
	p.mu.Unlock()
	close(s.done)
}

func (p *Plane) remaining() []*Stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*Stream
	for s := range p.streams {
		out = append(out, s)
	}
	return out
}

func (p *Plane) closeEngines() {
	for _, sh := range p.shards {
		sh.eng.close()
	}
}

// now is the time on the shards' clocks, in ns.
func (p *Plane) now() int64 { return int64(time.Since(p.start)) }

// wall is the time of day of a moment of the shards' clock; 0 = never.
func (p *Plane) wall(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return p.start.Add(time.Duration(ns))
}
