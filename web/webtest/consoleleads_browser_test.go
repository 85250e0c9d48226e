package webtest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ringbid/ringbid/web/webtest"
)

// shoot writes what the browser shows where TestScreens writes its pages.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if *screens == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(*screens, name+".png"), png, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// soundPage reports what the probes of TestWalk find on the page of the moment.
func soundPage(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	for _, probe := range []string{unsound, faint} {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](probe))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, f := range found {
			t.Errorf("%s: %s", what, f)
		}
	}
}

// TestOperatorFixesAMap has an operator make a mistake in a map, correct it, try
// it on stored leads, publish it, and retry the exceptions it had caused.
func TestOperatorFixesAMap(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 10 s")
	}
	for _, l := range []look{looks()[0], looks()[2]} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			h := setup(t, webtest.NewFake(time.Now()))
			ctx, faults := browser(t)
			do := func(what string, a ...chromedp.Action[chromedp.Void]) {
				t.Helper()
				ctx, stop := context.WithTimeout(ctx, 20*time.Second)
				defer stop()
				if err := chromedp.Do(ctx, a...); err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			wait := func(script string) {
				t.Helper()
				if err := poll(ctx, script); err != nil {
					t.Fatal(err)
				}
			}
			edit := func(from, to string) {
				t.Helper()
				ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`(() => { const t = document.getElementById('text'), v = t.value; t.value = v.replace(`+quoted(from)+`, `+quoted(to)+`); t.dispatchEvent(new Event('input')); return t.value !== v; })()`))
				if err != nil || !ok {
					t.Fatalf("%q is not in the editor, %v", from, err)
				}
			}
			do("open", as(h.url, h.session(t, "operator"), l), chromedp.Navigate(h.url+"/exceptions?method=keystone-http&code=mapping"), chromedp.WaitReady(chromedp.CSS("#all")))
			wait(`document.querySelector('button[value=retry]').disabled`)
			do("to the exception", chromedp.Click(chromedp.CSS("td a.row")), chromedp.WaitReady(chromedp.CSS("#fact-homeowner")))
			do("to the map", chromedp.Click(chromedp.CSS(`section a[href="/maps/keystone-auto"]`)), chromedp.WaitReady(chromedp.CSS("#text")))

			// A comma too few: the page says where, and the text stays.
			edit(`"rent": "RENT"`, `"rent": "RENT" "other": "RENT"`)
			do("try", chromedp.Click(chromedp.CSS("#editor button:not([type]):not([formaction])")), chromedp.WaitReady(chromedp.CSS("#problems")))
			soundPage(t, ctx, "problems")
			shoot(t, ctx, "map-problems-"+l.name)
			do("to the line", chromedp.Click(chromedp.CSS("#problems a[data-line]")))
			wait(`document.activeElement.id === 'text' && text.value.slice(text.selectionStart, text.selectionEnd).includes('"ownership"')`)
			edit(`"RENT" "other"`, `"RENT", "other"`)

			// What was typed survives leaving the page.
			do("leave", chromedp.Evaluate[chromedp.Void](`if (dispatchEvent(new Event('beforeunload', { cancelable: true }))) throw 'it may be left'; editor.dispatchEvent(new Event('submit'))`), chromedp.Navigate(h.url+"/maps"), chromedp.WaitReady(chromedp.CSS("table")), chromedp.Navigate(h.url+"/maps/keystone-auto"), chromedp.WaitReady(chromedp.CSS("#text")))
			wait(`!document.getElementById('draft').hidden && !text.value.includes('other')`)
			do("restore", chromedp.Click(chromedp.CSS("#restore")))
			wait(`text.value.includes('"rent": "RENT", "other": "RENT"')`)

			do("try again", chromedp.Click(chromedp.CSS("#editor button:not([type]):not([formaction])")), chromedp.WaitReady(chromedp.CSS("#trials .differs")))
			soundPage(t, ctx, "trials")
			shoot(t, ctx, "map-tried-"+l.name)
			do("publish", chromedp.Click(chromedp.CSS("p.bulk button[formaction]")), chromedp.WaitReady(chromedp.CSS("#changes")))
			soundPage(t, ctx, "changes")
			shoot(t, ctx, "map-changes-"+l.name)
			do("confirm", chromedp.Click(chromedp.CSS("#changes button")), chromedp.WaitReady(chromedp.CSS(".note.good")))
			wait(`document.querySelector('.note.good').textContent.includes('Version 4 is published') && document.getElementById('draft').hidden`)
			shoot(t, ctx, "map-published-"+l.name)

			do("back to the exceptions", chromedp.Navigate(h.url+"/exceptions?method=keystone-http&code=mapping"), chromedp.WaitReady(chromedp.CSS("#all")), chromedp.Click(chromedp.CSS("#all")))
			wait(`document.getElementById('chosen').textContent === '6 chosen' && !document.querySelector('button[value=retry]').disabled`)
			do("retry", chromedp.Click(chromedp.CSS("button[value=retry]")), chromedp.WaitReady(chromedp.CSS("p.say")))
			said, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("main")))
			if err != nil || !strings.Contains(said, "5 deliveries queued again. 1 refused:") || !strings.Contains(said, "Fatou Diop") || !strings.Contains(said, "sold to another buyer meanwhile") {
				t.Errorf("the page says %q, %v", said, err)
			}
			soundPage(t, ctx, "done")
			shoot(t, ctx, "exceptions-done-"+l.name)
			if got := h.fake.Desk().Retried; len(got) != 5 {
				t.Errorf("%d were queued: %q", len(got), got)
			}

			// Dismissing asks once, and names how many.
			do("dismiss", chromedp.Click(chromedp.CSS("p a.button")), chromedp.WaitReady(chromedp.CSS("#all")), chromedp.Click(chromedp.CSS("#all")),
				chromedp.Evaluate[chromedp.Void](`window.confirm = q => { window.asked = q; return false; }`), chromedp.Click(chromedp.CSS("button[value=dismiss]")))
			wait(`window.asked === 'Dismiss 1 exception? They leave this list and are not sent again.'`)
			if got := h.fake.Desk().Dismissed; len(got) > 0 {
				t.Errorf("dismissed without a yes: %q", got)
			}
			if got := faults.drain(); len(got) > 0 {
				for _, f := range got {
					if !strings.Contains(f, "422 (") {
						t.Errorf("the browser complains: %q", f)
					}
				}
			}
		})
	}
}

