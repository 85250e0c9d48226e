package sip

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

// testT1 makes SIP timers short: no response in 800 ms is none at all.
const testT1 = 100 * time.Millisecond

func TestMain(m *testing.M) {
	siptest.AtOnce(8)
	os.Exit(m.Run())
}

// rig is a server under test with its trunks and what it says.
type rig struct {
	t      testing.TB
	s      *Server
	addr   string
	plane  *media.Plane
	trunks *siptest.Book
	log    *siptest.Output
	reg    *prometheus.Registry
	events siptest.Events

	rtpTimeout ringbid.Duration // of the trunk that target makes
}

// handlerFunc serves calls with a function.
type handlerFunc func(ctx context.Context, c *Call)

func (f handlerFunc) Serve(ctx context.Context, c *Call) { f(ctx, c) }

// newRig starts a server with the handler.
func newRig(t *testing.T, h handlerFunc, change ...func(*Config)) *rig {
	t.Helper()
	r := bareRig(t)
	r.start(h, change...)
	return r
}

// bareRig is a rig without its server yet, for handlers that need the rig.
func bareRig(t *testing.T) *rig {
	r := &rig{t: t, log: &siptest.Output{}, reg: prometheus.NewRegistry(), trunks: siptest.NewBook(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}})}
	return r
}

func (r *rig) start(h handlerFunc, change ...func(*Config)) {
	t := r.t
	t.Helper()
	started := make(chan struct{})
	cfg := Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}},
		Trunks:    r.trunks, Handler: handlerFunc(func(ctx context.Context, c *Call) { <-started; h(ctx, c) }), Emit: r.events.Emit, T1: testT1, Registerer: r.reg,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Plane == nil {
		cfg.Plane = siptest.OpenPlane(t, 200)
	}
	r.plane = cfg.Plane
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.s, r.addr = s, s.Addrs()[0].Addr
	close(started)
	t.Cleanup(func() {
		r.close()
		if t.Failed() {
			t.Logf("server log:\n%s", r.log.String())
		}
	})
}

// close ends what is left; it may be called twice.
func (r *rig) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.s.Close(ctx); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// counts returns how often each labelled counter of a family counted.
func (r *rig) counts(family string) map[string]float64 {
	r.t.Helper()
	return siptest.Counts(r.t, r.reg, family)
}

// newPhone opens a far party with the timers of the tests; serve, if given, takes
// its incoming calls.
func newPhone(t *testing.T, serve func(*siptest.Line)) *siptest.Phone {
	t.Helper()
	if serve == nil {
		return siptest.NewPhone(t, testT1)
	}
	return siptest.NewPhone(t, testT1, serve)
}

// call calls the server, which ends its calls while the phone can still answer a
// BYE. change may alter what is said and dialled.
func (r *rig) call(p *siptest.Phone, user string, change ...func(*siptest.Line, *leg.DialConfig)) *siptest.Line {
	r.t.Helper()
	r.t.Cleanup(r.close)
	return p.Call(r.addr, user, change...)
}

// idle waits until no call is left.
func (r *rig) idle() {
	r.t.Helper()
	siptest.Eventually(r.t, "the last call to be gone", func() bool { return r.s.Active() == 0 })
}

// quiet waits until no audio port is open: a stream closes within 20 ms of its
// call's end.
func (r *rig) quiet() {
	r.t.Helper()
	siptest.Eventually(r.t, "the last audio port to be closed", func() bool {
		open, _ := r.plane.Load()
		return open == 0
	})
}

// tone is a steady tone as a prompt.
func tone(hz float64, d time.Duration) ringbid.Audio { return ringbid.Audio(siptest.Tone(hz, d)) }

func newLog(b *siptest.Output) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
