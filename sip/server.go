package sip

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/locate"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/turn"
)

// retryAfter is what a refused carrier is told to wait: 2 to 9 seconds, so that
// not all of them come back at once.
func retryAfter() string { return itoa(2 + rand.IntN(8)) }

// Server takes calls and serves each with the handler.
type Server struct {
	cfg     Config
	log     *slog.Logger
	m       *metrics
	stack   *leg.Stack
	listens []listen
	filter  *filter
	limits  *trunkLimits
	door    *door
	clips   *clips
	tls     clients
	locate  *locate.Locator
	watch   *watch
	drains  atomic.Bool
	sounds  chan media.Event // of every call's audio
	ears    sync.Map         // *media.Stream to the *Call that hears it
	quit    chan struct{}    // closed when no more calls are heard

	mu      sync.Mutex
	calls   map[string]*Call
	closing bool
	wg      sync.WaitGroup // calls; none is added once closing
}

// listen is a listener of ours.
type listen struct {
	network string
	addr    netip.Addr
}

// New binds the listeners and takes calls from then on. The error names the
// address that could not be bound.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger, m: newMetrics(cfg.Registerer), limits: newTrunkLimits(),
		clips: newClips(cfg.Music), calls: map[string]*Call{}, sounds: make(chan media.Event, soundsWait), quit: make(chan struct{})}
	s.locate, s.watch = locate.New(cfg.DNS...), newWatch(s)
	cfg.Trunks = trunkSet{cfg.Trunks, s.watch}
	s.cfg.Trunks = cfg.Trunks
	s.filter = newFilter(cfg.Trunks, cfg.PerSource, cfg.Logger, s.m)
	s.door = newDoor()
	ready := make(chan struct{}) // a call may come before Listen returns
	var trace func(leg.TraceEntry)
	if cfg.Capture != nil {
		trace = cfg.Capture.Trace
	}
	stack, err := leg.Listen(leg.Config{
		Trace:     trace,
		Listeners: cfg.Listeners, Keys: cfg.Keys, Advertise: cfg.Advertise, UserAgent: cfg.UserAgent, DSCP: cfg.DSCP,
		Admit: s.filter.admit, AdmitStream: s.filter.admitStream, Screen: s.screen, Stranger: s.filter.isStranger,
		OnOptions: s.onOptions, Terms: s.terms, MinSE: cfg.MinSessionExpires, Logger: cfg.Logger, Registerer: cfg.Registerer, T1: cfg.T1,
		OnInvite: func(l *leg.Leg) {
			<-ready
			s.onInvite(l)
		},
	})
	if err != nil {
		close(ready)
		return nil, fmt.Errorf("sip: %w", err)
	}
	s.stack = stack
	for _, l := range stack.Addrs() {
		s.listens = append(s.listens, listen{l.Network, netip.MustParseAddrPort(l.Addr).Addr()})
	}
	go s.listen()
	close(ready)
	s.watch.start()
	for _, l := range stack.Addrs() {
		s.log.Info("taking calls", slog.String("network", l.Network), slog.String("addr", l.Addr))
	}
	return s, nil
}

// Addrs returns the listeners with their real ports.
func (s *Server) Addrs() []leg.Listener { return s.stack.Addrs() }

// Drain refuses new calls with 503 and Retry-After, and answers OPTIONS with
// 503, so that carriers turn elsewhere. Live calls go on.
func (s *Server) Drain() { s.drains.Store(true) }

func (s *Server) onOptions() int {
	if s.drains.Load() {
		return 503
	}
	return 200
}

// Active returns how many calls are up or being wound up.
func (s *Server) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// Calls returns the ids of the calls that are up, in order of arrival.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := slices.SortedFunc(maps.Values(s.calls), func(a, b *Call) int { return a.inv.Received.Compare(b.inv.Received) })
	ids := make([]string, 0, len(calls))
	for _, c := range calls {
		ids = append(ids, c.inv.CallID)
	}
	return ids
}

// Hangup ends one call for the reason; false if there is no such call.
func (s *Server) Hangup(callID string, r ringbid.Reason) bool {
	s.mu.Lock()
	c := s.calls[callID]
	s.mu.Unlock()
	return c != nil && c.do(func() { c.end(byUs, r, false) })
}

// HangupAll ends every call for the reason.
func (s *Server) HangupAll(r ringbid.Reason) {
	for _, id := range s.Calls() {
		s.Hangup(id, r)
	}
}

