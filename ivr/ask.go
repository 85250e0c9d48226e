package ivr

import (
	"context"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
)

// gather asks for digits until they are valid or the tries are over.
func (w *walk) gather(ctx context.Context, n *ringbid.Node, s *ringbid.Step) (way, error) {
	ask := gatherOf(n)
	digits, value, err := w.ask(ctx, n, s, ask, func(digits string) (string, bool) {
		if len(digits) < ask.Min {
			return "", false
		}
		return valid(n.Validate, digits, w.r.now())
	})
	if err != nil {
		return way{}, err
	}
	if digits == "" {
		return w.unanswered(n), nil
	}
	w.keep(n, n.Tag, value, n.Secret)
	return way{to: n.Next}, nil
}

// menu asks for one key.
func (w *walk) menu(ctx context.Context, n *ringbid.Node, s *ringbid.Step) (way, error) {
	ask := gatherOf(n)
	ask.Min, ask.Max, ask.Terminator = 1, 1, 0
	key, _, err := w.ask(ctx, n, s, ask, func(key string) (string, bool) { return key, n.Choices[key] != "" })
	if err != nil {
		return way{}, err
	}
	if key == "" {
		return w.unanswered(n), nil
	}
	if n.Tag != "" {
		w.keep(n, n.Tag, key, false)
	}
	return way{to: n.Choices[key], label: key}, nil
}

// ask plays the node's question and checks the answer, and asks again as often
// as the node allows; digits are "" where no answer would do.
func (w *walk) ask(ctx context.Context, n *ringbid.Node, s *ringbid.Step, g ringbid.Gather, check func(string) (string, bool)) (digits, value string, err error) {
	if err := w.answer(ctx); err != nil {
		return "", "", err
	}
	again := n.Retries
	if again == 0 {
		again = ringbid.DefaultRetries
	}
	g.Prompt = w.prompt(n.Prompt)
	for range 1 + again {
		s.Tries++
		got, err := w.call.Gather(ctx, g)
		if err != nil {
			return "", "", &brokenError{"gather", err}
		}
		if g.Terminator != 0 {
			got = strings.TrimSuffix(got, string(g.Terminator))
		}
		s.Answer = shown(n, got)
		value, ok := check(got)
		w.tellAnswer(n, s, ok)
		if ok && got != "" {
			w.expect(flowEnded())
			return got, value, nil
		}
		if n.RetryPrompt != "" {
			g.Prompt = w.prompt(n.RetryPrompt)
		}
	}
	return "", "", nil
}

// tellAnswer tells of one try; the tag is named only where the answer is kept.
func (w *walk) tellAnswer(n *ringbid.Node, s *ringbid.Step, ok bool) {
	data := map[string]string{"digits": s.Answer, "valid": strconv.FormatBool(ok), "try": strconv.Itoa(s.Tries)}
	if ok && n.Tag != "" {
		data["tag"] = n.Tag
	}
	w.tellNode(ringbid.EventAnswer, n, data)
}

// unanswered is the way out after the last try.
func (w *walk) unanswered(n *ringbid.Node) way {
	w.expect(questionsFailed(n.ID))
	if n.Failed == "" {
		return way{to: n.Next}
	}
	return way{to: n.Failed, label: "failed"}
}

func shown(n *ringbid.Node, digits string) string {
	if n.Secret {
		return masked(digits)
	}
	return digits
}

// gatherOf reads a node's question with its defaults. Where the node says
// nothing of the length, what it validates does.
func gatherOf(n *ringbid.Node) ringbid.Gather {
	g := ringbid.Gather{
		Min: n.Min, Max: n.Max, Secret: n.Secret,
		FirstTimeout: n.FirstTimeout.Or(ringbid.DefaultFirstTimeout),
		DigitTimeout: n.DigitTimeout.Or(ringbid.DefaultDigitTimeout),
	}
	if g.Min == 0 && g.Max == 0 {
		g.Min, g.Max = naturalLength(n.Validate)
	}
	g.Min = max(g.Min, 1)
	g.Max = max(g.Max, g.Min)
	if n.Terminator != "" {
		g.Terminator = n.Terminator[0]
	}
	return g
}
