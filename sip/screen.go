package sip

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// Patience with sources that look for a way in. Every probe is a strike: the
// first few are answered like anybody, the next ones later and later, and after
// that a source that no trunk names is not answered at all for a while.
const (
	slowFrom     = 5.0 // strikes, from which on answers take their time
	muteAt       = 20.0
	fastest      = time.Second // delay of the first slow answer, and of every one to a carrier
	slowest      = 16 * time.Second
	refusalsKept = 10 // refused calls a second that are served like calls, and so kept
)

// door holds what the screening of requests remembers.
type door struct {
	authority *leg.Authority
	probes    strikes // by address
	guesses   strikes // wrong passwords, by address and username
	besieged  strikes // wrong passwords, by username

	mu    sync.Mutex
	pace  bucket // new calls
	spare bucket // refused calls that are kept
}

func newDoor() *door {
	return &door{
		authority: leg.NewAuthority("ringbid"),
		probes:    strikes{limit: muteAt, fade: 30 * time.Second, first: time.Minute, most: time.Hour, room: maxSources},
		guesses:   strikes{limit: 4.5, fade: time.Minute, first: 30 * time.Second, most: time.Hour, room: maxSources},
		besieged:  strikes{limit: 50, fade: 10 * time.Second, first: time.Minute, most: 10 * time.Minute, room: maxStrangers},
	}
}

// admission is what the screening found out about an INVITE that may be parsed.
type admission struct {
	trunk *ringbid.Trunk
	code  string // why the call is refused, "" when it is not
}

// admission returns what the screening said of the call.
func (s *Server) admission(l *leg.Leg) admission {
	if adm, ok := l.Mark().(admission); ok {
		return adm
	}
	trunk, ok := s.cfg.Trunks.From(l.Source().Addr())
	if !ok || trunk.Accept.Username != "" {
		return admission{code: codeStranger}
	}
	return admission{trunk: trunk, code: s.limit(trunk, time.Now())}
}

// screen rules about a message before it is parsed. What belongs to a live call
// passes at a rate of its own, whatever else its source sends.
func (s *Server) screen(a *leg.Arrival) leg.Ruling {
	addr := a.Source.Addr().Unmap()
	who := s.filter.standing(addr)
	switch {
	case who == stranger && (a.Tagged || a.Method != "INVITE" && a.Method != "REGISTER"):
		return s.drop("unknown_source")
	case who == stranger:
	case a.Known:
		if !s.filter.spend(addr, false) {
			return s.drop("rate")
		}
		return leg.Ruling{}
	case !s.filter.spend(addr, true):
		s.m.filtered("rate")
		if a.Method != "INVITE" {
			return leg.Ruling{Drop: true}
		}
		return busy()
	}
	return s.begins(a, addr, who)
}

// begins rules about a request that begins something.
func (s *Server) begins(a *leg.Arrival, addr netip.Addr, who standing) leg.Ruling {
	now := time.Now()
	// A carrier and who proved itself are not muted: whoever writes their
	// address as its own could silence them.
	watched := who != carrier && who != proven && !s.exempt(addr)
	if watched {
		if _, muted := s.door.probes.locked(addr.String(), now); muted {
			return s.drop("muted")
		}
		if sign := scanner(a); sign != "" {
			score := s.probe(addr, "scanner", sign, 2*slowFrom, now)
			return leg.Ruling{Code: 403, Delay: delay(score), Expendable: true}
		}
	}
	switch {
	case a.Method == "INVITE" && !a.Tagged:
		return s.invited(a, addr, who, now)
	case who == stranger: // REGISTER
		s.probe(addr, "unproven", "REGISTER", 1, now)
		return leg.Ruling{Code: 405}
	}
	return leg.Ruling{}
}

