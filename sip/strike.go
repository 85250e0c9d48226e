package sip

import (
	"sync"
	"time"
)

// strikes counts what somebody did wrong, forgives it with time, and locks who
// does too much, each time for longer.
type strikes struct {
	limit       float64       // so many lead to a lock
	fade        time.Duration // after which one is forgiven
	first, most time.Duration // how long the first lock is, and any
	room        int           // whom to remember at most

	mu sync.Mutex
	m  map[string]*strike
}

type strike struct {
	score float64
	last  time.Time
	until time.Time // when the lock ends
	locks int
	told  time.Time
}

// add counts what key did and returns its score, between 0 and limit. A lock
// leaves half of the limit on the score, so that a relapse locks sooner.
func (s *strikes) add(key string, weight float64, now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.entry(key, now)
	if k == nil {
		return weight
	}
	s.wear(k, now)
	if now.Sub(k.until) > 24*time.Hour {
		k.locks = 0
	}
	k.score += weight
	reached := min(k.score, s.limit)
	if k.score >= s.limit {
		k.score = s.limit / 2
		k.until = now.Add(min(s.first<<min(k.locks, 20), s.most))
		k.locks++
	}
	return reached
}

// score returns what key has on it.
func (s *strikes) score(key string, now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.m[key]
	if k == nil {
		return 0
	}
	s.wear(k, now)
	return k.score
}

// locked reports whether key is locked, and until when.
func (s *strikes) locked(key string, now time.Time) (until time.Time, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.m[key]
	if k == nil || !now.Before(k.until) {
		return time.Time{}, false
	}
	return k.until, true
}

// pardon forgets key.
func (s *strikes) pardon(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, key)
}

// tell reports whether a line about key may be logged: one a minute.
func (s *strikes) tell(key string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.m[key]
	if k == nil || now.Sub(k.told) < time.Minute {
		return false
	}
	k.told = now
	return true
}

func (s *strikes) wear(k *strike, now time.Time) {
	if gone := now.Sub(k.last); gone > 0 {
		k.score = max(0, k.score-gone.Seconds()/s.fade.Seconds())
		k.last = now
	}
}

// entry finds or makes room for key; nil where everybody who is remembered is
// locked. The caller holds mu.
func (s *strikes) entry(key string, now time.Time) *strike {
	if k := s.m[key]; k != nil {
		return k
	}
	if s.m == nil {
		s.m = map[string]*strike{}
	}
	if len(s.m) >= s.room && !s.makeRoom(now) {
		return nil
	}
	k := &strike{last: now}
	s.m[key] = k
	return k
}

// makeRoom forgets who is forgiven and, should that be nobody, anybody who is
// not locked. The caller holds mu.
func (s *strikes) makeRoom(now time.Time) bool {
	spare := ""
	for key, k := range s.m {
		s.wear(k, now)
		switch {
		case now.Before(k.until):
		case k.score == 0 && now.Sub(k.until) > s.most:
			delete(s.m, key)
		default:
			spare = key
		}
	}
	if len(s.m) >= s.room && spare != "" {
		delete(s.m, spare)
	}
	return len(s.m) < s.room
}
