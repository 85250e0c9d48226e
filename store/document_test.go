package store_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/storetest"
)

func count(c store.Changes) [4]int {
	return [4]int{len(c.Create), len(c.Update), len(c.Same), len(c.Delete)}
}

func TestApply(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	n := len(sample())

	c, problems, err := s.Plan(t.Context(), sample(), false)
	if err != nil || len(problems) > 0 || count(c) != [4]int{n, 0, 0, 0} || c.Revision != 0 {
		t.Fatalf("plan: %v at %d, %v, %v", count(c), c.Revision, problems, err)
	}
	if c := apply(t, s, sample(), false); count(c) != [4]int{n, 0, 0, 0} || c.Revision != 1 {
		t.Fatalf("first apply: %v at %d", count(c), c.Revision)
	}
	if b := s.Book(); b.Revision != 1 || b.Trunks["buyers"].Password != "trunk-secret" || b.Bidders["acme-bid"].Token != "bidder-secret" || b.FlowVersions["sell"] != 1 {
		t.Fatalf("book: %+v", b)
	}
	if c := apply(t, s, sample(), true); count(c) != [4]int{0, 0, n, 0} || c.Revision != 1 {
		t.Fatalf("second apply: %v at %d", count(c), c.Revision)
	}

	docs := sample()
	docs[1].(*ringbid.Trunk).Password = "another"
	docs[6].(*ringbid.Target).Concurrency = 3
	docs[11].(*ringbid.User).Password = "incorrect horse"
	docs = append(docs[:9], docs[10:]...)    // without pete,
	docs[9].(*ringbid.Number).Publisher = "" // and without his number
	c = apply(t, s, docs, true)
	if count(c) != [4]int{0, 4, n - 5, 1} || c.Revision != 2 {
		t.Fatalf("third apply: %v at %d", count(c), c.Revision)
	}
	var got []string
	for _, x := range c.Update {
		for _, f := range x.Fields {
			if f.Path != "password_hash" {
				got = append(got, x.Key.String()+" "+f.Path+" "+f.Old+">"+f.New)
			}
		}
	}
	want := []string{"Number/18005550100 publisher pete>", "Target/acme-line concurrency 2>3", "Trunk/buyers password ••••••>•••••• (another)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	history, err := s.History(t.Context(), ringbid.Key{Kind: ringbid.KindPublisher, Name: "pete"})
	if err != nil || len(history) != 2 || history[0].State != "deleted" || history[1].State != "superseded" || history[0].By != "tester" {
		t.Errorf("history of pete: %+v, %v", history, err)
	}
}

func TestApplyRefusesUnsoundBooks(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	apply(t, s, sample(), false)
	docs := []ringbid.Document{&ringbid.Target{Name: "lost", Buyer: "nobody", Trunk: "buyers", User: "1"}}
	c, problems, err := s.Apply(t.Context(), docs, false, "tester")
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].String(), "there is no Buyer/nobody") || c.Revision != 1 {
		t.Errorf("%v, %v at %d", problems, err, c.Revision)
	}
	twice := []ringbid.Document{&ringbid.Buyer{Name: "b"}, &ringbid.Buyer{Name: "b"}}
	if _, problems, err := s.Plan(t.Context(), twice, false); err != nil || len(problems) != 1 {
		t.Errorf("%v, %v", problems, err)
	}
	// Pruning what others need is a problem of those others.
	if _, problems, err := s.Apply(t.Context(), sample()[6:], true, "tester"); err != nil || len(problems) == 0 || s.Book().Revision != 1 {
		t.Errorf("%v, %v at %d", problems, err, s.Book().Revision)
	}
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := storetest.Open(t, func(c *store.Config) { c.Dir = dir })
	apply(t, s, sample(), false)
	all := ask[string](t, s, `SELECT string_agg(body::text, '') FROM documents`)
	file, err := os.ReadFile(filepath.Join(dir, "book.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"trunk-secret", "bidder-secret", "correct horse", "battery staple"} {
		if strings.Contains(all, secret) || strings.Contains(string(file), secret) {
			t.Errorf("%q is stored as it is", secret)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "keys"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	// A sealed secret opens in its own document only.
	_, err = s.Pool().Exec(t.Context(), `UPDATE documents SET body = jsonb_set(body, '{password}', (SELECT body->'token' FROM documents WHERE name = 'acme-bid')) WHERE name = 'buyers'`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Documents(t.Context()); err == nil || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("documents: %v", err)
	}
}

func TestDocumentsComeBackWhole(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	apply(t, s, sample(), false)
	docs, err := s.Documents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[ringbid.Key]ringbid.Document{}
	for _, d := range docs {
		got[d.Key()] = d
	}
	want := map[ringbid.Key]ringbid.Document{}
	for _, d := range sample() {
		if u, ok := d.(*ringbid.User); ok {
			u.PasswordHash, u.Password = got[u.Key()].(*ringbid.User).PasswordHash, ""
		}
		want[d.Key()] = d
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := apply(t, s, docs, true); !c.Empty() {
		t.Errorf("applying the export changes %v", count(c))
	}
}

func TestDraftsAndVersions(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	apply(t, s, sample(), false)
	flow := sample()[4].(*ringbid.Flow)
	k := flow.Key()
	if _, err := s.Draft(t.Context(), k); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("draft before there is one: %v", err)
	}
	flow.Title = "Better"
	flow.Nodes[0].Prompt = "missing"
	for range 2 {
		if err := s.SaveDraft(t.Context(), flow, "ed"); err != nil {
			t.Fatal(err)
		}
	}
	if s.Book().Flows["sell"].Title != "" {
		t.Error("a draft is live")
	}
	if _, problems, err := s.PublishDraft(t.Context(), k, "ed"); err != nil || len(problems) != 1 {
		t.Errorf("unsound draft: %v, %v", problems, err)
	}
	flow.Nodes[0].Prompt = "hello"
	if err := s.SaveDraft(t.Context(), flow, "ed"); err != nil {
		t.Fatal(err)
	}
	if _, problems, err := s.PublishDraft(t.Context(), k, "ed"); err != nil || len(problems) > 0 {
		t.Fatalf("publish: %v, %v", problems, err)
	}
	if b := s.Book(); b.Flows["sell"].Title != "Better" || b.FlowVersions["sell"] != 2 {
		t.Errorf("live: %+v, version %d", b.Flows["sell"], b.FlowVersions["sell"])
	}
	if _, err := s.Draft(t.Context(), k); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("draft afterwards: %v", err)
	}
	if _, problems, err := s.Restore(t.Context(), k, 1, "ed"); err != nil || len(problems) > 0 {
		t.Fatalf("restore: %v, %v", problems, err)
	}
	if b := s.Book(); b.Flows["sell"].Title != "" || b.FlowVersions["sell"] != 3 {
		t.Errorf("restored: %+v, version %d", b.Flows["sell"], b.FlowVersions["sell"])
	}
	d, err := s.DocumentAt(t.Context(), k, 2)
	if err != nil || d.(*ringbid.Flow).Title != "Better" {
		t.Errorf("version 2: %+v, %v", d, err)
	}
	if _, _, err := s.Restore(t.Context(), k, 77, "ed"); ringbid.KindOf(err) != ringbid.NotFound {
		t.Errorf("restore of a version there is not: %v", err)
	}
	if err := s.SaveDraft(t.Context(), sample()[11], "ed"); ringbid.KindOf(err) != ringbid.Invalid {
		t.Errorf("draft of a user: %v", err)
	}
}

func TestBookReachesOtherNodes(t *testing.T) {
	t.Parallel()
	dsn, keys := storetest.DB(t), filepath.Join(t.TempDir(), "keys")
	node := func(name string) *store.Store {
		return storetest.Open(t, func(c *store.Config) { c.DSN, c.KeyFile, c.Node = dsn, keys, name })
	}
	a, b := node("a"), node("b")
	apply(t, a, sample(), false)
	until(t, "the book on the other node", func() bool { return b.Book().Revision == 1 && b.Book().Bidders["acme-bid"].Token == "bidder-secret" })
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// A node with other keys cannot take what is published, and says so, once.
func TestOtherKeysAreTold(t *testing.T) {
	t.Parallel()
	dsn, said := storetest.DB(t), &lines{}
	a := storetest.Open(t, func(c *store.Config) { c.DSN, c.Node = dsn, "a" })
	b := storetest.Open(t, func(c *store.Config) {
		c.DSN, c.Node, c.Logger = dsn, "b", slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	apply(t, a, sample(), false)
	told := func(level string) int {
		return strings.Count(said.String(), "level="+level+" msg=\"published documents are not taken")
	}
	until(t, "two more tries", func() bool { return told("DEBUG") >= 2 })
	if b.Book().Revision != 0 || told("ERROR") != 1 {
		t.Errorf("revision %d is in use, told %d times:\n%s", b.Book().Revision, told("ERROR"), said)
	}
}
