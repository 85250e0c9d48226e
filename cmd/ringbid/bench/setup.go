package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/ringbid/ringbid/sim/load"
)

// talk is how long a call stays up once the buyer is on the line: this is about
// messages, not audio.
const talk = 20 * time.Millisecond

// setup measures processor time for a call from INVITE to the last BYE, both
// legs, four RTP sockets taken and given back, and how long messages are on their way,
// against the same datagrams and sockets with nothing looked at, and against
// kamailio as a proxy. The caller is answered when the buyer is, as by a proxy, and
// once more before the buyer is called, as a flow does that asks something.
func setup(ctx context.Context, o Options) ([]Figure, error) {
	r, err := contest(ctx, o.Rounds,
		setupContender(o, "floor", setupChild(o, "calls-floor", job{})),
		setupContender(o, "ringbid", setupChild(o, "edge", job{Through: true})),
		setupContender(o, "answering", setupChild(o, "edge", job{})),
		setupContender(o, "kamailio", setupKamailio))
	if err != nil {
		return nil, err
	}
	z := o.sizes()
	figure := func(title, who, what, floorWhat string) Figure {
		return r.figure(title, "ms", who, what, "floor", floorWhat)
	}
	return []Figure{
		r.figure("call set-up and tear-down", "CPU-ms", "ringbid", "cpu", "floor", "cpu").atMost(0.7).
			noted("%d calls at %d/s, INVITE to BYE through both legs, four RTP sockets each, of ports that rest for 1 s; floor: the same datagrams forwarded, as many sockets opened and closed, nothing parsed; failed: %d of ours, %d of the floor, %d of kamailio",
				z.calls, z.rate, r.sum("ringbid", "failed"), r.sum("floor", "failed"), r.sum("kamailio", "failed")),
		figure("INVITE in → INVITE out p50", "ringbid", "invite50", "invite50").atMost(0.2),
		figure("INVITE in → INVITE out p99", "ringbid", "invite99", "invite99").atMost(1.0),
		figure("200 in → 200 out p50", "ringbid", "answer50", "answer50").atMost(0.2),
		figure("200 in → 200 out p99", "ringbid", "answer99", "answer99").atMost(1.0),
		figure("BYE in → 200 out p50", "ringbid", "bye50", "answer50"),
		r.figure("call set-up and tear-down, answered first", "CPU-ms", "answering", "cpu", "floor", "cpu").atMost(0.7).
			noted("as above, but the caller is answered before the buyer is called; failed: %d", r.sum("answering", "failed")),
		figure("INVITE in → INVITE out p50, answered first", "answering", "invite50", "invite50").atMost(0.2),
		figure("INVITE in → INVITE out p99, answered first", "answering", "invite99", "invite99").atMost(1.0),
		figure("200 in → ACK out p50, answered first", "answering", "ack50", "answer50").atMost(0.2),
		figure("200 in → ACK out p99, answered first", "answering", "ack99", "answer99").atMost(1.0),
		r.figure("call set-up and tear-down, kamailio", "CPU-ms", "kamailio", "cpu", "floor", "cpu").
			noted("stateful proxy, two workers, record-route; no media"),
		figure("INVITE in → INVITE out p50, kamailio", "kamailio", "invite50", "invite50"),
		figure("INVITE in → INVITE out p99, kamailio", "kamailio", "invite99", "invite99"),
		figure("200 in → 200 out p50, kamailio", "kamailio", "answer50", "answer50"),
		figure("200 in → 200 out p99, kamailio", "kamailio", "answer99", "answer99"),
	}, nil
}

// opener starts what calls go through.
type opener func(ctx context.Context, p *load.Phones, dir string) (at netip.AddrPort, pids []int, stop func(), err error)

func setupChild(o Options, role string, j job) opener {
	return func(ctx context.Context, p *load.Phones, _ string) (netip.AddrPort, []int, func(), error) {
		j.To = p.Buyers()
		c, at, err := startEdge(ctx, o, role, j)
		if err != nil {
			return at, nil, nil, err
		}
		return at, []int{c.pid()}, c.stop, nil
	}
}

