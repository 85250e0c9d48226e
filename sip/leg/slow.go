package leg

import (
	"sync"
	"time"
)

// maxSlow bounds the answers that are held back at once.
const maxSlow = 256

// slow sends answers later, all by one timer.
type slow struct {
	mu    sync.Mutex
	due   []delayed
	timer *time.Timer
	quit  bool
}

type delayed struct {
	at   time.Time
	send func()
}

// add has send called after d; false when too many wait already.
func (s *slow) add(d time.Duration, send func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.quit || len(s.due) >= maxSlow {
		return false
	}
	s.due = append(s.due, delayed{time.Now().Add(d), send})
	s.rearm()
	return true
}

// rearm sets the timer to the next answer. The caller holds mu.
func (s *slow) rearm() {
	if len(s.due) == 0 {
		return
	}
	next := s.due[0].at
	for _, d := range s.due[1:] {
		if d.at.Before(next) {
			next = d.at
		}
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(time.Until(next), s.fire)
		return
	}
	s.timer.Reset(time.Until(next))
}

func (s *slow) fire() {
	s.mu.Lock()
	now := time.Now()
	var ready []delayed
	left := s.due[:0]
	for _, d := range s.due {
		if d.at.After(now) {
			left = append(left, d)
		} else {
			ready = append(ready, d)
		}
	}
	clear(s.due[len(left):])
	s.due = left
	if !s.quit {
		s.rearm()
	}
	s.mu.Unlock()
	for _, d := range ready {
		d.send()
	}
}

// waiting returns how many answers are held back.
func (s *slow) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.due)
}

// stop forgets what is held back.
func (s *slow) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quit, s.due = true, nil
	if s.timer != nil {
		s.timer.Stop()
	}
}
