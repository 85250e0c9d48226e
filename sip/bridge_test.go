package sip

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/sdp"
)

// bridged makes a call that is bridged; the talk comes when it is over.
func bridged(t *testing.T, limit time.Duration, prepare func(*rig)) (r *rig, caller, buyer *line, talks <-chan ringbid.Talk) {
	t.Helper()
	out := make(chan ringbid.Talk, 1)
	phone := newPhone(t, (*line).answer)
	r = bareRig(t)
	if prepare != nil {
		prepare(r)
	}
	r.start(func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		c.Dial(ctx, dialOf(c, r.target(phone)))
		out <- c.Bridge(ctx, limit)
	})
	caller = newPhone(t, nil).call(r, "+18005550100").talk()
	buyer = receive(t, "the buyer's call", phone.lines)
	buyer.want(leg.Acked)
	caller.hum(1100)
	buyer.hum(900)
	return r, caller, buyer, out
}

func TestHoldAndResume(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"caller", "buyer"} {
		for _, dir := range []sdp.Direction{sdp.Inactive, sdp.SendOnly} {
			t.Run(fmt.Sprint(who, " ", dir), func(t *testing.T) {
				t.Parallel()
				r, caller, buyer, talks := bridged(t, 0, nil)
				caller.hears(900)
				buyer.hears(1100)
				holder, other, back := caller, buyer, 1100.0
				if who == "buyer" {
					holder, other, back = buyer, caller, 900.0
				}
				if dir == sdp.SendOnly {
					holder.stream.Stop() // it sends silence... until it has music
				}
				holder.hum(1500)
				holder.reoffer(dir)
				other.hears(700) // our hold music at once
				if dir == sdp.SendOnly {
					other.hears(1500) // then its own
				}
				holder.reoffer(sdp.SendRecv)
				holder.hum(back)
				other.hears(back)
				holder.hears(map[bool]float64{true: 900, false: 1100}[who == "caller"])
				caller.hangUp()
				if talk := receive(t, "the talk", talks); talk.EndedBy != "caller" {
					t.Errorf("talk %+v", talk)
				}
				holds := 0
				for _, k := range r.kinds() {
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
		r.trunks.put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, RTPTimeout: short})
	})
	caller.hears(900)
	caller.reoffer(sdp.Inactive)
	caller.stream.Close()
	buyer.hears(700)
	select {
	case talk := <-talks:
		t.Fatalf("held call ended: %+v", talk)
	case <-time.After(3 * short.D()):
	}
	buyer.hangUp()
	receive(t, "the talk", talks)
}

func TestSilentPartyEndsTheCall(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"caller", "buyer"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			_, caller, buyer, talks := bridged(t, 0, func(r *rig) {
				r.rtpTimeout = ringbid.Duration(400 * time.Millisecond)
				r.trunks.put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, RTPTimeout: r.rtpTimeout})
			})
			caller.hears(900)
			gone, fault := caller, ringbid.FaultCaller
			if who == "buyer" {
				gone, fault = buyer, ringbid.FaultBuyer
			}
			gone.stream.Close()
			talk := receive(t, "the talk", talks)
			if talk.EndedBy != "ringbid" || talk.Reason.Code != "rtp_timeout" || talk.Reason.Fault != fault {
				t.Errorf("talk %+v", talk)
			}
			if ev := gone.want(leg.ByeReceived); ev.Q850 != 41 {
				t.Errorf("BYE with cause %d", ev.Q850)
			}
		})
	}
}

func TestLongestTalk(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 300*time.Millisecond, nil)
	talk := receive(t, "the talk", talks)
	if talk.EndedBy != "ringbid" || talk.Reason.Code != "max_duration" || talk.MS < 290 || talk.MS > 600 {
		t.Errorf("talk %+v", talk)
	}
	buyer.want(leg.ByeReceived)
	caller.want(leg.ByeReceived)
}

func TestKeysReachTheOtherParty(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 0, nil)
	caller.hears(900)
	caller.stream.SendDigits("19*#")
	for _, want := range "19*#" {
		if k := buyer.key(); k != byte(want) {
			t.Errorf("buyer got %q, want %q", k, want)
		}
	}
	buyer.hangUp()
	receive(t, "the talk", talks)
}

func TestRepeatedReinvites(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 0, nil)
	for range 20 {
		caller.reoffer(sdp.SendRecv)
		buyer.reoffer(sdp.SendRecv)
	}
	caller.hears(900)
	buyer.hears(1100)
	caller.hangUp()
	receive(t, "the talk", talks)
}

func TestPartyChangesItsCodec(t *testing.T) {
	t.Parallel()
	_, caller, buyer, talks := bridged(t, 0, nil)
	buyer.hears(1100)
	buyer.on(func(*leg.Leg) { buyer.local.Codecs = buyer.local.Codecs[1:] }) // PCMA and keys
	buyer.reoffer(sdp.SendRecv)
	caller.hears(900)
	buyer.hears(1100)
	buyer.on(func(l *leg.Leg) {
		buyer.local.Codecs = []sdp.Codec{{PT: 18, Name: "G729", Rate: 8000}}
		l.Offer(sdp.Offer(buyer.local))
	})
	if ev := buyer.want(leg.OfferDone); ev.Code != 488 {
		t.Errorf("G.729 was answered with %d", ev.Code)
	}
	caller.hears(900) // the session stays as it was
	buyer.hears(1100)
	caller.hangUp()
	receive(t, "the talk", talks)
}
