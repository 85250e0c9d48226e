package leg

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

var (
	errCancelled = errors.New("transaction cancelled")
	errAnswered  = errors.New("transaction answered already")
)

// txState is where a transaction is.
type txState uint8

const (
	txTrying txState = iota
	txProceeding
	txAccepted  // of an INVITE: a 2xx went out (RFC 6026)
	txCompleted // a final response
	txConfirmed // of an INVITE: the ACK to a refusal came
	txOver
)

// serverTx is a server transaction (RFC 3261 section 17.2): it sends responses,
// repeats the last one when the request is, and a refusal of an INVITE until its
// ACK comes. A 2xx is repeated by the leg (RFC 6026).
type serverTx struct {
	s      *Stack
	key    txKey
	home   netip.AddrPort // where responses go by another connection, see Leg.bringHome
	invite bool
	leg    *Leg    // of an INVITE that opened it; guarded by Stack.mu
	t      *ticket // of a re-INVITE; guarded by Stack.mu

	mu        sync.Mutex
	path      path // of the responses
	state     txState
	cancelled bool
	req       *sipmsg.Request // until the final response
	last      []byte          // response to be repeated
	timer     *time.Timer
	wait      time.Duration
	since     time.Time
}

// txKey identifies a server transaction (RFC 3261 section 17.2.3), also for
// peers without the branch cookie: a hash over what does, under a seed that
// nobody else knows.
type txKey uint64

// keyOf returns the key of a request, as if it had the method.
func (s *Stack) keyOf(req *sipmsg.Request, method sipmsg.RequestMethod) txKey {
	via, seq := req.Via(), req.CSeq().SeqNo
	branch, _ := via.Params.Get("branch")
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, part := range []string{branch, via.Host, req.CallID().Value(), string(method)} {
		_, _ = h.WriteString(part)
		_ = h.WriteByte(0)
	}
	var b [12]byte
	_, _ = h.Write(strconv.AppendUint(strconv.AppendInt(b[:0], int64(via.Port), 16), uint64(seq), 16))
	return txKey(h.Sum64())
}

// serverTx files a transaction for a request; nil when there is one, which is
// told of the repetition.
func (s *Stack) serverTx(a arrived) *serverTx {
	tx := &serverTx{s: s, key: s.keyOf(a.req, a.req.Method), path: a.path.back(a.req.Via()), home: a.path.home(a.req.Via()), invite: a.req.IsInvite(), req: a.req}
	s.mu.Lock()
	old := s.servers[tx.key]
	if old == nil {
		s.servers[tx.key] = tx
	}
	s.mu.Unlock()
	if old != nil {
		old.again()
		return nil
	}
	if tx.invite {
		tx.mu.Lock()
		defer tx.mu.Unlock()
		tx.timer = time.AfterFunc(s.t1/5, tx.trying)
	}
	return tx
}

// again answers a repeated request.
func (tx *serverTx) again() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.last != nil:
		_ = tx.path.send(tx.last) // asked for again if it is lost
	case tx.invite && tx.state == txTrying:
		tx.try()
	}
}

// trying is the end of T1/5, 100 ms, in which nothing was said to an INVITE (RFC
// 3261 section 17.2.1).
func (tx *serverTx) trying() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state == txTrying {
		tx.try()
	}
}

// try sends 100. The caller holds mu.
func (tx *serverTx) try() {
	res := tx.s.respond(tx.req, 100, "Trying", "", nil, nil)
	tx.s.mu.Lock()
	l := tx.leg
	if tx.t != nil {
		l = tx.t.leg
	}
	tx.s.mu.Unlock()
	if l != nil {
		l.note(true, res.cseq, res.data, tx.path.network, tx.path.peer)
	}
	_ = tx.respond(100, res.data) // the INVITE comes again if it is lost
}

// send sends a response and calls sent just before. The error is errCancelled
// after a CANCEL, errAnswered after another final response, both without sending,
// else that of the network.
func (tx *serverTx) send(res response, sent func()) error {
	code := res.code
	tx.mu.Lock()
	defer tx.mu.Unlock()
	again := tx.state == txAccepted && code >= 200 && code < 300
	switch {
	case tx.cancelled:
		return errCancelled
	case !again && tx.state > txProceeding:
		return errAnswered
	}
	if sent != nil {
		sent()
	}
	if again {
		return tx.path.send(res.data)
	}
	return tx.respond(code, res.data)
}

// respond sends a response that is in its turn. The caller holds mu.
func (tx *serverTx) respond(code int, data []byte) error {
	tx.state, tx.last = txProceeding, data
	if tx.timer != nil {
		tx.timer.Stop()
	}
	err := tx.path.send(data)
	if code < 200 {
		return err
	}
	tx.req = nil
	switch {
	case tx.invite && code < 300:
		tx.state, tx.last = txAccepted, nil
		tx.s.retire(tx, nil, false)
	case tx.invite:
		tx.state = txCompleted
		tx.since, tx.wait = time.Now(), tx.s.t1
		if streamed(tx.path.network) {
			tx.wait = 64 * tx.s.t1
		}
		tx.timer = time.AfterFunc(tx.wait, tx.repeat)
	default:
		tx.state = txCompleted
		if streamed(tx.path.network) {
			tx.last = nil
		}
		tx.s.retire(tx, nil, streamed(tx.path.network))
	}
	return err
}

// repeat is timers G and H: the refusal of an INVITE goes out again until the
// ACK comes, for 64*T1.
func (tx *serverTx) repeat() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state != txCompleted {
		return
	}
	left := 64*tx.s.t1 - time.Since(tx.since)
	if left <= 0 {
		tx.state, tx.last = txOver, nil
		tx.s.retire(tx, nil, true)
		return
	}
	_ = tx.path.send(tx.last)
	tx.wait = min(2*tx.wait, tx.s.t2)
	tx.timer.Reset(min(tx.wait, left))
}

// acked takes an ACK and reports whether it is that to a refusal.
func (tx *serverTx) acked() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state != txCompleted {
		return tx.state > txCompleted
	}
	tx.timer.Stop()
	tx.state, tx.last = txConfirmed, nil
	tx.s.retire(tx, nil, true)
	return true
}

// cancel refuses an unanswered INVITE of the leg with 487 and reports whether it
// did.
func (tx *serverTx) cancel(l *Leg) bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if !tx.invite || tx.state > txProceeding {
		return false
	}
	res := tx.s.respond(tx.req, 487, "Request Terminated", l.localTag, nil, nil)
	l.note(true, res.cseq, res.data, tx.path.network, tx.path.peer)
	_ = tx.respond(487, res.data) // repeated
	tx.cancelled = true
	return true
}

// move has the responses go by another path from now on, with one that could not
// go by the last. A provisional response whose time is over is not sent.
func (tx *serverTx) move(to path, res response) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.path = to
	if res.code < 200 && tx.state > txProceeding {
		return nil
	}
	return to.send(res.data)
}

// unsaid returns the last response where the connection it went by is closed.
func (tx *serverTx) unsaid() []byte {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.path.g == nil || !tx.path.g.out.ended() {
		return nil
	}
	return tx.last
}

// gone reports whether a CANCEL came.
func (tx *serverTx) gone() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.cancelled
}

// stop ends the repetitions, because the stack closes.
func (tx *serverTx) stop() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.state = txOver
	if tx.timer != nil {
		tx.timer.Stop()
	}
}
