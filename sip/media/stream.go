package media

import (
	"net/netip"
	"sync/atomic"
)

// Stream is one RTP session with one peer. Its methods may be called from any
// goroutine and at any time, also after Close, when they do nothing; none waits
// for the network. Commands take effect in the order given, before any packet
// that arrives after them is looked at, and before the next one of our own is
// sent; 20 ms later at the most.
type Stream struct {
	plane  *Plane
	local  netip.AddrPort
	name   uint64 // the random part of its canonical name
	events chan<- Event
	home   atomic.Pointer[shard]
	queue  stack[command]
	plays  atomic.Uint64
	closed atomic.Bool   // Close was called
	done   chan struct{} // closed when the stream has ended
	state  session       // owned by the thread of home; what is counted stays as it is once done is closed
}

// post hands a command to the media thread, which runs it before it looks at a
// packet and before it sends one. It is not woken for that: a wake costs more
// than most commands.
func (s *Stream) post(c command) { s.leave(c).hint() }

// hurry is post for a command that somebody waits for.
func (s *Stream) hurry(c command) { s.leave(c).rouse() }

// leave puts a command where the media thread finds it.
func (s *Stream) leave(c command) *shard {
	first := s.queue.push(c)
	home := s.home.Load()
	if first {
		home.dirty.push(s)
	}
	return home
}

// Local returns the RTP address to put into the SDP; RTCP is one port above.
func (s *Stream) Local() netip.AddrPort { return s.local }

// Apply sets what an offer/answer exchange agreed. It may be called again. The
// same Remote keeps the source that is heard; a new one is awaited afresh.
//
// Keys that are not of the length their suite asks for are an error, and the
// stream then neither sends nor hears.
func (s *Stream) Apply(p Params) error {
	keys, err := newProtection(p)
	if err != nil {
		p.Remote, p.Send, p.Recv = netip.AddrPort{}, false, false
	}
	s.post(func(sh *shard, st *session) { st.apply(sh, p, keys) })
	return err
}

// Bridge relays the audio and the keys of s and peer to each other until
// Unbridge, another Bridge or Close of either. What Play and SendDigits send
// takes precedence over the relay; comfort silence fills in when a side has
// said nothing yet, or for a second. Streams of different planes, and a stream
// with itself, are not bridged.
func (s *Stream) Bridge(peer *Stream) {
	if peer == nil || peer == s || peer.plane != s.plane {
		return
	}
	join := func(sh *shard, st *session) {
		st.bridgeTurn++
		sh.join(st, peer, st.bridgeTurn)
	}
	if s.home.Load() != peer.home.Load() {
		s.hurry(join) // a packet of peer does not remind the thread of s
		return
	}
	s.post(join)
}

// Unbridge ends the relay in both directions.
func (s *Stream) Unbridge() {
	s.post(func(_ *shard, st *session) {
		st.bridgeTurn++
		st.unbridge()
	})
}

// Play plays c to the peer, in a loop or once, instead of what plays now. Once
// the peer's address is known the clip runs in real time, also while the peer
// is on hold; when it has played once, PlayDone with the returned id is sent.
func (s *Stream) Play(c *Clip, loop bool) PlayID {
	id := PlayID(s.plays.Add(1))
	if c == nil {
		c = &Clip{}
	}
	s.post(func(_ *shard, st *session) { st.player = player{clip: c, id: id, loop: loop && len(c.ulaw) > 0} })
	return id
}

// Stop ends what plays, without PlayDone.
func (s *Stream) Stop() {
	s.post(func(_ *shard, st *session) { st.player = player{} })
}

// SendDigits queues keys to be sent as RFC 4733 events: 0-9 * # A-D, 120 ms
// tone and 80 ms gap each, and 'w' for a pause of 0.5 s. Anything else is left
// out, as is what exceeds 256 waiting keys. A peer without telephone-event
// gets none. DigitsSent follows when the queue is empty, also if digits held
// nothing to send.
func (s *Stream) SendDigits(digits string) {
	s.post(func(sh *shard, st *session) {
		st.dialler.push(digits)
		if len(st.dialler.queue) == 0 {
			st.emit(sh, Event{Kind: DigitsSent})
		}
	})
}

// Tap attaches t, whose clock starts at 0 now, in place of the present tap; nil
// detaches. A tap stays when the stream is bridged, plays or is applied anew.
func (s *Stream) Tap(t Tap) {
	at := s.plane.now()
	s.post(func(_ *shard, st *session) { st.attach(t, at) })
}

// Stats returns the counters, after all commands given before; after Close, the
// final ones. It waits for the media thread, about 1 ms.
func (s *Stream) Stats() Stats {
	select {
	case <-s.done:
		return s.state.snapshot()
	default:
	}
	reply := make(chan Stats, 1)
	s.hurry(func(_ *shard, st *session) { reply <- st.snapshot() })
	select {
	case out := <-reply:
		return out
	case <-s.done:
		return s.state.snapshot()
	}
}

// Close ends the stream: RTCP BYE, sockets closed, ports to rest. It may be
// called twice, and returns before that has happened, within 20 ms; Done tells.
func (s *Stream) Close() {
	s.closed.Store(true)
	s.post(func(sh *shard, st *session) { st.end(sh) })
}

// Done is closed when the stream has ended, by its own Close or the plane's.
// From then on its tap is not called and no event is sent. Who asks for it after
// Close does not wait for the 20 ms.
func (s *Stream) Done() <-chan struct{} {
	select {
	case <-s.done:
	default:
		if s.closed.Load() {
			s.home.Load().rouse()
		}
	}
	return s.done
}
