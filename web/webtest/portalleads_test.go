package webtest_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web/webtest"
)

// portalLeadSights are the pages of the inbox.
func portalLeadSights() []sight {
	return []sight{
		{"buyer-leads", "keystone", "/portal/leads", "table"},
		{"buyer-leads-some", "keystone", "/portal/leads?status=converted&agent=agent", "table"},
		{"buyer-leads-none", "keystone", "/portal/leads?text=nosuchthing", ".empty"},
		{"buyer-lead", "keystone", "/portal/leads/" + webtest.RichID, "#history"},
		{"buyer-lead-hostile", "keystone", "/portal/leads/" + webtest.HostileLeadID, "#history"},
		{"agent-leads", "agent", "/portal/leads", "table"},
		{"agent-lead", "agent", "/portal/leads/" + webtest.RichID, "#history"},
		{"agent-lead-taken", "agent", "/portal/leads/" + webtest.TakenLeadID, ".say"},
	}
}

// leadForms are what can be done with a lead, each sound.
func leadForms() map[string]url.Values {
	return map[string]url.Values{
		"call": {"number": {"+13105550142"}}, "status": {"status": {"quoted"}}, "note": {"note": {"rang twice"}}, "claim": {}, "release": {},
		"assign": {"agent": {"bella"}}, "return": {"reason": {"Outside our area"}, "why": {"moved to Texas"}},
	}
}

// post sends a form of a lead's page.
func (v *visitor) post(lead, what string, form url.Values) (int, string, http.Header) {
	v.t.Helper()
	with := url.Values{"csrf": {v.csrf()}}
	for k, list := range form {
		with[k] = list
	}
	return v.do(http.MethodPost, "/portal/leads/"+lead+"/"+what, with)
}

// deeds returns what was done with a lead without ids and times.
func deeds(x *webtest.Inbox, lead string) []string {
	var out []string
	for _, a := range x.Done(lead) {
		if a.Kind != "received" {
			out = append(out, strings.TrimSpace(a.By+" "+a.Kind+" "+a.Text))
		}
	}
	return out
}

// phoneForm is a telephone number of the samples, which all have 555 in them; a
// token may have that by chance.
var phoneForm = regexp.MustCompile(`555-?01\d\d`)

// TestOthersLeadsDoNotExist asks for every page and form of leads that another
// buyer bought, or that never reached this one.
func TestOthersLeadsDoNotExist(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	northwind, keystone, agent := h.visitor(t, "northwind"), h.visitor(t, "keystone"), h.visitor(t, "agent")
	for _, c := range []struct {
		v    *visitor
		lead string
	}{
		{keystone, webtest.OtherLeadID}, {agent, webtest.OtherLeadID}, {northwind, webtest.RichID}, {northwind, webtest.TakenLeadID},
		{keystone, webtest.RefusedLeadID}, {agent, webtest.RefusedLeadID}, {keystone, "no-such-lead"}, {keystone, strings.Repeat("x", 65)},
	} {
		for _, q := range []string{"", "?buyer=northwind", "?buyer=keystone-insurance"} {
			if status, body := c.v.get("/portal/leads/" + c.lead + q); status != http.StatusNotFound || phoneForm.MatchString(body) {
				t.Errorf("%.40s%s: %d", c.lead, q, status)
			}
		}
		for what, form := range leadForms() {
			if what == "assign" && c.v == agent {
				continue
			}
			if status, _, header := c.v.post(c.lead, what, form); status != http.StatusNotFound {
				t.Errorf("%s of %.40s: %d to %q", what, c.lead, status, header.Get("Location"))
			}
		}
		if got := deeds(h.fake.Inbox(), c.lead); len(got) > 0 && c.v != northwind {
			t.Errorf("%s of somebody else: %q", c.lead, got)
		}
	}
	if got := deeds(h.fake.Inbox(), webtest.RichID); len(got) > 0 {
		t.Errorf("northwind worked keystone's lead: %q", got)
	}
	for _, path := range []string{"/portal/leads?buyer=northwind", "/portal/leads.csv?buyer=northwind", "/portal?buyer=northwind", "/portal/leads?agent=-"} {
		if _, body := keystone.get(path); strings.Contains(body, "Northerly") || strings.Contains(body, "Reached") {
			t.Errorf("%s follows the address", path)
		}
	}
}

// TestBuyerReadsNothingOfOthers looks for payouts, publishers, what others pay,
// and what was sent to machines.
func TestBuyerReadsNothingOfOthers(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	for _, user := range []string{"keystone", "agent"} {
		v := h.visitor(t, user)
		for _, path := range []string{"/portal/leads", "/portal/leads.csv", "/portal/leads/" + webtest.RichID, "/portal"} {
			if user == "agent" && path == "/portal" {
				continue
			}
			status, body := v.get(path)
			if status != http.StatusOK {
				t.Errorf("%s %s: %d", user, path, status)
			}
			for _, secret := range []string{"7.81", "77.77", "publisher earns", "never-shown", "bright-auto"} {
				if strings.Contains(body, secret) {
					t.Errorf("%s reads %q on %s", user, secret, path)
				}
			}
		}
	}
	for _, user := range []string{"brightleads", "operator", "quinn"} {
		for _, path := range []string{"/portal/leads", "/portal/leads.csv", "/portal/leads/" + webtest.RichID} {
			if status, _ := h.visitor(t, user).get(path); status != http.StatusForbidden {
				t.Errorf("%s %s: %d, want 403", user, path, status)
			}
		}
	}
}

