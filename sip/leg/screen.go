package leg

import (
	"hash/maphash"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Bounds of what is remembered of messages that were refused or marked before
// they were parsed.
const (
	maxTold  = 4096
	maxMarks = 4096
)

// screen asks Config.Screen about an inspected message and reports whether it
// may be parsed. send writes a refusal back to where the message came from.
func (s *Stack) screen(network string, src netip.AddrPort, m *raw, send func([]byte)) bool {
	if s.cfg.Screen == nil {
		return true
	}
	a := s.arrived(network, src, m)
	id := s.told.id(src, m)
	if a.Method != "" && !a.Known {
		if answer, told := s.told.again(id, time.Now()); told {
			if answer != nil {
				send(answer)
			}
			return false
		}
	}
	r := Ruling{Drop: true}
	s.guarded("screen", func() { r = s.cfg.Screen(a) })
	switch {
	case r.Drop:
		s.m.dropped("screened")
		return false
	case r.Code == 0 || a.Method == "":
		if r.Mark != nil && a.Method == "INVITE" && !a.Known {
			s.marks.put(m.mergeKey(), r.Mark, time.Now())
		}
		return true
	case a.Method == "ACK":
		s.m.dropped("screened")
		return false
	}
	s.turnAway(id, refusal(m, src, verdictFor(r)), r, send)
	return false
}

// turnAway answers now or later, and remembers it for retransmissions.
func (s *Stack) turnAway(id uint64, answer []byte, r Ruling, send func([]byte)) {
	s.m.refused(r.Code)
	if r.Delay > 0 {
		s.told.put(id, nil, time.Now())
		later := func() {
			s.told.put(id, answer, time.Now())
			s.track(func() { send(answer) }) // a stream may have to wait
		}
		if s.slow.add(r.Delay, later) {
			return
		}
		if r.Expendable {
			s.m.dropped("screened")
			return
		}
	}
	s.told.put(id, answer, time.Now())
	send(answer)
}

func verdictFor(r Ruling) verdict {
	lines := make([]string, 0, len(r.Headers)+1)
	if r.Code == 405 { // RFC 3261 section 8.2.1
		lines = append(lines, "Allow: "+allowed)
	}
	for _, h := range r.Headers {
		if h.name != "" {
			lines = append(lines, h.name+": "+h.value)
		}
	}
	return refused(r.Code, reasonFor(r.Code), strings.Join(lines, "\r\n"))
}

// stranger asks whether a source is nobody we know; strangers are not told
// what is wrong with their messages.
func (s *Stack) stranger(src netip.AddrPort) (yes bool) {
	if s.cfg.Stranger == nil {
		return false
	}
	yes = true
	s.guarded("stranger", func() { yes = s.cfg.Stranger(src) })
	return yes
}

// told remembers which requests were refused without a transaction, so that a
// retransmission gets the same answer, or none while the answer is held back
// (RFC 3261 section 17.2 asks as much).
type told struct {
	seed maphash.Seed
	mu   sync.Mutex
	old  map[uint64]given // the map before, still read
	new  map[uint64]given
	turn time.Time
}

type given struct {
	data []byte // nil while it is held back
	at   time.Time
}

func newTold() *told {
	return &told{seed: maphash.MakeSeed(), old: map[uint64]given{}, new: map[uint64]given{}}
}

// id identifies a request by what a retransmission repeats.
func (t *told) id(src netip.AddrPort, m *raw) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	at := src.Addr().As16()
	h.Write(at[:])
	h.WriteByte(byte(src.Port()))
	h.WriteByte(byte(src.Port() >> 8))
	h.Write(m.start)
	for _, f := range []field{fVia, fFrom, fCallID, fCSeq} {
		v, _ := m.first(f)
		h.Write(v)
		h.WriteByte(0)
	}
	return h.Sum64()
}

// again returns what the request was given with within the last 32 seconds.
func (t *told) again(id uint64, now time.Time) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.new[id]
	if !ok {
		a, ok = t.old[id]
	}
	if !ok || now.Sub(a.at) > 32*time.Second {
		return nil, false
	}
	return a.data, true
}

func (t *told) put(id uint64, data []byte, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.new) >= maxTold/2 || now.Sub(t.turn) > 32*time.Second {
		t.old, t.new, t.turn = t.new, map[uint64]given{}, now
	}
	t.new[id] = given{data: data, at: now}
}

// marks carries what Screen said of an INVITE to the leg it makes.
type marks struct {
	mu sync.Mutex
	m  map[string]mark
}

type mark struct {
	value any
	at    time.Time
}

func (k *marks) put(key string, value any, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = map[string]mark{}
	}
	if len(k.m) >= maxMarks { // INVITEs that could not be parsed
		for key, one := range k.m {
			if now.Sub(one.at) > time.Second {
				delete(k.m, key)
			}
		}
	}
	if len(k.m) < maxMarks {
		k.m[key] = mark{value, now}
	}
}

func (k *marks) take(key string) any {
	k.mu.Lock()
	defer k.mu.Unlock()
	one := k.m[key]
	delete(k.m, key)
	return one.value
}
