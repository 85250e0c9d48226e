package cti

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/ringbid/ringbid"
)

// ServeHTTP makes the request a socket. It answers 401 without a session, 403
// to another site, 429 and 503 where there are too many. A screen that comes
// back says boot and last, as it heard them, and gets what it missed.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, err := h.c.User(r)
	if err != nil {
		h.refuse(w, http.StatusUnauthorized, "sign in first")
		return
	}
	if !sameOrigin(r) {
		h.refuse(w, http.StatusForbidden, "the request came from another site")
		return
	}
	c := &client{
		user: user, masked: h.c.Masked(user), size: h.c.Queue, hub: h,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), pops: map[string][]byte{},
	}
	if status := h.room(c); status != 0 {
		h.refuse(w, status, "too many screens are open")
		return
	}
	defer h.wg.Done()
	defer h.remove(c)
	up := websocket.Upgrader{HandshakeTimeout: 5 * time.Second, ReadBufferSize: 1024, WriteBufferSize: 4096, CheckOrigin: func(*http.Request) bool { return true }}
	if c.conn, err = up.Upgrade(w, r, nil); err != nil {
		return // the upgrader has answered
	}
	h.join(c, r.URL.Query())
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write(func() bool {
			u, err := h.c.User(r)
			return err == nil && u.Name == user.Name || err != nil && ringbid.KindOf(err) != ringbid.Denied && ringbid.KindOf(err) != ringbid.NotFound
		})
	}()
	c.read()
	c.stop()
	_ = c.conn.Close()
	<-written
}

func (h *Hub) refuse(w http.ResponseWriter, status int, why string) {
	h.metrics.refused.WithLabelValues(strconv.Itoa(status)).Inc()
	http.Error(w, why, status)
}

// sameOrigin reports whether the page that opens the socket is ours. Browsers
// always say where a page comes from; other programs need not.
func sameOrigin(r *http.Request) bool {
	o := r.Header.Get("Origin")
	if o == "" {
		return true
	}
	u, err := url.Parse(o)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// room keeps a place for the client, or says why there is none.
func (h *Hub) room(c *client) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= h.c.MaxClients {
		return http.StatusServiceUnavailable
	}
	mine := 0
	for o := range h.clients {
		if o.user.Name == c.user.Name {
			mine++
		}
	}
	if mine >= h.c.MaxPerUser {
		return http.StatusTooManyRequests
	}
	h.wg.Add(1)
	h.clients[c] = struct{}{}
	h.metrics.clients.WithLabelValues(string(c.user.Role)).Inc()
	return 0
}

func (h *Hub) remove(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
	h.metrics.clients.WithLabelValues(string(c.user.Role)).Dec()
}

// join says hello and sends what the screen missed.
func (h *Hub) join(c *client, q url.Values) {
	last, err := strconv.ParseInt(q.Get("last"), 10, 64)
	back := err == nil && q.Get("boot") == h.boot
	h.mu.Lock()
	defer h.mu.Unlock()
	// Only now: an event before the hello would come twice or not at all.
	c.live = c.user.Role == ringbid.RoleOperator || c.user.Role == ringbid.RoleQA
	var missed []sent
	if back && c.live {
		missed, back = h.since(last)
	}
	hello := message{Type: "hello", Boot: h.boot, Seq: h.seq, Resync: !back}
	if back {
		hello.Seq = last
	}
	if c.user.Role == ringbid.RoleAgent {
		hello.Presence = cmp.Or(h.presence[c.user.Name], Away)
	}
	if b, err := json.Marshal(hello); err == nil {
		c.pop("hello", b)
	}
	for _, s := range missed {
		c.event(s)
	}
	now := h.c.Now()
	current := h.pops[c.user.Name].current(now)
	slices.SortFunc(current, func(a, b Pop) int { return a.At.Compare(b.At) })
	for _, p := range current {
		if b, err := json.Marshal(message{Type: "pop", Pop: &p}); err == nil {
			c.pop(p.CallID, b)
		}
	}
	if h.closed {
		c.stop()
	}
	c.nudge()
}

// since returns the events after the number, and whether all are still known.
func (h *Hub) since(last int64) ([]sent, bool) {
	if last == h.seq {
		return nil, true
	}
	if last > h.seq || len(h.history) == 0 || h.history[0].seq > last+1 {
		return nil, false
	}
	i := slices.IndexFunc(h.history, func(s sent) bool { return s.seq > last })
	if i < 0 {
		return nil, true
	}
	missed := h.history[i:]
	if len(missed) > h.c.Queue-1 {
		return nil, false // more than a queue holds: asking again is cheaper
	}
	return missed, true
}
