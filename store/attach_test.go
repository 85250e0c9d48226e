package store_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

func TestAttach(t *testing.T) {
	t.Parallel()
	dsn, dir := storetest.DB(t), t.TempDir()
	s := storetest.Open(t, func(c *store.Config) { c.DSN, c.Dir = dsn, dir })
	beside, err := store.Attach(t.Context(), store.Config{DSN: dsn, Dir: dir, Node: "beside", PasswordCost: 4})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, beside, sample(), false)
	until(t, "the book at the node", func() bool { return s.Book().Revision == 1 })
	for i, id := range []string{"c1", "c2"} {
		c := bridged(id)
		c.Received = at(time.Duration(i) * time.Second)
		settle(t, s, c)
	}
	last, err := beside.Whole(t.Context(), nil, 1)
	if err != nil || len(last) != 1 || last[0].ID != "c2" || len(last[0].Events) != 2 {
		t.Errorf("last: %+v, %v", last, err)
	}
	if c, err := beside.CallBySIP(t.Context(), "abc@127.0.0.1"); err != nil || c.ID != "c2" {
		t.Errorf("by SIP Call-ID: %+v, %v", c, err)
	}
	if _, err := beside.CallBySIP(t.Context(), "nobody"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("by a Call-ID of nobody: %v", err)
	}
	storetest.Close(t, beside)
	storetest.Close(t, beside)
	if n := ask[int](t, s, `SELECT count(*) FROM nodes`); n != 1 {
		t.Errorf("%d nodes", n)
	}
	if _, err := store.Attach(t.Context(), store.Config{DSN: "host=/nowhere user=x", Dir: filepath.Join(dir, "x")}); ringbid.KindOf(err) != ringbid.Unavailable {
		t.Errorf("without postgres: %v", err)
	}
}

func TestDispositions(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	settle(t, s, bridged("c1"))
	for _, v := range []string{"sold", "callback"} {
		if err := s.Dispose(t.Context(), store.Disposition{CallID: "c1", User: "ann", Value: v, Note: "n\x00", At: at(0)}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Disposed(t.Context(), "ann", []string{"c1", "c2"})
	if err != nil || len(got) != 1 || got["c1"].Value != "callback" {
		t.Errorf("%+v, %v", got, err)
	}
	err = s.Dispose(t.Context(), store.Disposition{CallID: "c2", User: "ann", Value: "sold", At: at(0)})
	if ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("of an unknown call: %v", err)
	}
}

func TestCapUsed(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, patient)
	day := ringbid.Cap{On: "attempt", Per: "day", Limit: 9}
	target := &ringbid.Target{Name: "line", Zone: "Asia/Kolkata", Caps: []ringbid.Cap{day}}
	for want := range int64(3) {
		if got, err := s.CapUsed(t.Context(), target, day); err != nil || got != want {
			t.Errorf("used %d, want %d (%v)", got, want, err)
		}
		if err := s.Reserve(t.Context(), string(rune('a'+want)), target); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOrdersOfCalls(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	for i, x := range []struct {
		ms      int64
		revenue ringbid.Money
	}{{5, 30}, {7, 10}, {7, 20}, {1, 20}} {
		c := short(i)
		c.Received = at(time.Duration(i) * time.Second)
		c.ConnectedMS, c.Sale = x.ms, ringbid.Sale{Currency: "USD", Revenue: x.revenue}
		settle(t, s, c)
	}
	for sort, want := range map[string][]string{
		"":        {"short-3", "short-2", "short-1", "short-0"},
		"oldest":  {"short-0", "short-1", "short-2", "short-3"},
		"longest": {"short-2", "short-1", "short-0", "short-3"},
		"revenue": {"short-0", "short-3", "short-2", "short-1"},
	} {
		var got []string
		f := store.CallFilter{Sort: sort, Limit: 1, CallerDigits: "5000"}
		for range 5 {
			p, err := s.Calls(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.Calls {
				got = append(got, c.ID)
			}
			if f.Cursor = p.Next; f.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", sort, diff)
		}
	}
	rows, err := s.TotalBy(t.Context(), store.CallFilter{CallerDigits: "5550"}, "campaign")
	if err != nil || len(rows) != 1 || rows[0].Calls != 4 || rows[0].Sales["USD"].Revenue != 80 {
		t.Errorf("%+v, %v", rows, err)
	}
	if _, err := s.TotalBy(t.Context(), store.CallFilter{}, "x"); !slices.Contains([]ringbid.Kind{ringbid.Invalid}, ringbid.KindOf(err)) {
		t.Error(err)
	}
}