// TestAgentSeesWhatIsTakenMasked reads what a colleague has taken.
func TestAgentSeesWhatIsTakenMasked(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	agent, buyer := h.visitor(t, "agent"), h.visitor(t, "keystone")
	for _, path := range []string{"/portal/leads", "/portal/leads/" + webtest.TakenLeadID, "/portal/leads.csv"} {
		_, body := agent.get(path)
		for _, secret := range []string{"Quentin", "Zimmer", "4155550166", "555-0166", "Oakland"} {
			if strings.Contains(body, secret) {
				t.Errorf("the agent reads %q on %s", secret, path)
			}
		}
		if path != "/portal/leads.csv" && !strings.Contains(body, "Taken by Bella Backup") {
			t.Errorf("%s does not say who has taken it", path)
		}
	}
	for q, found := range map[string]bool{"text=Zimmer": false, "text=4155550166": false, "state=CA": false, "": true, "agent=all&status=contacted": true} {
		if _, body := agent.get("/portal/leads?" + q); strings.Contains(body, webtest.TakenLeadID) != found {
			t.Errorf("the agent finds what is taken by %q: %t, want %t", q, !found, found)
		}
	}
	for what, form := range leadForms() {
		if what == "assign" {
			continue
		}
		status, body, _ := agent.post(webtest.TakenLeadID, what, form)
		if status != http.StatusConflict || !strings.Contains(body, "Bella Backup works this lead") || strings.Contains(body, "Zimmer") {
			t.Errorf("%s of a colleague's lead: %d", what, status)
		}
	}
	if got := deeds(h.fake.Inbox(), webtest.TakenLeadID); len(got) > 0 {
		t.Errorf("the agent worked a colleague's lead: %q", got)
	}
	if _, body := buyer.get("/portal/leads/" + webtest.TakenLeadID); !strings.Contains(body, "Quentin Zimmer") || !strings.Contains(body, "415) 555-0166") {
		t.Error("the buyer does not read what an agent has taken")
	}
}

// TestLeadIsWorked does everything that can be done and reads what was noted.
func TestLeadIsWorked(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	x, agent, buyer := h.fake.Inbox(), h.visitor(t, "agent"), h.visitor(t, "keystone")
	for _, c := range []struct {
		v        *visitor
		what     string
		form     url.Values
		location string
	}{
		{agent, "call", url.Values{"number": {"+13235550143"}}, "tel:+13235550143"},
		{agent, "call", url.Values{"number": {"+19005550199"}}, "tel:+13105550142"}, // not the person's
		{agent, "call", nil, "tel:+13105550142"},
		{agent, "status", url.Values{"status": {"appointment"}}, "?did=status"},
		{agent, "note", url.Values{"note": {" first line\r\nsecond line "}}, "?did=note"},
		{agent, "release", nil, "?did=release"},
		{buyer, "call", nil, "tel:+13105550142"},
		{buyer, "assign", url.Values{"agent": {"bella"}}, "?did=assign"},
		{buyer, "assign", url.Values{"agent": {"agent"}}, "?did=assign"},
		{agent, "return", url.Values{"reason": {"Other"}, "why": {"a prank"}}, "?did=return"},
		{buyer, "claim", nil, ""}, // the agent has it
		{buyer, "return", url.Values{"reason": {"Invented details"}}, ""},
	} {
		status, body, header := c.v.post(webtest.RichID, c.what, c.form)
		got := strings.TrimPrefix(header.Get("Location"), "/portal/leads/"+webtest.RichID)
		want := http.StatusSeeOther
		if c.location == "" {
			want = http.StatusConflict
		}
		if status != want || got != c.location {
			t.Errorf("%s %v: %d to %q, want %q", c.what, c.form, status, got, c.location)
		}
		if c.location == "" && !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: the page does not say why not", c.what)
		}
	}
	want := []string{
		"agent assigned agent", "agent call +13235550143", "agent call +13105550142", "agent call +13105550142", "agent status appointment", "agent note first line\nsecond line",
		"agent assigned", "keystone call +13105550142", "keystone assigned bella", "keystone assigned agent", "agent return Other: a prank",
	}
	if diff := cmp.Diff(want, deeds(x, webtest.RichID)); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	_, body := buyer.get("/portal/leads/" + webtest.RichID + "?did=note")
	for _, words := range []string{"Appointment", "first line\nsecond line", "A return was asked for", "gave it to <", "called +1 (323) 555-0143", "The note is kept."} {
		if words == "gave it to <" {
			words = "gave it to Ada Agent"
		}
		if !strings.Contains(body, words) && !strings.Contains(body, strings.ReplaceAll(words, "+", "&#43;")) {
			t.Errorf("the page lacks %q", words)
		}
	}
	if strings.Contains(body, "Ask for the return") {
		t.Error("a return is offered twice")
	}
}

