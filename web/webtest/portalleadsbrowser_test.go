package webtest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
	"github.com/ringbid/ringbid/web/webtest"
)

// serveParts serves some parts over the fake's sessions.
func serveParts(t testing.TB, f *webtest.Fake, parts ...web.Part) *house {
	t.Helper()
	s, err := web.New(web.Config{Sessions: f, Parts: parts})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &house{fake: f, web: s, url: server.URL}
}

func readJSON(t testing.TB, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatal(err)
	}
}

// dialling notes what is in a lead's history when a browser is sent to the
// telephone.
type dialling struct {
	http.Handler
	inbox *webtest.Inbox
	lead  string

	mu    sync.Mutex
	calls []string
}

type dialWriter struct {
	http.ResponseWriter
	d *dialling
}

func (w dialWriter) WriteHeader(status int) {
	if l := w.Header().Get("Location"); strings.HasPrefix(l, "tel:") {
		done := deeds(w.d.inbox, w.d.lead)
		w.d.mu.Lock()
		w.d.calls = append(w.d.calls, l+" after "+strings.Join(done, "; "))
		w.d.mu.Unlock()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (d *dialling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.Handler.ServeHTTP(dialWriter{w, d}, r)
}

func (d *dialling) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// TestLeadIsWorkedOnAPhone opens a lead from the list on a small screen, calls,
// says how it went, and asks to give it back.
func TestLeadIsWorkedOnAPhone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 10 s")
	}
	f := webtest.NewFake(time.Now())
	pages, err := webtest.New(f, console.NewBoard(nil), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &dialling{Handler: pages, inbox: f.Inbox(), lead: webtest.RichID}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	h := &house{fake: f, web: pages, url: server.URL}
	ctx, faults := browser(t)
	sound := func(what string) {
		t.Helper()
		for _, probe := range []string{unsound, faint, tooWide} {
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](probe))
			if err != nil || len(found) > 0 {
				t.Errorf("%s: %q, %v", what, found, err)
			}
		}
	}
	step := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		sound(what)
	}
	step("open the list", as(h.url, h.session(t, "agent"), looks()[2]), chromedp.Navigate(h.url+"/portal/leads"), chromedp.WaitReady(chromedp.CSS(".leads")))
	step("open the lead", chromedp.Click(chromedp.CSS(`[data-lead="`+webtest.RichID+`"] a.row`)), chromedp.WaitReady(chromedp.CSS("#history")))
	step("call", chromedp.Click(chromedp.CSS(".dial button")))
	if err := poll(ctx, `document.querySelector('#history').textContent.includes('called +1 (310) 555-0142')`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"tel:+13105550142 after agent viewed; agent assigned agent; agent call +13105550142"}, d.all()); diff != "" {
		t.Errorf("dialled (-want +got):\n%s", diff)
	}
	// The browser asks which program dials, and that tab gets no more clicks until
	// somebody has answered.
	var leave context.CancelFunc
	ctx, leave = chromedp.NewContext(ctx, chromedp.WithListener(faults.take))
	t.Cleanup(leave)
	step("come back", as(h.url, h.session(t, "agent"), looks()[2]), chromedp.Navigate(h.url+"/portal/leads/"+webtest.RichID), chromedp.WaitReady(chromedp.CSS("#history")))
	step("say how it went", chromedp.Click(chromedp.CSS("button[value=appointment]")), chromedp.WaitReady(chromedp.CSS("[data-did=status]")))
	step("write a note", chromedp.SendKeys(chromedp.CSS("#note"), "call again on Monday"), chromedp.Click(chromedp.CSS(".jot button")), chromedp.WaitReady(chromedp.CSS("[data-did=note]")))
	step("open the return", chromedp.Click(chromedp.CSS(".fold summary")))
	step("ask to return it", chromedp.SetValue(chromedp.CSS("#reason"), "Outside our area"), chromedp.SendKeys(chromedp.CSS("#why"), "moved"), chromedp.Click(chromedp.CSS("button.danger")), chromedp.WaitReady(chromedp.CSS("[data-did=return]")))
	want := []string{"agent viewed", "agent assigned agent", "agent call +13105550142", "agent status appointment", "agent note call again on Monday", "agent return Outside our area: moved"}
	if diff := cmp.Diff(want, deeds(f.Inbox(), webtest.RichID)); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// tooWide lists what sticks out of a window of 360 px: a phone zooms out to
// show it, and its innerWidth grows.
const tooWide = `document.documentElement.scrollWidth > 360 || innerWidth > 360 ? [document.documentElement.scrollWidth + ' px wide'] : []`

// TestLeadPagesFitAPhone opens every page of the inbox at 360 px.
func TestLeadPagesFitAPhone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 10 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	for _, s := range append(portalLeadSights(), sight{"buyer-today", "keystone", "/portal", ".team"}) {
		if err := chromedp.Do(ctx, as(h.url, h.session(t, s.user), looks()[2]), chromedp.Navigate(h.url+s.path), chromedp.WaitReady(chromedp.CSS(s.ready))); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](tooWide))
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %q, %v", s.name, found, err)
		}
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// TestInboxAnnouncesLeads lets one come in while the list is open: it is told of,
// and nothing moves until somebody wants to see it.
func TestInboxAnnouncesLeads(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 5 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	if err := chromedp.Do(ctx, as(h.url, h.session(t, "agent"), looks()[2]), chromedp.Navigate(h.url+"/portal/leads?agent=none"), chromedp.WaitReady(chromedp.CSS(".leads"))); err != nil {
		t.Fatal(err)
	}
	h.fake.Inbox().Add(webtest.NewLead(1, time.Now()))
	if err := poll(ctx, `dispatchEvent(new Event('focus')), document.querySelector('#fresh').textContent === 'One new lead. Show it' && document.title.startsWith('(1) ') && !document.body.textContent.includes('Fresh Lead')`); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#fresh a")), chromedp.WaitReady(chromedp.CSS(`[data-lead$="c001"]`))); err != nil {
		t.Fatal(err)
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}