func quoted(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }

// TestWatchRefreshes expects the watch to follow without a reload, without
// moving, and to stay still while somebody is at a button.
func TestWatchRefreshes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 15 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	if err := chromedp.Do(ctx, as(h.url, h.session(t, "operator"), looks()[2]), chromedp.Navigate(h.url+"/deliveries"), chromedp.WaitReady(chromedp.CSS("#watch .tiles"))); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.stayed = document.querySelector('#watch table'), scrollTo(0, 400), window.at = scrollY, true`)); err != nil {
		t.Fatal(err)
	}
	if err := h.fake.Desk().CloseBreaker(ctx, "northwind-crm", "other"); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `!document.querySelector('#watch .note.bad') && !document.querySelector('#watch form') && !!document.querySelector('.link.up') && document.querySelector('#watch table') === window.stayed`); err != nil {
		t.Fatal(err)
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

// TestLeadAxisIsRead goes along the time line of a lead by keys.
func TestLeadAxisIsRead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a browser, 5 s")
	}
	h := setup(t, webtest.NewFake(time.Now()))
	ctx, faults := browser(t)
	if err := chromedp.Do(ctx, as(h.url, h.session(t, "quinn"), looks()[0]), chromedp.Navigate(h.url+"/leads/"+webtest.DeskLeadID), chromedp.WaitReady(chromedp.CSS("#axis"))); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `(() => { axis.dispatchEvent(new KeyboardEvent('keydown', { key: 'End' })); return read.textContent.includes('webhook keystone-status said: appointment'); })()`); err != nil {
		t.Fatal(err)
	}
	if err := poll(ctx, `(() => { axis.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' })); return read.textContent.startsWith('+0.00 s: the lead came in'); })()`); err != nil {
		t.Fatal(err)
	}
	if got := faults.drain(); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}
