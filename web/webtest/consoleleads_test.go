package webtest_test

import (
	"encoding/csv"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
	"github.com/ringbid/ringbid/web/webtest"
)

// holds reports what of a page's text is missing.
func holds(t *testing.T, what, body string, wanted ...string) {
	t.Helper()
	text := html.UnescapeString(body)
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%s: %q is not in the page", what, w)
		}
	}
}

// TestLeadPageShowsEverything reads the page of a lead in which everything
// happened: what came in, what was made of it, what was sent, what came back,
// when, and for how much.
func TestLeadPageShowsEverything(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	status, body := h.visitor(t, "operator").get("/leads/" + webtest.DeskLeadID)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	holds(t, "lead", body,
		"Sold to Keystone Insurance for $12.50, delivered in 15 s by HTTP; earned $12.50, paid $8.13. Recovered: Lakeside Services could not be reached: 503 Service Unavailable, four times.",
		"(310) 555-0142", "+13105550142", "Primary_Phone", "number as 8005550100", // posted, became, sent, why
		"xxTrustedFormCertUrl", "kept, not used", "gclid", "not from the lead’s fields", "contact.name", "ana MARTINEZ",
		`href="https://cert.trustedform.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"`, "0c2d1e3f-1111-4222-8333-444455556666", "I agree to be called",
		"broke on the buyer’s side", "tried again", "went to the next buyer", "503", "+15.10 s", "560 ms", "map version 3",
		"First_Name=ana&Last_Name=MARTINEZ", "<html><body>Service Unavailable</body></html>", `"price":"12.50"`, "X-Api-Key: ••••••",
		"KI-558120", "bid K-2093", "paid: accepted; publisher earns 65 % of revenue", "$14.00", "$4.37",
		"POST https://ping.example/lakeside-ping", "outbid by keystone-ping", "its buyer bought this person 6 days ago", "all answered",
		"Ana wants a quote for 2 cars", "webhook keystone-status", "opened it", "BL-40117", "goes beside, decides nothing", "250 2.0.0 Ok",
		`aria-label="Time line of the lead`, "try 4 of lakeside-post: broke on the buyer’s side after 560 ms: 503 Service Unavailable; went to the next buyer")
	if _, raw := h.visitor(t, "operator").get("/leads/" + webtest.DeskLeadID + "/facts.json"); !strings.Contains(raw, `"external_id":"BL-40117"`) {
		t.Errorf("facts %.200s", raw)
	}
	_, refused := h.visitor(t, "operator").get("/leads/" + webtest.DeskRefusedID)
	holds(t, "refused", refused, "Refused, and offered to nobody: phone is neither ten digits", "not taken", "555-01")
	_, call := h.visitor(t, "operator").get("/leads/" + webtest.RichID)
	holds(t, "call", call, "Made of a call that was sold as such; passed on to Keystone Insurance by e-mail.", `href="/calls/`+webtest.RichID)
	_, held := h.visitor(t, "operator").get("/leads/" + webtest.DeskHeldID)
	holds(t, "held", held, "Orchard Mutual may have it", `href="/exceptions/019b0000-0000-7000-8000-0000000e0099"`)
}

func TestLeadList(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	_, body := v.get("/leads?" + url.Values{"state": {"sold"}, "buyer": {"northwind"}, "rows": {"3"}, "sort": {"oldest"}}.Encode())
	if n := strings.Count(body, `<a class="row"`); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	holds(t, "list", body, "cursor=3", `<option selected>northwind</option>`, `<option value="sold" selected>sold</option>`, `<option value="oldest" selected>`)
	_, body = v.get("/leads")
	holds(t, "tiles", body, "51.2 %", "brought $12.50", "$230.50", "held for a person", "exception")
	status, body := v.get("/leads?state=nonsense")
	if status != http.StatusBadRequest {
		t.Errorf("a wrong state: %d", status)
	}
	holds(t, "wrong", body, `"nonsense" is not the state of a lead`)
	for q, want := range map[string]string{webtest.DeskLeadID: "/leads/" + webtest.DeskLeadID, webtest.RichID: "/calls/" + webtest.RichID, "nora.quist@mail.example": "/leads/" + webtest.DeskRefusedID,
		"ben@mail.example": "/leads?text=ben%40mail.example", "nobody@x.example": "/leads?text=nobody%40x.example", "keystone-auto": "/maps/keystone-auto", "orchard-hubspot": "/methods/orchard-hubspot", "leads": "/leads"} {
		_, _, header := v.do(http.MethodGet, "/search?"+url.Values{"q": {q}}.Encode(), nil)
		if got := header.Get("Location"); got != want {
			t.Errorf("search %q goes to %q, want %q", q, got, want)
		}
	}
}

