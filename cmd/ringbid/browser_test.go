package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/web"
)

// watchLanes notes each lane that a call is seen in, and watchPops each state of
// a pop, with the time by the clock that calls have as well. A page that is
// loaded again has forgotten it.
const (
	watchLanes = `(() => {
  window.seen = [];
  const look = () => { for (const a of document.querySelectorAll('.call')) {
    const at = a.closest('.lane').dataset.stage;
    if (window.seen.findLast(s => s.call === a.dataset.call)?.state !== at) window.seen.push({call: a.dataset.call, state: at, at: Date.now()});
  } };
  look();
  new MutationObserver(look).observe(document.getElementById('lanes'), {childList: true, subtree: true});
  return true;
})()`
	watchPops = `(() => {
  window.seen = [];
  const look = () => { for (const p of document.querySelectorAll('.pop[data-call]')) {
    if (window.seen.findLast(s => s.call === p.dataset.call)?.state !== p.dataset.state) window.seen.push({call: p.dataset.call, state: p.dataset.state, at: Date.now(), text: p.textContent});
  } };
  look();
  new MutationObserver(look).observe(document.getElementById('pops'), {childList: true, subtree: true, attributes: true});
  return true;
})()`
)

// sighting is what a page showed of a call, and when.
type sighting struct {
	Call  string `json:"call"`
	State string `json:"state"`
	At    int64  `json:"at"` // Unix milliseconds
	Text  string `json:"text"`
}

// pane is one tab of a browser, of somebody who is signed in.
type pane struct {
	ctx context.Context

	mu     sync.Mutex
	faults []string
}

// take keeps what the browser complains of.
func (p *pane) take(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		text := ev.ExceptionDetails.Text
		if x := ev.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.faults = append(p.faults, "script: "+text)
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError {
			p.faults = append(p.faults, "log: "+ev.Entry.Text+" "+ev.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" {
			p.faults = append(p.faults, "console error")
		}
	}
}

// newPane opens a tab whose cookies are its own. The first one starts Chromium.
func newPane(t *testing.T, parent context.Context, opts ...chromedp.ContextOption) *pane {
	t.Helper()
	p := &pane{}
	ctx, cancel := chromedp.NewContext(parent, append(opts, chromedp.WithListener(p.take))...)
	t.Cleanup(cancel)
	p.ctx = ctx
	p.do(t, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		return err
	}))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, f := range p.faults {
			t.Errorf("the browser complains: %s", f)
		}
	})
	return p
}

// chromium has a profile of its own and reaches for nothing outside.
func chromium(t *testing.T) context.Context {
	t.Helper()
	bounded, expire := context.WithTimeout(context.Background(), 2*time.Minute)
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.WSURLReadTimeout(time.Minute))
	ctx, stop := chromedp.NewExecAllocator(bounded, opts...)
	t.Cleanup(func() { stop(); expire() })
	return ctx
}

func (p *pane) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// sees waits until the script is true on the page.
func (p *pane) sees(t *testing.T, limit time.Duration, script string) {
	t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](script, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(limit)))
	if err != nil {
		t.Fatalf("wait for %s: %v", script, err)
	}
}

