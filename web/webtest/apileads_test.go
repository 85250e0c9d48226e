package webtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/api"
	"github.com/ringbid/ringbid/web/webtest"
)

const sourceKey = "never-shown-source-key"

// intake says yes to what the rules take.
type intake struct{ rules *ringbid.LeadRules }

func (i intake) Post(_ context.Context, p api.Posting) (api.Answer, error) {
	if _, problems := i.rules.Read(p.Values, p.Way == api.WayPing); len(problems) > 0 {
		return api.Answer{Status: api.StatusInvalid, Code: "fields", Reason: "some fields cannot be used", Fields: problems}, nil
	}
	price := ringbid.Money(9 * ringbid.MoneyScale)
	return api.Answer{Status: api.StatusAccepted, LeadID: "test", Price: &price, Currency: "USD"}, nil
}

type noHooks struct{}

func (noHooks) Take(context.Context, *ringbid.Hook, api.Received) (api.HookAnswer, error) {
	return api.HookAnswer{}, nil
}

// postingAPI takes leads of one source.
func postingAPI(t testing.TB, f *webtest.Fake) *api.API {
	t.Helper()
	rules := &ringbid.LeadRules{RepeatDays: 30, Fields: []ringbid.LeadField{
		{Name: "first_name", Required: true, Aliases: []string{"fname", "firstname"}}, {Name: "last_name", Required: true},
		{Name: "phone", Type: "phone", Required: true, Aliases: []string{"phone_home", "primary_phone"}}, {Name: "email", Type: "email"},
		{Name: "zip", Type: "zip", Required: true, Aliases: []string{"zip_code", "postal_code"}}, {Name: "state", Type: "state"},
		{Name: "born", Type: "date", Layouts: []string{"MM/DD/YYYY"}}, {Name: "kind", Title: "What is insured", Type: "choice", Values: []string{"auto", "home", "renters", "motorcycle", "commercial"}},
		{Name: "insured", Type: "boolean"}, {Name: "vehicles", Type: "number"}, {Name: "trusted_form", Type: "trustedform", Aliases: []string{"xxTrustedFormCertUrl"}},
		{Name: "leadid", Type: "leadid", Aliases: []string{"universal_leadid"}}, {Name: "consent_text", Required: true}, {Name: "consent_at", Type: "time"}, {Name: "ip", Type: "ip"},
	}}
	book, problems := ringbid.NewBook([]ringbid.Document{
		&ringbid.Publisher{Name: "brightleads", Title: "Bright Leads Media"}, &ringbid.Campaign{Name: "auto-leads", Title: "Auto insurance, data leads", Lead: rules},
		&ringbid.Source{Name: "bright-auto", Campaign: "auto-leads", Publisher: "brightleads", PostKey: sourceKey}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	a, err := api.New(api.Config{Calls: f, Cards: func() []web.Card { return nil }, Hangup: f.Hangup,
		Intake: intake{rules}, Hooks: noHooks{}, Book: func() *ringbid.Book { return book }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestPostingStandsBesideThePages registers the patterns of all pages and of the
// posting API together: a clash panics.
func TestPostingStandsBesideThePages(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	known, mux := map[string]bool{}, http.NewServeMux()
	for _, route := range append(h.web.Routes(), postingAPI(t, h.fake).Routes()...) {
		if !known[route.Pattern] {
			known[route.Pattern] = true
			mux.HandleFunc(route.Pattern, func(http.ResponseWriter, *http.Request) {})
		}
	}
	for request, want := range map[string]string{
		"POST /leads/a": "POST /leads/{source}", "GET /leads/a/spec": "GET /leads/{source}/spec", "POST /leads/a/ping": "POST /leads/{source}/ping",
		"GET /leads/a/schema.json": "GET /leads/{source}/schema.json", "POST /hooks/a": "POST /hooks/{name}", "GET /hooks/a": "/hooks/{name}",
	} {
		var method, path string
		if _, err := fmt.Sscan(request, &method, &path); err != nil {
			t.Fatal(err)
		}
		if _, got := mux.Handler(httptest.NewRequest(method, path, nil)); got != want {
			t.Errorf("%s goes to %q, want %q", request, got, want)
		}
	}
}

// TestSpecificationInBrowser reads and fills the specification as a publisher
// does, in every look, and as an operator.
func TestSpecificationInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() && *screens == "" {
		t.Skip("needs a browser, 5 s")
	}
	f := webtest.NewFake(time.Now())
	pages, err := web.New(web.Config{Sessions: f, Parts: []web.Part{postingAPI(t, f)}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(pages)
	t.Cleanup(s.Close)
	h := &house{fake: f, web: pages, url: s.URL}
	ctx, faults := browser(t)
	look := func(name string, l look) {
		t.Helper()
		for _, probe := range []string{unsound, faint} {
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](probe))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				t.Errorf("%s %s: %s", name, l.name, f)
			}
		}
		for _, f := range faults.drain() {
			if name != "spec-key" { // it has the status 401
				t.Errorf("%s %s: %s", name, l.name, f)
			}
		}
		if *screens == "" {
			return
		}
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(filepath.Join(*screens, name+"-"+l.name+".png"), png, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range looks() {
		err := chromedp.Do(ctx, as(h.url, "", l), chromedp.Navigate(h.url+"/leads/bright-auto/spec"), chromedp.WaitReady(chromedp.CSS("#key")))
		if err != nil {
			t.Fatal(err)
		}
		look("spec-key", l)
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#key"), sourceKey+"\r"), chromedp.WaitReady(chromedp.CSS("#f-zip"))); err != nil {
			t.Fatal(err)
		}
		look("spec", l)
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#f-zip"), "x"), chromedp.SendKeys(chromedp.CSS("#key"), sourceKey+"\r"), chromedp.WaitReady(chromedp.CSS(".say.bad"))); err != nil {
			t.Fatal(err)
		}
		look("spec-wrong", l)
		if err := chromedp.Do(ctx, as(h.url, h.session(t, "operator"), l), chromedp.Navigate(h.url+"/leads/bright-auto/spec"), chromedp.SendKeys(chromedp.CSS("#f-id"), "1\r"), chromedp.WaitReady(chromedp.CSS(".say.good"))); err != nil {
			t.Fatal(err)
		}
		look("spec-operator", l)
	}
}