func TestLeadCSV(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	for _, user := range []string{"operator", "quinn"} {
		status, body, header := h.visitor(t, user).do(http.MethodGet, "/leads.csv?campaign=auto-leads", nil)
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), `attachment; filename="leads-`) {
			t.Fatalf("%d %q", status, header.Get("Content-Disposition"))
		}
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 43 || len(rows[0]) != map[string]int{"operator": 17, "quinn": 14}[user] {
			t.Errorf("%s: %d rows of %d cells", user, len(rows), len(rows[0]))
		}
		defused := false
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@|\t\r") {
					t.Errorf("%s: cell %q is read as a formula", user, cell)
				}
				defused = defused || strings.HasPrefix(cell, "'=cmd|")
			}
		}
		if !defused {
			t.Errorf("%s: the hostile id is not in the export", user)
		}
		if named := strings.Contains(body, "nora.quist") || strings.Contains(body, "Okafor") || strings.Contains(body, "13105550142"); named != (user == "operator") {
			t.Errorf("%s: people are named: %v", user, named)
		}
	}
}

func TestQADoesNotReadLeads(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "quinn")
	for _, path := range []string{"/leads", "/leads.csv", "/leads/" + webtest.DeskLeadID, "/leads/" + webtest.DeskLeadID + "/facts.json", "/leads/" + webtest.DeskRefusedID, "/leads/" + webtest.RichID} {
		status, body := v.get(path)
		low := strings.ToLower(body)
		for _, leak := range []string{"3105550142", "555-0142", "martinez", "ana.m", "quist", "nora", "1200 sunset", "203.0.113.77"} {
			if status != http.StatusOK || strings.Contains(low, leak) {
				t.Errorf("%s: %d, %q is readable", path, status, leak)
			}
		}
		if !strings.Contains(body, "•••") {
			t.Errorf("%s shows no initials", path)
		}
		if strings.Contains(body, "/exceptions/") || strings.Contains(body, "/methods/") || strings.Contains(body, "/buyers/") {
			t.Errorf("%s leads where QA may not go", path)
		}
	}
}

// TestHostileLeads renders what people with bad intent post.
func TestHostileLeads(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	for _, path := range []string{"/leads", "/leads/" + webtest.DeskHostileID} {
		status, body := v.get(path)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", path, status)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, "\u202e"} {
			if strings.Contains(strings.SplitN(body, "Raw facts", 2)[0], bad) {
				t.Errorf("%s: %q came through", path, bad)
			}
		}
	}
	for _, s := range hostile() {
		for _, x := range []struct {
			path  string
			names []string
		}{{"/leads", []string{"from", "campaign", "state", "text", "sort", "cursor", "rows"}}, {"/leads.csv", []string{"to", "text"}}, {"/exceptions", []string{"method", "code", "cursor", "rows"}},
			{"/deliveries", []string{"closed"}}, {"/returns", []string{"done"}}, {"/maps/keystone-auto", []string{"version", "published"}}} {
			for _, n := range x.names {
				if status, body, header := v.do(http.MethodGet, x.path+"?"+url.Values{n: {s}}.Encode(), nil); status >= 500 || strings.Contains(body, "<script>alert(1)") && x.path != "/leads.csv" || header.Get("X-Evil") != "" {
					t.Errorf("%s %s=%.40q: %d", x.path, n, s, status)
				}
			}
		}
		for _, path := range []string{"/leads/", "/exceptions/", "/maps/", "/methods/"} {
			if status, body := v.get(path + url.PathEscape(s)); status == http.StatusOK || status >= 500 || strings.Contains(body, "<script>alert(1)") {
				t.Errorf("%s%.40q: %d", path, s, status)
			}
		}
		form := url.Values{"csrf": {v.csrf()}, "id": {s}, "action": {s}, "method": {s}, "text": {s}, "from": {s}, "confirm": {s}, "back": {s}, "decision": {s}, "fact.first_name": {s}, "fact." + s: {s}}
		for _, path := range []string{"/exceptions", "/exceptions/" + webtest.DeskExceptionID, "/exceptions/" + webtest.DeskExceptionID + "/preview", "/deliveries/breaker", "/maps/keystone-auto/try", "/maps/keystone-auto/publish", "/returns/" + url.PathEscape(s)} {
			if status, body, header := v.do(http.MethodPost, path, form); status >= 500 || strings.Contains(body, "<script>alert(1)") || strings.Contains(header.Get("Location"), "evil") {
				t.Errorf("POST %s with %.40q: %d %.200s", path, s, status, body)
			}
		}
	}
	if desk := h.fake.Desk(); len(desk.Retried)+len(desk.Dismissed) > 0 {
		t.Errorf("hostile forms did something: %q, %q", desk.Retried, desk.Dismissed)
	}
}

