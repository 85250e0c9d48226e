package cti

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
)

// Config is what a Hub is made of. Only User is required.
type Config struct {
	// User returns who the request's session belongs to. It is asked again
	// while the socket is open, so that signing out closes it.
	User func(*http.Request) (*ringbid.User, error)
	// Masked says who must not read callers' whole numbers; nil: all but
	// operators.
	Masked func(*ringbid.User) bool
	// History is how many events a screen may miss and still catch up.
	// Default 2048.
	History int
	// Queue is how many messages may wait for one screen. Default 512.
	Queue int
	// MaxClients bounds the open sockets (default 2000), MaxPerUser those of
	// one user (default 12).
	MaxClients, MaxPerUser int
	// PingEvery is how often a silent socket is asked. Default 20s.
	PingEvery  time.Duration
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

// inbox is how many events may wait to be handed out, over all screens.
const inbox = 8192

// Hub hands events and pops to the screens. Its methods are safe for use by
// many goroutines; Publish and Pop never wait.
type Hub struct {
	c       Config
	boot    string // tells a screen whether its number still means something
	metrics *metrics
	events  chan ringbid.Event
	done    chan struct{}
	wg      sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	seq      int64
	history  []sent // the last History events, oldest first
	gap      bool   // events were dropped before they got a number
	clients  map[*client]struct{}
	pops     map[string]pops
	presence map[string]string
}

// sent is an event as it goes out, whole and masked.
type sent struct {
	seq           int64
	whole, masked []byte
}

// NewHub makes a Hub, ready to take events. Close it.
func NewHub(c Config) *Hub {
	c.History, c.Queue = cmp.Or(c.History, 2048), cmp.Or(c.Queue, 512)
	c.MaxClients, c.MaxPerUser = cmp.Or(c.MaxClients, 2000), cmp.Or(c.MaxPerUser, 12)
	c.PingEvery = cmp.Or(c.PingEvery, 20*time.Second)
	if c.Masked == nil {
		c.Masked = func(u *ringbid.User) bool { return u.Role != ringbid.RoleOperator }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	h := &Hub{
		c: c, boot: ringbid.NewID(), metrics: newMetrics(c.Registerer), events: make(chan ringbid.Event, inbox), done: make(chan struct{}),
		clients: map[*client]struct{}{}, pops: map[string]pops{}, presence: map[string]string{},
	}
	h.wg.Add(1)
	go h.run()
	return h
}

// Publish tells the screens of an event. Where they cannot follow, the event
// is dropped and the screens are told to ask again.
func (h *Hub) Publish(ev ringbid.Event) {
	select {
	case h.events <- ev:
	default:
		h.metrics.dropped.WithLabelValues("inbox").Inc()
		h.mu.Lock()
		h.gap = true
		h.mu.Unlock()
	}
}

// run numbers the events and hands them out, one after the other.
func (h *Hub) run() {
	defer h.wg.Done()
	for {
		select {
		case ev := <-h.events:
			h.hand(ev)
		case <-h.done:
			return
		}
	}
}

func (h *Hub) hand(ev ringbid.Event) {
	h.mu.Lock()
	h.seq++
	seq, gap := h.seq, h.gap
	h.gap = false
	h.mu.Unlock()
	whole, errWhole := json.Marshal(message{Type: "event", Seq: seq, Event: &ev})
	masked := maskEvent(ev)
	hidden, errHidden := json.Marshal(message{Type: "event", Seq: seq, Event: &masked})
	if errWhole != nil || errHidden != nil {
		h.c.Logger.Error("event not encoded", slog.String("call_id", ev.Call), slog.String("kind", string(ev.Kind)))
		return
	}
	s := sent{seq, whole, hidden}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.history) >= h.c.History {
		h.history = slices.Delete(h.history, 0, 1+h.c.History/8)
	}
	if gap {
		h.history = h.history[:0]
	}
	h.history = append(h.history, s)
	h.metrics.events.Inc()
	for c := range h.clients {
		if !c.live {
			continue
		}
		if gap {
			c.resync()
		}
		c.event(s)
	}
}

// Pop puts a call on the screens of the users, or changes it there.
func (h *Hub) Pop(users []string, p Pop) {
	if p.At.IsZero() {
		p.At = h.c.Now()
	}
	b, err := json.Marshal(message{Type: "pop", Pop: &p})
	if err != nil {
		h.c.Logger.Error("pop not encoded", slog.String("call_id", p.CallID))
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := map[string]bool{}
	for _, u := range users {
		if shown[u] {
			continue
		}
		shown[u] = true
		mine := h.pops[u]
		if mine == nil {
			mine = pops{}
			h.pops[u] = mine
		}
		mine.sweep(h.c.Now())
		if !mine.put(p) {
			continue
		}
		h.metrics.pops.WithLabelValues(p.State).Inc()
		for c := range h.clients {
			if c.user.Name == u {
				c.pop(p.CallID, b)
			}
		}
	}
}

// Popped reports whether the call's pop went to the user in the last day.
func (h *Hub) Popped(user, callID string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.pops[user][callID]
	return ok
}

// The presences of an agent.
const (
	Ready = "ready"
	Away  = "away"
)

// Presence returns whether the user is Ready or Away; Away where nothing was
// said.
func (h *Hub) Presence(user string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return cmp.Or(h.presence[user], Away)
}

// SetPresence keeps whether the user is Ready or Away and tells all of their
// screens. Other states are ignored.
func (h *Hub) SetPresence(user, state string) {
	if state != Ready && state != Away {
		return
	}
	b, err := json.Marshal(message{Type: "presence", Presence: state})
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.presence[user] = state
	for c := range h.clients {
		if c.user.Name == user {
			c.pop("presence", b)
		}
	}
}

// Close disconnects every screen and waits until all of it has ended, or ctx.
// It may be called twice.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.done)
	}
	for c := range h.clients {
		c.stop()
	}
	h.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		h.wg.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ringbid.Errorf(ringbid.Unavailable, "close screens: %w", ctx.Err())
	}
}

// Disconnect closes every socket of the user, as when they are shut out.
func (h *Hub) Disconnect(user string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.clients {
		if c.user.Name == user {
			c.stop()
		}
	}
}
