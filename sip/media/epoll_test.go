package media

import (
	"testing"
	"time"
)

// TestWaitEndsAgain: a clock that is ahead of the engine's makes the timer fire
// too soon; the wait for the same time must end again nevertheless.
func TestWaitEndsAgain(t *testing.T) {
	t.Parallel()
	e, err := newEpoll(false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	e.startAbs -= int64(20 * time.Millisecond)
	until := e.now() + int64(60*time.Millisecond)
	ended := make(chan int)
	go func() {
		n := 0
		for ; e.now() < until; n++ {
			e.wait(until)
		}
		ended <- n
	}()
	select {
	case n := <-ended:
		if n < 2 {
			t.Errorf("the wait ended once, so the timer was not too soon")
		}
	case <-time.After(10 * time.Second):
		e.wake()
		t.Error("the wait did not end")
		<-ended
	}
}

// TestClocksAgree holds the engine's clock against that of its timer.
func TestClocksAgree(t *testing.T) {
	t.Parallel()
	e, err := newEpoll(false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	for range 5 {
		until := e.now() + int64(3*time.Millisecond)
		e.wait(until)
		if now := e.now(); now < until {
			t.Errorf("the wait ended %d ns too soon", until-now)
		}
	}
}
