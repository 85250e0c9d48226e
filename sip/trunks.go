package sip

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// lookAtTrunks is how often the list of trunks is read.
const lookAtTrunks = time.Second

// watch keeps the state of every trunk: whether it answers, and whether we are
// registered. Each trunk that asks for it has a goroutine of its own.
type watch struct {
	s      *Server
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	lines map[string]*watched // by trunk
}

// watched is one trunk.
type watched struct {
	trunk *ringbid.Trunk
	stop  context.CancelFunc

	// Guarded by watch.mu.
	state  ringbid.TrunkState
	busy   time.Time    // not to be called before: it said 503 with Retry-After
	hosts  []netip.Addr // of the registrar, while we are registered
	routes []string     // Service-Route of the registrar
}

func newWatch(s *Server) *watch {
	w := &watch{s: s, lines: map[string]*watched{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// start follows the list of trunks until close.
func (w *watch) start() {
	if w.s.cfg.List == nil {
		return
	}
	w.wg.Go(func() {
		look := time.NewTicker(lookAtTrunks)
		defer look.Stop()
		for {
			w.follow(w.s.cfg.List())
			select {
			case <-look.C:
			case <-w.ctx.Done():
				return
			}
		}
	})
}

// close unregisters and ends every watching.
func (w *watch) close() {
	w.cancel()
	w.wg.Wait()
}

// follow watches new and changed trunks and forgets others.
func (w *watch) follow(list []*ringbid.Trunk) {
	named := map[string]*ringbid.Trunk{}
	for _, t := range list {
		named[t.Name] = t
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, l := range w.lines {
		if t := named[name]; t == nil || !reflect.DeepEqual(t, l.trunk) {
			l.stop()
			delete(w.lines, name)
			w.s.m.trunkGone(name)
		}
	}
	for name, t := range named {
		if w.lines[name] == nil {
			w.lines[name] = w.begin(t)
		}
	}
}

// begin watches a trunk. The caller holds mu.
func (w *watch) begin(t *ringbid.Trunk) *watched {
	ctx, stop := context.WithCancel(w.ctx)
	l := &watched{trunk: t, stop: stop, state: ringbid.TrunkState{Trunk: t.Name, Up: true, Since: time.Now()}}
	w.s.m.trunkUp(t.Name, true)
	run := func(f func()) { w.wg.Go(func() { w.s.guard(w.s.log, "trunk", f) }) }
	if every := t.HealthEvery(); every > 0 {
		run(func() { w.examine(ctx, l, every) })
	}
	if t.Register != (ringbid.Registration{}) {
		run(func() { w.register(ctx, l) })
	}
	return l
}

// down says why nobody is to be called by the trunk, "" when somebody may.
func (w *watch) down(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lines[name]
	switch {
	case l == nil:
		return ""
	case !l.state.Up:
		return "trunk " + name + " is down: " + l.state.Text
	case time.Now().Before(l.busy):
		return "trunk " + name + " is busy: it asked not to be called"
	}
	return ""
}

// pause keeps calls off the trunk for a while: it said 503 with Retry-After.
func (w *watch) pause(name string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.lines[name]; l != nil && d > 0 {
		l.busy = time.Now().Add(d)
	}
}

// states lists the trunks that are watched, by name.
func (w *watch) states() []ringbid.TrunkState {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]ringbid.TrunkState, 0, len(w.lines))
	for _, l := range w.lines {
		s := l.state
		if time.Now().Before(l.busy) {
			s.BusyUntil = l.busy
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b ringbid.TrunkState) int { return strings.Compare(a.Trunk, b.Trunk) })
	return out
}

// from returns the trunk that is registered with the host at the address.
func (w *watch) from(addr netip.Addr) (*ringbid.Trunk, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(w.lines)) {
		if l := w.lines[name]; slices.Contains(l.hosts, addr.Unmap()) {
			return l.trunk, true
		}
	}
	return nil, false
}

// turned takes what a trunk said last and tells of changes.
func (w *watch) turned(l *watched, up bool, status int, text string) {
	w.mu.Lock()
	changed := l.state.Up != up
	l.state.Up, l.state.Status, l.state.Text, l.state.Asked = up, status, text, time.Now()
	if changed {
		l.state.Since = l.state.Asked
	}
	name := l.trunk.Name
	w.mu.Unlock()
	if !changed {
		return
	}
	w.s.m.trunkUp(name, up)
	kind, level, said := ringbid.EventTrunkUp, slog.LevelInfo, "trunk is up again"
	if !up {
		kind, level, said = ringbid.EventTrunkDown, slog.LevelWarn, "trunk is down"
	}
	w.s.log.Log(w.ctx, level, said, slog.String("trunk", name), slog.Int("status", status), slog.String("text", text))
	w.s.guard(w.s.log, "emit", func() {
		w.s.cfg.Emit(ringbid.Event{At: time.Now(), Kind: kind, Text: text, Data: map[string]string{"trunk": name, "status": itoa(status)}})
	})
}

// trunkSet is the configured trunks and those that registrars stand for.
type trunkSet struct {
	Trunks
	w *watch
}

// From returns the trunk whose calls come from the address.
func (t trunkSet) From(addr netip.Addr) (*ringbid.Trunk, bool) {
	if trunk, ok := t.Trunks.From(addr); ok {
		return trunk, true
	}
	return t.w.from(addr)
}

// Accounts returns the trunks that take calls by digest.
func (t trunkSet) Accounts() map[string]*ringbid.Trunk { return accountsOf(t.Trunks) }

// TrunkStates lists how the trunks are, by name; empty without Config.List.
func (s *Server) TrunkStates() []ringbid.TrunkState { return s.watch.states() }
