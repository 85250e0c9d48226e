package ringbid

import (
	"strings"
	"time"
)

// Transfers says where the agents of a buyer may send a caller (SIP REFER and
// Replaces). The zero value lets them send nobody anywhere.
type Transfers struct {
	// Allow is "refuse" (default), "numbers" (only what Numbers lists) or
	// "trunk" (anything that the trunk takes).
	Allow string `json:"allow,omitempty"`
	// Numbers lists numbers and SIP users; one that ends in * stands for all that
	// begin with it. At most 100.
	Numbers []string `json:"numbers,omitempty"`
	// Trunk is where transferred calls go out; default the agent's own.
	Trunk string `json:"trunk,omitempty"`
	// Max is how many transfers one talk may have; default 2, 1 to 5.
	Max int `json:"max,omitempty"`
}

// What Transfers.Allow says.
const (
	TransferRefuse  = "refuse"
	TransferNumbers = "numbers"
	TransferTrunk   = "trunk"
)

// DefaultTransfers is how many transfers one talk may have where nothing else is
// said.
const DefaultTransfers = 2

// Limit returns how many transfers one talk may have.
func (t *Transfers) Limit() int {
	if t.Max == 0 {
		return DefaultTransfers
	}
	return t.Max
}

// Refused reports whether nobody may be transferred at all.
func (t *Transfers) Refused() bool {
	return t == nil || t.Allow != TransferNumbers && t.Allow != TransferTrunk
}

// By returns the trunk that transfers go out by, "" for the agent's own.
func (t *Transfers) By() string {
	if t == nil {
		return ""
	}
	return t.Trunk
}

// Permits reports whether a caller may be sent to the number or SIP user.
func (t *Transfers) Permits(user string) bool {
	switch {
	case t.Refused() || !SIPUser(user):
		return false
	case t.Allow == TransferTrunk:
		return true
	}
	phone, _ := ParsePhone(user)
	for _, n := range t.Numbers {
		prefix, open := strings.CutSuffix(n, "*")
		switch {
		case user == n || phone != "" && string(phone) == n:
			return true
		case open && (strings.HasPrefix(user, prefix) || phone != "" && strings.HasPrefix(string(phone), prefix)):
			return true
		}
	}
	return false
}

func (t *Transfers) refs(need func(string, Key)) {
	if t != nil && t.Trunk != "" {
		need("transfers.trunk", Key{KindTrunk, t.Trunk})
	}
}

func (t *Transfers) check(c *checker, path string) {
	if t == nil {
		return
	}
	c.that(t.Allow == "" || t.Allow == TransferRefuse || !t.Refused(), path+".allow", "%.20q is not refuse, numbers or trunk", t.Allow)
	c.that(t.Allow != TransferNumbers || len(t.Numbers) > 0, path+".numbers", "is empty: nobody could be sent anywhere")
	c.that(len(t.Numbers) <= 100, path+".numbers", "has more than 100 entries")
	for i, n := range t.Numbers {
		c.that(SIPUser(strings.TrimSuffix(n, "*")), index(path+".numbers", i), "%.80q is not a number or SIP user", n)
	}
	c.between(path+".max", t.Max, 0, 5)
}

// Transfer is one time that somebody sent the caller of a talk elsewhere, or
// wanted to.
type Transfer struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "blind", "attended", "pickup" or "sent"
	By   string    `json:"by"`   // leg of the agent who asked; of a pickup, the leg that was taken over
	To   string    `json:"to"`   // number, masked, or SIP user
	// Leg is the new leg, "" when there is none.
	Leg string `json:"leg,omitempty"`
	// Verdict is VerdictAnswered when it came about.
	Verdict Verdict `json:"verdict"`
	Status  int     `json:"status,omitempty"` // SIP
	Text    string  `json:"text,omitempty"`
	MS      int64   `json:"ms"` // how long it took, and the caller waited
}

// The kinds of transfers.
const (
	TransferBlind    = "blind"
	TransferAttended = "attended"
	TransferPickup   = "pickup"
	TransferSent     = "sent" // by an operator, to another target of the buyer
)
