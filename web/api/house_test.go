package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/api"
)

const (
	goodKey   = "bright-key-0123456789"
	hookToken = "hook-token-0123456789"
)

// intake remembers what it was asked and answers as told.
type intake struct {
	mu     sync.Mutex
	posts  []api.Posting
	answer func(context.Context, api.Posting) (api.Answer, error)
}

func (i *intake) Post(ctx context.Context, p api.Posting) (api.Answer, error) {
	i.mu.Lock()
	i.posts = append(i.posts, p)
	i.mu.Unlock()
	if i.answer != nil {
		return i.answer(ctx, p)
	}
	return api.Answer{Status: api.StatusAccepted, LeadID: "lead-1"}, nil
}

func (i *intake) last() (p api.Posting, n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n = len(i.posts); n > 0 {
		p = i.posts[n-1]
	}
	return p, n
}

// hooks takes requests whose body begins with the token.
type hooks struct {
	got atomic.Pointer[api.Received]
	err error
}

func (h *hooks) Take(_ context.Context, hook *ringbid.Hook, r api.Received) (api.HookAnswer, error) {
	if !strings.HasPrefix(string(r.Body), hook.Secret.Reveal()) {
		return api.HookAnswer{}, ringbid.Errorf(ringbid.Denied, "the signature of %s is wrong", hook.Name)
	}
	h.got.Store(&r)
	return api.HookAnswer{Events: 3, Applied: 1, Parked: 1, Repeated: 1}, h.err
}

// sessions know an operator and a publisher by their tokens.
type sessions struct{ asked atomic.Int64 }

func (s *sessions) Authenticate(context.Context, string, string, string) (*ringbid.User, error) {
	return nil, ringbid.Errorf(ringbid.Denied, "nobody")
}

func (s *sessions) NewSession(context.Context, *ringbid.User) (string, error) { return "", nil }

func (s *sessions) Session(_ context.Context, token string) (*ringbid.User, string, error) {
	s.asked.Add(1)
	switch token {
	case "operator":
		return &ringbid.User{Name: "olivia", Role: ringbid.RoleOperator}, "proof", nil
	case "publisher":
		return &ringbid.User{Name: "bright", Role: ringbid.RolePublisher, Publisher: "bright"}, "proof", nil
	}
	return nil, "", ringbid.Errorf(ringbid.Denied, "no such session")
}

func (s *sessions) EndSession(context.Context, string) error { return nil }

type noCalls struct{}

func (noCalls) Calls(context.Context, web.Filter) (web.Listing, error) { return web.Listing{}, nil }
func (noCalls) Call(context.Context, string) (*ringbid.Call, error) {
	return nil, ringbid.Errorf(ringbid.NotFound, "no such call")
}
func (noCalls) Figures(context.Context, web.Filter) (web.Figures, error) { return web.Figures{}, nil }

// rules are a campaign's that uses most of what there is.
func rules() *ringbid.LeadRules {
	return &ringbid.LeadRules{
		RepeatDays: 30, Repeats: "unpaid",
		Fields: []ringbid.LeadField{
			{Name: "first_name", Required: true, Aliases: []string{"fname"}},
			{Name: "phone", Type: "phone", Required: true, Aliases: []string{"phone_home"}},
			{Name: "email", Type: "email"},
			{Name: "zip", Type: "zip", Required: true},
			{Name: "born", Type: "date", Layouts: []string{"MM/DD/YYYY"}, Example: "05/17/1984"},
			{Name: "kind", Type: "choice", Values: []string{"auto", "home"}, Words: map[string]string{"car": "auto"}},
			{Name: "insured", Type: "boolean"},
			{Name: "cars", Type: "number"},
			{Name: "budget", Type: "amount"},
			{Name: "note", Max: 3},
			{Name: "seen_at", Type: "time"},
			{Name: "page", Type: "url"},
			{Name: "ip", Type: "ip"},
			{Name: "cert", Type: "trustedform"},
			{Name: "leadid", Type: "leadid"},
			{Name: "home", Type: "state"},
			{Name: "consent_text"},
		},
	}
}

func documents() []ringbid.Document {
	docs := []ringbid.Document{
		&ringbid.Publisher{Name: "bright", Title: "Bright Leads"},
		&ringbid.Publisher{Name: "asleep", Paused: true},
		&ringbid.Buyer{Name: "acme"},
		&ringbid.Hook{Name: "acme", Buyer: "acme", Preset: "token", Secret: hookToken},
		&ringbid.Hook{Name: "sleeping", Buyer: "acme", Preset: "token", Secret: hookToken, Paused: true},
		&ringbid.Flow{Name: "flow", Start: "bye", Nodes: []ringbid.Node{{ID: "bye", Type: ringbid.NodeHangup}}},
		&ringbid.Campaign{Name: "calls", Flow: "flow"},
		&ringbid.Campaign{Name: "auto", Title: "Auto insurance", Lead: rules()},
		&ringbid.Campaign{Name: "shut", Lead: rules(), Paused: true},
	}
	for name, ways := range map[string]string{"direct": "direct", "pings": "ping_post"} {
		r := rules()
		r.Ways = ways
		docs = append(docs, &ringbid.Campaign{Name: name, Lead: r})
	}
	for _, s := range []ringbid.Source{
		{Name: "bright", Campaign: "auto"}, {Name: "slow", Campaign: "auto", Rate: 2}, {Name: "off", Campaign: "auto", Paused: true},
		{Name: "other", Campaign: "auto"}, {Name: "calls", Campaign: "calls"}, {Name: "shut", Campaign: "shut"},
		{Name: "asleep", Campaign: "auto", Publisher: "asleep"}, {Name: "direct", Campaign: "direct"}, {Name: "pings", Campaign: "pings"},
	} {
		if s.Publisher == "" {
			s.Publisher = "bright"
		}
		s.PostKey = goodKey
		if s.Rate == 0 {
			s.Rate = 10_000
		}
		docs = append(docs, &s)
	}
	return docs
}

// house is a server with nothing but the API.
type house struct {
	url      string
	web      *web.Server
	intake   *intake
	hooks    *hooks
	sessions *sessions
}

func setup(t testing.TB, docs []ringbid.Document, change func(*api.Config)) *house {
	t.Helper()
	book, problems := ringbid.NewBook(docs)
	if len(problems) > 0 {
		t.Fatalf("book: %v", problems)
	}
	h := &house{intake: &intake{}, hooks: &hooks{}, sessions: &sessions{}}
	c := api.Config{
		Calls: noCalls{}, Cards: func() []web.Card { return nil }, Hangup: func(string, ringbid.Reason) bool { return false },
		Intake: h.intake, Hooks: h.hooks, Book: func() *ringbid.Book { return book },
	}
	if change != nil {
		change(&c)
	}
	a, err := api.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if h.web, err = web.New(web.Config{Sessions: h.sessions, Parts: []web.Part{a}}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h.web)
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

type reply struct {
	status int
	kind   string
	body   string
	header http.Header
}

// send makes a request; headers are pairs.
func (h *house) send(t testing.TB, method, path, body string, header ...string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header.Get("Content-Type"), string(b), res.Header}
}

// post sends a body with the good key.
func (h *house) post(t testing.TB, path, kind, body string, header ...string) reply {
	t.Helper()
	return h.send(t, http.MethodPost, path, body, append([]string{"X-Api-Key", goodKey, "Content-Type", kind}, header...)...)
}
