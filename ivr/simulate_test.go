package ivr

import (
	"strings"
	"testing"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
)

func simulated() *ringbid.Flow {
	return &ringbid.Flow{Name: "demo", Start: "welcome", Nodes: []ringbid.Node{
		{ID: "welcome", Type: ringbid.NodeDisclose, Prompt: "a", Next: "zip"},
		{ID: "zip", Type: ringbid.NodeGather, Prompt: "a", Tag: "zip", Validate: "zip", Next: "age", Failed: "bye"},
		{ID: "age", Type: ringbid.NodeGather, Prompt: "a", Tag: "age", Min: 1, Max: 3, Terminator: "#", Next: "old", Failed: "bye"},
		{ID: "old", Type: ringbid.NodeBranch, Cases: []ringbid.Case{{If: "num(age) >= 65", Next: "menu"}}, Next: "mail"},
		{ID: "menu", Type: ringbid.NodeMenu, Prompt: "a", Choices: ringbid.KeyMap{"1": "connect", "2": "bye"}, Failed: "bye"},
		{ID: "connect", Type: ringbid.NodeDial, None: "mail", Next: "bye"},
		{ID: "mail", Type: ringbid.NodeVoicemail, Next: "bye"},
		{ID: "bye", Type: ringbid.NodeHangup, Prompt: "a"},
	}}
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"90210 66# 1":    "welcome zip age old>num(age) >= 65 menu>1 connect bye",
		"9021066#1":      "welcome zip age old>num(age) >= 65 menu>1 connect bye",
		"90210 66 1 -":   "welcome zip age old>num(age) >= 65 menu>1 connect>nobody mail bye",
		"90210 64#":      "welcome zip age old mail bye",
		"902,90210 70 2": "welcome zip age old>num(age) >= 65 menu>2 bye",
		"":               "welcome zip>failed bye",
		"90210 66 9,,1":  "welcome zip age old>num(age) >= 65 menu>failed bye",
	} {
		steps, err := Simulate(simulated(), keys, ringbid.TagMap{"caller": "3105550123"})
		if err != nil {
			t.Fatalf("%q: %v", keys, err)
		}
		if diff := cmp.Diff(want, strings.Join(walked(steps), " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", keys, diff)
		}
	}
}

func TestSimulateUnsound(t *testing.T) {
	t.Parallel()
	broken := simulated()
	broken.Nodes[3].Cases[0].If = "num(age"
	for name, c := range map[string]struct {
		flow *ringbid.Flow
		tags ringbid.TagMap
	}{
		"expression": {broken, nil}, "nodes": {&ringbid.Flow{Name: "x"}, nil}, "caller": {simulated(), ringbid.TagMap{"caller": "me"}},
	} {
		if _, err := Simulate(c.flow, "", c.tags); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	f := simulated()
	f.Nodes[3].Cases = append(f.Nodes[3].Cases, ringbid.Case{If: "nosuch(age)", Next: "bye"})
	f.Nodes = append(f.Nodes,
		ringbid.Node{ID: "set", Type: ringbid.NodeSet, Set: ringbid.TagMap{"a": "{{zip", "b": "{{zip}}", "c": "{{1}}", "Caller": "me"}},
		ringbid.Node{ID: "ask", Type: ringbid.NodeGather, Tag: "Number"},
		ringbid.Node{ID: "hours", Type: ringbid.NodeHours, Zone: "Mars/Olympus"},
	)
	var got []string
	for _, p := range Check(f) {
		got = append(got, p.String())
	}
	want := []string{
		"Flow/demo: nodes[3].cases[1].if: expression is unsound: unknown name nosuch (1:1)",
		"Flow/demo: nodes[8].set.Caller: is what every call has and cannot be set",
		`Flow/demo: nodes[8].set.a: "{{zip" has a token that is not {{tag}}`,
		`Flow/demo: nodes[8].set.c: "{{1}}" has a token that is not {{tag}}`,
		`Flow/demo: nodes[9].tag: "Number" is what every call has and cannot be set`,
		`Flow/demo: nodes[10].zone: "Mars/Olympus" is not an IANA time zone`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if problems := Check(simulated()); len(problems) > 0 {
		t.Errorf("sound flow: %v", problems)
	}
}

// TestPlanIsKept holds that a flow is compiled once, and again when another
// version is published.
func TestPlanIsKept(t *testing.T) {
	t.Parallel()
	var p plans
	first, second := simulated(), simulated()
	a, _ := p.of(first)
	b, _ := p.of(first)
	c, err := p.of(second)
	if err != nil || a == nil || a != b || c == a || c.flow != second {
		t.Errorf("plans %p %p %p, %v", a, b, c, err)
	}
}
