package sip

import (
	"net/netip"

	"github.com/ringbid/ringbid/sip/media"
)

// soundsWait is how many events of the audio may wait: the media threads never
// do. It is some seconds of keys from a thousand callers.
const soundsWait = 8192

// listen brings what the media threads say to the calls.
func (s *Server) listen() {
	for {
		select {
		case ev := <-s.sounds:
			if c, ok := s.ears.Load(ev.Stream); ok {
				c.(*Call).turns.Put(step{sound: ev})
			}
		case <-s.quit:
			return
		}
	}
}

// deaf ends listen.
func (s *Server) deaf() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
}

// stream opens the audio of a leg whose peer is at the address.
func (c *Call) stream(peer netip.Addr) (*media.Stream, error) {
	st, err := c.s.cfg.Plane.NewStreamTo(peer, c.s.sounds)
	if err == nil {
		c.s.ears.Store(st, c)
	}
	return st, err
}

// shut closes a stream.
func (c *Call) shut(st *media.Stream) {
	st.Close()
	c.s.ears.Delete(st)
}