// TestWithoutLeads looks at a console that sells calls only.
func TestWithoutLeads(t *testing.T) {
	t.Parallel()
	f := webtest.NewFake(time.Now())
	c, err := console.New(console.Config{Calls: f, Recordings: f, Reports: f, Board: console.NewBoard(nil), Book: f.Book})
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Sessions: f, Parts: []web.Part{c}})
	if err != nil {
		t.Fatal(err)
	}
	h := serve(t, &house{fake: f, web: s})
	v := h.visitor(t, "operator")
	for _, path := range []string{"/leads", "/leads.csv", "/leads/" + webtest.DeskLeadID, "/deliveries", "/exceptions", "/methods", "/maps", "/returns"} {
		if status, _ := v.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	for _, path := range []string{"/campaigns", "/campaigns/auto-insurance", "/buyers/keystone-insurance", "/calls/" + webtest.RichID} {
		status, body := v.get(path)
		for _, link := range []string{`href="/leads`, `href="/deliveries`, `href="/maps`, `href="/methods`} {
			if status != http.StatusOK || strings.Contains(body, link) {
				t.Errorf("%s: %d, %s leads nowhere", path, status, link)
			}
		}
	}
	if status, _ := h.visitor(t, "agent").get("/leads"); status != http.StatusForbidden {
		t.Errorf("an agent: %d", status)
	}
}

func TestCampaignShowsItsSources(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	_, body := h.visitor(t, "operator").get("/campaigns/auto-leads")
	holds(t, "campaign", body, h.url+"/leads/bright-auto", `href="/leads/search-auto/spec"`, "up to 2 buyers", "within 30 days is refused", "choice: own, rent, other", "65 % of revenue", "$6.00")
	if strings.Contains(body, "never-shown") {
		t.Error("a posting key is shown")
	}
	_, body = h.visitor(t, "operator").get("/buyers/keystone-insurance")
	holds(t, "buyer", body, `href="/methods/keystone-http"`, "accepted")
}

func TestReturnsAreDecidedOnce(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	_, body := v.get("/returns")
	holds(t, "returns", body, "Take Ben Okafor back from Keystone Insurance? $9.00 goes back to the buyer, $5.85 is taken from the publisher.")
	asked, err := h.fake.Desk().Returns(t.Context(), "asked")
	if err != nil || len(asked) < 2 {
		t.Fatalf("%d asked, %v", len(asked), err)
	}
	path := "/returns/" + asked[0].Purchase.ID
	for _, step := range []struct {
		decision string
		want     int
	}{{"", http.StatusBadRequest}, {"grant", http.StatusSeeOther}, {"refuse", http.StatusConflict}} {
		if status, _, _ := v.do(http.MethodPost, path, url.Values{"csrf": {v.csrf()}, "decision": {step.decision}}); status != step.want {
			t.Errorf("%q: %d, want %d", step.decision, status, step.want)
		}
	}
	left, err := h.fake.Desk().Returns(t.Context(), "asked")
	if err != nil || len(left) != len(asked)-1 {
		t.Errorf("%d are left of %d, %v", len(left), len(asked), err)
	}
}

func TestWatchTells(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	wanted := []string{"Nothing goes to Northwind Insurance by northwind-crm: its breaker is open", "98.4 %", "on target", "92.6 %", "under 95 %", "71.8 %", "under 90 %", "nothing to count yet", "▲ slow, 1.3 s", "next probe in", "the certificate does not hold", "118", "64.8 %"}
	_, body := v.get("/deliveries")
	holds(t, "watch", body, append(wanted, `http-equiv="refresh"`, "goal 95 %")...)
	status, part := v.get("/deliveries/part")
	holds(t, "part", part, wanted...)
	if status != http.StatusOK || strings.Contains(part, "<html") {
		t.Errorf("the part is %d, a whole page: %v", status, strings.Contains(part, "<html"))
	}
	form := url.Values{"csrf": {v.csrf()}, "method": {"northwind-crm"}}
	_, _, header := v.do(http.MethodPost, "/deliveries/breaker", form)
	_, body = v.get(header.Get("Location"))
	holds(t, "closed", body, "The breaker of northwind-crm is closed")
	if strings.Contains(body, "its breaker is open") {
		t.Error("the breaker is still open")
	}
	if status, _, _ := v.do(http.MethodPost, "/deliveries/breaker", form); status != http.StatusConflict {
		t.Errorf("closing it again: %d", status)
	}
	_, body = v.get("/methods/keystone-http")
	holds(t, "method", body, `secret: "••••••"`, "key_header: Idempotency-Key", "keystone-leads", "182 ms on the mean")
	_, body = v.get("/methods/lakeside-post")
	holds(t, "method", body, `api_key: "••••••"`, "Nothing was sent by it lately")
}

func TestEveryStateHasWords(t *testing.T) {
	t.Parallel()
	for _, s := range []ringbid.DeliveryState{ringbid.DeliveryQueued, ringbid.DeliverySending, ringbid.DeliveryRetry, ringbid.DeliveryAccepted, ringbid.DeliveryRejected, ringbid.DeliveryFailed, ringbid.DeliveryHeld, ringbid.DeliveryCancelled} {
		if web.DeliveryStateText(s) == "" {
			t.Errorf("delivery %s has no words", s)
		}
	}
	for _, s := range []ringbid.PurchaseState{ringbid.PurchasePending, ringbid.PurchaseAccepted, ringbid.PurchaseRejected, ringbid.PurchaseFailed, ringbid.PurchaseHeld, ringbid.PurchaseReturned} {
		if web.PurchaseStateText(s) == "" {
			t.Errorf("purchase %s has no words", s)
		}
	}
}
