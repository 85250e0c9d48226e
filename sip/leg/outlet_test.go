package leg

import (
	"io"
	"net"
	"testing"
	"time"
)

// piped is a guard whose peer takes what it reads and nothing else.
func piped(t *testing.T, t1 time.Duration) (*guard, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	s := &Stack{t1: t1, m: newMetrics(nil)}
	in := newInlet("tcp", nil, s)
	s.inlets = []*inlet{in}
	g := in.hold(ours, s, 1)
	t.Cleanup(s.wg.Wait)
	return g, theirs
}

func say(t *testing.T, g *guard, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := g.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueuedAnswersLeaveBeforeTheConnectionCloses(t *testing.T) {
	t.Parallel()
	g, peer := piped(t, patience)
	say(t, g, "400 one ", "400 two")
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write([]byte("late")); err == nil {
		t.Error("written after the end")
	}
	if got, err := io.ReadAll(peer); err != nil || string(got) != "400 one 400 two" {
		t.Errorf("%q %v", got, err)
	}
	waitFor(t, "the place to be free", func() bool { return len(g.in.all()) == 0 })
}

func TestConnectionOfAPeerThatDoesNotReadCloses(t *testing.T) {
	t.Parallel()
	g, _ := piped(t, 20*time.Millisecond)
	say(t, g, "one", "two")
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the place to be free", func() bool { return len(g.in.all()) == 0 })
}

func TestClosingStackWaitsForWhatIsQueued(t *testing.T) {
	t.Parallel()
	g, peer := piped(t, patience)
	say(t, g, "200 ", "OK")
	flushed := make(chan struct{})
	go func() {
		g.s.flush()
		close(flushed)
	}()
	got := make([]byte, 6)
	select {
	case <-flushed:
		t.Error("not waited for")
	default:
	}
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "200 OK" {
		t.Errorf("%q %v", got, err)
	}
	<-flushed

	slow, _ := piped(t, 10*time.Millisecond)
	say(t, slow, "never read")
	began := time.Now()
	if slow.s.flush(); time.Since(began) > patience {
		t.Error("waited without end")
	}
	slow.cut()
}
