package ivr

import (
	"context"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// almost is how much of an announcement may be cut for it to count as played:
// two packets of sound.
const almost = 40 * time.Millisecond

// answer takes the call, once, and decides about its recording.
func (w *walk) answer(ctx context.Context) error {
	if w.answered {
		return nil
	}
	record := w.consent()
	if err := w.call.Answer(ctx, record); err != nil {
		return &brokenError{"answer", err}
	}
	now := w.r.now()
	w.answered, w.out.Answered = true, &now
	return nil
}

// consent decides whether the call is recorded: by the campaign's policy, by
// the caller's state, and, where an announcement is due, only if there is one
// to play. The decision is kept on the call.
func (w *walk) consent() bool {
	policy := w.campaign.Recording
	if policy == "" {
		policy = "announce"
	}
	state, _ := w.facts.tags.Get("state")
	state = strings.ToUpper(state)
	record := w.campaign.Records(state)
	if record && policy == "announce" {
		record = !w.untold && w.canAnnounce()
	}
	if !record {
		policy = "off"
	}
	w.out.Consent = &ringbid.Consent{Policy: policy, State: state}
	return record
}

// canAnnounce reports whether the flow's announcement is there. Without one
// that can be heard, the call must not be recorded. A flow that has no disclose
// node says it in a prompt of its own.
func (w *walk) canAnnounce() bool {
	disclosing := false
	for i := range w.flow.Nodes {
		n := &w.flow.Nodes[i]
		if n.Type != ringbid.NodeDisclose {
			continue
		}
		disclosing = true
		if _, err := w.r.directory.Prompt(n.Prompt); err != nil {
			w.log.Error("call is not recorded: its announcement is missing", "prompt", n.Prompt, "error", err)
			return false
		}
	}
	if !disclosing {
		w.log.Warn("flow records without a disclose node", "flow", w.flow.Name)
	}
	return true
}

// disclose says that the call is recorded, unless it is not, or the operator
// chose to say nothing.
func (w *walk) disclose(ctx context.Context, n *ringbid.Node) (way, error) {
	if err := w.answer(ctx); err != nil {
		return way{}, err
	}
	c := w.out.Consent
	if c.Policy != "announce" {
		return way{to: n.Next}, nil
	}
	sound := w.prompt(n.Prompt)
	began := w.r.now()
	c.Prompt, c.At = n.Prompt, began
	err := w.sound(ctx, sound, n.BargeIn)
	c.Through = c.Through || err == nil && len(sound) > 0 && w.r.now().Sub(began)+almost >= sound.Duration()
	return way{to: n.Next}, err
}

func (w *walk) play(ctx context.Context, n *ringbid.Node) (way, error) {
	return way{to: n.Next}, w.say(ctx, n.Prompt, n.BargeIn)
}

// say answers and plays a prompt, if one is named.
func (w *walk) say(ctx context.Context, prompt string, bargeIn bool) error {
	if err := w.answer(ctx); err != nil {
		return err
	}
	return w.sound(ctx, w.prompt(prompt), bargeIn)
}

func (w *walk) sound(ctx context.Context, a ringbid.Audio, bargeIn bool) error {
	if len(a) == 0 {
		return nil
	}
	if err := w.call.Play(ctx, a, bargeIn); err != nil {
		return &brokenError{"play", err}
	}
	return nil
}

// prompt returns a prompt's sound; nothing where it has no name or is not
// ready, so that the call goes on without it.
func (w *walk) prompt(name string) ringbid.Audio {
	if name == "" {
		return nil
	}
	a, err := w.r.directory.Prompt(name)
	if err != nil {
		w.log.Warn("prompt left out", "prompt", name, "error", err)
		return nil
	}
	return a
}
