package sip

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

type tapFunc func(ringbid.Invite) (Sink, error)

func (f tapFunc) Open(inv ringbid.Invite) (Sink, error) { return f(inv) }

// tapped records which frames came and that none came after Close.
type tapped struct {
	ear
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
	x := newPhone(t, nil).call(r, "+18005550100").talk()
	x.hum(1200)
	eventually(t, "the caller on the tap", func() bool { return sink.power(1200) > 0.7 })
	x.stream.SendDigits("7")
	eventually(t, "the answer", func() bool { return len(r.kinds()) >= 1 })
	x.hum(1200)
	eventually(t, "digits", func() bool { return x.stream.Stats().Sent > 40 })
	x.hangUp()
	receive(t, "the end", ended)
	if len(sink.secrets) != 2 || !sink.secrets[0] || sink.secrets[1] {
		t.Errorf("secret %v", sink.secrets)
	}
	for _, k := range r.kinds() {
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
	x := newPhone(t, nil).call(r, "+18005550100").talk()
	x.hears(500)
	x.hangUp()
	r.idle()
	if r.counts("ringbid_sip_tap_errors_total")[""] != 1 {
		t.Error("not counted")
	}
}

func answerRecorded(ctx context.Context, c *Call) {
	_ = c.Answer(ctx, true)
	_ = c.Play(ctx, tone(500, time.Minute), false)
}
