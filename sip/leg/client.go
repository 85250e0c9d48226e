package leg

import (
	"context"
	"fmt"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// clientKey identifies a client transaction (RFC 3261 section 17.1.3): a CANCEL
// shares the branch of its INVITE.
type clientKey struct {
	branch string
	cancel bool
}

// clientTx is a client transaction (RFC 3261 section 17.1): it repeats a request
// over UDP until something comes back and acknowledges the refusal of an INVITE.
// The responses to the requests of a leg reach it by the branch, in the order of
// the wire and for as long as the leg lives, see Stack.onResponse.
type clientTx struct {
	s      *Stack
	key    clientKey
	invite bool
	leg    *Leg         // whose request it is
	again  func()       // sends it by a new connection, once; guarded by mu
	fresh  bool         // it begins something: see owed
	reply  chan outcome // of a request outside of dialogs

	mu    sync.Mutex
	path  path
	state txState
	req   *sipmsg.Request // until the final response
	data  []byte          // the request, then the ACK to its refusal
	timer *time.Timer
	wait  time.Duration
	since time.Time
}

// outcome is the end of a request outside of dialogs.
type outcome struct {
	res *sipmsg.Response
	hs  []Header
	err error
}

func newClientTx(s *Stack, req *sipmsg.Request, data []byte) *clientTx {
	branch, _ := req.Via().Params.Get("branch")
	return &clientTx{s: s, key: clientKey{branch, req.IsCancel()}, invite: req.IsInvite(), req: req, data: data}
}

// start sends the request by a path and files the transaction. A failure is told.
func (tx *clientTx) start(by path) {
	s := tx.s
	tx.mu.Lock()
	if tx.state != txTrying { // given up while the connection was made
		tx.mu.Unlock()
		return
	}
	s.mu.Lock()
	s.clients[tx.key] = tx
	s.mu.Unlock()
	tx.path, tx.since, tx.wait = by, time.Now(), s.t1
	if streamed(by.network) {
		tx.wait = 64 * s.t1
	}
	if by.g != nil && tx.fresh {
		by.g.owed.add(tx)
	}
	err := by.send(tx.data)
	if err == nil && tx.state == txTrying {
		tx.timer = time.AfterFunc(tx.wait, tx.repeat)
	}
	tx.mu.Unlock()
	if err != nil {
		tx.fail(fmt.Errorf("%w: %s", ErrTransport, err.Error()))
	}
}

// repeat is timers A, B, E and F.
func (tx *clientTx) repeat() {
	tx.mu.Lock()
	if tx.state > txProceeding || tx.invite && tx.state == txProceeding {
		tx.mu.Unlock()
		return
	}
	left := 64*tx.s.t1 - time.Since(tx.since)
	if left <= 0 {
		tx.mu.Unlock()
		tx.fail(ErrTimeout)
		return
	}
	err := tx.path.send(tx.data)
	if tx.wait *= 2; !tx.invite && (tx.wait > tx.s.t2 || tx.state == txProceeding) {
		tx.wait = tx.s.t2
	}
	tx.timer.Reset(min(tx.wait, left))
	tx.mu.Unlock()
	if err != nil {
		tx.fail(fmt.Errorf("%w: %s", ErrTransport, err.Error()))
	}
}

// lost is the end of the connection that the request went by, before anything came
// back.
func (tx *clientTx) lost() {
	tx.mu.Lock()
	again := tx.again
	tx.again = nil
	if tx.timer != nil {
		tx.timer.Stop()
	}
	over := tx.state != txTrying
	tx.mu.Unlock()
	switch {
	case over:
	case again != nil:
		again()
	default:
		tx.failBy(txTrying, ErrTransport)
	}
}

// fail ends the transaction without a response.
func (tx *clientTx) fail(err error) { tx.failBy(txProceeding, err) }

// failBy does so where it has come no further than a state.
func (tx *clientTx) failBy(latest txState, err error) {
	tx.mu.Lock()
	if tx.state > latest {
		tx.mu.Unlock()
		return
	}
	tx.state = txOver
	if tx.timer != nil {
		tx.timer.Stop()
	}
	tx.mu.Unlock()
	tx.s.drop(tx)
	switch {
	case tx.leg != nil && !tx.key.cancel: // of a CANCEL the INVITE tells what became
		tx.leg.in.post(message{input: inTxFailed, branch: tx.key.branch, err: err})
	case tx.reply != nil:
		tx.reply <- outcome{err: err}
	}
}

// response takes a response and reports whether it is the first refusal of an
// INVITE, whose ACK has been sent now.
func (tx *clientTx) response(a assembly) (refused bool) {
	res := a.res
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state == txTrying && tx.path.g != nil {
		tx.again = nil
		tx.path.g.owed.drop(tx)
	}
	switch {
	case tx.state == txCompleted:
		if tx.invite && res.StatusCode >= 300 && tx.data != nil {
			_ = tx.path.send(tx.data) // the ACK was lost
		}
		return false
	case tx.state > txProceeding:
		return false
	case res.IsProvisional():
		tx.state = txProceeding
		if tx.invite && tx.timer != nil {
			tx.timer.Stop()
		}
		return false
	}
	tx.state = txCompleted
	if tx.timer != nil {
		tx.timer.Stop()
	}
	req := tx.req
	tx.req, tx.data = nil, nil
	if tx.invite && res.StatusCode >= 300 {
		ack := ackOf(req, res)
		tx.data = render(ack)
		if tx.leg != nil {
			tx.leg.note(true, ack.CSeq(), tx.data, tx.path.network, tx.path.peer)
		}
		_ = tx.path.send(tx.data) // sent again with the refusal
		refused = true
	}
	tx.s.retire(nil, tx, streamed(tx.path.network) || !refused)
	if tx.reply != nil {
		tx.reply <- outcome{res: res, hs: a.hs}
	}
	return refused
}

// end gives the request up.
func (tx *clientTx) end() {
	tx.mu.Lock()
	tx.state = txOver
	if tx.timer != nil {
		tx.timer.Stop()
	}
	tx.mu.Unlock()
	tx.s.drop(tx)
}

// giveUp has a request that nobody wants any more not sent once more where its
// connection is lost.
func (s *Stack) giveUp(key clientKey) {
	s.mu.Lock()
	tx := s.clients[key]
	s.mu.Unlock()
	if tx != nil {
		tx.mu.Lock()
		tx.again = nil
		tx.mu.Unlock()
	}
}

func (s *Stack) drop(tx *clientTx) {
	tx.mu.Lock()
	if tx.path.g != nil {
		tx.path.g.owed.drop(tx)
	}
	tx.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[tx.key] == tx {
		delete(s.clients, tx.key)
	}
}

// ackOf makes the ACK to the refusal of an INVITE (RFC 3261 section 17.1.1.3).
func ackOf(invite *sipmsg.Request, res *sipmsg.Response) *sipmsg.Request {
	req := sipmsg.NewRequest(sipmsg.ACK, invite.Recipient)
	req.AppendHeader(invite.Via())
	sipmsg.CopyHeaders("Route", invite, req)
	forwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&forwards)
	req.AppendHeader(invite.From())
	req.AppendHeader(res.To())
	req.AppendHeader(invite.CallID())
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipmsg.ACK})
	req.SetBody(nil)
	return req
}

