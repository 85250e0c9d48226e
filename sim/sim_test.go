package sim

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

const ring = 100 * time.Millisecond

func carrier(t testing.TB) *Carrier {
	t.Helper()
	c, err := NewCarrier(CarrierConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, c.Close) })
	return c
}

func buyers(t testing.TB, c BuyersConfig) *Buyers {
	t.Helper()
	if c.Ring == 0 {
		c.Ring = ring
	}
	b, err := NewBuyers(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, b.Close) })
	return b
}

func closing(t testing.TB, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error("close:", err)
	}
}

func placed(t testing.TB, c *Carrier, caller Caller) Story {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := c.Place(ctx, caller)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// visit waits for the buyer to have left the call and returns what they saw.
func visit(t testing.TB, b *Buyers, callID string) Visit {
	t.Helper()
	var found Visit
	until(t, "the buyer has left the call", func() bool {
		for _, v := range b.Visits() {
			if v.CallID == callID && v.Over {
				found = v
				return true
			}
		}
		return false
	})
	return found
}

// until waits for ok, at most 10 s.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited 10 s until %s", what)
		}
	}
}

// TestPartiesHearEachOther has a caller and a buyer talk without anything in
// between.
func TestPartiesHearEachOther(t *testing.T) {
	t.Parallel()
	b, c := buyers(t, BuyersConfig{}), carrier(t)
	for network, via := range map[string]string{"udp": b.Addr(), "tcp": b.AddrTCP()} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			testTalk(t, b, placed(t, c, Caller{
				From: "+13105550123", Name: "Ann Lee", To: "answer.RTB12", Via: via, Network: network,
				Digits: "4", DigitsAfter: 20 * time.Millisecond, Hold: 900 * time.Millisecond,
				Headers: map[string]string{"X-Lead": "a b"},
			}))
		})
	}
}

