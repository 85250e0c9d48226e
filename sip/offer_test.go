package sip

import (
	"context"
	"errors"
	"github.com/ringbid/ringbid/sip/siptest"
	"strings"
	"testing"
	"time"
)

func TestOffersWeCannotTake(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(context.Context, *Call) { t.Error("the handler was asked") })
	tests := []struct {
		name, body, status, warning string
	}{
		{"only G.729", strings.Replace(g711, "RTP/AVP 0 101", "RTP/AVP 18", 1), "488", "305 "},
		{"video only", strings.Replace(g711, "m=audio", "m=video", 1), "488", "304 "},
		{"SRTP only", strings.Replace(g711, "RTP/AVP", "RTP/SAVP", 1), "488", "302 "},
		{"a name", strings.Replace(g711, "c=IN IP4 127.0.0.1", "c=IN IP4 media.example", 1), "488", "301 "},
		{"Opus only", strings.Replace(g711, "RTP/AVP 0 101\r\n", "RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n", 1), "488", "305 "},
		{"PCMU as RTCP", strings.Replace(g711, "RTP/AVP 0 101\r\n", "RTP/AVP 72\r\na=rtpmap:72 PCMU/8000\r\n", 1), "488", "305 "},
		{"no SDP", "hello", "400", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := siptest.NewWire(t, "127.0.0.1")
			w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, tt.body))
			m := w.Next("SIP/2.0 ")
			if !strings.HasPrefix(m, "SIP/2.0 "+tt.status) || !strings.HasPrefix(siptest.Header(m, "Warning"), tt.warning) || !strings.HasPrefix(siptest.Header(m, "Reason"), "Q.850;cause=") {
				t.Errorf("got\n%s", m)
			}
			w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(m), 1, ""))
		})
	}
}

func TestLateOffer(t *testing.T) {
	t.Parallel()
	answered := make(chan error, 1)
	r := newRig(t, func(ctx context.Context, c *Call) {
		answered <- c.Answer(ctx, false)
		<-ctx.Done()
	})
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, ""))
	ok := w.Next("SIP/2.0 200")
	if !strings.Contains(ok, "m=audio ") || !strings.Contains(ok, "telephone-event") {
		t.Errorf("no offer in\n%s", ok)
	}
	select {
	case err := <-answered:
		t.Errorf("answered before the ACK: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(ok), 1, g711))
	if err := siptest.Receive(t, "the answer", answered); err != nil {
		t.Error(err)
	}
	w.Send(r.addr, w.Request("BYE", r.addr, siptest.ToTag(ok), 2, ""))
	w.Next("SIP/2.0 200")
	r.idle()
}

func TestLateOfferWithoutAnswer(t *testing.T) {
	t.Parallel()
	answered := make(chan error, 1)
	r := newRig(t, func(ctx context.Context, c *Call) { answered <- c.Answer(ctx, false) })
	w := siptest.NewWire(t, "127.0.0.1")
	w.Send(r.addr, w.Request("INVITE", r.addr, "", 1, ""))
	ok := w.Next("SIP/2.0 200")
	w.Send(r.addr, w.Request("ACK", r.addr, siptest.ToTag(ok), 1, ""))
	if err := siptest.Receive(t, "the answer", answered); !errors.Is(err, ErrCallerGone) {
		t.Errorf("answer: %v", err)
	}
	w.Reply(w.Next("BYE "), "200 OK", "")
	r.idle()
}
