package webtest_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/web/portal"
	"github.com/ringbid/ringbid/web/webtest"
)

// TestLeadListIsSifted holds what the list shows against its address.
func TestLeadListIsSifted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	h := setup(t, webtest.NewFake(now))
	v := h.visitor(t, "keystone")
	names := []string{"Ana Martinez", "Quentin Zimmer", "Ben Okafor", "Carla Jensen", "Esther Adeyemi", "Hiro Tanaka", "Jamal Washington"}
	for q, want := range map[string][]string{
		"status=converted": {"Hiro Tanaka", "Jamal Washington"}, "status=converted&agent=bella": nil, "agent=none": {"Ana Martinez", "Ben Okafor", "Carla Jensen"},
		"state=ca": {"Ana Martinez", "Quentin Zimmer", "Carla Jensen"}, "state=California&agent=bella": {"Quentin Zimmer"}, "text=martinez": {"Ana Martinez"}, "text=5550142": {"Ana Martinez"},
		"campaign=roofing": nil, "agent=agent&text=hiro": {"Hiro Tanaka"}, "from=" + now.Add(-4*time.Minute).UTC().Format("2006-01-02T15:04:05"): {"Ana Martinez", "Ben Okafor"}, "agent=mine": nil,
	} {
		_, body := v.get("/portal/leads?" + q)
		var got []string
		for _, n := range names {
			if strings.Contains(body, "<bdi>"+n+"</bdi>") {
				got = append(got, n)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q, diff)
		}
	}
	for _, q := range []string{"status=x", "sort=revenue", "sort=x", "state=Bavaria", "from=yesterday", "to=x"} {
		status, body := v.get("/portal/leads?" + q)
		if status != http.StatusBadRequest || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: %d", q, status)
		}
	}
	if status, _ := h.visitor(t, "agent").get("/portal/leads?agent=bella"); status != http.StatusBadRequest {
		t.Errorf("an agent lists a colleague's leads: %d", status)
	}
	_, oldest := v.get("/portal/leads?sort=oldest")
	if strings.Index(oldest, "Mei Chen") > strings.Index(oldest, "Ana Martinez") {
		t.Error("oldest first is not")
	}
}

// TestLeadListPages walks a long list, also where most of it is sifted out.
func TestLeadListPages(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	for i := range 130 {
		l := webtest.NewLead(i, time.Now().Add(-time.Duration(i)*time.Second))
		if i == 129 {
			l.Facts["state"] = "WY"
		}
		h.fake.Inbox().Add(l)
	}
	v := h.visitor(t, "keystone")
	path, seen := "/portal/leads", 0
	for range 4 {
		_, body := v.get(path)
		seen += strings.Count(body, "data-lead=")
		i := strings.Index(body, `rel="next"`)
		if i < 0 {
			break
		}
		from := strings.LastIndex(body[:i], `href="`) + len(`href="`)
		path = strings.ReplaceAll(body[from:from+strings.IndexByte(body[from:], '"')], "&amp;", "&")
	}
	if seen != 145 {
		t.Errorf("%d leads on all pages, want 145", seen)
	}
	if _, body := v.get("/portal/leads?state=WY"); strings.Count(body, "data-lead=") != 1 {
		t.Error("the one lead from Wyoming is not found behind two pages of others")
	}
}

