package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

func TestKeysByInfo(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	r := newRig(t, func(ctx context.Context, c *Call) {
		_ = c.Answer(ctx, false)
		s, err := c.Gather(ctx, ringbid.Gather{Min: 1, Max: 8, Terminator: '#'})
		if err != nil {
			t.Error(err)
		}
		got <- s
	})
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, g711))
	ok := w.Next("SIP/2.0 200")
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(ok), 1, ""))
	for i, k := range "407#" {
		body := fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", k)
		m := w.Request("INFO", r.addr, siptest.ToTag(ok), 2+i, body)
		w.Send(r.addr, strings.Replace(m, "application/sdp", "application/dtmf-relay", 1))
		w.Next("SIP/2.0 200")
	}
	if s := siptest.Receive(t, "the digits", got); s != "407" {
		t.Errorf("digits %q", s)
	}
	w.Reply(w.Next("BYE "), "200 OK", "")
}

func TestOneTaskAtATime(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	r := newRig(t, func(ctx context.Context, c *Call) {
		defer close(done)
		if err := c.Play(ctx, tone(500, time.Second), false); ringbid.KindOf(err) != ringbid.Conflict {
			t.Errorf("play before the answer: %v", err)
		}
		_ = c.Answer(ctx, false)
		first := make(chan error, 1)
		short, cancel := context.WithCancel(ctx)
		go func() { first <- c.Play(short, tone(500, time.Minute), false) }()
		siptest.Eventually(t, "the first task", func() (on bool) {
			c.ask(func() { on = c.task != nil })
			return on
		})
		if err := c.Play(ctx, tone(500, time.Minute), false); !errors.Is(err, ErrBusyCall) {
			t.Errorf("second play: %v", err)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled play: %v", err)
		}
	})
	r.call(newPhone(t, nil), "+18005550100").Want(leg.ByeReceived)
	<-done
}
