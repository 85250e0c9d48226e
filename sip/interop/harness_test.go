package interop

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

// testT1 makes SIP timers short: no response in 1.6 s is none at all.
const testT1 = 200 * time.Millisecond

// table is what prove collected.
var table struct {
	mu   sync.Mutex
	rows []row
}

type row struct {
	rfc, name, peer, result string
	took                    time.Duration
}

// prove runs one case and puts it into the table. f starts the server with
// r.serve or r.bridge.
func prove(t *testing.T, rfc, name, peer string, f func(t *testing.T, r *rig)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("plays whole calls")
		}
		began := time.Now()
		t.Cleanup(func() {
			result := "pass"
			switch {
			case t.Failed():
				result = "FAIL"
			case t.Skipped():
				result = "skipped"
			}
			table.mu.Lock()
			defer table.mu.Unlock()
			table.rows = append(table.rows, row{rfc, name, peer, result, time.Since(began)})
		})
		f(t, newRig(t))
	})
}

func TestMain(m *testing.M) {
	siptest.AtOnce(6)
	code := m.Run()
	if testing.Verbose() {
		printTable()
	}
	os.Exit(code)
}

func printTable() {
	slices.SortFunc(table.rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.rfc, b.rfc), cmp.Compare(a.name, b.name))
	})
	wide := row{rfc: "RFC", name: "case", peer: "peer"}
	for _, r := range table.rows {
		wide = row{rfc: longer(wide.rfc, r.rfc), name: longer(wide.name, r.name), peer: longer(wide.peer, r.peer)}
	}
	format := fmt.Sprintf("%%-%ds  %%-%ds  %%-%ds  %%-7s  %%s\n", len(wide.rfc), len(wide.name), len(wide.peer))
	failed := 0
	fmt.Printf("\n"+format, "RFC", "case", "peer", "result", "took")
	for _, r := range table.rows {
		fmt.Printf(format, r.rfc, r.name, r.peer, r.result, fmt.Sprintf("%.1f s", r.took.Seconds()))
		if r.result != "pass" {
			failed++
		}
	}
	fmt.Printf("%d cases, %d not passed\n", len(table.rows), failed)
}

func longer(a, b string) string {
	if len(b) > len(a) {
		return b
	}
	return a
}

// rig is a server under test with its trunks and what it says. A carrier trunk
// admits 127.0.0.1.
type rig struct {
	t      *testing.T
	cfg    sip.Config
	s      *sip.Server
	addr   string // UDP
	tcp    string
	trunks *siptest.Book
	log    *siptest.Output
	reg    *prometheus.Registry
	events siptest.Events
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, log: &siptest.Output{}, reg: prometheus.NewRegistry()}
	r.trunks = siptest.NewBook(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}})
	r.cfg = sip.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}},
		Trunks:    r.trunks, Emit: r.events.Emit, T1: testT1, Registerer: r.reg,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	return r
}

// serve starts the server; change r.cfg before.
func (r *rig) serve(h func(ctx context.Context, c *sip.Call)) {
	r.t.Helper()
	started := make(chan struct{})
	r.cfg.Handler = handlerFunc(func(ctx context.Context, c *sip.Call) { <-started; h(ctx, c) })
	if r.cfg.Plane == nil {
		r.cfg.Plane = siptest.OpenPlane(r.t, 200)
	}
	s, err := sip.New(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s = s
	for _, l := range s.Addrs() {
		switch l.Network {
		case "udp":
			r.addr = l.Addr
		case "tcp":
			r.tcp = l.Addr
		}
	}
	close(started)
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			r.t.Errorf("close: %v", err)
		}
		if r.t.Failed() {
			r.t.Logf("server log:\n%s", r.log.String())
		}
	})
}

// talked is how a bridged call went.
type talked struct {
	Attempt ringbid.Attempt
	Talk    ringbid.Talk // zero when nobody answered
	Legs    []ringbid.Leg
	EndedBy string
	Why     ringbid.Reason
}

// bridge serves each call by answering it, dialling the target and bridging;
// what became of them arrives in the channel.
func (r *rig) bridge(target *ringbid.Target, change ...func(*ringbid.Dial)) <-chan talked {
	r.t.Helper()
	out := make(chan talked, 16)
	r.serve(func(ctx context.Context, c *sip.Call) {
		var x talked
		defer func() {
			x.Legs = c.Legs()
			x.EndedBy, x.Why = c.Ended()
			out <- x
		}()
		if err := c.Answer(ctx, r.cfg.Tap != nil); err != nil {
			return
		}
		d := dialOf(c, target)
		for _, f := range change {
			f(&d)
		}
		if x.Attempt = c.Dial(ctx, d); x.Attempt.Verdict == ringbid.VerdictAnswered {
			x.Talk = c.Bridge(ctx, time.Minute)
		}
	})
	return out
}

// target puts a trunk "buyers" with the address and returns a target behind it.
func (r *rig) target(addr string, change ...func(*ringbid.Trunk)) *ringbid.Target {
	trunk := &ringbid.Trunk{Name: "buyers", Address: addr}
	for _, f := range change {
		f(trunk)
	}
	r.trunks.Put(trunk)
	return &ringbid.Target{Name: "acme-line", Buyer: "acme", Trunk: "buyers", User: "agent"}
}

// dialOf is a dial to the target with hold music of 700 Hz.
func dialOf(c *sip.Call, t *ringbid.Target) ringbid.Dial {
	inv := c.Invite()
	return ringbid.Dial{
		Target: t, Hold: ringbid.Audio(siptest.Tone(700, time.Second)), Caller: inv.Caller, CallerName: inv.CallerName,
		Facts: ringbid.TagMap{"zip": "90210"}, Award: ringbid.Award{Name: "acme-bid", Bid: "b1", BidID: "x-1", Price: 1250000},
	}
}

// tap has the server's calls listened to.
func (r *rig) tap() *siptest.Ear {
	e := &siptest.Ear{}
	r.cfg.Tap = tapFunc(func(ringbid.Invite) (sip.Sink, error) { return e, nil })
	return e
}

// phone opens a party of our own.
func (r *rig) phone() *siptest.Phone { return siptest.NewPhone(r.t, testT1) }

// sipp plays a scenario of testdata/sipp.
func (r *rig) sipp(scenario string, args ...string) *siptest.Sipp {
	r.t.Helper()
	return siptest.StartSipp(r.t, filepath.Join("testdata", "sipp", scenario), 900, args...)
}

// idle waits until no call is left.
func (r *rig) idle() {
	r.t.Helper()
	siptest.Eventually(r.t, "the last call to be gone", func() bool { return r.s.Active() == 0 })
}

// counts returns how often each labelled counter of a family counted.
func (r *rig) counts(family string) map[string]float64 {
	r.t.Helper()
	return siptest.Counts(r.t, r.reg, family)
}

type handlerFunc func(ctx context.Context, c *sip.Call)

func (f handlerFunc) Serve(ctx context.Context, c *sip.Call) { f(ctx, c) }

type tapFunc func(ringbid.Invite) (sip.Sink, error)

func (f tapFunc) Open(inv ringbid.Invite) (sip.Sink, error) { return f(inv) }

var _ sip.Sink = (*siptest.Ear)(nil)
var _ media.Tap = (*siptest.Ear)(nil)
