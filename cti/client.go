package cti

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/ringbid/ringbid"
)

const (
	// maxMessage bounds what a screen may send at once, in bytes.
	maxMessage = 1024
	// writeWait is how long one message may take to leave.
	writeWait = 10 * time.Second
	// maxMissed is how many queues' worth a screen may miss before it is given
	// up: it takes nothing any more.
	maxMissed = 20
	// talkRate and talkBurst bound what a screen says, in messages a second.
	talkRate  = 2
	talkBurst = 20
)

// client is one screen. Its queues are bounded; the Hub fills them without
// waiting and one goroutine empties them into the socket.
type client struct {
	user   *ringbid.User
	live   bool // gets events
	masked bool
	size   int
	hub    *Hub
	conn   *websocket.Conn
	wake   chan struct{}
	quit   chan struct{}
	once   sync.Once

	mu     sync.Mutex
	queue  [][]byte
	pops   map[string][]byte // by call: only the newest state matters
	order  []string
	missed int
	again  bool // tell the screen to ask for the whole
}

func (c *client) stop() { c.once.Do(func() { close(c.quit) }) }

func (c *client) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// event queues an event, dropping the oldest where the screen is slow.
func (c *client) event(s sent) {
	b := s.whole
	if c.masked {
		b = s.masked
	}
	c.mu.Lock()
	if len(c.queue) >= c.size {
		cut := len(c.queue) - c.size + 1
		c.queue = append(c.queue[:0], c.queue[cut:]...)
		c.again = true
		c.missed += cut
		c.hub.metrics.dropped.WithLabelValues("screen").Add(float64(cut))
	}
	c.queue = append(c.queue, b)
	hopeless := c.missed > maxMissed*c.size
	c.mu.Unlock()
	if hopeless {
		c.hub.metrics.refused.WithLabelValues("slow").Inc()
		c.stop()
		return
	}
	c.nudge()
}

func (c *client) resync() {
	c.mu.Lock()
	c.again = true
	c.mu.Unlock()
	c.nudge()
}

// pop queues a pop; it is never dropped, only overtaken by its newer state.
func (c *client) pop(call string, b []byte) {
	c.mu.Lock()
	if _, ok := c.pops[call]; !ok {
		c.order = append(c.order, call)
	}
	c.pops[call] = b
	c.mu.Unlock()
	c.nudge()
}

// take returns what waits to be sent, pops first.
func (c *client) take() (out [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.order {
		out = append(out, c.pops[call])
	}
	c.order, c.pops = nil, map[string][]byte{}
	if c.again {
		if b, err := json.Marshal(message{Type: "resync"}); err == nil {
			out = append(out, b)
		}
	}
	c.again, c.missed = false, 0
	out = append(out, c.queue...)
	c.queue = nil
	return out
}

// write empties the queues into the socket and asks it now and then whether it
// is still there. It ends with the socket.
func (c *client) write(check func() bool) {
	ping := time.NewTicker(c.hub.c.PingEvery)
	defer ping.Stop()
	defer func() { _ = c.conn.Close() }()
	for {
		select {
		case <-c.quit:
			_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
			return
		case <-ping.C:
			if !check() {
				_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.ClosePolicyViolation, "signed out"), time.Now().Add(time.Second))
				return
			}
			// A ping is not seen by scripts; a word tells them the line is up.
			if c.send([]byte(`{"t":"ping"}`)) != nil || c.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)) != nil {
				return
			}
		case <-c.wake:
			for _, b := range c.take() {
				if c.send(b) != nil {
					return
				}
			}
		}
	}
}

func (c *client) send(b []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
	return c.conn.WriteMessage(websocket.TextMessage, b)
}

// read takes what the screen says until it goes. It may say whether its agent
// is ready, in short words and not too often.
func (c *client) read() {
	alive := func() { _ = c.conn.SetReadDeadline(time.Now().Add(3 * c.hub.c.PingEvery)) }
	c.conn.SetReadLimit(maxMessage)
	c.conn.SetPongHandler(func(string) error { alive(); return nil })
	alive()
	credit, last := float64(talkBurst), time.Now()
	for {
		kind, b, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		alive()
		now := time.Now()
		credit, last = min(talkBurst, credit+now.Sub(last).Seconds()*talkRate), now
		if credit--; credit < 0 || kind != websocket.TextMessage {
			c.hub.metrics.refused.WithLabelValues("talks too much").Inc()
			return
		}
		var m message
		if json.Unmarshal(b, &m) != nil {
			c.hub.metrics.refused.WithLabelValues("not understood").Inc()
			return
		}
		if m.Type == "presence" && c.user.Role == ringbid.RoleAgent {
			c.hub.SetPresence(c.user.Name, m.Presence)
		}
	}
}