// invited rules about a new call: whose it is, for which number, and whether
// there is room.
func (s *Server) invited(a *leg.Arrival, addr netip.Addr, who standing, now time.Time) leg.Ruling {
	trunk, ruling := s.trunkOf(a, addr, who, now)
	if trunk == nil {
		return ruling
	}
	if s.cfg.Ours != nil && a.Header("Replaces") == "" && !s.cfg.Ours(numberOf(a)) && !s.exempt(addr) {
		if r := s.unknownNumber(addr, who, now); r.Code != 0 {
			return r
		}
	}
	code := s.limit(trunk, now)
	if code != "" && !s.door.keeps(now) {
		s.m.refuse(code)
		return busy()
	}
	return leg.Ruling{Mark: admission{trunk, code}}
}

// trunkOf finds the trunk of a call, by its address or by digest; without one
// the ruling is what the caller gets.
func (s *Server) trunkOf(a *leg.Arrival, addr netip.Addr, who standing, now time.Time) (*ringbid.Trunk, leg.Ruling) {
	if trunk, ok := s.cfg.Trunks.From(addr); ok && trunk.Accept.Username == "" {
		return trunk, leg.Ruling{}
	}
	if accounts := accountsOf(s.cfg.Trunks); len(accounts) > 0 {
		return s.prove(a, addr, accounts, who, now)
	}
	return nil, leg.Ruling{Mark: admission{code: codeStranger}}
}

// unknownNumber counts a call to a number that is not ours. The zero Ruling
// lets it pass to be refused, and kept, as any call. A carrier is never
// silenced: it may have a wrong number of ours in its tables, among many right
// ones.
func (s *Server) unknownNumber(addr netip.Addr, who standing, now time.Time) leg.Ruling {
	score := s.probe(addr, "unknown_number", "", 1, now)
	switch {
	case score < slowFrom:
		return leg.Ruling{}
	case who == carrier || who == proven:
		return leg.Ruling{Code: 404, Delay: fastest}
	}
	return leg.Ruling{Code: 404, Delay: delay(score), Expendable: true}
}

// probe counts a strike of a source and tells of it once a minute.
func (s *Server) probe(addr netip.Addr, why, what string, weight float64, now time.Time) float64 {
	key := addr.String()
	score := s.door.probes.add(key, weight, now)
	s.m.probed(why)
	if s.door.probes.tell(key, now) {
		_, muted := s.door.probes.locked(key, now)
		s.log.Warn("source probes for a way in", slog.String("source", key), slog.String("why", why), slog.String("what", what),
			slog.Int("strikes", int(score)), slog.Bool("muted", muted))
	}
	return score
}

// delay is how long an answer is held back at a score.
func delay(score float64) time.Duration {
	if score < slowFrom {
		return 0
	}
	return min(fastest<<int(min(score-slowFrom, 10)), slowest)
}

// limit returns why there is no room for one more call, or "".
func (s *Server) limit(trunk *ringbid.Trunk, now time.Time) string {
	switch {
	case s.drains.Load():
		return codeDraining
	case s.cfg.MaxCalls > 0 && s.Active() >= s.cfg.MaxCalls:
		return codeOverCapacity
	case s.limits.full(trunk):
		return codeTrunkFull
	case !s.limits.pace(trunk, now):
		return codeTrunkRate
	case !s.door.paces(s.cfg.CallsPerSecond, now):
		return codeNodeRate
	}
	return ""
}

// paces takes one new call off the rate of the node.
func (d *door) paces(rate int, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pace.take(now, rate)
}

// keeps reports whether one more refused call may become a leg, so that it is
// logged and told of. Beyond that refusals cost no more than their answer.
func (d *door) keeps(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spare.take(now, refusalsKept)
}

func (s *Server) exempt(addr netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.Exempt, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func (s *Server) drop(why string) leg.Ruling {
	s.m.filtered(why)
	return leg.Ruling{Drop: true}
}

// busy sends a caller elsewhere.
func busy() leg.Ruling {
	after, _ := leg.NewHeader("Retry-After", retryAfter())
	why, _ := leg.NewHeader("Reason", `Q.850;cause=42;text="all lines busy"`)
	return leg.Ruling{Code: 503, Headers: []leg.Header{after, why}}
}
