package store

import (
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

// A reservation that was under way while shares were dealt may have been made from
// what is nobody's: the share is told again, so that nothing is held back for
// nobody.
func TestShareDealtMeanwhile(t *testing.T) {
	t.Parallel()
	target := &ringbid.Target{Name: "line", Caps: []ringbid.Cap{{On: "attempt", Per: "total", Limit: 12}}}
	caps := limitsAt(target, time.Now())
	for name, c := range map[string]struct {
		meanwhile, again bool
	}{"dealt meanwhile": {true, true}, "not dealt": {false, false}} {
		l := newLedger("a")
		l.nodes, l.alive = []string{"a", "b"}, time.Now()
		deal := func() (told bool) {
			list, seq := l.wishes(target, caps)
			var got []*int64
			for _, w := range list {
				got = append(got, &w.want)
			}
			l.dealt(list, got, seq)
			return len(list) > 0
		}
		if !deal() || deal() {
			t.Fatalf("%s: a share is told more or less than once", name)
		}
		r := l.ask("call", target, caps)
		if r.carry[0] == 0 {
			t.Fatalf("%s: nothing is lent", name)
		}
		if c.meanwhile {
			l.undealt([]wish{{capAt: caps[0]}}) // makes it say it all again
			deal()
		}
		l.won(r)
		l.used[caps[0].key()] = 4 // what is left for each is the two it has
		if got := deal(); got != c.again {
			t.Errorf("%s: told again %v", name, got)
		}
	}
}

// A call that is over while its reservation waits for an answer gets no slot, and
// what was lent to it is there again.
func TestCallIsOverBeforeItsReservation(t *testing.T) {
	t.Parallel()
	target := &ringbid.Target{Name: "line", Concurrency: 1, Caps: []ringbid.Cap{{On: "attempt", Per: "total", Limit: 1}}}
	caps := limitsAt(target, time.Now())
	l := newLedger("a")
	l.alive = time.Now()
	for _, c := range caps {
		l.shares[c.key()] = &share{room: 1, seq: 1}
	}
	for name, over := range map[string]func(){"released": func() { l.drop("line", "call") }, "settled": func() { l.dropCall("call") }} {
		r := l.ask("call", target, caps)
		over()
		reason := l.adopt(r, true)
		if reason == "" || inWords(reason, target) != "the call gave the slot back meanwhile" {
			t.Errorf("%s: adopted, %q", name, inWords(reason, target))
		}
		l.failed(r, true)
		for _, c := range caps {
			if h := l.shares[c.key()]; h.room != 1 || h.away != 0 || h.calls != 0 {
				t.Errorf("%s: %s is left as %+v", name, c.reason(), *h)
			}
		}
		if len(l.waiting) > 0 || len(l.slot("line").held) > 0 {
			t.Errorf("%s: it is held or counted", name)
		}
	}
}

// A share that others may have by now is neither sold from, though it was lent in
// time, nor claimed again. What calls hold of it is claimed; the rest is asked for
// anew after the next heartbeat.
func TestStaleShare(t *testing.T) {
	t.Parallel()
	target := &ringbid.Target{Name: "line", Caps: []ringbid.Cap{{On: "convert", Per: "total", Limit: 100}}}
	caps := limitsAt(target, time.Now())
	l := newLedger("a")
	l.alive = time.Now()
	h := &share{room: 50, seq: 1, known: 50}
	l.shares[caps[0].key()] = h
	if reason := l.adopt(l.ask("up", target, caps), true); reason != "" {
		t.Fatal(reason)
	}
	late := l.ask("late", target, caps)
	l.alive = time.Now().Add(-2 * time.Hour)
	if l.adopt(late, true) == "" {
		t.Error("sold from a stale share")
	}
	l.failed(late, true)
	list, _ := l.wishes(target, caps)
	if len(list) != 1 || list[0].want != 1 || list[0].have != 1 || h.room != 0 {
		t.Errorf("claimed while stale: %+v, room %d", list, h.room)
	}
	h.room = 7 // as if nobody had asked before the beat
	l.beaten(time.Now())
	list, _ = l.wishes(target, caps)
	if len(list) != 1 || list[0].want != 100 || list[0].have != 1 {
		t.Errorf("claimed after the heartbeat: %+v", list)
	}
}

// What is in use of a share that is given back stays held back until it is counted.
func TestSurplusIsNotWhatIsInUse(t *testing.T) {
	t.Parallel()
	target := &ringbid.Target{Name: "line", Caps: []ringbid.Cap{{On: "attempt", Per: "total", Limit: 9}, {On: "connect", Per: "total", Limit: 9}}}
	caps := limitsAt(target, time.Now())
	l := newLedger("a")
	l.alive = time.Now()
	for _, c := range caps {
		l.shares[c.key()] = &share{room: 9, seq: 1, known: 9}
	}
	lent, sold := l.ask("lent", target, caps), l.ask("sold", target, caps)
	if reason := l.adopt(sold, true); reason != "" {
		t.Fatal(reason)
	}
	told := func(want int64) {
		t.Helper()
		lists, seq := l.surplus(nil)
		got := []*int64{}
		for i, w := range lists["line"] {
			if w.want != want || w.have != want || w.Start != caps[0].Start {
				t.Errorf("%s: told %+v, not %d", w.reason(), w, want)
			}
			got = append(got, &lists["line"][i].want)
		}
		if len(got) != len(caps) {
			t.Fatalf("told of %d", len(got))
		}
		l.dealt(lists["line"], got, seq)
	}
	told(2)
	l.failed(lent, true)
	told(1)
	l.committed(reservedName + sold.id)
	l.drop("line", "sold")
	told(0)
	if lists, _ := l.surplus(nil); len(lists) > 0 || len(l.shares) > 0 {
		t.Errorf("left: %v, %v", lists, l.shares)
	}
}
