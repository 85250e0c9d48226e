package sip

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// gatherTask asks for digits.
type gatherTask struct {
	work
	g      ringbid.Gather
	id     media.PlayID
	spoken bool // the prompt is over
	digits []byte
}

// Gather plays a prompt and collects keys: until there are Max, until the
// terminator, which is not returned, or until DigitTimeout passes without a
// further one. Keys pressed ahead count first, and any key ends the prompt.
// With nothing pressed for FirstTimeout after the prompt it returns "" and no
// error.
func (c *Call) Gather(ctx context.Context, g ringbid.Gather) (string, error) {
	t := &gatherTask{work: newWork(), g: g}
	if err := c.run(ctx, t); err != nil {
		return "", err
	}
	return string(t.digits), nil
}

func (t *gatherTask) begin(c *Call) {
	if !c.needAnswer(t) {
		return
	}
	t.g.Min = max(1, t.g.Min)
	t.g.Max = max(t.g.Min, t.g.Max)
	if t.g.FirstTimeout <= 0 {
		t.g.FirstTimeout = ringbid.DefaultFirstTimeout
	}
	if t.g.DigitTimeout <= 0 {
		t.g.DigitTimeout = ringbid.DefaultDigitTimeout
	}
	if t.g.Secret {
		c.secret(true)
	}
	for len(c.ahead) > 0 && c.task == t {
		k := c.ahead[0]
		c.ahead = c.ahead[1:]
		t.take(c, k)
	}
	if c.task != t || len(t.digits) > 0 {
		return
	}
	if len(t.g.Prompt) == 0 {
		c.hush()
		t.listen(time.Now())
		return
	}
	t.id = c.play(t.g.Prompt)
	t.at = time.Now().Add(t.g.Prompt.Duration() + slack)
}

// listen starts the wait for the first key.
func (t *gatherTask) listen(now time.Time) {
	t.spoken = true
	t.at = now.Add(t.g.FirstTimeout)
}

func (t *gatherTask) key(c *Call, s *side, k byte) bool {
	if s != c.caller {
		return false
	}
	t.take(c, k)
	return true
}

func (t *gatherTask) take(c *Call, k byte) {
	if !t.g.Secret {
		c.emit(ringbid.Event{Kind: ringbid.EventDigit, Data: map[string]string{"digit": string(rune(k))}})
	}
	if len(t.digits) == 0 {
		c.hush()
	}
	t.spoken = true
	if t.g.Terminator != 0 && k == t.g.Terminator {
		t.over(c)
		return
	}
	t.digits = append(t.digits, k)
	if len(t.digits) >= t.g.Max {
		t.over(c)
		return
	}
	t.at = time.Now().Add(t.g.DigitTimeout)
}

func (t *gatherTask) sound(c *Call, s *side, ev media.Event) {
	if s == c.caller && ev.Kind == media.PlayDone && ev.ID == t.id && !t.spoken {
		t.listen(time.Now())
	}
}

func (t *gatherTask) late(c *Call) {
	if !t.spoken {
		t.listen(time.Now())
		return
	}
	t.over(c)
}

func (t *gatherTask) over(c *Call) {
	if t.g.Secret {
		c.secret(false)
	}
	c.finish(t, nil)
}

func (t *gatherTask) stop(c *Call, _ error) {
	c.hush()
	if t.g.Secret {
		c.secret(false)
	}
}

// secret tells the tap, if it wants to know, that what is keyed must not stay.
func (c *Call) secret(on bool) {
	if s, ok := c.sink.(interface{ Secret(on bool) }); ok {
		s.Secret(on)
	}
}
