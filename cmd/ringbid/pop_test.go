package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

// TestSceneOfPops shows which targets' agents an event concerns: the one that
// rings, and each that did not take the call when its leg is over.
func TestSceneOfPops(t *testing.T) {
	t.Parallel()
	type seen struct {
		Kind   ringbid.EventKind
		Target string
	}
	var got []seen
	lines := newTimelines(func(ev ringbid.Event, s scene) {
		target := s.Target
		if ev.Kind == ringbid.EventLegEnd {
			target = s.Legs[ev.Leg]
		}
		got = append(got, seen{ev.Kind, target})
	})
	lines.open(ringbid.Invite{CallID: "c"})
	at := func(kind ringbid.EventKind, leg, target string) {
		ev := ringbid.Event{Call: "c", Kind: kind, Leg: leg, At: time.Unix(1, 0)}
		if target != "" {
			ev.Data = map[string]string{"target": target, "buyer": "b"}
		}
		lines.emit(ev)
	}
	at(ringbid.EventDial, "1", "first")
	at(ringbid.EventRinging, "1", "first")
	at(ringbid.EventLegEnd, "1", "")
	at(ringbid.EventDial, "2", "second")
	at(ringbid.EventBridged, "2", "")
	at(ringbid.EventLegEnd, "2", "")
	want := []seen{
		{ringbid.EventDial, "first"}, {ringbid.EventRinging, "first"}, {ringbid.EventLegEnd, "first"},
		{ringbid.EventDial, "second"}, {ringbid.EventBridged, "second"}, {ringbid.EventLegEnd, "second"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(lines.close("c")); n != len(want) {
		t.Errorf("%d events kept of %d", n, len(want))
	}
}

// TestPopGoesToTheBuyersAgents shows that only the agents of the buyer that is
// dialled see who is calling.
func TestPopGoesToTheBuyersAgents(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("lets a buyer ring for five seconds")
	}
	s := startStage(t, testConfig(t))
	story := s.place(t, "+18005550101", time.Second)
	c := s.settled(t, story.CallID)
	if !s.hub.Popped("agent-summit", c.ID) {
		t.Error("the agent who took the call saw no pop")
	}
	if s.hub.Popped("agent", c.ID) {
		t.Error("an agent of another buyer saw the call")
	}
}
