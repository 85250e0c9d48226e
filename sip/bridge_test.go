package sip

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
)

// bridged makes a call that is bridged; the talk comes when it is over.
func bridged(t *testing.T, limit time.Duration, prepare func(*rig)) (r *rig, caller, buyer *siptest.Line, talks <-chan ringbid.Talk) {
	t.Helper()
	out := make(chan ringbid.Talk, 1)
	phone := newPhone(t, (*siptest.Line).Answer)
	r = bareRig(t)
	if prepare != nil {
		prepare(r)
	}
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		c.Dial(ctx, dialOf(c, r.target(phone)))
		out <- c.Bridge(ctx, limit)
	})
	caller = r.call(newPhone(t, nil), "+18005550100").Talk()
	buyer = siptest.Receive(t, "the buyer's call", phone.Lines)
	buyer.Want(leg.Acked)
	caller.Hum(1100)
	buyer.Hum(900)
	return r, caller, buyer, out
}

func TestHoldAndResume(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"caller", "buyer"} {
		for _, dir := range []sdp.Direction{sdp.Inactive, sdp.SendOnly} {
			t.Run(fmt.Sprint(who, " ", dir), func(t *testing.T) {
				t.Parallel()
				r, caller, buyer, talks := bridged(t, 0, nil)
				caller.Hears(900)
				buyer.Hears(1100)
				holder, other, back := caller, buyer, 1100.0
				if who == "buyer" {
					holder, other, back = buyer, caller, 900.0
				}
				if dir == sdp.SendOnly {
					holder.Stream.Stop() // it sends silence... until it has music
				}
				holder.Hum(1500)
				holder.Reoffer(dir)
				other.Hears(700) // our hold music at once
				if dir == sdp.SendOnly {
					other.Hears(1500) // then its own
				}
				holder.Reoffer(sdp.SendRecv)
				holder.Hum(back)
				other.Hears(back)
				holder.Hears(map[bool]float64{true: 900, false: 1100}[who == "caller"])
				caller.HangUp()
				if talk := siptest.Receive(t, "the talk", talks); talk.EndedBy != "caller" {
					t.Errorf("talk %+v", talk)
				}
				holds := 0
				for _, k := range r.events.Kinds() {
					if k == ringbid.EventHold {
						holds++
					}
				}
				if holds != 2 {
					t.Errorf("%d hold events", holds)
				}
			})
		}
	}
}

func TestHoldOutlivesTheRTPTimeout(t *testing.T) {
	t.Parallel()
	short := ringbid.Duration(500 * time.Millisecond)
	_, caller, buyer, talks := bridged(t, 0, func(r *rig) {
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, RTPTimeout: short})
	})
	caller.Hears(900)
	caller.Reoffer(sdp.Inactive)
	caller.Stream.Close()
	buyer.Hears(700)
	select {
	case talk := <-talks:
		t.Fatalf("held call ended: %+v", talk)
	case <-time.After(3 * short.D()):
	}
	buyer.HangUp()
	siptest.Receive(t, "the talk", talks)
}

func TestSilentPartyEndsTheCall(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"caller", "buyer"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			_, caller, buyer, talks := bridged(t, 0, func(r *rig) {
				r.rtpTimeout = ringbid.Duration(400 * time.Millisecond)
				r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, RTPTimeout: r.rtpTimeout})
			})
			caller.Hears(900)
			gone, fault := caller, ringbid.FaultCaller
			if who == "buyer" {
				gone, fault = buyer, ringbid.FaultBuyer
			}
			gone.Stream.Close()
			talk := siptest.Receive(t, "the talk", talks)
			if talk.EndedBy != "ringbid" || talk.Reason.Code != "rtp_timeout" || talk.Reason.Fault != fault {
				t.Errorf("talk %+v", talk)
			}
			if ev := gone.Want(leg.ByeReceived); ev.Q850 != 41 {
				t.Errorf("BYE with cause %d", ev.Q850)
			}
		})
	}
}

func TestLongestTalk(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 300*time.Millisecond, nil)
	talk := siptest.Receive(t, "the talk", talks)
	if talk.EndedBy != "ringbid" || talk.Reason.Code != "max_duration" || talk.MS < 290 || talk.MS > 600 {
		t.Errorf("talk %+v", talk)
	}
	buyer.Want(leg.ByeReceived)
	caller.Want(leg.ByeReceived)
}

func TestKeysReachTheOtherParty(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 0, nil)
	caller.Hears(900)
	caller.Stream.SendDigits("19*#")
	buyer.WantKeys("19*#")
	buyer.HangUp()
	siptest.Receive(t, "the talk", talks)
}

func TestRepeatedReinvites(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 0, nil)
	for range 20 {
		caller.Reoffer(sdp.SendRecv)
		buyer.Reoffer(sdp.SendRecv)
	}
	caller.Hears(900)
	buyer.Hears(1100)
	caller.HangUp()
	siptest.Receive(t, "the talk", talks)
}

func TestPartyChangesItsCodec(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 0, nil)
	buyer.Hears(1100)
	buyer.On(func(*leg.Leg) { buyer.Local.Codecs = buyer.Local.Codecs[1:] }) // PCMA and keys
	buyer.Reoffer(sdp.SendRecv)
	caller.Hears(900)
	buyer.Hears(1100)
	buyer.On(func(l *leg.Leg) {
		buyer.Local.Codecs = []sdp.Codec{{PT: 18, Name: "G729", Rate: 8000}}
		l.Offer(sdp.Offer(buyer.Local))
	})
	if ev := buyer.Want(leg.OfferDone); ev.Code != 488 {
		t.Errorf("G.729 was answered with %d", ev.Code)
	}
	caller.Hears(900) // the session stays as it was
	buyer.Hears(1100)
	caller.HangUp()
	siptest.Receive(t, "the talk", talks)
}
