package sim

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// Caller is somebody who calls, and how they go about it.
type Caller struct {
	From string // their number; "" or "anonymous" withholds it
	Name string // display name
	To   string // the number they dial, or any SIP user
	Via  string // "host:port" the carrier sends the call to
	// Network is "udp" (default) or "tcp".
	Network string
	// Digits are the keys they press: 0-9, *, # and A-D. Groups, separated by
	// spaces or commas, answer one question after the other.
	Digits string
	// DigitsAfter is how long after the answer, or after the group before, they
	// press; 0 = when the voice that asks has ended.
	DigitsAfter time.Duration
	// Hold is how long they talk once they hear the buyer; default 5 s.
	Hold time.Duration
	// Patience is how long they wait for the answer, and from then on for the
	// buyer, before they hang up; default 60 s. With Patience shorter than the
	// ringing, they cancel.
	Patience time.Duration
	// Tone is in their voice, Listen what they wait for; defaults CallerTone
	// and BuyerTone. Their own tone coming back counts as well: foreign buyers
	// that only echo are common in tests.
	Tone, Listen float64
	// Headers are added to the INVITE.
	Headers map[string]string
}

const (
	defaultHold     = 5 * time.Second
	defaultPatience = 60 * time.Second
	promptGap       = 900 * time.Millisecond // silence that ends a question
	mostPatient     = time.Hour
)

func (c Caller) withDefaults() Caller {
	c.Network = cmp.Or(c.Network, "udp")
	c.Hold = cmp.Or(c.Hold, defaultHold)
	c.Patience = min(cmp.Or(c.Patience, defaultPatience), mostPatient)
	c.Tone = cmp.Or(c.Tone, CallerTone)
	c.Listen = cmp.Or(c.Listen, BuyerTone)
	return c
}

// check returns what makes the caller impossible, as an Invalid error.
func (c Caller) check() error {
	switch {
	case !ringbid.SIPUser(c.To):
		return ringbid.FieldError("to", "%.40q is not a number or SIP user", c.To)
	case c.From != "" && !ringbid.SIPUser(c.From):
		return ringbid.FieldError("from", "%.40q is not a number or SIP user", c.From)
	case c.Network != "udp" && c.Network != "tcp":
		return ringbid.FieldError("network", "%.20q is not udp or tcp", c.Network)
	case strings.Trim(c.Digits, "0123456789*#ABCDw ,") != "" || len(c.Digits) > 256:
		return ringbid.FieldError("digits", "%.40q has other characters than 0-9, *, #, A-D, w, space and comma", c.Digits)
	case c.Hold < 0 || c.Patience < 0 || c.DigitsAfter < 0:
		return ringbid.FieldError("hold", "times cannot be negative")
	case c.Tone >= sampleRate/2 || c.Listen >= sampleRate/2 || c.Tone < 0 || c.Listen < 0:
		return ringbid.FieldError("tone", "tones lie between 0 and %d Hz", sampleRate/2)
	}
	return nil
}

// groups returns the keys, question by question.
func (c Caller) groups() []string {
	return strings.FieldsFunc(c.Digits, func(r rune) bool { return r == ' ' || r == ',' })
}

// dial describes the INVITE.
func (c Caller) dial(host string) (leg.DialConfig, error) {
	d := leg.DialConfig{
		Network: c.Network, Target: c.Via, URI: "sip:" + c.To + "@" + c.Via,
		From: leg.Party{Display: c.Name, User: c.From, Host: host},
	}
	switch c.From {
	case "", "anonymous":
		d.From = leg.Party{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"}
	default:
		d.PAI = "sip:" + c.From + "@" + host
	}
	if c.Network == "tcp" {
		d.URI += ";transport=tcp"
	}
	for name, value := range c.Headers {
		h, err := leg.NewHeader(name, value)
		if err != nil {
			return d, fmt.Errorf("header %s: %w", name, err)
		}
		d.Headers = append(d.Headers, h)
	}
	return d, nil
}
