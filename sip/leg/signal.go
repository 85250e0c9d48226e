package leg

import (
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxQueue bounds what may wait for an owner that does not read.
const maxQueue = 1024

// Signal is one thing for a leg's owner to look at.
type Signal struct {
	Leg *Leg
	gen uint32
}

// Apply advances the leg by the oldest message waiting for it. Only the owner
// may call it. It returns false when there is nothing the call should know.
func (s Signal) Apply() (Event, bool) {
	m, ok := s.Leg.in.pop(s.gen)
	if !ok {
		return Event{}, false
	}
	ev, ok := s.Leg.handle(m)
	ev.At = m.at
	return ev, ok
}

// input says what a message is.
type input int

const (
	inRequest    input = iota // a request inside the dialog
	inResponse                // a response to one of our requests
	inCancelled               // a CANCEL came, 487 went out
	inOfferGone               // the peer cancelled its re-INVITE
	inWidened                 // a request too long for a datagram has a stream, or not
	inTxFailed                // a client transaction ended without a final response
	inRefused                 // the refusal of our INVITE is acknowledged
	inTimer                   // a timer fired
	inResolved                // the dial target is known, or not
	inEnd                     // the stack ends the leg
	inShutdown                // the stack closes
	inLost                    // the dialog is lost, err says why
	inTerminated              // the leg is through
)

// message is what waits in a leg's inbox.
type message struct {
	input  input
	req    *sipmsg.Request
	res    *sipmsg.Response
	t      *ticket
	branch string
	timer  timer
	serial uint32
	dest   destination
	cause  Cause
	err    error
	at     time.Time
}

// inbox keeps messages in order until the owner takes them. The mailbox gets
// one Signal per message and may be full; what it cannot take is delivered
// later by one goroutine.
type inbox struct {
	leg  *Leg
	mu   sync.Mutex
	list []message
	to   chan<- Signal
	gen  uint32
	owed int
	turn chan struct{} // closed when the owner changes
}

func (in *inbox) init(l *Leg, to chan<- Signal) {
	in.leg, in.to, in.turn = l, to, make(chan struct{})
}

// post appends a message; it never blocks.
func (in *inbox) post(m message) {
	if m.at.IsZero() {
		m.at = time.Now()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.list) >= maxQueue && m.input != inTerminated {
		in.leg.s.m.overflowed()
		return
	}
	in.list = append(in.list, m)
	in.token()
}

// token tells the owner that something waits. The caller holds mu.
func (in *inbox) token() {
	if in.to == nil {
		return
	}
	if in.owed == 0 {
		select {
		case in.to <- Signal{Leg: in.leg, gen: in.gen}:
			return
		default:
		}
	}
	in.owed++
	if in.owed == 1 {
		to, gen, turn := in.to, in.gen, in.turn
		if !in.leg.s.track(func() { in.repay(to, gen, turn) }) {
			in.owed = 0
		}
	}
}

// repay delivers owed signals as the mailbox drains.
func (in *inbox) repay(to chan<- Signal, gen uint32, turn chan struct{}) {
	for {
		select {
		case to <- Signal{Leg: in.leg, gen: gen}:
		case <-turn:
			return
		case <-in.leg.s.quit:
			return
		}
		in.mu.Lock()
		if in.gen != gen {
			in.mu.Unlock()
			return
		}
		in.owed--
		left := in.owed
		in.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

// bind changes the owner: signals of the old one become void.
func (in *inbox) bind(to chan<- Signal) {
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.turn)
	in.turn = make(chan struct{})
	in.to, in.owed = to, 0
	in.gen++
	for range in.list {
		in.token()
	}
}

func (in *inbox) pop(gen uint32) (message, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if gen != in.gen || len(in.list) == 0 {
		return message{}, false
	}
	m := in.list[0]
	in.list[0] = message{}
	in.list = in.list[1:]
	if len(in.list) == 0 {
		in.list = nil
	}
	return m, true
}

func (in *inbox) owner() chan<- Signal {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.to
}

// ticket is a request in the dialog that waits for its answer.
type ticket struct {
	leg   *Leg
	req   *sipmsg.Request
	tx    *serverTx
	early *early // the early dialog it belongs to
}
