package store_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

func TestListOfCalls(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	var all []string
	for i := range 7 {
		c := short(i)
		c.Received = at(-time.Duration(i) * time.Minute)
		settle(t, s, c)
		all = append(all, c.ID)
	}
	sold := bridged("sold")
	sold.Received = at(-time.Hour)
	settle(t, s, sold)
	all = append(all, "sold")

	list := func(f store.CallFilter) (ids []string) {
		t.Helper()
		for pages := 0; pages < 20; pages++ {
			p, err := s.Calls(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.Calls {
				ids = append(ids, c.ID)
			}
			if f.Cursor = p.Next; f.Cursor == "" {
				return ids
			}
		}
		t.Fatal("the list does not end")
		return nil
	}
	if diff := cmp.Diff(all, list(store.CallFilter{Limit: 3})); diff != "" {
		t.Error(diff)
	}
	if got := list(store.CallFilter{Limit: 3, OldestFirst: true}); len(got) != 8 || got[0] != "sold" || got[7] != "short-0" {
		t.Errorf("oldest first: %v", got)
	}
	for _, tt := range []struct {
		name string
		f    store.CallFilter
		want []string
	}{
		{"from and to", store.CallFilter{From: at(-150 * time.Second), To: at(-30 * time.Second)}, []string{"short-1", "short-2"}},
		{"caller", store.CallFilter{Caller: "+13105550123"}, []string{"sold"}},
		{"number, campaign, publisher", store.CallFilter{Number: "+18005550100", Campaign: "roofs", Publisher: "pete", Buyer: "acme", Target: "acme-line"}, []string{"sold"}},
		{"outcome", store.CallFilter{Outcome: ringbid.OutcomeBridged, State: ringbid.StateEnded}, []string{"sold"}},
		{"length", store.CallFilter{MinMS: 41_000, MaxMS: 41_000}, []string{"sold"}},
		{"recorded", store.CallFilter{Recorded: true}, []string{"sold"}},
		{"text in a tag", store.CallFilter{Text: "ZIP=90210"}, []string{"sold"}},
		{"wildcards are letters", store.CallFilter{Text: "%"}, nil},
		{"text with a quote and a NUL", store.CallFilter{Text: "'; DROP TABLE calls\x00\xff --", Number: "\x00"}, nil},
	} {
		if diff := cmp.Diff(tt.want, list(tt.f)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for _, cursor := range []string{"x", "AAAA", "MjAyNg"} {
		if _, err := s.Calls(t.Context(), store.CallFilter{Cursor: cursor}); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	p, err := s.Calls(t.Context(), store.CallFilter{Recorded: true})
	want := sold
	want.CallerName, want.Recording = "Jo \ufffd Doe", &ringbid.Recording{ID: "rec-sold", MS: 49_000}
	want.SIPCallID, want.Tags, want.Steps, want.Consent, want.Legs, want.Auction, want.Events = "", nil, nil, nil, nil, nil, nil
	if err != nil || len(p.Calls) != 1 {
		t.Fatalf("%v, %v", p, err)
	}
	if diff := cmp.Diff(want, p.Calls[0]); diff != "" {
		t.Error(diff)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	hour := time.Now().UTC().Truncate(time.Hour)
	for i, received := range []time.Time{hour.Add(-150 * time.Minute), hour.Add(-119 * time.Minute), hour.Add(-90 * time.Minute), hour.Add(time.Second)} {
		c := bridged(fmt.Sprint("sold-", i))
		c.Received = received
		if i == 3 {
			c.Sale.Currency = "EUR"
		}
		settle(t, s, c)
	}
	c := short(1)
	c.Received, c.Publisher = hour.Add(-100*time.Minute), ""
	settle(t, s, c)
	f, err := s.Figures(t.Context(), hour.Add(-110*time.Minute))
	want := store.Figures{Calls: 3, Answered: 2, Dialled: 2, Connected: 2, Converted: 2, ConnectedMS: 82_000,
		Sales: map[string]store.Sales{"USD": {Revenue: 250000, Payout: 150000}, "EUR": {Revenue: 250000, Payout: 150000}}}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if f.AnswerRate() != 1 || f.Sales["USD"].Margin() != 100000 {
		t.Errorf("rate %v, margin %v", f.AnswerRate(), f.Sales["USD"].Margin())
	}
	total, err := s.Total(t.Context(), store.CallFilter{Publisher: "pete"})
	if err != nil || total.Calls != 4 || total.Sales["USD"].Revenue != 750000 {
		t.Errorf("total: %+v, %v", total, err)
	}
	rows, err := s.Report(t.Context(), hour.Add(-3*time.Hour), hour.Add(time.Hour), "publisher")
	if err != nil || len(rows) != 2 || rows[0].Name != "" || rows[1].Calls != 4 {
		t.Errorf("report: %+v, %v", rows, err)
	}
	if _, err := s.Report(t.Context(), hour, hour, "calls; DROP TABLE calls"); ringbid.KindOf(err) != ringbid.Invalid {
		t.Errorf("report by nonsense: %v", err)
	}
	f, err = s.Figures(t.Context(), time.Now().Add(time.Hour))
	if err != nil || f.Calls != 0 || f.Sales == nil || f.AnswerRate() != 0 {
		t.Errorf("no figures: %+v, %v", f, err)
	}
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	box := &outbox{}
	s := storetest.Open(t, func(c *store.Config) { c.Outbox = box })
	c := bridged("x")
	r := *c.Recording
	for range 2 {
		if err := s.AddRecording(t.Context(), "x", r); err != nil { // of a call that is not known yet
			t.Fatal(err)
		}
	}
	if err := s.SetRecordingURL(t.Context(), r.ID, "s3://bucket/x.wav"); err != nil {
		t.Fatal(err)
	}
	settle(t, s, c) // does not undo the upload
	got, err := s.Recording(t.Context(), "x")
	r.URL = "s3://bucket/x.wav"
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&r, got); diff != "" {
		t.Error(diff)
	}
	if box.calls.Load() != 3 {
		t.Errorf("%d times enqueued", box.calls.Load())
	}
	if _, err := s.Recording(t.Context(), "y"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Error(err)
	}
	if err := s.SetRecordingURL(t.Context(), "y", "z"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Error(err)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := storetest.Open(t, func(c *store.Config) { c.Now = func() time.Time { return now } })
	apply(t, s, sample(), false)
	u, err := s.Authenticate(t.Context(), "boss", "correct horse", "10.0.0.1")
	if err != nil || u.Name != "boss" {
		t.Fatalf("%+v, %v", u, err)
	}
	token, err := s.NewSession(t.Context(), "boss")
	if err != nil {
		t.Fatal(err)
	}
	signedIn := func(token string) bool {
		t.Helper()
		u, csrf, err := s.Session(t.Context(), token)
		if err != nil && ringbid.KindOf(err) != ringbid.Denied {
			t.Fatal(err)
		}
		return err == nil && u.Name == "boss" && len(csrf) == 43
	}
	if !signedIn(token) || signedIn(token[1:]+"A") || signedIn("") {
		t.Error("the token does not decide")
	}
	if ask[bool](t, s, `SELECT EXISTS (SELECT FROM sessions WHERE position(convert_to($1, 'UTF8') IN token) > 0)`, token) {
		t.Error("the token itself is stored")
	}
	now = now.Add(11 * time.Hour) // used: another 12 hours
	if !signedIn(token) {
		t.Error("ended early")
	}
	now = now.Add(11 * time.Hour)
	if !signedIn(token) {
		t.Error("did not slide")
	}
	now = now.Add(12*time.Hour + time.Second)
	if signedIn(token) {
		t.Error("never ends")
	}
	other, err := s.NewSession(t.Context(), "boss")
	if err != nil {
		t.Fatal(err)
	}
	changed := sample()
	changed[11].(*ringbid.User).Password = "another horse"
	apply(t, s, changed, false)
	if signedIn(other) {
		t.Error("outlives its password")
	}
	last, err := s.NewSession(t.Context(), "boss")
	if err != nil || !signedIn(last) {
		t.Fatal(err)
	}
	if err := s.EndSession(t.Context(), last); err != nil || signedIn(last) {
		t.Errorf("outlives its end: %v", err)
	}
	if _, err := s.NewSession(t.Context(), "nobody"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Error(err)
	}
}

func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	var later atomic.Int64 // the store looks at the clock by itself too
	s := storetest.Open(t, func(c *store.Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) } })
	apply(t, s, sample(), false)
	try := func(name, password, ip string) ringbid.Kind {
		_, err := s.Authenticate(t.Context(), name, password, ip)
		if err == nil {
			return 0
		}
		return ringbid.KindOf(err)
	}
	for i := range 15 {
		if got := try("boss", "wrong", "10.0.0.1"); got != ringbid.Denied {
			t.Fatalf("try %d: %v", i, got)
		}
	}
	for what, x := range map[string][2]ringbid.Kind{
		"the right password comes too late": {try("boss", "correct horse", "10.0.0.1"), ringbid.Busy},
		"another address is not concerned":  {try("boss", "correct horse", "10.0.0.2"), 0},
		"an unknown name":                   {try("nobody", "correct horse", "10.0.0.2"), ringbid.Denied},
		"a long password":                   {try("ann", "battery staple"+string(make([]byte, 80)), "10.0.0.2"), ringbid.Denied},
	} {
		if x[0] != x[1] {
			t.Errorf("%s: %v", what, x[0])
		}
	}
	later.Store(int64(15*time.Minute + time.Second))
	if got := try("boss", "correct horse", "10.0.0.1"); got != 0 {
		t.Errorf("a quarter of an hour later: %v", got)
	}
}

func TestEntriesMustBalance(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	settle(t, s, bridged("sold"))
	_, err := s.Pool().Exec(t.Context(), `UPDATE entries SET amount = amount + 1 WHERE account = 'margin'`)
	var pg *pgconn.PgError
	if !asPg(err, &pg) || pg.Code != "23514" {
		t.Errorf("%v", err)
	}
}

func TestMigrateAgainAndAtOnce(t *testing.T) {
	t.Parallel()
	dsn := storetest.DB(t)
	errs := make(chan error, 3)
	for range 3 {
		go func() { errs <- store.Migrate(t.Context(), dsn) }()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestOpenAndCloseTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := storetest.Open(t, func(c *store.Config) { c.Dir = dir })
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	storetest.Close(t, s)
	storetest.Close(t, s)
	if err := s.Settle(t.Context(), bridged("late")); ringbid.KindOf(err) == ringbid.Invalid || err == nil {
		t.Errorf("settling with a closed store: %v", err)
	}
	if logs, _ := filepath.Glob(filepath.Join(dir, "spool", "*.log")); len(logs) > 1 {
		t.Errorf("%v", logs)
	}
}
