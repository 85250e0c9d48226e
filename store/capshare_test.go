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
