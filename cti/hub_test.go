package cti_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cti"
)

// desk is a hub behind a real server; users are known by their name in the
// query.
type desk struct {
	hub *cti.Hub
	url string
	mu  sync.Mutex
	out map[string]bool // signed out
}

func setup(t testing.TB, change func(*cti.Config)) *desk {
	t.Helper()
	d := &desk{out: map[string]bool{}}
	roles := map[string]ringbid.Role{"olga": ringbid.RoleOperator, "quinn": ringbid.RoleQA, "ada": ringbid.RoleAgent, "ben": ringbid.RoleAgent, "buyer": ringbid.RoleBuyer}
	c := cti.Config{Registerer: prometheus.NewRegistry(), User: func(r *http.Request) (*ringbid.User, error) {
		name := r.URL.Query().Get("user")
		d.mu.Lock()
		defer d.mu.Unlock()
		if roles[name] == "" || d.out[name] {
			return nil, ringbid.Errorf(ringbid.Denied, "sign in first")
		}
		return &ringbid.User{Name: name, Role: roles[name]}, nil
	}}
	if change != nil {
		change(&c)
	}
	d.hub = cti.NewHub(c)
	s := httptest.NewServer(d.hub)
	d.url = "ws" + strings.TrimPrefix(s.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := d.hub.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := d.hub.Close(ctx); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		s.Close()
	})
	return d
}

// line is what comes over the socket.
type line struct {
	Type     string         `json:"t"`
	Seq      int64          `json:"seq"`
	Boot     string         `json:"boot"`
	Resync   bool           `json:"resync"`
	Event    *ringbid.Event `json:"event"`
	Pop      *cti.Pop       `json:"pop"`
	Presence string         `json:"presence"`
}

type screen struct {
	t    testing.TB
	conn *websocket.Conn
}

func (d *desk) open(t testing.TB, query string, header http.Header) (*screen, int) {
	t.Helper()
	conn, res, err := websocket.DefaultDialer.Dial(d.url+"/?"+query, header)
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return nil, res.StatusCode
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &screen{t, conn}, http.StatusSwitchingProtocols
}

func (d *desk) screen(t testing.TB, query string) (*screen, line) {
	t.Helper()
	s, status := d.open(t, query, nil)
	if s == nil {
		t.Fatalf("%s: refused with %d", query, status)
	}
	hello := s.next()
	if hello.Type != "hello" || hello.Boot == "" {
		t.Fatalf("first word %+v", hello)
	}
	return s, hello
}

// next returns the next word that is not a ping.
func (s *screen) next() line {
	s.t.Helper()
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, b, err := s.conn.ReadMessage()
		if err != nil {
			s.t.Fatal(err)
		}
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			s.t.Fatalf("%s: %v", b, err)
		}
		if l.Type != "ping" {
			return l
		}
	}
}

// ends waits until the server closes the socket, and returns how.
func (s *screen) ends() error {
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, _, err := s.conn.ReadMessage(); err != nil {
			return err
		}
	}
}

func event(i int) ringbid.Event {
	return ringbid.Event{Call: fmt.Sprintf("c%d", i), Seq: 1, Kind: ringbid.EventReceived, At: time.Unix(int64(i), 0).UTC(),
		Text: "call from +13105550142", Data: map[string]string{"caller": "+13105550142", "number": "+18005550100"}}
}

func TestEventsReachOperatorsWholeAndQAMasked(t *testing.T) {
	t.Parallel()
	d := setup(t, nil)
	olga, _ := d.screen(t, "user=olga")
	quinn, _ := d.screen(t, "user=quinn")
	ada, _ := d.screen(t, "user=ada")
	sent := event(1)
	d.hub.Publish(sent)
	got := olga.next()
	if d := cmp.Diff(line{Type: "event", Seq: 1, Event: &sent}, got); d != "" {
		t.Errorf("operator (-want +got):\n%s", d)
	}
	masked := event(1)
	masked.Text, masked.Data["caller"] = "call from +1310•••••42", "+1310•••••42"
	if d := cmp.Diff(line{Type: "event", Seq: 1, Event: &masked}, quinn.next()); d != "" {
		t.Errorf("QA (-want +got):\n%s", d)
	}
	// The agent hears nothing of it: the next word is the pop.
	d.hub.Pop([]string{"ada"}, cti.Pop{CallID: "c1", State: cti.PopRing, At: time.Now()})
	if got := ada.next(); got.Type != "pop" {
		t.Errorf("agent hears %+v", got)
	}
}

