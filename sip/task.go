package sip

import (
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// task is one thing a call does for its handler. Its methods run on the owner;
// it ends with Call.finish.
type task interface {
	// begin starts it; it may finish at once.
	begin(c *Call)
	// key is a key of either side; false leaves a caller's key for later.
	key(c *Call, s *side, k byte) bool
	// sound is something the media plane says, keys excepted.
	sound(c *Call, s *side, ev media.Event)
	// signal is something a side's leg says, after the call has seen it.
	signal(c *Call, s *side, ev leg.Event)
	// due is when late is to be called; zero is never.
	due() time.Time
	late(c *Call)
	// stop undoes what is half done; the task is finished right after.
	stop(c *Call, why error)

	base() *work
}

// work is the common part of tasks: by default nothing matters to them.
type work struct {
	done chan struct{}
	err  error     // valid once done is closed
	at   time.Time // what due returns
}

func newWork() work { return work{done: make(chan struct{})} }

func (w *work) base() *work                   { return w }
func (w *work) due() time.Time                { return w.at }
func (*work) key(*Call, *side, byte) bool     { return false }
func (*work) sound(*Call, *side, media.Event) {}
func (*work) signal(*Call, *side, leg.Event)  {}
func (*work) late(*Call)                      {}
func (*work) stop(*Call, error)               {}