// startEdge starts a child that takes calls.
func startEdge(ctx context.Context, o Options, role string, j job) (*child, netip.AddrPort, error) {
	c, err := startChild(ctx, o, role, j)
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	at, err := netip.ParseAddrPort(c.addrs[0])
	if err != nil {
		c.stop()
		return nil, at, err
	}
	return c, at, nil
}

func setupKamailio(ctx context.Context, p *load.Phones, dir string) (netip.AddrPort, []int, func(), error) {
	k, err := load.StartKamailio(ctx, serverIP, p.Buyers(), dir)
	if err != nil {
		return netip.AddrPort{}, nil, nil, err
	}
	return k.Addr(), k.Pids(), k.Stop, nil
}

func setupContender(o Options, name string, open opener) contender {
	return contender{name, func(ctx context.Context) (sample, error) {
		p, err := load.NewPhones(callerIP, buyerIP, nil)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		dir, err := os.MkdirTemp("", "ringbid-bench")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		at, pids, stop, err := open(ctx, p, dir)
		if err != nil {
			return nil, err
		}
		defer stop()
		p.Dial(at)
		z := o.sizes()
		if _, failed := placeCalls(ctx, p, z.calls/10, z.rate); failed > 0 { // warm-up
			return nil, fmt.Errorf("%d of %d calls failed", failed, z.calls/10)
		}
		before, err := load.CPU(pids...)
		if err != nil {
			return nil, err
		}
		calls, failed := placeCalls(ctx, p, z.calls, z.rate)
		after, err := load.CPU(pids...)
		if err != nil {
			return nil, err
		}
		if len(calls) == 0 {
			return nil, fmt.Errorf("all of %d calls failed", z.calls)
		}
		return setupSample(calls, failed, after-before), nil
	}}
}

func setupSample(calls []*load.Call, failed int, cpu time.Duration) sample {
	s := sample{"failed": float64(failed), "cpu": ms(cpu) / float64(len(calls))}
	for what, took := range map[string]func(*load.Call) (time.Duration, bool){
		"invite": (*load.Call).InviteOut, "answer": (*load.Call).AnswerOut, "ack": (*load.Call).AckOut, "bye": (*load.Call).ByeDone,
	} {
		var t load.Times
		for _, c := range calls {
			if d, ok := took(c); ok {
				t = append(t, d)
			}
		}
		s[what+"50"], s[what+"99"] = ms(t.Quantile(.5)), ms(t.Quantile(.99))
	}
	return s
}

// placeCalls places n calls without audio at the rate, each of which talks and
// hangs up, and returns those that went as they should.
func placeCalls(ctx context.Context, p *load.Phones, n, rate int) (good []*load.Call, failed int) {
	bounded, cancel := context.WithTimeout(ctx, time.Duration(n)*time.Second/time.Duration(rate)+10*time.Second)
	defer cancel()
	var all sync.WaitGroup
	var mu sync.Mutex
	pace := time.NewTicker(time.Second / time.Duration(rate))
	defer pace.Stop()
	for range n {
		select {
		case <-pace.C:
		case <-bounded.Done():
		}
		all.Go(func() {
			c := placeCall(bounded, p)
			mu.Lock()
			defer mu.Unlock()
			if c == nil {
				failed++
				return
			}
			good = append(good, c)
		})
	}
	all.Wait()
	return good, failed
}

// placeCall is one call; nil where it did not go as it should.
func placeCall(ctx context.Context, p *load.Phones) *load.Call {
	c, err := p.Place(true)
	if err != nil || c.Answered(ctx) != 200 || !c.Bridged(ctx) {
		return nil
	}
	pause(ctx, talk)
	if !c.HangUp(ctx) {
		return nil
	}
	return c
}