// TestNoInbox asks for pages of leads where there are none, or not yet.
func TestNoInbox(t *testing.T) {
	t.Parallel()
	f := webtest.NewFake(time.Now())
	p, err := portal.New(portal.Config{Calls: f, Dispositions: f, Desks: f, Book: f.Book})
	if err != nil {
		t.Fatal(err)
	}
	h := serveParts(t, f, p)
	v := h.visitor(t, "keystone")
	for _, path := range []string{"/portal/leads", "/portal/leads.csv", "/portal/leads/" + webtest.RichID} {
		if status, _ := v.get(path); status != http.StatusNotFound {
			t.Errorf("%s without an inbox: %d", path, status)
		}
	}
	if status, body := v.get("/portal"); status != http.StatusOK || strings.Contains(body, "Newest leads") || !strings.Contains(body, "Newest calls") || !strings.Contains(body, `href="/portal/leads"`) {
		t.Errorf("today without an inbox: %d", status)
	}
	p, err = portal.New(portal.Config{Calls: f, Dispositions: f, Desks: f, Book: f.Book, Leads: &webtest.Inbox{}})
	if err != nil {
		t.Fatal(err)
	}
	v = serveParts(t, f, p).visitor(t, "keystone")
	if status, body := v.get("/portal/leads"); status != http.StatusOK || !strings.Contains(body, "No leads yet") {
		t.Errorf("an empty inbox: %d", status)
	}
	if status, body := v.get("/portal"); status != http.StatusOK || !strings.Contains(body, "No leads today") {
		t.Errorf("today with an empty inbox: %d", status)
	}
}

// TestTodayCountsLeads holds the tiles against the leads of the day.
func TestTodayCountsLeads(t *testing.T) {
	t.Parallel()
	now := time.Now()
	day := time.Date(now.UTC().Year(), now.UTC().Month(), now.UTC().Day(), 0, 0, 0, 0, time.UTC)
	f := webtest.NewFake(now)
	x := &webtest.Inbox{}
	for i, wait := range []int{30, 0, 90, 200, 0} {
		l := webtest.NewLead(i, day.Add(time.Duration(i)*time.Minute))
		if at := l.Received.Add(time.Duration(wait) * time.Second); wait > 0 {
			l.Purchases[0].Viewed, l.Purchases[0].Contacted = &at, &at
		}
		if i == 0 {
			l.Purchases[0].Status = "converted"
		}
		x.Add(l)
	}
	x.Add(webtest.NewLead(9, day.Add(-time.Minute)))
	p, err := portal.New(portal.Config{Calls: f, Dispositions: f, Desks: f, Book: f.Book, Leads: x, Now: func() time.Time { return day.Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	_, body := serveParts(t, f, p).visitor(t, "keystone").get("/portal")
	for _, tile := range []string{"<span>Leads</span><b>5</b>", "<span>New, not viewed</span><b>2</b>", "<span>Contacted</span><b>60 %</b>", "<span>Converted</span><b>1</b>", "<b>1 m 30 s</b>"} {
		if !strings.Contains(body, tile) {
			t.Errorf("today lacks %s", tile)
		}
	}
	if n := strings.Count(body, "data-lead="); n != 5 {
		t.Errorf("%d newest leads, want 5", n)
	}
}

// TestHostileLeadIsOnlyText looks at what a stranger wrote into a lead.
func TestHostileLeadIsOnlyText(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	for _, user := range []string{"keystone", "agent"} {
		v := h.visitor(t, user)
		for _, path := range []string{"/portal/leads", "/portal/leads/" + webtest.HostileLeadID} {
			status, body := v.get(path)
			for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, `href="mailto:javascript`, `href="https://evil`, `href="https://cert.trustedform.com.evil`} {
				if status != http.StatusOK || strings.Contains(body, bad) {
					t.Errorf("%s: %d, %s came through", path, status, bad)
				}
			}
			if !strings.Contains(body, "&lt;script&gt;alert(1)") {
				t.Errorf("%s: the name is not there as text", path)
			}
			if i := strings.Index(body, "\u202e"); i >= 0 && strings.LastIndex(body[:i], "<bdi>") <= strings.LastIndex(body[:i], "</bdi>") {
				t.Errorf("%s: a text that runs from right to left is not fenced in", path)
			}
		}
	}
}

// TestLeadExport reads the spreadsheet as a spreadsheet does.
func TestLeadExport(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	status, body, header := h.visitor(t, "keystone").do(http.MethodGet, "/portal/leads.csv?text=script", nil)
	_, all := h.visitor(t, "keystone").get("/portal/leads.csv")
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment") || strings.Contains(body, "Martinez") {
		t.Fatalf("%d %q", status, header.Get("Content-Disposition"))
	}
	rows, err := csv.NewReader(strings.NewReader(all)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 16 {
		t.Errorf("%d rows for 15 leads", len(rows))
	}
	defused := 0
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@|\t\r") {
				t.Errorf("cell %.60q is read as a formula", cell)
			}
			if len(cell) > 1 && cell[0] == '\'' && strings.ContainsAny(cell[1:2], "=+-@|\t\r") {
				defused++
			}
		}
	}
	if defused < 5 {
		t.Errorf("%d formulas in the export, want all of the hostile lead", defused)
	}
	at := func(name string) int { return slices.Index(rows[0], name) }
	i := slices.IndexFunc(rows, func(r []string) bool { return r[0] == webtest.RichID })
	for name, want := range map[string]string{"phone": "13105550142", "charged": "12.00", "status": "new", "trustedform_url": "https://cert.trustedform.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "zip": "90210"} {
		if at(name) < 0 || rows[i][at(name)] != want {
			t.Errorf("column %s is not %q", name, want)
		}
	}
	if status, _ := h.visitor(t, "keystone").get("/portal/leads.csv?sort=x"); status != http.StatusBadRequest {
		t.Errorf("a wrong filter: %d", status)
	}
}