// Close refuses new calls, ends the live ones, waits for them until ctx is done
// and closes the sockets. It may be called twice.
func (s *Server) Close(ctx context.Context) error {
	s.Drain()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.HangupAll(reason(codeShutdown))
	idle := make(chan struct{})
	go func() { // ends with the last call; the stack below ends calls that hang
		s.wg.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	s.watch.close()
	defer s.deaf()
	if err := s.stack.Close(ctx); err != nil {
		return fmt.Errorf("sip: %w", err)
	}
	return nil
}

// onInvite serves a new call; the handler runs on its goroutine.
func (s *Server) onInvite(l *leg.Leg) {
	if id := l.Invite().Replaces; id != nil {
		s.pickup(l, *id)
		return
	}
	var c *Call
	turn.Deep(func() { c = s.begin(l) })
	if c != nil {
		c.serve(l)
	}
}

// begin makes a call of an INVITE, or refuses it and returns nil.
func (s *Server) begin(l *leg.Leg) *Call {
	adm := s.admission(l)
	c, why, extra := s.admit(l, adm)
	if c == nil {
		s.refuse(l, why, extra...)
		if adm.trunk != nil {
			s.guard(s.log, "refused", func() { s.cfg.Refused(inviteOf(l.Invite(), adm.trunk, time.Now()), complete(why)) })
		}
		return nil
	}
	return c
}

// refuse gives the one answer to a call the handler never sees.
func (s *Server) refuse(l *leg.Leg, why ringbid.Reason, extra ...leg.Header) {
	why = complete(why)
	s.m.refuse(why.Code)
	s.log.Info("call refused", slog.String("sip_call_id", l.CallID()), slog.String("source", l.Source().String()),
		slog.String("code", why.Code), slog.Int("status", why.SIP), slog.String("text", why.Text))
	add := func(name, value string) {
		if h, err := leg.NewHeader(name, value); err == nil {
			extra = append(extra, h)
		}
	}
	if why.SIP == 503 {
		add("Retry-After", retryAfter())
	}
	add("Reason", fmt.Sprintf("Q.850;cause=%d;text=%q", why.Q850, why.Text))
	l.Reject(why.SIP, "", extra...)
}

// admit makes a call of an INVITE, or says why not.
func (s *Server) admit(l *leg.Leg, adm admission) (*Call, ringbid.Reason, []leg.Header) {
	if adm.code != "" {
		return nil, reason(adm.code), nil
	}
	trunk, now := adm.trunk, time.Now()
	if !trunk.Requires(l.Invite().Names) {
		return nil, reason(codeCertificate), nil
	}
	if code := s.limits.enter(trunk, false, now); code != "" {
		return nil, reason(code), nil
	}
	c := newCall(s, l, trunk, now)
	if !s.add(c) {
		s.limits.leave(trunk.Name)
		return nil, reason(codeOverCapacity), nil
	}
	if err := c.prepare(); err != nil {
		s.limits.leave(trunk.Name)
		s.remove(c)
		why := refusalOf(err)
		if why.SIP != 488 {
			return nil, why, nil
		}
		code, text := warning(err)
		h, _ := leg.NewHeader("Warning", fmt.Sprintf("%d ringbid %q", code, text)) // a constant text
		return nil, why, []leg.Header{h}
	}
	if trunk.Accept.Username != "" { // its address may be nobody's else
		c.caller.expected = l.Source().Addr()
		s.filter.expect(c.caller.expected)
	}
	s.m.began()
	if cp := s.cfg.Capture; cp != nil {
		s.guard(c.log, "capture", func() {
			cp.Begin(c.inv)
			cp.Leg(c.inv.CallID, l.CallID(), c.caller.stream)
		})
	}
	return c, ringbid.Reason{}, nil
}

// add files a call unless the server is full.
func (s *Server) add(c *Call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.cfg.MaxCalls > 0 && len(s.calls) >= s.cfg.MaxCalls {
		return false
	}
	s.calls[c.inv.CallID] = c
	s.wg.Add(1)
	return true
}

func (s *Server) remove(c *Call) {
	s.mu.Lock()
	delete(s.calls, c.inv.CallID)
	s.mu.Unlock()
	s.wg.Done()
}

// guard runs f and turns a panic into a log line and a count.
func (s *Server) guard(log *slog.Logger, where string, f func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			s.m.panicked()
			log.Error("call panicked", slog.String("where", where), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
	return true
}
