package leg

import (
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxQueue bounds what may wait for an owner that does not read.
const maxQueue = 1024

// Owner is who runs a leg: its methods and Signal.Apply are called one at a time,
// in the order of the signals. Put takes a signal. It must not wait, and may be
// called on any goroutine, the socket's reader and one that is in a method of the
// leg included; turn.Queue does what is needed. An Owner is comparable.
type Owner interface{ Put(Signal) }

// Mailbox is an Owner for a goroutine of its own that reads it. What does not fit
// waits on another goroutine, without an order.
type Mailbox chan Signal

// Put sends the signal.
func (m Mailbox) Put(sig Signal) {
	select {
	case m <- sig:
	default:
		sig.Leg.s.track(func() {
			select {
			case m <- sig:
			case <-sig.Leg.s.quit:
			}
		})
	}
}

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
	inUnsaid                  // a response cannot be brought to the peer
	inSaid                    // an answer that waited went out
	inTerminated              // the leg is through
)

// message is what waits in a leg's inbox.
type message struct {
	input  input
	req    *sipmsg.Request
	res    *sipmsg.Response
	hs     []Header // of req or res
	t      *ticket
	branch string
	timer  timer
	serial uint32
	dest   *destination
	cause  Cause
	err    error
	at     time.Time
}

// inbox keeps messages in order until the owner takes them. The owner is given
// one Signal for each.
type inbox struct {
	leg  *Leg
	mu   sync.Mutex
	list []message
	to   Owner
	gen  uint32
}

func (in *inbox) init(l *Leg, to Owner) { in.leg, in.to = l, to }

// post appends a message; it never blocks. No lock may be held that the owner
// could want: it may be run here and now.
func (in *inbox) post(m message) {
	if m.at.IsZero() {
		m.at = time.Now()
	}
	in.mu.Lock()
	if len(in.list) >= maxQueue && m.input != inTerminated {
		in.mu.Unlock()
		in.leg.s.m.overflowed()
		if m.t != nil { // whoever asked is told, and the transaction ends
			in.leg.s.reply(m.t.req, m.t.tx, 503, "Service Unavailable")
		}
		return
	}
	in.list = append(in.list, m)
	to, gen := in.to, in.gen
	in.mu.Unlock()
	if to != nil {
		to.Put(Signal{Leg: in.leg, gen: gen})
	}
}

// bind changes the owner: signals of the old one become void.
func (in *inbox) bind(to Owner) {
	in.mu.Lock()
	in.to = to
	in.gen++
	n, gen := len(in.list), in.gen
	in.mu.Unlock()
	for range n {
		if to != nil {
			to.Put(Signal{Leg: in.leg, gen: gen})
		}
	}
}

func (in *inbox) pop(gen uint32) (message, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if gen != in.gen || len(in.list) == 0 {
		return message{}, false
	}
	m := in.list[0]
	n := copy(in.list, in.list[1:])
	in.list[n] = message{}
	if in.list = in.list[:n]; n == 0 && cap(in.list) > 4 {
		in.list = nil // what was once needed is not kept for a long call
	}
	return m, true
}

func (in *inbox) owner() Owner {
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
