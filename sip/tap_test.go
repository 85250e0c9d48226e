package sip

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

type tapFunc func(ringbid.Invite) (Sink, error)

func (f tapFunc) Open(inv ringbid.Invite) (Sink, error) { return f(inv) }

// tapped records which frames came and that none came after Close.
type tapped struct {
	siptest.Ear
	closed  chan struct{}
	secrets []bool
}

func (s *tapped) Close()         { close(s.closed) }
func (s *tapped) Secret(on bool) { s.secrets = append(s.secrets, on) }

func TestTapGetsTheCallUntilItsEnd(t *testing.T) {
	t.Parallel()
	sink := &tapped{closed: make(chan struct{})}
	ended := make(chan struct{})
	r := newRig(t, func(ctx context.Context, c *Call) {
		defer close(ended)
		_ = c.Answer(ctx, true)
		if _, err := c.Gather(ctx, ringbid.Gather{Min: 1, Max: 1, Secret: true}); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		c.Legs()
		if !isClosed(sink.closed) {
			t.Error("sink is open although every leg is through")
		}
	}, func(c *Config) { c.Tap = tapFunc(func(ringbid.Invite) (Sink, error) { return sink, nil }) })
	x := r.call(newPhone(t, nil), "+18005550100").Talk()
	x.Hum(1200)
	siptest.Eventually(t, "the caller on the tap", func() bool { return sink.Power(media.Rx, 1200) > 0.7 })
	x.Stream.SendDigits("7")
	siptest.Eventually(t, "the answer", func() bool { return len(r.events.Kinds()) >= 1 })
	x.Hum(1200)
	siptest.Eventually(t, "digits", func() bool { return x.Stream.Stats().Sent > 40 })
	x.HangUp()
	siptest.Receive(t, "the end", ended)
	if len(sink.secrets) != 2 || !sink.secrets[0] || sink.secrets[1] {
		t.Errorf("secret %v", sink.secrets)
	}
	for _, k := range r.events.Kinds() {
		if k == ringbid.EventDigit {
			t.Error("a secret digit in the events")
		}
	}
}

func TestTapThatFailsDoesNotHurtTheCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerRecorded, func(c *Config) {
		c.Tap = tapFunc(func(ringbid.Invite) (Sink, error) { return nil, errors.New("disk full") })
	})
	x := r.call(newPhone(t, nil), "+18005550100").Talk()
	x.Hears(500)
	x.HangUp()
	r.idle()
	if r.counts("ringbid_sip_tap_errors_total")[""] != 1 {
		t.Error("not counted")
	}
}

func answerRecorded(ctx context.Context, c *Call) {
	_ = c.Answer(ctx, true)
	_ = c.Play(ctx, tone(500, time.Minute), false)
}
