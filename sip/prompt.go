package sip

import (
	"context"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
)

// maxKeysAhead is how many keys are kept for the next question.
const maxKeysAhead = 32

// slack is how much longer than itself a prompt may take before it counts as
// played: the media thread ends it, this is the net below.
const slack = 2 * time.Second

// playTask plays a prompt to the caller.
type playTask struct {
	work
	audio   ringbid.Audio
	bargeIn bool
	id      media.PlayID
	joined  bool // the prompt played already, over and over, and goes on
}

// Play plays a prompt to the caller. It returns when the prompt is over, or at
// the first key with bargeIn; the key stays for the next Gather. Keys pressed
// before skip a prompt with bargeIn.
func (c *Call) Play(ctx context.Context, a ringbid.Audio, bargeIn bool) error {
	t := &playTask{work: newWork(), audio: a, bargeIn: bargeIn}
	return c.run(ctx, t)
}

func (t *playTask) begin(c *Call) {
	if !c.needAnswer(t) {
		return
	}
	if len(t.audio) == 0 || t.bargeIn && len(c.ahead) > 0 {
		c.finish(t, nil)
		return
	}
	t.at = time.Now().Add(t.audio.Duration())
	if t.joined = c.looping != nil && c.looping == c.s.clips.of(t.audio); t.joined {
		return // the music of a wait is not begun again
	}
	t.id = c.play(t.audio)
	t.at = t.at.Add(slack)
}

func (t *playTask) key(c *Call, s *side, k byte) bool {
	if s != c.caller || !t.bargeIn {
		return false
	}
	c.keep(k)
	c.hush()
	c.finish(t, nil)
	return true
}

func (t *playTask) sound(c *Call, s *side, ev media.Event) {
	if s == c.caller && ev.Kind == media.PlayDone && ev.ID == t.id {
		c.finish(t, nil)
	}
}

func (t *playTask) late(c *Call) { c.finish(t, nil) }

func (t *playTask) stop(c *Call, _ error) {
	if !t.joined {
		c.hush()
	}
}

// play plays a prompt once to the caller, instead of what plays now.
func (c *Call) play(a ringbid.Audio) media.PlayID {
	c.looping = nil
	return c.caller.stream.Play(c.s.clips.of(a), false)
}

// loop plays a clip to the caller over and over. The clip that plays already
// goes on, so that a wait over several attempts is one piece of music.
func (c *Call) loop(clip *media.Clip) {
	if c.looping == clip {
		return
	}
	c.looping = clip
	c.caller.stream.Play(clip, true)
}

// hush ends what plays to the caller.
func (c *Call) hush() {
	c.looping = nil
	if c.caller.stream != nil {
		c.caller.stream.Stop()
	}
}

// keep puts a key by for the next question.
func (c *Call) keep(k byte) {
	if len(c.ahead) >= maxKeysAhead {
		c.s.m.keyLost()
		return
	}
	c.ahead = append(c.ahead, k)
}