func TestComingBack(t *testing.T) {
	t.Parallel()
	d := setup(t, func(c *cti.Config) { c.History = 16; c.Queue = 256 })
	first, hello := d.screen(t, "user=olga")
	if !hello.Resync {
		t.Error("a new screen is not told to ask for the whole")
	}
	for i := 1; i <= 5; i++ {
		d.hub.Publish(event(i))
	}
	var last line
	for range 5 {
		last = first.next()
	}
	_ = first.conn.Close()
	for i := 6; i <= 8; i++ {
		d.hub.Publish(event(i))
	}
	watch, _ := d.screen(t, fmt.Sprintf("user=olga&boot=%s&last=%d", hello.Boot, last.Seq))
	for i := 6; i <= 8; i++ {
		if got := watch.next(); got.Event == nil || got.Event.Call != fmt.Sprintf("c%d", i) {
			t.Fatalf("missed call c%d, got %+v", i, got)
		}
	}
	for i := 9; i <= 60; i++ {
		d.hub.Publish(event(i))
	}
	for range 52 {
		watch.next()
	}
	for name, query := range map[string]string{"too long away": fmt.Sprintf("boot=%s&last=5", hello.Boot), "other boot": "boot=x&last=60", "future": fmt.Sprintf("boot=%s&last=900", hello.Boot), "nonsense": "boot=" + hello.Boot + "&last=x"} {
		if _, again := d.screen(t, "user=olga&"+query); !again.Resync {
			t.Errorf("%s: not told to ask for the whole", name)
		}
	}
	if _, again := d.screen(t, fmt.Sprintf("user=olga&boot=%s&last=60", hello.Boot)); again.Resync {
		t.Error("nothing was missed, yet the whole is asked for")
	}
}

func TestPops(t *testing.T) {
	t.Parallel()
	d := setup(t, nil)
	pop := cti.Pop{CallID: "c1", State: cti.PopRing, Caller: "+13105550142", Name: "Ana", Tags: ringbid.TagMap{"zip": "90210"}, At: time.Now().UTC()}
	d.hub.Pop([]string{"ada", "ada"}, pop)
	ada, _ := d.screen(t, "user=ada")
	if diff := cmp.Diff(&pop, ada.next().Pop); diff != "" {
		t.Errorf("pop of a call that rings, to a screen opened later (-want +got):\n%s", diff)
	}
	ben, _ := d.screen(t, "user=ben")
	pop.State = cti.PopAnswer
	d.hub.Pop([]string{"ada"}, pop)
	if got := ada.next(); got.Pop == nil || got.Pop.State != cti.PopAnswer {
		t.Errorf("after the answer: %+v", got)
	}
	late := pop
	late.State = cti.PopRing
	d.hub.Pop([]string{"ada"}, late)
	d.hub.Pop([]string{"ada", "ben"}, cti.Pop{CallID: "c2", State: cti.PopRing})
	if got := ada.next(); got.Pop == nil || got.Pop.CallID != "c2" {
		t.Errorf("a late ring went back from the answer: %+v", got)
	}
	if got := ben.next(); got.Pop == nil || got.Pop.CallID != "c2" || got.Pop.At.IsZero() {
		t.Errorf("the other agent: %+v", got)
	}
	if !d.hub.Popped("ada", "c1") || d.hub.Popped("ben", "c1") || d.hub.Popped("nobody", "c1") {
		t.Error("who was popped is not known")
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	d := setup(t, nil)
	one, hello := d.screen(t, "user=ada")
	if hello.Presence != cti.Away {
		t.Errorf("at first %q, want away", hello.Presence)
	}
	two, _ := d.screen(t, "user=ada")
	if err := one.conn.WriteJSON(map[string]string{"t": "presence", "presence": "ready"}); err != nil {
		t.Fatal(err)
	}
	if got := two.next(); got.Type != "presence" || got.Presence != cti.Ready {
		t.Errorf("the other screen hears %+v", got)
	}
	if got := d.hub.Presence("ada"); got != cti.Ready {
		t.Errorf("presence %q", got)
	}
	d.hub.SetPresence("ada", "drunk")
	if got := d.hub.Presence("ada"); got != cti.Ready {
		t.Errorf("presence %q after nonsense", got)
	}
}

func TestWhoIsRefused(t *testing.T) {
	t.Parallel()
	d := setup(t, func(c *cti.Config) { c.MaxPerUser = 2; c.MaxClients = 3 })
	if _, status := d.open(t, "user=nobody", nil); status != http.StatusUnauthorized {
		t.Errorf("without a session: %d", status)
	}
	for _, origin := range []string{"https://evil.example", "null", "http://127.0.0.1:1", "::"} {
		if _, status := d.open(t, "user=olga", http.Header{"Origin": {origin}}); status != http.StatusForbidden {
			t.Errorf("origin %s: %d", origin, status)
		}
	}
	own := "http" + strings.TrimPrefix(d.url, "ws")
	if _, status := d.open(t, "user=olga", http.Header{"Origin": {own}}); status != http.StatusSwitchingProtocols {
		t.Errorf("own origin: %d", status)
	}
	d.screen(t, "user=olga")
	if _, status := d.open(t, "user=olga", nil); status != http.StatusTooManyRequests {
		t.Errorf("third screen of one user: %d", status)
	}
	d.screen(t, "user=ada")
	if _, status := d.open(t, "user=ben", nil); status != http.StatusServiceUnavailable {
		t.Errorf("fourth screen of all: %d", status)
	}
}

func TestRudeScreensAreCutOff(t *testing.T) {
	t.Parallel()
	d := setup(t, nil)
	for name, say := range map[string]func(*websocket.Conn) error{
		"too long": func(c *websocket.Conn) error { return c.WriteMessage(websocket.TextMessage, make([]byte, 2000)) },
		"not JSON": func(c *websocket.Conn) error { return c.WriteMessage(websocket.TextMessage, []byte("{")) },
		"binary":   func(c *websocket.Conn) error { return c.WriteMessage(websocket.BinaryMessage, []byte("{}")) },
		"talkative": func(c *websocket.Conn) error {
			var err error
			for range 200 {
				err = errors.Join(err, c.WriteMessage(websocket.TextMessage, []byte(`{"t":"presence","presence":"ready"}`)))
			}
			return nil
		},
	} {
		s, _ := d.screen(t, "user=ada")
		if err := say(s.conn); err != nil {
			t.Fatal(err)
		}
		if err := s.ends(); errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: still connected", name)
		}
	}
}

