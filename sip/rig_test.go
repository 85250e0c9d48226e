package sip

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

const (
	// testT1 makes SIP timers short: no response in 800 ms is none at all.
	testT1 = 100 * time.Millisecond
	// patience bounds every wait of the tests.
	patience = 15 * time.Second
)

// rig is a server under test with its trunks and what it says.
type rig struct {
	t      testing.TB
	s      *Server
	addr   string
	plane  *media.Plane
	trunks *trunkBook
	log    *lockedBuffer
	reg    *prometheus.Registry

	rtpTimeout ringbid.Duration // of the trunk that target makes

	mu     sync.Mutex
	events []ringbid.Event
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
	r := &rig{t: t, log: &lockedBuffer{}, reg: prometheus.NewRegistry(), trunks: &trunkBook{named: map[string]*ringbid.Trunk{}}}
	r.trunks.put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}})
	return r
}

func (r *rig) start(h handlerFunc, change ...func(*Config)) {
	t := r.t
	t.Helper()
	started := make(chan struct{})
	cfg := Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}},
		Trunks:    r.trunks, Handler: handlerFunc(func(ctx context.Context, c *Call) { <-started; h(ctx, c) }), Emit: r.emit, T1: testT1, Registerer: r.reg,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range change {
		f(&cfg)
	}
	if cfg.Plane == nil {
		cfg.Plane = newPlane(t, 1000)
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

// newPlane opens an audio plane below the ports that systems hand out.
func newPlane(t testing.TB, pairs int) *media.Plane {
	t.Helper()
	for range 50 {
		from := 10000 + 2*rand.IntN(10000)
		p, err := media.Open(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), PortMin: from, PortMax: from + 2*pairs - 1, Rest: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := p.NewStream(nil); err == nil { // others may sit on this range
			s.Close()
			<-s.Done()
			t.Cleanup(func() { _ = p.Close() })
			return p
		}
		_ = p.Close()
	}
	t.Fatal("no audio ports free on this machine")
	return nil
}

func (r *rig) emit(ev ringbid.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, ev)
}

// kinds lists what was emitted, in order.
func (r *rig) kinds() []ringbid.EventKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []ringbid.EventKind
	for _, ev := range r.events {
		out = append(out, ev.Kind)
	}
	return out
}

// counts returns how often each labelled counter of a family counted.
func (r *rig) counts(family string) map[string]float64 {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			label := ""
			if len(m.GetLabel()) > 0 {
				label = m.GetLabel()[0].GetValue()
			}
			out[label] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

// idle waits until no call is left.
func (r *rig) idle() {
	r.t.Helper()
	eventually(r.t, "the last call to be gone", func() bool { return r.s.Active() == 0 })
}

// quiet waits until no audio port is open: a stream closes within 20 ms of its
// call's end.
func (r *rig) quiet() {
	r.t.Helper()
	eventually(r.t, "the last audio port to be closed", func() bool {
		open, _ := r.plane.Load()
		return open == 0
	})
}

// trunkBook is a set of trunks that tests change.
type trunkBook struct {
	mu    sync.Mutex
	named map[string]*ringbid.Trunk
}

func (b *trunkBook) put(t *ringbid.Trunk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := maps.Clone(b.named)
	m[t.Name] = t
	b.named = m
}

func (b *trunkBook) From(a netip.Addr) (*ringbid.Trunk, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(b.named)) {
		if t := b.named[name]; t.Admits(a) {
			return t, true
		}
	}
	return nil, false
}

// At finds the trunk by where its calls go.
func (b *trunkBook) At(host string, port int) (*ringbid.Trunk, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return (&ringbid.Book{Trunks: b.named}).TrunkAt(host, port)
}

func (b *trunkBook) Named(name string) (*ringbid.Trunk, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.named[name]
	return t, ok
}

// Accounts returns the trunks with Accept, by username.
func (b *trunkBook) Accounts() map[string]*ringbid.Trunk {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]*ringbid.Trunk{}
	for _, t := range b.named {
		if t.Accept.Username != "" {
			out[t.Accept.Username] = t
		}
	}
	return out
}

// lockedBuffer takes log lines of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lines counts the log lines with the text.
func (b *lockedBuffer) lines(text string) int {
	n := 0
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-limit.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// receive takes the next value of a channel.
func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("not reached")
	}
}

// tone is a steady tone as a prompt.
func tone(hz float64, d time.Duration) ringbid.Audio {
	return ringbid.Audio(media.Tone([]float64{hz}, d, 0, d, 0.5).ULaw())
}

func newLog(b *lockedBuffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
