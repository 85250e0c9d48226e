package leg

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// rulings lets tests rule by the User-Agent and remembers what was asked.
type rulings struct {
	mu    sync.Mutex
	asked []string
	rule  map[string]Ruling // by User-Agent
}

func (r *rulings) screen(a *Arrival) Ruling {
	r.mu.Lock()
	defer r.mu.Unlock()
	ua := a.Header("User-Agent")
	r.asked = append(r.asked, fmt.Sprintf("%s %s known=%t tagged=%t", ua, a.Method, a.Known, a.Tagged))
	return r.rule[ua]
}

func (r *rulings) count(what string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.asked {
		if a == what {
			n++
		}
	}
	return n
}

func screened(t *testing.T, rule map[string]Ruling) (*rig, *rulings) {
	rs := &rulings{rule: rule}
	return newRig(t, func(c *Config) { c.Screen = rs.screen }), rs
}

func from(ua string) string { return "User-Agent: " + ua + "\r\nMax-Forwards" }

func TestScreenRules(t *testing.T) {
	t.Parallel()
	r, rs := screened(t, map[string]Ruling{
		"dropped": {Drop: true},
		"busy":    {Code: 503, Headers: []Header{{"Retry-After", "3"}, {"X-Two", "2"}}},
	})
	p := newPeer(t, r.udp)
	p.send(plainRequest("INVITE", "Max-Forwards", from("dropped")))
	text := plainRequest("INVITE", "Max-Forwards", from("busy"))
	p.send(text)
	first := p.response(503, "INVITE")
	if first.get("Retry-After") != "3" || first.get("X-Two") != "2" || param(first.get("To"), "tag") == "" {
		t.Errorf("got %+v", first)
	}
	p.send(text) // the answer was lost
	if again := p.response(503, "INVITE"); again.get("To") != first.get("To") {
		t.Errorf("%q and %q", first.get("To"), again.get("To"))
	}
	if n := rs.count("busy INVITE known=false tagged=false"); n != 1 {
		t.Errorf("asked %d times about one request", n)
	}
	p.send(plainRequest("OPTIONS", "Max-Forwards", from("passes")))
	p.response(200, "OPTIONS")
	p.silence(testT1, func(m msg) bool { return m.code() > 0 })
}

func TestScreenHoldsBack(t *testing.T) {
	t.Parallel()
	r, _ := screened(t, map[string]Ruling{"slow": {Code: 404, Delay: 6 * testT1}})
	p := newPeer(t, r.udp)
	text := plainRequest("INVITE", "Max-Forwards", from("slow"))
	began := time.Now()
	for range 3 {
		p.send(text)
	}
	p.response(404, "INVITE")
	if d := time.Since(began); d < 6*testT1 {
		t.Errorf("answered after %v", d)
	}
	p.silence(2*testT1, func(m msg) bool { return m.code() == 404 })
	if r.s.slow.waiting() != 0 {
		t.Error("something is still held back")
	}
}

func TestHeldBackAnswersAreBounded(t *testing.T) {
	t.Parallel()
	r, _ := screened(t, map[string]Ruling{
		"slow": {Code: 404, Delay: time.Hour}, "carrier": {Code: 404, Delay: time.Hour}, "scanner": {Code: 404, Delay: time.Hour, Expendable: true},
	})
	p := newPeer(t, r.udp)
	for range maxSlow {
		p.send(plainRequest("OPTIONS", "Max-Forwards", from("slow")))
	}
	waitFor(t, "the places are taken", func() bool { return r.s.slow.waiting() == maxSlow })
	p.send(plainRequest("OPTIONS", "Max-Forwards", from("scanner")))
	p.send(plainRequest("OPTIONS", "Max-Forwards", from("carrier")))
	p.response(404, "OPTIONS")
	p.silence(2*testT1, func(m msg) bool { return m.code() > 0 })
}

func TestScreenKnowsCalls(t *testing.T) {
	t.Parallel()
	r, rs := screened(t, map[string]Ruling{"marked": {Mark: "by digest"}})
	p := newPeer(t, r.udp)
	u := p.uac()
	u.invite("User-Agent: marked")
	c := r.call()
	p.send(u.text("INVITE", u.seq, u.branch, testSDP, "User-Agent: marked")) // again
	c.on(func(l *Leg) {
		if l.Mark() != "by digest" {
			t.Errorf("mark %v", l.Mark())
		}
		l.Answer([]byte(testSDP))
	})
	u.learn(p.response(200, "INVITE"))
	u.ack(u.seq)
	c.want(Acked)
	u.do("BYE", "")
	c.want(ByeReceived)
	u.to += "x"
	u.do("BYE", "")
	p.response(481, "BYE")
	for _, want := range []string{"marked INVITE known=false tagged=false", "marked INVITE known=true tagged=false",
		" ACK known=true tagged=true", " BYE known=true tagged=true", " BYE known=false tagged=true"} {
		if rs.count(want) != 1 {
			t.Errorf("%q asked %d times in %q", want, rs.count(want), rs.asked)
		}
	}
	if n := len(r.s.marks.m); n != 0 {
		t.Errorf("%d marks left", n)
	}
}

func TestScreenOnStreams(t *testing.T) {
	t.Parallel()
	r, _ := screened(t, map[string]Ruling{"busy": {Code: 503}, "slow": {Code: 404, Delay: testT1}, "dropped": {Drop: true}})
	conn, err := net.Dial("tcp", r.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	p := tcpPeer(t, conn)
	for _, ua := range []string{"busy", "slow", "dropped", "passes"} {
		p.send(strings.Replace(plainRequest("OPTIONS", "Max-Forwards", from(ua)), "UDP", "TCP", 1))
	}
	for _, code := range []int{503, 200, 404} {
		p.response(code, "OPTIONS")
	}
}

func TestStrangersHearNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.Stranger = func(src netip.AddrPort) bool { return true }
		c.Screen = func(*Arrival) Ruling { return Ruling{Drop: true} }
	})
	p := newPeer(t, r.udp)
	p.send(plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: 0"))
	p.send(plainRequest("OPTIONS"))
	p.silence(4*testT1, func(m msg) bool { return m.code() > 0 })
}

// TestMemoryOfRefusalsIsBounded: each made-up request costs one place, and the
// oldest ones make room.
func TestMemoryOfRefusalsIsBounded(t *testing.T) {
	t.Parallel()
	told, now := newTold(), time.Now()
	for i := range uint64(10 * maxTold) {
		told.put(i, []byte("x"), now)
	}
	if n := len(told.new) + len(told.old); n > maxTold {
		t.Errorf("%d refusals remembered", n)
	}
	if _, ok := told.again(10*maxTold-1, now); !ok {
		t.Error("the last one is forgotten")
	}
	if _, ok := told.again(10*maxTold-1, now.Add(time.Minute)); ok {
		t.Error("a minute later it is still remembered")
	}
	var k marks
	for i := range 3 * maxMarks {
		k.put(fmt.Sprint(i), i, now)
	}
	if len(k.m) > maxMarks {
		t.Errorf("%d marks kept", len(k.m))
	}
	k.put("late", 1, now.Add(2*time.Second))
	if k.take("late") != 1 || len(k.m) != 0 {
		t.Errorf("%d marks kept", len(k.m))
	}
}