func TestSigningOutClosesTheSocket(t *testing.T) {
	t.Parallel()
	d := setup(t, func(c *cti.Config) { c.PingEvery = 20 * time.Millisecond })
	s, _ := d.screen(t, "user=olga")
	d.mu.Lock()
	d.out["olga"] = true
	d.mu.Unlock()
	if err := s.ends(); !websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
		t.Errorf("closed with %v", err)
	}
}

// TestSlowScreenDelaysNobody floods a screen that reads nothing: publishing
// stays quick, another screen gets everything or is told to ask again.
func TestSlowScreenDelaysNobody(t *testing.T) {
	t.Parallel()
	d := setup(t, func(c *cti.Config) { c.Queue = 64 })
	slow, _ := d.screen(t, "user=quinn")
	good, _ := d.screen(t, "user=olga")
	const n = 20_000
	heard := make(chan [2]int, 1)
	go func() {
		var got [2]int
		for {
			_ = good.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, b, err := good.conn.ReadMessage()
			if err != nil {
				heard <- got
				return
			}
			switch {
			case strings.HasPrefix(string(b), `{"t":"event"`):
				got[0]++
			case strings.HasPrefix(string(b), `{"t":"resync"`):
				got[1]++
			}
			if strings.Contains(string(b), `"call":"last"`) {
				heard <- got
				return
			}
		}
	}()
	big := event(0)
	big.Data["pad"] = strings.Repeat("x", 400)
	worst := time.Duration(0)
	for range n {
		began := time.Now()
		d.hub.Publish(big)
		worst = max(worst, time.Since(began))
	}
	if worst > time.Second {
		t.Errorf("publishing took %s with a screen that does not read", worst)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		last := event(0)
		last.Call = "last"
		d.hub.Publish(last)
		select {
		case got := <-heard:
			t.Logf("worst publish %s; the reading screen got %d of %d, %d times told to ask again", worst, got[0], n, got[1])
			if got[0] == 0 || got[0] < n && got[1] == 0 {
				t.Errorf("events went missing without a word: %d of %d, %d resyncs", got[0], n, got[1])
			}
			_ = slow.conn.Close()
			return
		case <-again.C:
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, screens := range []int{0, 10} {
		b.Run(fmt.Sprintf("screens=%d", screens), func(b *testing.B) {
			d := setup(b, nil)
			for range screens {
				s, _ := d.screen(b, "user=olga")
				go func() { _ = s.ends() }()
			}
			ev := event(1)
			b.ReportAllocs()
			for b.Loop() {
				d.hub.Publish(ev)
			}
		})
	}
}
