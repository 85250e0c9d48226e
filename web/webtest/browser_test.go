package webtest_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cti"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/webtest"
)

// unsound lists inputs without a label, buttons and links without words, ids
// that stand twice, and what sticks out of the page to the right.
const unsound = `(() => {
  const out = [];
  for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!e.labels?.length && !e.getAttribute('aria-label')) out.push('no label: ' + e.outerHTML.slice(0, 80));
  for (const e of document.querySelectorAll('a[href], button'))
    if (!e.textContent.trim() && !e.getAttribute('aria-label')) out.push('no words: ' + e.outerHTML.slice(0, 80));
  const ids = new Set();
  for (const e of document.querySelectorAll('[id]')) { if (ids.has(e.id)) out.push('twice: #' + e.id); ids.add(e.id); }
  if (document.documentElement.scrollWidth > innerWidth) out.push('wider than the window: ' + document.documentElement.scrollWidth + ' > ' + innerWidth);
  if (!document.querySelector('h1')) out.push('no heading');
  return out;
})()`

// faint lists texts whose contrast with what is behind them is under AA.
const faint = `(() => {
  const rgb = s => s.match(/[\d.]+/g).map(Number);
  const lum = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c; } return [255, 255, 255]; };
  const out = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement;
    if (!n.textContent.trim() || e.closest('svg, script, template, option') || !e.getClientRects().length) continue;
    const st = getComputedStyle(e), a = lum(rgb(st.color)), b = lum(behind(e)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const big = parseFloat(st.fontSize) >= 18.66;
    if (ratio < (big ? 3 : 4.5)) out.add(ratio.toFixed(2) + ' ' + e.className + ': ' + n.textContent.trim().slice(0, 40));
  }
  return [...out];
})()`

