package interop

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// brisk makes the sessions of a trunk six seconds short: refreshed after three,
// over after four.
func brisk(t *ringbid.Trunk) { t.SessionExpires = ringbid.SessionTimer(6 * time.Second) }

func shortest(t *ringbid.Trunk) { t.SessionExpires = ringbid.SessionTimer(90 * time.Second) }

func required(t *ringbid.Trunk) { t.Reliable = ringbid.ReliableRequired }

func plain(t *ringbid.Trunk) {
	t.Reliable, t.SessionExpires = ringbid.ReliableOff, ringbid.SessionTimerOff
}

func known(t *ringbid.Trunk) { t.Username, t.Password = "user", "secret" }

// buyers are parties we call, each a scenario; the talk ends as it says.
var buyers = []struct {
	rfc, name, scenario string
	ended, code         string
	trunk               func(*ringbid.Trunk)
	min                 time.Duration // MinSessionExpires
}{
	{"RFC 3262 4", "reliable responses acknowledged in order, the answer among them", "uas_reliable.xml", "caller", "", nil, 0},
	{"RFC 3262 4", "reliable responses required of the callee", "uas_reliable_required.xml", "caller", "", required, 0},
	{"RFC 3262 4", "neither reliable responses nor session timer by setting", "uas_reliable_off.xml", "caller", "", plain, 0},
	{"RFC 3311 5.2", "UPDATE with and without offer, early and confirmed", "uas_update.xml", "buyer", "", nil, 0},
	{"RFC 3311 5.2", "UPDATE against our open offer gets 491", "uas_update_491.xml", "caller", "", nil, 0},
	{"RFC 4028 7", "session refreshed by UPDATE", "uas_timer_update.xml", "buyer", "", brisk, time.Second},
	{"RFC 4028 7", "session refreshed by re-INVITE of the same description", "uas_timer_reinvite.xml", "buyer", "", brisk, time.Second},
	{"RFC 4028 7.3", "422 followed with the interval it names", "uas_422.xml", "caller", "", shortest, 0},
	{"RFC 4028 10", "session that the buyer no longer refreshes ends", "uas_timer_stops.xml", "ringbid", "session_expired", brisk, time.Second},
	{"RFC 4028 10", "481 to a refresh ends the call", "uas_timer_481.xml", "ringbid", "dialog_lost", brisk, time.Second},
	{"RFC 8760 2.4", "the stronger of two challenges answered", "uas_auth_sha.xml", "caller", "", known, 0},
}

func TestDialogsWithBuyers(t *testing.T) {
	t.Parallel()
	for _, b := range buyers {
		prove(t, b.rfc, b.name, "sipp", func(t *testing.T, r *rig) {
			r.cfg.MinSessionExpires = b.min
			buyer := r.sipp(b.scenario)
			target := r.target(buyer.Addr)
			if b.trunk != nil {
				target = r.target(buyer.Addr, b.trunk)
			}
			calls := r.bridge(target)
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			if b.ended == "caller" {
				siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) > 0 })
				caller.HangUp()
			}
			x := siptest.Receive(t, "the call", calls)
			buyer.Passes()
			r.idle()
			if x.Attempt.Verdict != ringbid.VerdictAnswered || x.Talk.EndedBy != b.ended || b.code != "" && x.Talk.Reason.Code != b.code {
				t.Errorf("%+v", x)
			}
		})
	}
	prove(t, "RFC 7616 3.4", "INVITE, PRACK, UPDATE, re-INVITE and BYE challenged; nonces used again", "sipp", func(t *testing.T, r *rig) {
		r.cfg.MinSessionExpires = time.Second
		buyer := r.sipp("uas_auth_dialog.xml")
		target := r.target(buyer.Addr, known, brisk)
		talks := make(chan ringbid.Talk, 1)
		r.serve(func(ctx context.Context, c *sip.Call) {
			_ = c.Answer(ctx, false)
			c.Dial(ctx, dialOf(c, target))
			talks <- c.Bridge(ctx, 4500*time.Millisecond) // one refresh
		})
		r.phone().Call(r.addr, "+18005550100").Talk()
		siptest.Receive(t, "the talk", talks)
		buyer.Passes()
		r.idle()
	})
}

func TestDialogsWithCallers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rfc, name, scenario string
		code                string // of the call's end, "" where no call comes to be
		trunk               func(*ringbid.Trunk)
		min                 time.Duration
	}{
		{"RFC 3262 3", "caller who requires it rung reliably; other PRACK gets 481", "uac_reliable.xml", "caller_hung_up", required, 0},
		{"RFC 3262 3", "call refused with 504 when no PRACK comes", "uac_no_prack.xml", "no_prack", required, 0},
		{"RFC 3261 8.2.2.3", "required option that is off gets 420", "uac_require.xml", "", plain, 0},
		{"RFC 4028 9", "too short a session gets 422, then is granted", "uac_422.xml", "caller_hung_up", nil, 0},
		{"RFC 4028 9", "caller refreshes by UPDATE and re-INVITE, then no more", "uac_timer.xml", "session_expired", brisk, time.Second},
		{"RFC 4028 9", "caller refreshed by UPDATE", "uac_timer_uas.xml", "caller_hung_up", brisk, time.Second},
		{"RFC 3261 14", "re-INVITEs that cross get 491 both", "uac_glare.xml", "caller_hung_up", brisk, time.Second},
	}
	for _, tt := range tests {
		prove(t, tt.rfc, tt.name, "sipp", func(t *testing.T, r *rig) {
			trunk := &ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}}
			if tt.trunk != nil {
				tt.trunk(trunk)
			}
			r.trunks.Put(trunk)
			r.cfg.MinSessionExpires = tt.min
			if tt.code == "no_prack" {
				r.cfg.T1 = 50 * time.Millisecond
			}
			ends := make(chan string, 1)
			r.serve(func(ctx context.Context, c *sip.Call) {
				if tt.rfc == "RFC 3262 3" { // the 180 is acknowledged first, or never
					rung(ctx, c)
				}
				_ = c.Answer(ctx, false)
				<-ctx.Done()
				_, why := c.Ended()
				ends <- why.Code
			})
			r.sipp(tt.scenario, "-s", "+18005550100", r.addr).Passes()
			if tt.code == "" {
				return
			}
			if code := siptest.Receive(t, "the end", ends); code != tt.code {
				t.Errorf("ended for %q", code)
			}
			r.idle()
		})
	}
}

