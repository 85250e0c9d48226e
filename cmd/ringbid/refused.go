package main

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
)

// maxRefused bounds the refused calls whose rows wait to be written; beyond it
// they are counted by the telephone edge and not kept.
const maxRefused = 256

// refusedCalls writes down the calls that no flow ever saw: over a limit, no
// common codec, no port free.
type refusedCalls struct {
	queue chan ringbid.Call
	done  chan struct{}
}

// startRefused starts the writer.
func (a *app) startRefused(ctx context.Context) error {
	a.refused = refusedCalls{make(chan ringbid.Call, maxRefused), make(chan struct{})}
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(a.refused.done)
		for {
			select {
			case call := <-a.refused.queue:
				a.settleRefused(call)
			case <-writing.Done():
				for {
					select {
					case call := <-a.refused.queue:
						a.settleRefused(call)
					default:
						return
					}
				}
			}
		}
	}()
	a.life.onStop("refused calls", func(context.Context) error { cancel(); <-a.refused.done; return nil })
	return nil
}

func (a *app) settleRefused(call ringbid.Call) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if err := a.store.Settle(ctx, call); err != nil {
		a.log.Error("refused call not kept", "call_id", call.ID, "error", err)
	}
}

// callRefused keeps a call the telephone edge refused. It does not wait.
func (a *app) callRefused(inv ringbid.Invite, why ringbid.Reason) {
	now := time.Now()
	call := a.begun(inv)
	call.State, call.Ended, call.Outcome = ringbid.StateEnded, &now, ringbid.OutcomeRejected
	call.Reason, call.EndedBy, call.Tags = why, "ringbid", inv.Tags
	select {
	case a.refused.queue <- call:
	default:
	}
}