// TestWalk opens every page in light, dark and at 360 px and finds script
// errors, refused resources, unlabelled inputs, overflow and faint text.
func TestWalk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("walks all pages in a browser, 20 s")
	}
	h := busyHouse(t)
	ctx, faults := browser(t)
	var paints []float64
	for _, l := range looks() {
		for _, s := range sights() {
			token := ""
			if s.user != "" {
				token = h.session(t, s.user)
			}
			what := s.name + " " + l.name
			if err := chromedp.Do(ctx, as(h.url, token, l), chromedp.Navigate(h.url+s.path), chromedp.WaitReady(chromedp.CSS(s.ready))); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, probe := range []string{unsound, faint} {
				found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](probe))
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				for _, f := range found {
					t.Errorf("%s: %s", what, f)
				}
			}
			// A page is there with three requests: itself, its style, its script.
			files, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('/static/') && !n.endsWith('.svg'))`))
			if err != nil || len(files) != 2 {
				t.Errorf("%s: loads %q, %v", what, files, err)
			}
			paint, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`performance.getEntriesByName('first-contentful-paint')[0]?.startTime || 0`))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			paints = append(paints, paint)
			for _, f := range faults.drain() {
				if strings.Contains(f, "400 (") || strings.Contains(f, "404 (") {
					continue // the pages that show an error have its status
				}
				t.Errorf("%s: %s", what, f)
			}
		}
	}
	slices.Sort(paints)
	t.Logf("first paint of %d pages: median %.0f ms, slowest %.0f ms", len(paints), paints[len(paints)/2], paints[len(paints)-1])
}

func poll(ctx context.Context, script string) error {
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](script, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(15*time.Second)))
	if err != nil {
		return fmt.Errorf("wait for %s: %w", script, err)
	}
	return nil
}

// TestLiveBoardInBrowser signs in as a person does, sees calls appear, move and
// end without a reload, also across a lost connection.
func TestLiveBoardInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 10 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	if err := chromedp.Do(ctx, as(h.url, "", looks()[0]), chromedp.Navigate(h.url+"/"), chromedp.SendKeys(chromedp.CSS("#name"), "operator"),
		chromedp.SendKeys(chromedp.CSS("#password"), webtest.Password+"\r"), chromedp.WaitReady(chromedp.CSS(".link.up"))); err != nil {
		t.Fatal(err)
	}
	inLane := func(stage, call string) string {
		return fmt.Sprintf(`!!document.querySelector('[data-stage=%s] [data-call="%s"]')`, stage, call)
	}
	tell := func(kind ringbid.EventKind, seq int, data map[string]string) {
		h.emit(ringbid.Event{Call: "live-one", Seq: seq, At: time.Now(), Kind: kind, Data: data, Text: map[bool]string{true: "the caller hung up"}[kind == ringbid.EventEnded]})
	}
	tell(ringbid.EventReceived, 1, map[string]string{"caller": "+13105550142", "number": "+18005550100", "campaign": "auto-insurance"})
	steps := []struct {
		kind  ringbid.EventKind
		data  map[string]string
		stage string
	}{
		{ringbid.EventOpened, nil, "auction"},
		{ringbid.EventDial, map[string]string{"buyer": "keystone-insurance", "target": "keystone-agents", "price": "38.00"}, "ringing"},
		{ringbid.EventBridged, nil, "talking"},
		{ringbid.EventEnded, map[string]string{"outcome": "bridged"}, "ended"},
	}
	if err := poll(ctx, inLane("flow", "live-one")); err != nil {
		t.Fatal(err)
	}
	for i, s := range steps {
		tell(s.kind, i+2, s.data)
		if err := poll(ctx, inLane(s.stage, "live-one")); err != nil {
			t.Fatal(err)
		}
	}
	h.emit(webtest.Traffic(500, time.Now())...)
	if err := poll(ctx, `document.querySelectorAll('.call').length === 501`); err != nil {
		t.Fatal(err)
	}
	checkBoards(t, ctx, h)
	slow, err := chromedp.Run(ctx, chromedp.Evaluate[float64](frames, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("500 cards: longest frame while ticking %.0f ms", slow)
	if slow > 1000 {
		t.Errorf("500 cards: a frame took %.0f ms", slow)
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// frames measures the longest gap between two frames within two seconds.
const frames = `new Promise(done => { let last = performance.now(), worst = 0; const end = last + 2000;
  const step = now => { worst = Math.max(worst, now - last); last = now; now < end ? requestAnimationFrame(step) : done(worst); }; requestAnimationFrame(step); })`

// checkBoards holds the browser's board against the server's: both take the
// same events in, each in its own language.
func checkBoards(t *testing.T, ctx context.Context, h *house) {
	t.Helper()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]string](`Object.fromEntries([...document.querySelectorAll('.call')].map(a => [a.dataset.call, a.closest('.lane').dataset.stage + ' | ' + a.children[2].textContent.trim()]))`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range h.board.Cards() {
		third := c.Text
		switch {
		case c.Stage == web.StageEnded:
		case c.Buyer != "":
			third = "$" + c.Amount + " " + c.Buyer
		case c.Amount != "":
			third = "$" + c.Amount + " " + c.Best
		}
		if want := string(c.Stage) + " | " + third; got[c.Call] != want {
			t.Errorf("call %s: browser %q, server %q", c.Call, got[c.Call], want)
		}
	}
}

// TestBoardComesBack cuts every socket and expects the page to follow again.
func TestBoardComesBack(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 5 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, _ := browser(t)
	if err := chromedp.Do(ctx, as(h.url, h.session(t, "operator"), looks()[0]), chromedp.Navigate(h.url+"/live"), chromedp.WaitReady(chromedp.CSS(".link.up"))); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.stayed = true`)); err != nil {
		t.Fatal(err)
	}
	h.hub.Disconnect("operator")
	h.emit(webtest.Traffic(7, time.Now())...)
	if err := poll(ctx, `document.querySelectorAll('.call').length === 7 && !!document.querySelector('.link.up') && window.stayed`); err != nil {
		t.Fatal(err)
	}
}