// TestUnsoundFormsAreRefused keeps what was typed and notes nothing.
func TestUnsoundFormsAreRefused(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "keystone")
	long := strings.Repeat("é", 1001)
	for _, c := range []struct {
		what string
		form url.Values
		keep string
	}{
		{"status", url.Values{"status": {"nonsense"}}, ""}, {"status", url.Values{"status": {"new"}}, ""}, {"status", url.Values{"status": {"returned"}}, ""}, {"status", nil, ""},
		{"note", nil, ""}, {"note", url.Values{"note": {"  \r\n "}}, ""}, {"note", url.Values{"note": {long}}, long}, {"note", url.Values{"note": {"a\x00b"}}, ""}, {"note", url.Values{"note": {"\xff"}}, ""},
		{"assign", url.Values{"agent": {"northwind"}}, ""}, {"assign", url.Values{"agent": {"operator"}}, ""},
		{"return", nil, ""}, {"return", url.Values{"reason": {"because"}, "why": {"kept words"}}, "kept words"}, {"return", url.Values{"reason": {"Other"}}, ""},
		{"return", url.Values{"reason": {"Other"}, "why": {long}}, long}, {"return", url.Values{"reason": {"Other"}, "why": {strings.Repeat("x", 1995)}}, ""},
	} {
		status, body, _ := v.post(webtest.RichID, c.what, c.form)
		if status != http.StatusBadRequest || !strings.Contains(body, `role="alert"`) || !strings.Contains(body, c.keep) {
			t.Errorf("%s %.60v: %d", c.what, c.form, status)
		}
	}
	if got := deeds(h.fake.Inbox(), webtest.RichID); len(got) > 0 {
		t.Errorf("noted %q", got)
	}
	if status, _, _ := v.do(http.MethodPost, "/portal/leads/"+webtest.RichID+"/call", url.Values{}); status != http.StatusForbidden {
		t.Errorf("a forged call: %d", status)
	}
}

// TestViewedIsNotedOnce opens a lead ahead of time, by its head, and twice.
func TestViewedIsNotedOnce(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	x, v, path := h.fake.Inbox(), h.visitor(t, "keystone"), "/portal/leads/"+webtest.RichID
	for _, header := range [][]string{{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"}} {
		if status, _, _ := v.do(http.MethodGet, path, nil, header...); status != http.StatusOK {
			t.Errorf("%v: %d", header, status)
		}
	}
	v.do(http.MethodHead, path, nil)
	if _, body := v.get("/portal/leads"); !strings.Contains(body, "Unread") {
		t.Error("the list marks nothing as unread")
	}
	if got := deeds(x, webtest.RichID); len(got) > 0 {
		t.Errorf("nobody has looked, and noted is %q", got)
	}
	for range 2 {
		v.get(path)
	}
	h.visitor(t, "agent").get(path)
	h.visitor(t, "agent").get("/portal/leads/" + webtest.TakenLeadID)
	if diff := cmp.Diff([]string{"keystone viewed", "agent viewed"}, deeds(x, webtest.RichID)); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	if got := deeds(x, webtest.TakenLeadID); len(got) > 0 {
		t.Errorf("a masked page counts as a look: %q", got)
	}
	x.Fail("viewed", ringbid.Errorf(ringbid.Unavailable, "the database is away"))
	if status, body := h.visitor(t, "keystone").get("/portal/leads/" + webtest.HostileLeadID); status != http.StatusOK || !strings.Contains(body, "Call ") {
		t.Errorf("a look that cannot be noted hides the lead: %d", status)
	}
}

// TestCallGoesOutAnyway lets notes fail: the person is called all the same,
// unless somebody else has the lead.
func TestCallGoesOutAnyway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind string
		err  error
		user string
		want int
	}{
		"note away":        {"call", ringbid.Errorf(ringbid.Unavailable, "away"), "keystone", http.StatusOK},
		"note broken":      {"call", errors.New("secret of the database"), "keystone", http.StatusOK},
		"claim away":       {"assigned", ringbid.Errorf(ringbid.Unavailable, "away"), "agent", http.StatusOK},
		"all away":         {"lead", ringbid.Errorf(ringbid.Unavailable, "away"), "agent", http.StatusOK},
		"taken meanwhile":  {"assigned", ringbid.Errorf(ringbid.Conflict, "somebody else has taken it"), "agent", http.StatusConflict},
		"changed meantime": {"call", ringbid.Errorf(ringbid.Conflict, "it was given back"), "keystone", http.StatusConflict},
	} {
		h := setup(t, webtest.NewFake(time.Now()))
		h.fake.Inbox().Fail(c.kind, c.err)
		status, body, header := h.visitor(t, c.user).post(webtest.RichID, "call", url.Values{"number": {"+13105550142"}})
		link := strings.Contains(body, `href="tel:+13105550142"`) || strings.Contains(body, `href="tel:&#43;13105550142"`)
		if status != c.want || link != (c.want == http.StatusOK) || header.Get("Location") != "" || strings.Contains(body, "secret") {
			t.Errorf("%s: %d, link %t", name, status, link)
		}
	}
}