// rung waits until the caller has sent two PRACKs, or is gone.
func rung(ctx context.Context, c *sip.Call) {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for n := 0; n < 2 && ctx.Err() == nil; <-look.C {
		n = 0
		for _, m := range c.Legs()[0].Messages {
			if m.Text == "PRACK" {
				n++
			}
		}
	}
}

// forked answers an INVITE with the tag of one of its branches.
func forked(w *siptest.Wire, invite, status, tag, more string) {
	head, body, _ := strings.Cut(invite, "\r\n\r\n")
	var lines []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.HasPrefix(line, "To:") {
			line += ";tag=" + tag
		}
		lines = append(lines, line)
	}
	w.Reply(strings.Join(lines, "\r\n")+"\r\n\r\n"+body, status, more)
}

func TestForks(t *testing.T) {
	t.Parallel()
	said := func(w *siptest.Wire, port string) string {
		return "Contact: <sip:" + w.Addr() + ">\nContent-Type: application/sdp\n\nv=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio " + port + " RTP/AVP 0\n"
	}
	prove(t, "RFC 3261 13.2.2.4", "two branches answer: the first talks, the other gets ACK and BYE", "raw", func(t *testing.T, r *rig) {
		w := siptest.NewWire(t, "127.0.0.1")
		calls := r.bridge(r.target(w.Addr()))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		invite := w.Next("INVITE")
		forked(w, invite, "183 Session Progress", "a", said(w, "4000"))
		forked(w, invite, "180 Ringing", "b", "")
		forked(w, invite, "199 Early Dialog Terminated", "a", "")
		forked(w, invite, "200 OK", "b", said(w, "4002"))
		forked(w, invite, "200 OK", "a", said(w, "4000"))
		for _, want := range []string{"b", "a"} {
			if ack := w.Next("ACK"); !strings.HasSuffix(siptest.Header(ack, "To"), "tag="+want) {
				t.Errorf("ACK to %s, want %s", siptest.Header(ack, "To"), want)
			}
		}
		bye := w.Next("BYE")
		if !strings.HasSuffix(siptest.Header(bye, "To"), "tag=a") {
			t.Errorf("BYE to %s", siptest.Header(bye, "To"))
		}
		w.Reply(bye, "200 OK", "")
		siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) > 0 })
		caller.HangUp()
		bye = w.Next("BYE")
		if !strings.HasSuffix(siptest.Header(bye, "To"), "tag=b") {
			t.Errorf("BYE to %s", siptest.Header(bye, "To"))
		}
		w.Reply(bye, "200 OK", "")
		if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictAnswered {
			t.Errorf("%+v", x)
		}
		r.idle()
	})
	prove(t, "RFC 3261 9.1", "answer that crosses our CANCEL gets ACK and BYE", "raw", func(t *testing.T, r *rig) {
		w := siptest.NewWire(t, "127.0.0.1")
		calls := r.bridge(r.target(w.Addr()))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		invite := w.Next("INVITE")
		w.Reply(invite, "180 Ringing", "")
		siptest.Eventually(t, "ringing", func() bool { return len(r.events.Of(ringbid.EventRinging)) > 0 })
		caller.HangUp()
		cancel := w.Next("CANCEL")
		w.Reply(invite, "200 OK", said(w, "4000"))
		w.Reply(cancel, "200 OK", "")
		w.Next("ACK")
		w.Reply(w.Next("BYE"), "200 OK", "")
		if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictCancelled || x.Talk.MS != 0 {
			t.Errorf("%+v", x)
		}
		r.idle()
	})
	prove(t, "RFC 3262 5", "offer in a reliable response answered in PRACK", "raw", func(t *testing.T, r *rig) {
		r.cfg.Handler = nil
		phone, w := r.phone(), siptest.NewWire(t, "127.0.0.1")
		x := phone.Call(w.Addr(), "+18005550100", func(_ *siptest.Line, d *leg.DialConfig) { d.Late, d.SDP = true, []byte{} })
		invite := w.Next("INVITE")
		w.Reply(invite, "183 Session Progress", "Require: 100rel\nRSeq: 1\n"+said(w, "4000"))
		if ev := x.Want(leg.ReOffer); len(ev.SDP) == 0 {
			t.Error("no offer")
		}
		x.On(func(l *leg.Leg) { l.Respond(200, []byte("v=0\r\n")) })
		prack := w.Next("PRACK")
		if siptest.Header(prack, "RAck") != "1 1 INVITE" || !strings.HasSuffix(prack, "v=0\r\n") {
			t.Errorf("got %s", prack)
		}
		w.Reply(prack, "200 OK", "")
		w.Reply(invite, "200 OK", "Contact: <sip:"+w.Addr()+">")
		x.Want(leg.Answered)
		x.HangUp()
		w.Reply(w.Next("BYE"), "200 OK", "")
	})
}