// TestCallPagePlays clicks into the waveform and expects the sound from there.
func TestCallPagePlays(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 5 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	if err := chromedp.Do(ctx, as(h.url, h.session(t, "quinn"), looks()[0]), chromedp.Navigate(h.url+"/calls/"+webtest.RichID), chromedp.WaitReady(chromedp.CSS("#audio"))); err != nil {
		t.Fatal(err)
	}
	// Three quarters of the axis: two minutes or so into the call.
	box, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](`(() => { const r = document.getElementById('axis').getBoundingClientRect(); return [r.left + r.width * 0.8, r.top + r.height * 0.75]; })()`))
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.MouseClickXY(box[0], box[1])); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `audio.currentTime > 60 && !audio.paused && play.getAttribute('visibility') === 'visible'`); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Focus(chromedp.CSS("#axis")), chromedp.KeyEvent(kb.ArrowRight)); err != nil {
		t.Fatal(err)
	}
	said, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("#read")))
	if err != nil || !strings.Contains(said, ": ") {
		t.Errorf("an arrow key reads %q, %v", said, err)
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// TestAgentKeepsTyping lets a pop come in while the agent writes a note on the
// call before, and then says by key how the new one went.
func TestAgentKeepsTyping(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 5 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	pop := func(call, state, name string) {
		h.hub.Pop([]string{"agent"}, cti.Pop{CallID: call, State: state, Name: name, Caller: "+13105550142", Campaign: "auto-insurance", Tags: ringbid.TagMap{"zip": "90210"}})
	}
	first, second := webtest.RichID, "019a0000-0000-7000-8000-000000000003"
	pop(first, cti.PopRing, "Ana Martinez")
	if err := chromedp.Do(ctx, as(h.url, h.session(t, "agent"), looks()[2]), chromedp.Navigate(h.url+"/agent"), chromedp.WaitReady(chromedp.CSS(".pop[data-call]"))); err != nil {
		t.Fatal(err)
	}
	pop(first, cti.PopAnswer, "Ana Martinez")
	if err := poll(ctx, `!!document.querySelector('.pop[data-state=answer]')`); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".pop[data-call] textarea"), "wants a quote for 2 cars")); err != nil {
		t.Fatal(err)
	}
	pop(first, cti.PopEnd, "Ana Martinez")
	pop(second, cti.PopRing, "Ben Okafor")
	if err := poll(ctx, `document.querySelectorAll('.pop[data-call]').length === 2 && document.querySelector('#pops h2').textContent === 'Ben Okafor'`); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `document.activeElement.tagName === 'TEXTAREA' && document.activeElement.value === 'wants a quote for 2 cars'`); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`), chromedp.KeyEvent("3")); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `document.querySelector('#pops [data-f=told]').textContent === 'Kept: Not interested'`); err != nil {
		t.Fatal(err)
	}
	said, err := h.fake.Disposed(ctx, "agent", []string{second})
	if err != nil || said[second].Value != "not_interested" {
		t.Errorf("kept %+v, %v", said, err)
	}
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS("input[value=ready]"))); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `document.querySelector('input[value=ready]').checked`); err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for h.hub.Presence("agent") != cti.Ready {
		select {
		case <-deadline.C:
			t.Fatal("the agent's status did not reach the hub")
		case <-tick.C:
		}
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// TestListWorksWithoutScript filters by the form's own means.
func TestListWorksWithoutScript(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	_, body := v.get("/calls?" + url.Values{"buyer": {"keystone-insurance"}, "sort": {"longest"}, "rows": {"3"}}.Encode())
	if n := strings.Count(body, `<a class="row"`); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	if !strings.Contains(body, "cursor=3") || !strings.Contains(body, `<option selected>keystone-insurance</option>`) {
		t.Error("the filter or the next page is not in the page")
	}
	for q, want := range map[string]string{"3105550142": "/calls?caller=13105550142", "(800) 555-0100": "/calls?number=%2B18005550100", webtest.RichID: "/calls/" + webtest.RichID,
		"Keystone Insurance": "/buyers/keystone-insurance", "reports": "/reports", "roofing": "/campaigns/roofing", "martinez": "/calls?text=martinez", "": "/calls"} {
		_, _, header := v.do("GET", "/search?"+url.Values{"q": {q}}.Encode(), nil)
		if got := header.Get("Location"); got != want {
			t.Errorf("search %q goes to %q, want %q", q, got, want)
		}
	}
}
