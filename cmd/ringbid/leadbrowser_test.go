package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cmd/ringbid/document"
)

var leadsPosted atomic.Int32

// shows waits until the script is true on the page, whichever page that is by
// then: forms lead on.
func (p *pane) shows(t *testing.T, script string) {
	t.Helper()
	eventually(t, 15*time.Second, script, func() bool {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](script))
		return err == nil && ok
	})
}

// postLead posts a lead to a source of the demo and returns the answer.
func (s *stage) postLead(t *testing.T, source string, changes map[string]string) (answer struct {
	Status string
	LeadID string `json:"lead_id"`
	Price  string
}) {
	t.Helper()
	n := leadsPosted.Add(1)
	fields := map[string]string{
		"id": fmt.Sprintf("%s-%d", t.Name(), n), "first_name": "Ann", "last_name": fmt.Sprintf("Lee%d", n), "phone": fmt.Sprintf("702555%04d", n),
		"email": fmt.Sprintf("ann%d@example.com", n), "city": "Las Vegas", "state": "NV", "zip": "89101", "home_owner": "yes",
		"trustedform_url": "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567", "consent_text": "I agree to be called.",
	}
	for k, v := range changes {
		fields[k] = v
	}
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.httpAddr+"/leads/"+source, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+demoLeadKey(s.password))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || json.Unmarshal(text, &answer) != nil || answer.LeadID == "" {
		t.Fatalf("%d %s %v", res.StatusCode, text, err)
	}
	return answer
}

// publishMore publishes documents beside the demo's.
func (s *stage) publishMore(t *testing.T, text string) {
	t.Helper()
	set, err := document.Parse("more", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	_, problems, err := s.store.Apply(t.Context(), set.Documents, false, "test")
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	s.useBook(t.Context())
}

// wholeLead waits until a lead is in the state and returns all of it.
func (s *stage) wholeLead(t *testing.T, id string, state ringbid.LeadState) *ringbid.Lead {
	t.Helper()
	var l *ringbid.Lead
	eventually(t, 20*time.Second, "the lead is "+string(state), func() bool {
		var err error
		l, err = s.store.Lead(t.Context(), id)
		return err == nil && l.State == state
	})
	return l
}

// TestBuyerWorksLead lets a buyer work a lead on a small screen: see it, call,
// say how it went, ask for its return; the operator grants that and the money
// goes back.
func TestBuyerWorksLead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("works in a browser")
	}
	s := startStage(t, testConfig(t))
	s.publishMore(t, "kind: Campaign\nname: home-services\npayout: {amount: \"4.00\"}\nroutes: [{target: neighborhood}]\nlead:\n  answer_within: 10s\n  fields:\n"+
		"    - {name: first_name}\n    - {name: last_name}\n    - {name: phone, type: phone, required: true}\n    - {name: email, type: email}\n    - {name: city}\n"+
		"    - {name: state, type: state}\n    - {name: zip, type: zip}\n    - {name: home_owner}\n    - {name: trustedform_url, type: trustedform}\n    - {name: consent_text}\n")
	a := s.postLead(t, "home-searchco", nil)
	if a.Status != "accepted" || a.Price != "5.50" {
		t.Fatalf("%+v", a)
	}
	buyer := newPane(t, chromium(t))
	buyer.do(t, chromedp.EmulateViewport(360, 740))
	buyer.do(t, chromedp.Navigate("http://"+s.httpAddr+"/portal/leads"), chromedp.SendKeys(chromedp.CSS("#name"), "neighborhood"),
		chromedp.SendKeys(chromedp.CSS("#password"), s.password+"\r"))
	buyer.shows(t, `document.body.textContent.includes('Ann Lee')`)
	if wide := ask[int](t, buyer, `document.documentElement.scrollWidth`); wide > 360 {
		t.Errorf("the list is %d pixels wide", wide)
	}
	buyer.do(t, chromedp.Navigate("http://"+s.httpAddr+"/portal/leads/"+a.LeadID))
	buyer.shows(t, `document.body.textContent.includes('cert.trustedform.com')`)
	if wide := ask[int](t, buyer, `document.documentElement.scrollWidth`); wide > 360 {
		t.Errorf("the lead is %d pixels wide", wide)
	}
	if got := ask[string](t, buyer, `document.body.textContent`); strings.Contains(got, "searchco") || strings.Contains(got, "5.50") {
		t.Error("the buyer sees who was paid, or how much")
	}
	buyer.do(t, chromedp.Click(chromedp.CSS(`button[name=status][value=contacted]`)))
	buyer.shows(t, `document.querySelector('button[name=status][value=contacted]')?.getAttribute('aria-pressed') === 'true'`)
	buyer.do(t, chromedp.SendKeys(chromedp.CSS("#note"), "Wants a quote <b>"), chromedp.Click(chromedp.CSS(`form.jot button`)))
	buyer.shows(t, `document.getElementById('history').textContent.includes('Wants a quote <b>')`)
	ask[bool](t, buyer, `(() => { document.querySelector('details.fold').open = true; const r = document.getElementById('reason'); r.value = r.options[1].value; return true; })()`)
	buyer.do(t, chromedp.Click(chromedp.CSS(`form.jot button.danger`)))
	buyer.shows(t, `document.body.textContent.includes('A return was asked for')`)

	operator := newPane(t, buyer.ctx, chromedp.WithNewBrowserContext())
	operator.signIn(t, s, "operator")
	operator.do(t, chromedp.Navigate("http://"+s.httpAddr+"/returns"))
	ask[bool](t, operator, `(() => { window.confirm = () => true; return true; })()`)
	operator.shows(t, `document.body.textContent.includes('Ann Lee')`)
	operator.do(t, chromedp.Click(chromedp.CSS(`button[value=grant]`)))
	eventually(t, 10*time.Second, "the money goes back", func() bool {
		l, err := s.store.Lead(t.Context(), a.LeadID)
		return err == nil && l.Purchases[0].State == ringbid.PurchaseReturned && l.Sale.Revenue == 0 && l.Sale.Payout == 0
	})
}

