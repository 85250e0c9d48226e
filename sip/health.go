package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

const (
	missesToDown = 3
	whileDown    = 10 * time.Second // between questions to a trunk that is down
	silence      = "no answer"
	askLimit     = 4 * time.Second // for an answer; half of the trunk's interval if that is less
)

// examine asks a trunk with OPTIONS whether it is there, again and again. Any
// final response but 408 and 503 says so, whatever it thinks of OPTIONS. A trunk
// that never answered one is not taken out for its silence: some carriers drop
// OPTIONS and take calls.
func (w *watch) examine(ctx context.Context, l *watched, every time.Duration) {
	misses, down, heard := 0, false, false
	for {
		status, text := w.ask(ctx, l.trunk, min(askLimit, every/2))
		if ctx.Err() != nil {
			return
		}
		if status != 0 && status != 408 && status != 503 {
			misses, down, heard = 0, false, true
			w.turned(l, true, status, text)
		} else if misses++; down || misses >= missesToDown && (heard || text != silence) {
			down = true
			w.turned(l, false, status, text)
		} else {
			w.missed(l, status, text)
		}
		pause := every
		if down {
			pause = min(whileDown, every)
		}
		if !sleep(ctx, jitter(pause)) {
			return
		}
	}
}

// missed notes one question without an answer, of which three make a trunk
// down.
func (w *watch) missed(l *watched, status int, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.state.Status, l.state.Text, l.state.Asked = status, text, time.Now()
}

// ask puts one question to the hosts of a trunk until one answers.
func (w *watch) ask(ctx context.Context, t *ringbid.Trunk, limit time.Duration) (status int, text string) {
	ctx, cancel := context.WithTimeout(ctx, limit+lookUpLimit)
	defer cancel()
	hops, err := w.s.find(ctx, t)
	if err != nil {
		return 0, "host is not known"
	}
	host, port, err := t.HostPort()
	if err != nil {
		return 0, err.Error()
	}
	want, err := w.s.tls.of(t)
	if err != nil {
		return 0, err.Error()
	}
	text = silence
	for _, hop := range hops[:min(len(hops), 4)] {
		r, err := w.put(ctx, limit, hop, leg.Question{Method: "OPTIONS", Network: t.Network(), TLS: want,
			URI: "sip:" + domainOf(t, host, port), Routes: routesOf(t), Username: t.Username, Password: t.Password.Reveal(),
			Domain: w.s.domain(t, hop.Addr())})
		if err == nil {
			status, text = r.Code, r.Reason
			if status != 408 && status != 503 {
				return status, text
			}
			continue
		}
		if !errors.Is(err, leg.ErrTimeout) {
			text = err.Error()
		}
	}
	return status, text
}

// put asks one host, whose answers are let in meanwhile.
func (w *watch) put(ctx context.Context, limit time.Duration, hop netip.AddrPort, q leg.Question) (leg.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w.s.filter.expect(hop.Addr())
	defer w.s.filter.release(hop.Addr())
	q.Target = hop.String()
	return w.s.stack.Ask(ctx, q)
}

// domain is what we call ourselves towards a trunk, for the From of questions.
func (s *Server) domain(t *ringbid.Trunk, peer netip.Addr) string {
	return s.hostOf(t.Transport, peer)
}

// jitter spreads a pause over its last tenth.
func jitter(d time.Duration) time.Duration { return d - time.Duration(rand.Int64N(int64(d)/10+1)) }

// sleep waits and reports whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
