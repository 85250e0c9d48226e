package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// timelines keeps what happened during each live call, and passes every event
// on to the screens. Nothing here waits: a call emits and goes on.
type timelines struct {
	mu    sync.Mutex
	calls map[string]*timeline
	out   func(ringbid.Event, scene)
}

// timeline is one call's story so far.
type timeline struct {
	events []ringbid.Event
	scene  scene
}

// scene is what a screen pop needs to know of a call.
type scene struct {
	Caller     ringbid.Phone
	CallerName string
	Number     ringbid.Phone
	Campaign   string
	Target     string
	Buyer      string
	Tags       ringbid.TagMap
	// Legs are the targets that were dialled, by leg.
	Legs map[string]string
}

func newTimelines(out func(ringbid.Event, scene)) *timelines {
	return &timelines{calls: map[string]*timeline{}, out: out}
}

// open starts a call's story.
func (t *timelines) open(inv ringbid.Invite) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[inv.CallID] = &timeline{scene: scene{
		Caller: inv.Caller, CallerName: inv.CallerName, Number: inv.Number, Tags: ringbid.TagMap{}, Legs: map[string]string{},
	}}
}

// emit numbers the event, keeps it and passes it on. Events of a call that is
// no longer open are passed on and not kept.
func (t *timelines) emit(ev ringbid.Event) {
	if ev.At.IsZero() {
		ev.At = time.Now()
	}
	t.mu.Lock()
	var s scene
	if tl := t.calls[ev.Call]; tl != nil {
		ev.Seq = len(tl.events) + 1
		if len(tl.events) < ringbid.MaxEvents {
			tl.events = append(tl.events, ev)
		}
		tl.scene.learn(ev)
		s = tl.scene
		s.Tags, s.Legs = maps.Clone(s.Tags), maps.Clone(s.Legs)
	}
	t.mu.Unlock()
	t.out(ev, s)
}

// soFar returns the events of a call that is up.
func (t *timelines) soFar(call string) []ringbid.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tl := t.calls[call]; tl != nil {
		return slices.Clone(tl.events)
	}
	return nil
}

// close ends a call's story and returns its events.
func (t *timelines) close(call string) []ringbid.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	tl := t.calls[call]
	delete(t.calls, call)
	if tl == nil {
		return nil
	}
	return tl.events
}

// learn takes what the event says about the call.
func (s *scene) learn(ev ringbid.Event) {
	switch ev.Kind {
	case ringbid.EventReceived:
		s.Campaign = ev.Data["campaign"]
	case ringbid.EventTag:
		maps.Copy(s.Tags, ev.Data)
	case ringbid.EventAnswer:
		if tag := ev.Data["tag"]; tag != "" {
			s.Tags[tag] = ev.Data["digits"]
		}
	case ringbid.EventDial, ringbid.EventRinging:
		if v := ev.Data["target"]; v != "" {
			s.Target, s.Buyer = v, ev.Data["buyer"]
			s.Legs[ev.Leg] = v
		}
	}
}