// transact sends a request of the leg, as it was rendered. Only failures come
// from here.
func (l *Leg) transact(req *sipmsg.Request, data []byte, d destination) {
	l.note(true, req.CSeq(), data, d.network, d.to)
	tx := newClientTx(l.s, req, data)
	tx.leg, tx.fresh = l, tx.invite && tx.key.branch == l.out.branch
	tx.set(d)
}

// set has the transaction start on its way to d, and once more if the connection
// is lost.
func (tx *clientTx) set(d destination) {
	begin := func(p path, err error) {
		if err != nil {
			tx.fail(err)
			return
		}
		tx.start(p)
	}
	if tx.fresh && streamed(d.network) {
		tx.again = func() { tx.s.travel(d, begin) }
	}
	tx.s.travel(d, begin)
}

// travel runs f on the way to d: at once where there is one, else on another
// goroutine when the connection is made, within dialLimit.
func (s *Stack) travel(d destination, f func(path, error)) {
	if p, ok := s.pathTo(d); ok || d.network == "udp" {
		f(p, nil)
		return
	}
	s.track(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dialLimit+time.Second)
		defer cancel()
		g, err := s.connect(ctx, d)
		f(path{network: d.network, peer: d.to, g: g}, err)
	})
}

// deliver sends a request that has no transaction: the ACK to a 2xx. What is lost
// is asked for again.
func (s *Stack) deliver(data []byte, d destination) {
	s.travel(d, func(p path, err error) {
		if err == nil {
			_ = p.send(data)
		}
	})
}

// exchange runs one client transaction to its end.
func (s *Stack) exchange(ctx context.Context, req *sipmsg.Request, d destination) outcome {
	tx := newClientTx(s, req, render(req))
	tx.reply, tx.fresh = make(chan outcome, 1), true
	tx.set(d)
	select {
	case out := <-tx.reply:
		return out
	case <-ctx.Done():
		tx.end()
		return outcome{err: ErrTimeout}
	case <-s.quit:
		tx.end()
		return outcome{err: ErrShutdown}
	}
}