// testTalk compares what both sides of a call tell.
func testTalk(t *testing.T, b *Buyers, s Story) {
	t.Helper()
	if !s.Bridged() || s.Status != 200 || s.EndedBy != "caller" || s.Sent != "4" || s.PacketsReceived < 30 || s.PacketsSent < 30 {
		t.Error(s)
	}
	for name, ms := range map[string]int64{"ring": s.RingMS, "answer": s.AnswerMS - s.RingMS, "heard": s.HeardMS - s.AnswerMS, "end": s.EndMS - s.HeardMS} {
		if ms < 0 {
			t.Errorf("%s after %d ms\n%v", name, ms, s)
		}
	}
	v := visit(t, b, s.CallID)
	if !v.Heard || v.HeardFor < 500*time.Millisecond || v.Talk() < 500*time.Millisecond || v.PacketsReceived < 30 {
		t.Errorf("the buyer heard %t for %s of %s, %d packets", v.Heard, v.HeardFor, v.Talk(), v.PacketsReceived)
	}
	got := []string{v.User, v.Caller, v.CallerName, v.PAI, v.Headers["X-Lead"], v.EndedBy, v.Keys}
	if diff := cmp.Diff([]string{"answer.RTB12", "+13105550123", "Ann Lee", "+13105550123", "a b", "platform", "4"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestBehaviours(t *testing.T) {
	t.Parallel()
	b, c := buyers(t, BuyersConfig{}), carrier(t)
	patient, hasty := 8*time.Second, 400*time.Millisecond
	type end struct {
		Status   int
		Answered bool
		Heard    bool
		EndedBy  string
	}
	var calls sync.WaitGroup
	var mu sync.Mutex
	want := map[string]int{}
	for user, x := range map[string]struct {
		patience time.Duration
		want     end
		visit    int
	}{
		"busy":         {patient, end{Status: 486}, 486},
		"decline":      {patient, end{Status: 603}, 603},
		"closed.x":     {patient, end{Status: 480}, 480},
		"broken":       {patient, end{Status: 500}, 500},
		"nobody":       {patient, end{Status: 404}, 404},
		"noanswer":     {hasty, end{Status: 487, EndedBy: "caller"}, 487},
		"answer":       {patient, end{200, true, true, "caller"}, 200},
		"+18005550100": {patient, end{200, true, true, "caller"}, 200},
		"slow":         {patient, end{200, true, true, "caller"}, 200},
		"brief":        {patient, end{200, true, true, "platform"}, 200},
		"mute":         {hasty, end{200, true, false, "caller"}, 200},
	} {
		calls.Go(func() {
			caller := Caller{From: "+13105550123", To: user, Via: b.Addr(), Patience: x.patience, Hold: time.Second}
			s, err := c.Place(t.Context(), caller)
			if diff := cmp.Diff(x.want, end{s.Status, s.Answered, s.Heard, s.EndedBy}); err != nil || diff != "" {
				t.Errorf("%s: %v %s\n%v", user, err, diff, s)
			}
			mu.Lock()
			defer mu.Unlock()
			want[s.CallID] = x.visit
		})
	}
	calls.Wait()
	for id, status := range want {
		if v := visit(t, b, id); v.Status != status {
			t.Errorf("%s: the buyer saw %d", v.User, v.Status)
		}
	}
}

// TestHold has the buyer hold the caller and come back.
func TestHold(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("talks for seconds")
	}
	users := map[string]Behaviour{"hold": {HoldAt: 900 * time.Millisecond, HoldFor: 400 * time.Millisecond, Keys: "1"}}
	b, c := buyers(t, BuyersConfig{Users: users}), carrier(t)
	s := placed(t, c, Caller{From: "+13105550123", To: "hold", Via: b.Addr(), Hold: 1500 * time.Millisecond})
	var told []string
	for _, l := range s.Lines {
		if strings.Contains(l.Text, "re-INVITE") || strings.Contains(l.Text, "key") {
			told = append(told, l.Text)
		}
	}
	want := []string{"re-INVITE, audio to us", "key 1 heard", "re-INVITE, audio both ways"}
	if diff := cmp.Diff(want, told); diff != "" || !s.Bridged() || s.EndedBy != "caller" {
		t.Errorf("%s\n%v", diff, s)
	}
}

func TestCallerIsCalledAway(t *testing.T) {
	t.Parallel()
	b, c := buyers(t, BuyersConfig{}), carrier(t)
	for _, user := range []string{"noanswer", "answer"} {
		ctx, cancel := context.WithTimeout(t.Context(), 4*ring)
		began := time.Now()
		s, err := c.Place(ctx, Caller{To: user, Via: b.Addr()})
		cancel()
		if err != nil || s.EndedBy != "caller" || time.Since(began) > 4*time.Second {
			t.Errorf("%s: %v %v", user, err, s)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	c := carrier(t)
	s := placed(t, c, Caller{To: "x", Via: "nowhere.invalid:5060"})
	if s.Answered || s.Status != 0 || s.Reason == "" {
		t.Error(s)
	}
}

func TestWithheldNumber(t *testing.T) {
	t.Parallel()
	b, c := buyers(t, BuyersConfig{}), carrier(t)
	s := placed(t, c, Caller{From: "anonymous", To: "busy", Via: b.Addr()})
	if v := visit(t, b, s.CallID); v.Caller != "anonymous" || v.PAI != "" {
		t.Errorf("%+v", v)
	}
}

func TestImpossibleCallers(t *testing.T) {
	t.Parallel()
	c := carrier(t)
	for name, caller := range map[string]Caller{
		"nobody":  {},
		"to":      {To: "a b"},
		"from":    {To: "x", From: "<sip:x>"},
		"network": {To: "x", Network: "tls"},
		"digits":  {To: "x", Digits: "12x"},
		"hold":    {To: "x", Hold: -1},
		"tone":    {To: "x", Tone: 4000},
	} {
		if _, err := c.Place(t.Context(), caller); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Place(t.Context(), Caller{To: "x", Via: "127.0.0.1:9", Headers: map[string]string{"X-A": "b\r\nVia: c"}}); err == nil {
		t.Error("a header with a line in it was taken")
	}
}

// TestKeysAnswerQuestions has a caller answer two questions, each when the
// voice has ended, before somebody talks to them.
func TestKeysAnswerQuestions(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("talks for seconds")
	}
	question := media.Tone([]float64{300, 500}, 200*time.Millisecond, 60*time.Millisecond, 700*time.Millisecond, 0.5)
	pressed := make(chan string, 1)
	plane, err := openPlane(netip.MustParseAddr("127.0.0.1"), [2]int{})
	if err != nil {
		t.Fatal(err)
	}
	stack, err := leg.Listen(leg.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}},
		OnInvite:  func(l *leg.Leg) { pressed <- ask(l, plane, question) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, stack.Close); _ = plane.Close() })
	s := placed(t, carrier(t), Caller{From: "+13105550123", To: "ivr", Via: stack.Addrs()[0].Addr, Digits: "90210, 7", Hold: 200 * time.Millisecond})
	if got := <-pressed; got != "90210|7" || !s.Bridged() || s.Sent != "902107" || s.DigitsMS < 0 {
		t.Errorf("pressed %q\n%v", got, s)
	}
}

// ask plays the question, waits for keys, twice, then lets a buyer talk. It
// returns the keys, with a bar where the second question began.
func ask(l *leg.Leg, plane *media.Plane, question *media.Clip) string {
	mailbox := make(leg.Mailbox, 64)
	l.Bind(mailbox)
	ln, err := openLine(plane, &ear{tone: CallerTone})
	if err != nil {
		return err.Error()
	}
	defer ln.close()
	body, err := ln.answer(l.Invite().SDP)
	if err != nil {
		return err.Error()
	}
	l.Answer(body)
	ln.stream.Play(question, false)
	keys := ""
	for {
		select {
		case s := <-mailbox:
			if ev, ok := s.Apply(); ok && ev.Kind == leg.Terminated {
				return keys
			}
		case ev := <-ln.events:
			if ev.Kind != media.Digit {
				continue
			}
			switch keys += string(ev.Digit); keys {
			case "90210":
				keys += "|"
				ln.stream.Play(question, false)
			case "90210|7":
				ln.stream.Play(voice(BuyerTone), true)
			}
		}
	}
}

func TestCloseHangsUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("talks for seconds")
	}
	b, err := NewBuyers(BuyersConfig{Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	c := carrier(t)
	told := make(chan Story, 1)
	go func() {
		s, _ := c.Place(t.Context(), Caller{To: "answer", Via: b.Addr(), Hold: time.Minute})
		told <- s
	}()
	until(t, "they talk", func() bool { v := b.Visits(); return len(v) == 1 && v[0].Heard })
	closing(t, b.Close)
	closing(t, b.Close)
	if s := <-told; s.EndedBy != "platform" || !s.Bridged() {
		t.Error(s)
	}
}