// brokenDocs sell to a buyer whose map does not know a word.
const brokenDocs = `kind: Campaign
name: home-services
payout: {amount: "4.00"}
routes: [{target: exact}]
lead:
  answer_within: 10s
  fields:
    - {name: first_name}
    - {name: last_name}
    - {name: phone, type: phone, required: true}
    - {name: zip, type: zip}
    - {name: home_owner}
---
kind: Buyer
name: exact
title: Exact Homes
---
kind: Target
name: exact
buyer: exact
price: "20.00"
methods: [{method: exact-api}]
---
kind: Method
name: exact-api
buyer: exact
type: http
settings: {url: "http://%s/post/good"}
exchange: {idempotent: true}
map: exact
---
kind: Map
name: exact
fields:
  - {to: lead_id, from: key}
  - {to: phone, from: phone}
  - {to: owner, from: home_owner, translate: {values: {"no": Rent}}}
`

// TestOperatorFixesMap lets a map fail on two leads; the operator mends it, sees
// what it makes of them now, publishes it and sends both again.
func TestOperatorFixesMap(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("works in a browser")
	}
	s := startStage(t, testConfig(t))
	s.publishMore(t, fmt.Sprintf(brokenDocs, s.world.leads.buyers.Addr()))
	first, second := s.postLead(t, "home-searchco", nil), s.postLead(t, "home-searchco", nil)
	for _, a := range []string{first.LeadID, second.LeadID} {
		if l := s.wholeLead(t, a, ringbid.LeadUnsold); !l.Deliveries[0].Exception || l.Deliveries[0].Code != "mapping" {
			t.Fatalf("%+v", l.Deliveries[0])
		}
	}
	p := newPane(t, chromium(t))
	p.signIn(t, s, "operator")
	p.do(t, chromedp.Navigate("http://"+s.httpAddr+"/exceptions"))
	p.shows(t, `document.querySelectorAll('input[name=id]').length === 2`)
	p.do(t, chromedp.Navigate("http://"+s.httpAddr+"/maps/exact"))
	p.shows(t, `document.getElementById('text').value.includes('Rent')`)
	ask[bool](t, p, `(() => { const a = document.getElementById('text'); const m = JSON.parse(a.value); const f = (m.fields || m).find(x => x.to === 'owner');
		f.translate.values.yes = 'Own'; a.value = JSON.stringify(m, null, 1); a.dispatchEvent(new Event('input', {bubbles: true})); return true; })()`)
	p.do(t, chromedp.Click(chromedp.CSS(`#editor button:not([formaction]):not([type=button])`)))
	p.shows(t, `document.getElementById('trials')?.textContent.includes('can be sent') && document.getElementById('trials').textContent.includes('Own')`)
	p.do(t, chromedp.Click(chromedp.CSS(`#editor button[formaction="/maps/exact/publish"]`)))
	p.shows(t, `document.getElementById('changes')?.textContent.includes('Own')`)
	p.do(t, chromedp.Click(chromedp.CSS(`#changes button.main`)))
	p.shows(t, `document.querySelector('.note.good')?.textContent.length > 0`)
	s.useBook(t.Context())
	p.do(t, chromedp.Navigate("http://"+s.httpAddr+"/exceptions"))
	p.shows(t, `document.querySelectorAll('input[name=id]').length === 2`)
	ask[bool](t, p, `(() => { for (const c of document.querySelectorAll('input[name=id]')) c.click(); return true; })()`)
	p.do(t, chromedp.Click(chromedp.CSS(`button[value=retry]`)))
	for _, a := range []string{first.LeadID, second.LeadID} {
		l := s.wholeLead(t, a, ringbid.LeadSold)
		if n := s.world.leads.buyers.Kept("good", a); n != 1 || l.Sale.Revenue.String() != "20.00" {
			t.Errorf("the buyer has it %d times; %+v", n, l.Sale)
		}
	}
	s.leadOnPage(t, p, first.LeadID)
}

// leadOnPage checks that a lead's page says what came in, what was sent, what
// came back, when, and for how much.
func (s *stage) leadOnPage(t *testing.T, p *pane, id string) {
	t.Helper()
	l, err := s.store.Lead(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, chromedp.Navigate("http://"+s.httpAddr+"/leads/"+id))
	p.shows(t, `document.querySelector('main h1') !== null`)
	page := ask[string](t, p, `document.querySelector('main').textContent`)
	last := l.Deliveries[0].Tries[len(l.Deliveries[0].Tries)-1]
	for what, want := range map[string]string{
		"what came in": l.Posted["phone"], "what became of it": l.Facts["phone"], "what was sent": "owner", "what it became": "Own",
		"the partner's id": l.Purchases[0].Partner, "the price": "$20.00", "the payout": "$5.50", "the buyer": "Exact Homes", "the answer": `"status"`,
		"the first try's problem": "no translation", "how long it took": fmt.Sprint(last.MS),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s: %q", what, want)
		}
	}
}
