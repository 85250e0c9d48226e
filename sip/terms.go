package sip

import (
	"log/slog"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// termsOf is what the dialogs of a trunk are held under.
func termsOf(t *ringbid.Trunk) leg.Terms {
	terms := leg.Terms{SessionExpires: ringbid.DefaultSessionTimer, Username: t.Username, Password: string(t.Password), Fragments: t.Fragments}
	switch {
	case t.SessionExpires < 0:
		terms.SessionExpires = leg.NoSessionTimer
	case t.SessionExpires > 0:
		terms.SessionExpires = time.Duration(t.SessionExpires)
	}
	switch t.Reliable {
	case ringbid.ReliableRequired:
		terms.Reliable = leg.ReliableRequired
	case ringbid.ReliableOff:
		terms.Reliable = leg.ReliableOff
	}
	return terms
}

// terms finds those of a call that comes in.
func (s *Server) terms(l *leg.Leg) leg.Terms {
	adm, _ := l.Mark().(admission)
	trunk := adm.trunk
	if trunk == nil {
		var ok bool
		if trunk, ok = s.cfg.Trunks.From(l.Source().Addr()); !ok {
			return leg.Terms{}
		}
	}
	terms := termsOf(trunk)
	if ringbid.Encrypted(l.Network()) {
		back, err := s.tls.back(trunk)
		if err != nil {
			s.log.Warn("a caller cannot be connected to", slog.String("trunk", trunk.Name), slog.Any("error", err))
		}
		terms.Back = back
	}
	return terms
}

// ring tells a carrier that wants reliable responses that the call is here.
func (c *Call) ring() {
	if c.caller.trunk.Reliable == ringbid.ReliableRequired {
		c.alert()
	}
}