// ask evaluates a script.
func ask[T any](t *testing.T, p *pane, script string) T {
	t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// signIn signs in as a person does.
func (p *pane) signIn(t *testing.T, s *stage, user string) {
	t.Helper()
	p.do(t, chromedp.Navigate("http://"+s.httpAddr+"/"), chromedp.SendKeys(chromedp.CSS("#name"), user),
		chromedp.SendKeys(chromedp.CSS("#password"), s.password+"\r"), chromedp.WaitReady(chromedp.CSS(".link.up")))
}

// TestCallInBrowser lets an operator watch a call move over the board and look
// at it afterwards, while the agent who takes it sees who is calling before
// they answer.
func TestCallInBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of a quarter of a minute in a browser")
	}
	s := startStage(t, testConfig(t))
	operator := newPane(t, chromium(t))
	agent := newPane(t, operator.ctx, chromedp.WithNewBrowserContext())
	operator.signIn(t, s, "operator")
	agent.signIn(t, s, "agent")
	ask[bool](t, operator, watchLanes)
	ask[bool](t, agent, watchPops)

	story := make(chan sim.Story, 1)
	go func() {
		told, err := s.carrier.Place(t.Context(), sim.Caller{
			From: newCaller(), Name: "Ana Martinez", To: "+18005550100", Via: s.sipUDP(), Digits: "90210", Hold: 4 * time.Second,
		})
		if err != nil {
			t.Error(err)
		}
		story <- told
	}()
	for _, lane := range []string{"flow", "auction", "ringing", "talking", "ended"} {
		operator.sees(t, 20*time.Second, fmt.Sprintf(`window.seen.some(s => s.state === %q)`, lane))
	}
	c := s.settled(t, (<-story).CallID)
	if got := sightings(t, operator, c.ID); !slices.Equal(got.states(), []string{"flow", "auction", "ringing", "talking", "ended"}) {
		t.Errorf("the card went through %v", got.states())
	}
	t.Run("desk", func(t *testing.T) { checkDesk(t, s, agent, c) })
	t.Run("call page", func(t *testing.T) { checkPage(t, operator, c) })
}

type seen []sighting

func sightings(t *testing.T, p *pane, call string) seen {
	t.Helper()
	return slices.DeleteFunc(ask[seen](t, p, `window.seen`), func(s sighting) bool { return s.Call != call })
}

func (s seen) states() (out []string) {
	for _, x := range s {
		out = append(out, x.State)
	}
	return out
}

// checkDesk compares when the agent saw the call with what happened when, and
// keeps what the agent says of it.
func checkDesk(t *testing.T, s *stage, agent *pane, c *ringbid.Call) {
	agent.sees(t, 5*time.Second, `window.seen.some(s => s.state === 'end')`)
	got := sightings(t, agent, c.ID)
	if diff := cmp.Diff([]string{"ring", "answer", "end"}, got.states()); diff != "" {
		t.Fatalf("the pop went through %s", diff)
	}
	rang, answered, ended := eventAt(t, c, ringbid.EventRinging), eventAt(t, c, ringbid.EventLegAnswer), eventAt(t, c, ringbid.EventLegEnd)
	for i, between := range [][2]time.Time{{rang, answered}, {answered, ended}, {ended, ended.Add(2 * time.Second)}} {
		// The page's clock counts whole milliseconds.
		if at := time.UnixMilli(got[i].At + 1); at.Before(between[0]) || !at.Before(between[1]) {
			t.Errorf("%s shown at %s, not between %s and %s", got[i].State, at, between[0], between[1])
		}
	}
	for _, fact := range []string{"Ana Martinez", web.PhoneText(c.Caller), "90210", "auto-insurance"} {
		if !strings.Contains(got[0].Text, fact) {
			t.Errorf("while it rang the pop did not say %q", fact)
		}
	}
	agent.do(t, chromedp.SendKeys(chromedp.CSS(".pop[data-call] textarea"), "wants two cars insured"),
		chromedp.Click(chromedp.CSS(`.pop[data-call] button[value="sale"]`)))
	agent.sees(t, 5*time.Second, `document.querySelector('.pop[data-call] [data-f=told]').textContent.startsWith('Kept')`)
	said, err := s.store.Disposed(t.Context(), "agent", []string{c.ID})
	if d := said[c.ID]; err != nil || d.Value != "sale" || d.Note != "wants two cars insured" {
		t.Errorf("kept %+v, %v", d, err)
	}
}

