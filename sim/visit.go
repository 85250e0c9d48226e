package sim

import (
	"time"

	"github.com/ringbid/ringbid/sip/leg"
)

// Visit is a call as the buyer saw it.
type Visit struct {
	User       string // the user that was dialled
	Caller     string // user part of From
	CallerName string
	PAI        string // user part of P-Asserted-Identity
	UserToUser string
	CallID     string
	Source     string // address the call came from
	// Headers are the X- headers, as received.
	Headers map[string]string

	Started  time.Time
	Answered time.Time // zero for a call that was not
	Ended    time.Time // zero while it lasts
	Over     bool      // the dialog is gone, the figures below are final
	Status   int       // our final answer; 0 while it rings, 487 when cancelled
	EndedBy  string    // "buyer", "platform"
	Reason   string    // what the other side said at the end

	// Heard says that the caller's tone was heard, HeardFor for how long.
	Heard    bool
	HeardFor time.Duration
	Keys     string // pressed by the other side

	PacketsSent, PacketsReceived uint64
	Lost                         int64
}

// maxVisits bounds what is remembered.
const maxVisits = 2000

func newVisit(l *leg.Leg) Visit {
	in := l.Invite()
	v := Visit{
		User: in.User, Caller: in.From.User, CallerName: in.From.Display, CallID: in.CallID,
		Source: in.Source.String(), Headers: map[string]string{}, Started: time.Now(),
	}
	if len(in.PAI) > 0 {
		v.PAI = in.PAI[0].User
	}
	if len(in.UserToUser) > 0 {
		v.UserToUser = in.UserToUser[0]
	}
	for _, h := range in.Headers {
		if n := h.Name(); len(n) > 2 && (n[0] == 'X' || n[0] == 'x') && n[1] == '-' {
			v.Headers[n] = h.Value()
		}
	}
	return v
}

// Talk returns how long the buyer was connected.
func (v Visit) Talk() time.Duration {
	if v.Answered.IsZero() || v.Ended.IsZero() {
		return 0
	}
	return v.Ended.Sub(v.Answered)
}