// TestHostileLeadParameters sends hostile texts wherever the inbox takes any.
func TestHostileLeadParameters(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "keystone")
	check := func(what string, status int, body string, header http.Header) {
		page := strings.HasPrefix(header.Get("Content-Type"), "text/html")
		if status >= 500 || page && strings.Contains(body, "<script>alert(1)") || header.Get("X-Evil") != "" {
			t.Errorf("%s: %d %.200s", what, status, body)
		}
	}
	for _, s := range hostile() {
		for _, n := range []string{"status", "agent", "campaign", "state", "from", "to", "text", "sort", "cursor", "did"} {
			for _, path := range []string{"/portal/leads", "/portal/leads.csv", "/portal/leads/" + webtest.RichID} {
				status, body, header := v.do(http.MethodGet, path+"?"+url.Values{n: {s}}.Encode(), nil)
				check(path+" "+n, status, body, header)
			}
		}
		status, body, header := v.do(http.MethodGet, "/portal/leads/"+url.PathEscape(s), nil)
		check("lead", status, body, header)
		for what := range leadForms() {
			for _, lead := range []string{webtest.RichID, s} {
				status, body, header := v.post(url.PathEscape(lead), what, url.Values{"number": {s}, "status": {s}, "note": {s}, "agent": {s}, "reason": {s}, "why": {s}})
				check(what, status, body, header)
				if l := header.Get("Location"); l != "" && !strings.HasPrefix(l, "/portal/leads/") && !strings.HasPrefix(l, "tel:+1") && !strings.HasPrefix(l, "/portal") {
					t.Errorf("%s leads to %q", what, l)
				}
			}
		}
	}
	if _, body := v.get("/portal/leads/" + webtest.RichID); strings.Contains(body, "<script>alert") {
		t.Error("a note runs as script")
	}
}

// TestManifest reads what a phone keeps the portal by.
func TestManifest(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	status, body, header := h.visitor(t, "").do(http.MethodGet, "/portal/manifest.webmanifest", nil)
	if status != http.StatusOK || header.Get("Content-Type") != "application/manifest+json" {
		t.Fatalf("%d %q", status, header.Get("Content-Type"))
	}
	var doc struct {
		StartURL string `json:"start_url"`
		Icons    []struct{ Src string }
	}
	readJSON(t, body, &doc)
	if doc.StartURL != "/portal/leads" || len(doc.Icons) != 1 {
		t.Fatalf("%+v", doc)
	}
	if status, _ := h.visitor(t, "").get(doc.Icons[0].Src); status != http.StatusOK {
		t.Errorf("icon %s: %d", doc.Icons[0].Src, status)
	}
}
