package leg

import (
	"net/netip"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Leg is one dialog with one peer. Every method is for the owner only; after
// Terminated they do nothing.
type Leg struct {
	s        *Stack
	in       inbox
	gone     atomic.Bool // Terminated was delivered
	inbound  bool
	callID   string
	localTag string
	invite   *Request // inbound
	ladder   ladder
	mark     any  // of the Ruling on the INVITE
	detached bool // the call goes on when OnInvite has returned

	// Guarded by Stack.mu.
	txKey    txKey
	mergeKey string
	branches []string
	linger   *time.Timer

	// The owner's.
	bound  Owner // by Bind
	st     state
	peer   destination
	d      dialog
	timers [timerKinds]armed
	cause  Cause  // why the owner ended it
	ended  bool   // the owner ended it
	last   status // of the final response, for Terminated
	over   bool   // Terminated is on its way

	req     *sipmsg.Request // inbound INVITE
	tx      *serverTx       // its transaction
	ringing response        // the last provisional response that was not reliable

	terms       Terms
	proofs      []proof
	peerUpdates bool // the peer takes UPDATE

	out     outbound
	rel     reliable
	repeat  repeat  // our 2xx that waits for an ACK
	reoffer *ticket // the peer's offer in a re-INVITE, UPDATE or PRACK
	answers *held   // the peer's offer in a response
	offer   offer
	keying  keying
	next    []byte // an Offer that waits for the dialog to be free
	ref     referral
	renews  bool // next only refreshes the session
	session session
	ours    []byte            // our description in force
	theirs  []byte            // the peer's
	trials  map[string]*trial // by branch
}

// status is what a final response says.
type status struct {
	code   int
	reason string
}

// state is where a leg is in its life.
type state int

const (
	incoming   state = iota // inbound, no final response yet
	accepted                // our 2xx sent, no ACK yet
	calling                 // our INVITE sent, nothing came back
	proceeding              // a provisional came back
	confirmed               // both sides know the dialog
	leaving                 // our BYE sent
	subscribed              // the peer hung up and is still told about its transfer
	done                    // nothing more to say; late messages are cleaned up
)

// Bind sets the owner of an inbound leg. It is the first thing to do in OnInvite,
// in a turn of the owner; what arrived before is delivered then.
func (l *Leg) Bind(o Owner) {
	if l.gone.Load() {
		return
	}
	l.bound = o
	l.s.own(l, o)
	l.in.bind(o)
}

// Detach lets OnInvite return before the call is over: the goroutine that goes on
// is the call then, and calls done, once, where OnInvite would have returned. It
// is to be called in OnInvite, after Bind.
func (l *Leg) Detach() (done func()) {
	l.detached = true
	o := l.bound
	return func() {
		l.s.Adopt(o)
		l.s.served()
	}
}

// abandon makes the stack the owner and lets it end the leg.
func (l *Leg) abandon(c Cause) {
	if l.gone.Load() {
		return
	}
	l.in.bind(l.s.tail)
	l.in.post(message{input: inEnd, cause: c})
}

// Source returns the address the peer sends from, or that we dialled.
func (l *Leg) Source() netip.AddrPort { return l.peer.to }

// Network returns "udp", "tcp", "tls", "ws" or "wss".
func (l *Leg) Network() string { return l.peer.network }

// CallID returns the Call-ID of the dialog.
func (l *Leg) CallID() string { return l.callID }

// Inbound reports whether the peer called us.
func (l *Leg) Inbound() bool { return l.inbound }

// Invite returns the INVITE of an inbound leg, the zero Request otherwise. It
// must not be changed.
func (l *Leg) Invite() *Request {
	if l.invite == nil {
		return &Request{}
	}
	return l.invite
}

// Mark returns what Screen said of an inbound leg's INVITE, or nil.
func (l *Leg) Mark() any { return l.mark }

// Messages returns the last 200 messages of the leg, oldest first.
func (l *Leg) Messages() []TraceEntry { return l.ladder.entries(l.callID) }

// handle advances the leg by one message.
func (l *Leg) handle(m message) (Event, bool) {
	switch m.input {
	case inRequest:
		return l.onRequest(m)
	case inResponse:
		return l.onResponse(m)
	case inCancelled:
		return l.onCancel(m)
	case inOfferGone:
		if l.reoffer == m.t {
			l.reoffer = nil
			l.kick()
		}
	case inRefused:
		l.onRefused(m.branch)
	case inWidened:
		l.onWidened(m)
	case inTxFailed:
		return l.onTxFailed(m)
	case inTimer:
		if l.timers[m.timer].serial == m.serial {
			return l.onTimer(m.timer)
		}
	case inResolved:
		return l.onResolved(m)
	case inEnd:
		if l.st == subscribed {
			l.terminate()
		}
		l.End(m.cause)
	case inShutdown:
		if l.st == subscribed {
			l.terminate()
		}
		if l.ended || l.st == done {
			return Event{}, false
		}
		l.End(Cause{Code: 503, Text: "shutdown"})
		return Event{Kind: Ended, Err: ErrShutdown}, true
	case inLost:
		return Event{Kind: Ended, Err: m.err}, true
	case inUnsaid:
		l.onUnsaid()
	case inSaid:
		return Event{Kind: AnswerSent}, true
	case inTerminated:
		return l.onTerminated()
	}
	return Event{}, false
}

// End ends the leg with CANCEL, BYE or a final response, whichever fits its
// state. The leg lives on until Terminated. A second End does nothing.
func (l *Leg) End(c Cause) {
	if l.gone.Load() || l.ended {
		return
	}
	l.ended, l.cause = true, c
	switch l.st {
	case incoming:
		code := c.Code
		if code < 300 || code > 699 {
			code = 480
		}
		l.final(code, reasonFor(code), c.inResponse())
	case calling, proceeding:
		l.cancel()
	case confirmed:
		if !l.farewell() {
			l.bye()
		}
	case accepted, leaving, subscribed, done:
		// RFC 3261 section 15: no BYE before the ACK; it follows then.
	}
}

// terminate brings the leg to its end: the owner gets Terminated next.
func (l *Leg) terminate() {
	l.st = done
	for i := range l.timers {
		l.disarm(timer(i))
	}
	if l.reoffer != nil {
		l.answerTicket(l.reoffer, 487, "Request Terminated", nil)
		l.reoffer = nil
	}
	if l.ref.asked != nil {
		l.answerTicket(l.ref.asked, 481, "Call/Transaction Does Not Exist", nil)
	}
	l.ref = referral{}
	if !l.over {
		l.over = true
		l.in.post(message{input: inTerminated})
	}
}

// onTerminated hands the leg to the stack, which answers what still comes:
// late responses to our INVITE and requests of a peer that does not know.
func (l *Leg) onTerminated() (Event, bool) {
	ev := Event{Kind: Terminated, Code: l.last.code, Reason: l.last.reason}
	l.gone.Store(true)
	l.shed()
	l.s.release(l)
	l.in.bind(l.s.tail)
	return ev, true
}

// shed drops what nobody asks for any more, because the leg is kept for half a
// minute: late answers are acknowledged, all else is unknown to us. What it was
// asked with and the ladder are read after its end.
func (l *Leg) shed() {
	l.ours, l.theirs, l.answers, l.next, l.proofs = nil, nil, nil, nil, nil
	l.offer, l.repeat, l.keying, l.ringing = offer{}, repeat{}, keying{}, response{}
	if l.detached {
		l.bound = nil // the whole call
	}
	if len(l.rel.queue) == 0 { // else a late PRACK is answered
		l.req, l.tx, l.rel = nil, nil, reliable{}
	}
	if l.out.final {
		l.out.cfg, l.out.early = nil, nil
	}
	for branch, t := range l.trials {
		switch t.purpose {
		case forCall:
			if !l.out.final {
				continue // there may be something to cancel
			}
			l.trials[branch] = &trial{purpose: forCall, req: credentialsOf(t.req), dest: t.dest, d: t.d, branch: branch}
		case forGhost:
		default:
			delete(l.trials, branch)
		}
	}
}

// release takes the leg out of the live ones and forgets it when nothing of
// it can come any more, 64*T1 later.
func (s *Stack) release(l *Leg) {
	o := l.in.owner()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disownLocked(l, o)
	s.live--
	s.m.ended()
	l.linger = time.AfterFunc(64*s.t1+s.t2, func() { s.forget(l) })
	s.settle()
}

func (s *Stack) forget(l *Leg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(l)
}

func (s *Stack) forgetLocked(l *Leg) {
	delete(s.dialogs, l.localTag)
	if tx := s.servers[l.txKey]; tx != nil && tx.leg == l {
		delete(s.servers, l.txKey)
	}
	if key, ok := s.merges[l.mergeKey]; ok && key == l.txKey {
		delete(s.merges, l.mergeKey)
	}
	for _, b := range l.branches {
		delete(s.branches, b)
		delete(s.clients, clientKey{b, false})
		delete(s.clients, clientKey{b, true})
	}
}

// timer names what a leg waits for.
type timer int

const (
	tFirst    timer = iota // any response to our INVITE
	tNoAnswer              // DialConfig.NoAnswer
	tCancel                // a final response after CANCEL
	tAck                   // the ACK to our 2xx
	tOffer                 // a final response to our re-INVITE
	tGlare                 // the pause after 491
	tRefer                 // the end of a subscription to a transfer
	tNotify                // the answer to the last NOTIFY before our BYE
	tReliable              // the PRACK to our provisional response
	tUpdate                // Respond to an UPDATE or PRACK
	tRefresh               // the next refresh of the session
	tExpire                // the end of a session nobody refreshed
	tProgress              // the next repetition of a provisional response
	timerKinds
)

type armed struct {
	t      *time.Timer
	serial uint32
}

func (l *Leg) arm(k timer, d time.Duration) {
	l.disarm(k)
	serial := l.timers[k].serial
	l.timers[k].t = time.AfterFunc(d, func() { l.in.post(message{input: inTimer, timer: k, serial: serial}) })
}

// disarm makes a timer that already fired void.
func (l *Leg) disarm(k timer) {
	if l.timers[k].t != nil {
		l.timers[k].t.Stop()
		l.timers[k].t = nil
	}
	l.timers[k].serial++
}

func (l *Leg) onTimer(k timer) (Event, bool) {
	switch k {
	case tFirst:
		return l.onNoResponse()
	case tNoAnswer:
		return l.onNoAnswer()
	case tCancel:
		l.terminate() // RFC 3261 section 9.1: treat it as cancelled
	case tAck:
		return l.onNoAck()
	case tOffer:
		return l.offerLost(ErrPeerGone)
	case tRefer, tNotify:
		l.onSubscription(k)
	case tReliable:
		return l.onNoPrack()
	case tUpdate:
		return l.onNoAnswerToOffer()
	case tProgress:
		l.stayInProgress()
	case tRefresh:
		l.refresh()
	case tExpire:
		return l.onExpired()
	case tGlare:
		l.offer.waiting = false
		l.kick()
	}
	return Event{}, false
}