// checkPage opens the call from the board, compares the page with the row, and
// plays the recording.
func checkPage(t *testing.T, operator *pane, c *ringbid.Call) {
	operator.do(t, chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-stage=ended] [data-call=%q]`, c.ID))), chromedp.WaitReady(chromedp.CSS("#axis")))
	text := func(selector string) string {
		return ask[string](t, operator, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.textContent.replace(/\s+/g, ' ').trim()).join('\n')`, selector))
	}
	revenue, payout := web.Cash(c.Sale.Revenue, c.Sale.Currency), web.Cash(c.Sale.Payout, c.Sale.Currency)
	talked := web.Span(time.Duration(c.ConnectedMS) * time.Millisecond)
	want := "talked " + talked + "; earned " + revenue + ", paid " + payout + "."
	if got := text("p.say"); !strings.HasPrefix(got, "Bridged to Keystone Insurance after ") || !strings.HasSuffix(got, want) {
		t.Errorf("the sentence is %q, expected an end of %q", got, want)
	}
	facts := ask[map[string]string](t, operator, `Object.fromEntries([...document.querySelectorAll('dl.facts dt')].map(d => [d.textContent, d.nextElementSibling.textContent.trim()]))`)
	for name, want := range map[string]string{
		"Price": web.Cash(c.Sale.Price, c.Sale.Currency), "Revenue": revenue + " from Keystone Insurance", "Payout": payout + " to brightleads",
		"Margin": web.Cash(c.Sale.Margin(), c.Sale.Currency), "Rule": c.Sale.Rule, "Id": c.ID, "zip": "90210",
	} {
		if facts[name] != want {
			t.Errorf("%s is %q, want %q", name, facts[name], want)
		}
	}
	auction := `[...document.querySelectorAll('section.card')].find(s => s.querySelector('h2')?.textContent === 'Auction')`
	rows := ask[[][]string](t, operator, `[...`+auction+`.querySelectorAll('tbody tr')].map(r => [...r.cells].map(d => d.textContent.trim().replace(/\s+/g, ' ')))`)
	if len(rows) != len(c.Auction.Bids) {
		t.Errorf("%d rows for %d bids", len(rows), len(c.Auction.Bids))
	}
	const name, target, amount, what = 1, 2, 3, 7
	for _, b := range c.Auction.Bids {
		i := slices.IndexFunc(rows, func(r []string) bool { return strings.TrimSuffix(r[name], " fixed") == b.Name && r[target] == b.Target })
		if i < 0 {
			t.Errorf("the auction does not show %s", b.Name)
			continue
		}
		if b.Amount > 0 && rows[i][amount] != web.Cash(b.Amount, c.Sale.Currency) {
			t.Errorf("%s: %q, bid %s", b.Name, rows[i], b.Amount)
		}
		if !strings.Contains(rows[i][what], b.Reason) || strings.HasPrefix(rows[i][what], "won") != (b.State == ringbid.BidWon) {
			t.Errorf("%s: %q does not say %s, %q", b.Name, rows[i], b.State, b.Reason)
		}
	}
	waves := ask[[]int](t, operator, `[...document.querySelectorAll('#axis polygon.wave')].map(p => new Set(p.points.length ? [...p.points].map(q => Math.round(q.y)) : []).size)`)
	if len(waves) != 2 || waves[0] < 8 || waves[1] < 8 {
		t.Errorf("the two waveforms are %v pixels high", waves)
	}
	plays(t, operator, c)
}

// plays clicks into the middle of the time line and listens on.
func plays(t *testing.T, p *pane, c *ringbid.Call) {
	box := ask[[]float64](t, p, `(() => { const r = document.getElementById('axis').getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	p.do(t, chromedp.MouseClickXY(box[0], box[1]))
	p.sees(t, 10*time.Second, `audio.currentTime > 1 && !audio.paused`)
	from := ask[float64](t, p, `audio.currentTime`)
	p.sees(t, 10*time.Second, fmt.Sprintf(`audio.currentTime > %f`, from+0.5))
	if long := ask[float64](t, p, `audio.duration`) * 1000; long < float64(c.Recording.MS)-30 || long > float64(c.Recording.MS)+30 {
		t.Errorf("the player says %.0f ms, the row %d", long, c.Recording.MS)
	}
	if ask[string](t, p, `audio.error?.message || ''`) != "" {
		t.Error("the player has an error")
	}
}
