package webtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cti"
	"github.com/ringbid/ringbid/web/webtest"
)

// sight is one page as one user sees it.
type sight struct{ name, user, path, ready string }

// sights are all the pages. ready is what must be there before it is looked at.
func sights() []sight {
	return append([]sight{
		{"signin", "", "/signin", "#password"},
		{"live", "operator", "/live", ".link.up"},
		{"calls", "operator", "/calls", "table"},
		{"calls-none", "operator", "/calls?text=nosuchthing", ".empty"},
		{"calls-wrong", "operator", "/calls?from=yesterday", ".note.bad"},
		{"call", "operator", "/calls/" + webtest.RichID, "#axis"},
		{"call-plain", "operator", "/calls/019a0000-0000-7000-8000-000000000007", "#axis"},
		{"call-live", "operator", "/calls/019a0000-0000-7000-8000-000000000032", ".danger"},
		{"call-hostile", "operator", "/calls/019a0000-0000-7000-8000-000000000031", "#axis"},
		{"call-qa", "quinn", "/calls/" + webtest.RichID, "#axis"},
		{"campaigns", "operator", "/campaigns", "table"},
		{"campaign", "operator", "/campaigns/auto-insurance", "table"},
		{"flows", "operator", "/flows", "table"},
		{"flow", "operator", "/flows/auto", ".flow"},
		{"buyers", "operator", "/buyers", "table"},
		{"buyer", "operator", "/buyers/keystone-insurance", "table"},
		{"publishers", "operator", "/publishers", "table"},
		{"publisher", "operator", "/publishers/brightleads", "table"},
		{"numbers", "operator", "/numbers", "table"},
		{"reports", "operator", "/reports?period=week", "table"},
		{"settings", "operator", "/settings", "table"},
		{"missing", "operator", "/no-such-page", ".sheet"},
		{"agent", "agent", "/agent", ".pop[data-call]"},
		{"buyer-today", "keystone", "/portal", ".tiles"},
		{"buyer-calls", "keystone", "/portal/calls", "table"},
		{"buyer-call", "keystone", "/portal/calls/" + webtest.RichID, ".facts"},
		{"publisher-today", "brightleads", "/portal", ".tiles"},
		{"publisher-call", "brightleads", "/portal/calls/" + webtest.RichID, ".facts"},
	}, append(portalLeadSights(), deskSights()...)...)
}

func busyHouse(t testing.TB) *house {
	t.Helper()
	h := setup(t, webtest.NewFake(time.Now()))
	h.emit(webtest.Traffic(40, time.Now())...)
	h.hub.SetPresence("agent", "ready")
	h.hub.Pop([]string{"agent"}, cti.Pop{CallID: webtest.RichID, State: "ring", Caller: "+13105550142", Name: "Ana Martinez", Place: "Beverly Hills, CA 90210",
		Number: "+18005550100", Campaign: "auto-insurance", Target: "keystone-agents", At: time.Now(),
		Tags: ringbid.TagMap{"zip": "90210", "state": "CA", "currently_insured": "yes", "vehicles": "2", "kind": "car"}})
	return h
}

// TestScreens writes every page as PNG in light, dark and at 360 px, for people
// to look at: go test -run TestScreens ./web/webtest -args -screens DIR.
func TestScreens(t *testing.T) {
	if *screens == "" {
		t.Skip("no -screens folder given: nobody wants to look")
	}
	if err := os.MkdirAll(*screens, 0o755); err != nil {
		t.Fatal(err)
	}
	h := busyHouse(t)
	ctx, _ := browser(t)
	for _, l := range looks() {
		for _, s := range sights() {
			token := ""
			if s.user != "" {
				token = h.session(t, s.user)
			}
			if err := chromedp.Do(ctx, as(h.url, token, l), chromedp.Navigate(h.url+s.path), chromedp.WaitReady(chromedp.CSS(s.ready))); err != nil {
				t.Fatalf("%s %s: %v", s.name, l.name, err)
			}
			png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatalf("%s %s: %v", s.name, l.name, err)
			}
			if err := os.WriteFile(filepath.Join(*screens, fmt.Sprintf("%s-%s.png", s.name, l.name)), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
