package media

import (
	"slices"
	"testing"
	"time"
)

// Commands wake nobody, and yet the packet sent right after them finds them done.
func TestCommandsComeBeforePackets(t *testing.T) {
	t.Parallel()
	for name, poll := range map[string]bool{"event": false, "poll": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openPlane(t, func(c *Config) { c.Poll = poll })
			for i := range byte(20) {
				a, _ := openStream(t, p)
				b, _ := openStream(t, p)
				alice, buyer := newParty(t, p.config.Bind), newParty(t, p.config.Bind)
				_ = a.Apply(both(alice))
				_ = b.Apply(both(buyer))
				a.Bridge(b)
				alice.voice(a, 0, i)
				eventually(t, "the first frame", func() bool { return slices.Contains(marks(buyer.all(), 0), i) })
				_ = b.Apply(Params{})
				buyer.voice(b, 0, 100+i)
				if got := b.Stats(); got.Received != 0 {
					t.Errorf("heard %d packets of a peer that was taken back before", got.Received)
				}
				a.Close()
				b.Close()
			}
		})
	}
}

// Who asks for Done after Close is told at once, others at the next turn.
func TestDoneAfterClose(t *testing.T) {
	t.Parallel()
	p := openPlane(t)
	held, _ := openStream(t, p)
	early := held.Done()
	held.Close()
	select {
	case <-early:
	case <-time.After(patience):
		t.Fatal("the stream does not end")
	}
	s, _ := openStream(t, p)
	_, _ = openStream(t, p) // so that the thread goes on turning
	s.Close()
	if <-s.Done(); s.Stats().Local != s.Local() {
		t.Error("no final counters")
	}
}

// A command that panics takes no other stream's commands with it.
func TestCommandThatPanics(t *testing.T) {
	t.Parallel()
	c := newBridged(t)
	ran := make(chan string, 3)
	c.a.hurry(func(*shard, *session) { // from here all three are left before the thread looks again
		c.a.post(func(*shard, *session) { panic("a bug") })
		c.a.post(func(*shard, *session) { ran <- "same stream" })
		c.b.post(func(*shard, *session) { ran <- "other stream" })
	})
	for range 2 {
		select {
		case <-ran:
		case <-time.After(patience):
			t.Fatal("a command is lost")
		}
	}
	if n := c.plane.metrics.counters.panics.Load(); n != 1 {
		t.Errorf("%d panics, want 1", n)
	}
}
