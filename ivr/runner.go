package ivr

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/prometheus/client_golang/prometheus"
)

// hangupTimeout bounds how long a Hangup may take.
const hangupTimeout = 5 * time.Second

// Config is what a Runner needs. Market and Directory must be given.
type Config struct {
	Market    Market
	Directory Directory
	// Emit receives live events; it must not block. Seq is left to it.
	Emit       func(ringbid.Event)
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil for no metrics
	Node       string                // this machine's name, kept on each call
	Now        func() time.Time      // time.Now where nil
}

// Runner runs calls; it is safe for use by many goroutines.
type Runner struct {
	market    Market
	directory Directory
	emit      func(ringbid.Event)
	log       *slog.Logger
	metrics   *metrics
	node      string
	now       func() time.Time
	plans     plans

	mu   sync.Mutex
	live map[string]*walk // calls in their flow, by id
}

// New makes a Runner. It panics where Market or Directory is missing, which is
// a mistake of the program and not of its operator.
func New(c Config) *Runner {
	if c.Market == nil || c.Directory == nil {
		panic("ivr: Config without Market or Directory")
	}
	r := &Runner{
		market: c.Market, directory: c.Directory, emit: c.Emit, log: c.Logger,
		metrics: newMetrics(c.Registerer), node: c.Node, now: c.Now,
		live: map[string]*walk{},
	}
	if r.emit == nil {
		r.emit = func(ringbid.Event) {}
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

// Run takes the call from its arrival to its end and returns what is known of
// it, without legs, recording and events. It returns when the call is over or
// the context has ended, and has hung up unless the caller was gone before.
func (r *Runner) Run(ctx context.Context, c Call) *ringbid.Call {
	w := r.newWalk(c)
	defer w.settle(0) // also where the call's own side panics
	refused := w.admit()
	w.tell(ringbid.EventReceived, "call arrived", map[string]string{
		"number": string(w.inv.Number), "caller": string(w.inv.Caller), "trunk": w.inv.Trunk,
		"campaign": w.out.Campaign, "publisher": w.out.Publisher,
	})
	switch {
	case refused != nil:
		w.refuse(*refused)
	default:
		w.learn(w.firstFacts())
		leave := r.enlist(w)
		defer leave()
		w.run(ctx)
	}
	w.settle(0)
	w.leave(ctx)
	return w.out
}

// leave hangs up where somebody is still there, and closes the account.
func (w *walk) leave(ctx context.Context) {
	if w.out.Outcome == "" {
		w.conclude(ending{ringbid.OutcomeFailed, reasonInternal("flow ended without a reason"), byUs})
	}
	if !w.over(ctx) {
		bounded, cancel := context.WithTimeout(ctx, hangupTimeout)
		if err := w.call.Hangup(bounded, w.out.Reason); err != nil && !errors.Is(err, context.Canceled) {
			w.log.Debug("hangup not confirmed", "error", err)
		}
		cancel()
	}
	end := w.r.now()
	w.out.State, w.out.Ended, w.out.Tags = ringbid.StateEnded, &end, w.facts.public()
	w.tell(ringbid.EventEnded, endText(w.out), map[string]string{
		"by": w.out.EndedBy, "code": w.out.Reason.Code, "outcome": string(w.out.Outcome),
	})
	w.r.metrics.ended(w.out)
	w.log.Info("call concluded", "outcome", w.out.Outcome, "code", w.out.Reason.Code, "fault", w.out.Reason.Fault,
		"by", w.out.EndedBy, "campaign", w.out.Campaign, "caller", w.out.Caller.Mask(), "target", w.out.Target,
		"steps", len(w.out.Steps), "connected_ms", w.out.ConnectedMS, "total_ms", end.Sub(w.out.Received).Milliseconds())
}
