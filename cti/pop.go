package cti

import (
	"time"

	"github.com/ringbid/ringbid"
)

// The states of a pop.
const (
	PopRing   = "ring"   // the agent's phone rings
	PopAnswer = "answer" // they talk
	PopEnd    = "end"    // it is over
)

// Pop is what an agent's screen says of a call.
type Pop struct {
	CallID   string         `json:"call_id"`
	State    string         `json:"state"`
	Caller   ringbid.Phone  `json:"caller,omitempty"`
	Name     string         `json:"name,omitempty"`
	Place    string         `json:"place,omitempty"`
	Number   ringbid.Phone  `json:"number,omitempty"`
	Campaign string         `json:"campaign,omitempty"`
	Target   string         `json:"target,omitempty"`
	Tags     ringbid.TagMap `json:"tags,omitempty"` // what the caller answered
	At       time.Time      `json:"at"`
}

const (
	// keepEnded is how long a pop of a call that is over is sent again to a
	// screen that comes back.
	keepEnded = time.Minute
	// keepLost forgets pops whose end was never told.
	keepLost = 12 * time.Hour
	// keepPopped is how long Popped remembers.
	keepPopped = 24 * time.Hour
	// maxPops bounds the pops remembered for one user.
	maxPops = 500
)

// pops are the pops of one user, by call.
type pops map[string]Pop

// put keeps the pop; it never goes back from answer to ring, or from end.
func (p pops) put(n Pop) bool {
	if old, ok := p[n.CallID]; ok && order(old.State) > order(n.State) {
		return false
	}
	p[n.CallID] = n
	return true
}

func order(state string) int {
	switch state {
	case PopRing:
		return 0
	case PopAnswer:
		return 1
	}
	return 2
}

// sweep forgets what is too old, and the oldest where there are too many.
func (p pops) sweep(now time.Time) {
	for id, x := range p {
		if now.Sub(x.At) > keepPopped {
			delete(p, id)
		}
	}
	for len(p) > maxPops {
		oldest, at := "", now.Add(time.Hour)
		for id, x := range p {
			if x.At.Before(at) {
				oldest, at = id, x.At
			}
		}
		delete(p, oldest)
	}
}

// current returns the pops a screen that opens now should show.
func (p pops) current(now time.Time) []Pop {
	var out []Pop
	for _, x := range p {
		age := now.Sub(x.At)
		if x.State == PopEnd && age < keepEnded || x.State != PopEnd && age < keepLost {
			out = append(out, x)
		}
	}
	return out
}
