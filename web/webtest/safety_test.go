package webtest_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid/web/webtest"
)

func TestForgedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	path := "/calls/live-0001/hangup"
	good := url.Values{"csrf": {v.csrf()}}
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		want   int
	}{
		"own form":               {good, nil, http.StatusSeeOther},
		"own form, own origin":   {good, []string{"Origin", h.url, "Sec-Fetch-Site", "same-origin"}, http.StatusSeeOther},
		"no proof":               {url.Values{}, nil, http.StatusForbidden},
		"wrong proof":            {url.Values{"csrf": {"x"}}, nil, http.StatusForbidden},
		"proof of other session": {url.Values{"csrf": {h.visitor(t, "operator").csrf()}}, nil, http.StatusForbidden},
		"cross site":             {good, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"same site, other host":  {good, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		"other origin":           {good, []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		"null origin":            {good, []string{"Origin", "null"}, http.StatusForbidden},
		"proof in header":        {url.Values{}, []string{"X-CSRF-Token", v.csrf()}, http.StatusSeeOther},
	} {
		if status, _, _ := v.do(http.MethodPost, path, c.form, c.header...); status != c.want {
			t.Errorf("%s: %d, want %d", name, status, c.want)
		}
	}
	bearer := &visitor{t: t, h: h}
	if status, _, _ := bearer.do(http.MethodPost, "/api/calls/live-1/hangup", nil, "Authorization", "Bearer "+v.token); status != http.StatusNoContent {
		t.Errorf("bearer token: %d, want 204", status)
	}
	if status, _, _ := bearer.do(http.MethodPost, "/api/calls/live-1/hangup", nil, "Authorization", "Bearer nonsense"); status != http.StatusUnauthorized {
		t.Errorf("wrong bearer token: %d, want 401", status)
	}
	if status, _, _ := bearer.do(http.MethodPost, "/signin", url.Values{"name": {"operator"}, "password": {webtest.Password}}, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("sign-in sent by another site: %d, want 403", status)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "")
	for next, want := range map[string]string{"/calls?x=1": "/calls?x=1", "": "/", "https://evil.example/": "/", "//evil.example": "/", "/\\evil.example": "/", "javascript:alert(1)": "/", "/a\r\nSet-Cookie: x=1": "/"} {
		status, _, header := v.do(http.MethodPost, "/signin", url.Values{"name": {"operator"}, "password": {webtest.Password}, "next": {next}})
		if status != http.StatusSeeOther || header.Get("Location") != want {
			t.Errorf("next %q: %d to %q, want %q", next, status, header.Get("Location"), want)
		}
		cookie := header.Get("Set-Cookie")
		for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("cookie %q lacks %s", cookie, part)
			}
		}
	}
	for _, form := range []url.Values{{"name": {"operator"}, "password": {"wrong"}}, {"name": {"nobody"}, "password": {webtest.Password}}, {"name": {"former"}, "password": {webtest.Password}}, {}} {
		status, body, header := v.do(http.MethodPost, "/signin", form)
		if status != http.StatusForbidden || !strings.Contains(body, "do not belong together") || header.Get("Set-Cookie") != "" {
			t.Errorf("%v: %d, cookie %q", form, status, header.Get("Set-Cookie"))
		}
	}
	in := h.visitor(t, "operator")
	if status, _, _ := in.do(http.MethodPost, "/signout", url.Values{"csrf": {in.csrf()}}); status != http.StatusSeeOther {
		t.Errorf("sign out: %d", status)
	}
	if status, _ := in.get("/calls"); status != http.StatusSeeOther {
		t.Errorf("the session lives on after signing out: %d", status)
	}
}

// TestOthersCallsDoNotExist walks every call as every owner.
func TestOthersCallsDoNotExist(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	keystone, northwind, bright, agent := h.visitor(t, "keystone"), h.visitor(t, "northwind"), h.visitor(t, "brightleads"), h.visitor(t, "agent")
	for _, c := range h.fake.All() {
		for v, mine := range map[*visitor]bool{keystone: c.Buyer == "keystone-insurance", northwind: c.Buyer == "northwind", bright: c.Publisher == "brightleads"} {
			want := http.StatusNotFound
			if mine {
				want = http.StatusOK
			}
			status, body := v.get("/portal/calls/" + c.ID)
			if status != want {
				t.Errorf("call %s of %s and %s: %d, want %d", c.ID, c.Buyer, c.Publisher, status, want)
			}
			if v == bright && mine && strings.Contains(body, c.Caller.National()[3:]) {
				t.Errorf("the publisher reads the caller of %s", c.ID)
			}
			if v == bright && mine && c.Buyer != "" && strings.Contains(body, c.Buyer) {
				t.Errorf("the publisher reads the buyer of %s", c.ID)
			}
			if v == keystone && mine && c.Sale.Payout > 0 && (strings.Contains(body, c.Sale.Payout.String()) || strings.Contains(body, "publisher earns")) {
				t.Errorf("the buyer reads the payout of %s", c.ID)
			}
		}
		want := http.StatusNotFound
		if c.Buyer == "keystone-insurance" {
			want = http.StatusSeeOther
		}
		status, _, _ := agent.do(http.MethodPost, "/agent/calls/"+c.ID+"/disposition", url.Values{"csrf": {agent.csrf()}, "disposition": {"sale"}})
		if status != want {
			t.Errorf("disposition of %s, taken by %q: %d, want %d", c.ID, c.Buyer, status, want)
		}
	}
	// A filter in the address does not widen what is theirs.
	if _, body := keystone.get("/portal/calls?buyer=northwind&publisher=brightleads"); strings.Contains(body, "northwind-auto") || !strings.Contains(body, webtest.RichID) {
		t.Error("the buyer's list follows the address")
	}
}

func TestQADoesNotReadCallers(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "quinn")
	for _, path := range []string{"/calls", "/calls.csv", "/calls/" + webtest.RichID, "/calls/" + webtest.RichID + "/facts.json", "/api/calls", "/api/calls/" + webtest.RichID, "/api/live"} {
		status, body := v.get(path)
		if status != http.StatusOK || strings.Contains(body, "3105550142") || strings.Contains(body, "555-0142") {
			t.Errorf("%s: %d, the caller's number is readable", path, status)
		}
	}
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	for _, s := range sights() {
		if s.user != "operator" {
			continue
		}
		if _, body := v.get(s.path); strings.Contains(body, "never-shown") {
			t.Errorf("%s shows a secret", s.path)
		}
	}
}

func TestCSVHoldsNoFormulas(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	status, body, header := h.visitor(t, "operator").do(http.MethodGet, "/calls.csv", nil)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %q", status, header.Get("Content-Disposition"))
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(h.fake.All())+1 {
		t.Errorf("%d rows for %d calls", len(rows), len(h.fake.All()))
	}
	defused := false
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@|\t\r") {
				t.Errorf("cell %q is read as a formula", cell)
			}
			defused = defused || strings.HasPrefix(cell, "'=cmd|")
		}
	}
	if !defused {
		t.Error("the hostile reason is not in the export")
	}
}

func hostile() []string {
	return []string{"' OR 1=1 --", "1; DROP TABLE calls", `"`, "%", "_", "\\", "$1", "${x}", "{{.}}", "<script>alert(1)</script>", "\x00", "\xff\xfe", "../../etc/passwd", "%00", "a\r\nX-Evil: 1",
		"NULL", "-1", "9999999999999999999999", "0001-01-01", "9999-99-99", "2026-02-30", strings.Repeat("a", 3000), "\u202e", "🙂"}
}

// TestHostileParameters sends hostile texts in every parameter of every page.
func TestHostileParameters(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v, agent, owner := h.visitor(t, "operator"), h.visitor(t, "agent"), h.visitor(t, "keystone")
	names := []string{"from", "to", "number", "caller", "campaign", "publisher", "buyer", "outcome", "text", "sort", "cursor", "rows", "period", "q", "next", "save"}
	check := func(what string, status int, body string, header http.Header) {
		if status >= 500 {
			t.Errorf("%s: %d %.200s", what, status, body)
		}
		if strings.Contains(body, "<script>alert(1)") || header.Get("X-Evil") != "" {
			t.Errorf("%s: the hostile text came through", what)
		}
	}
	for _, s := range hostile() {
		for _, path := range []string{"/calls", "/calls.csv", "/reports", "/search", "/api/calls", "/api/figures", "/signin"} {
			for _, n := range names {
				status, body, header := v.do(http.MethodGet, path+"?"+url.Values{n: {s}}.Encode(), nil)
				check(path+" "+n, status, body, header)
			}
		}
		for _, path := range []string{"/calls/", "/campaigns/", "/flows/", "/buyers/", "/publishers/", "/api/calls/", "/static/"} {
			status, body, header := v.do(http.MethodGet, path+url.PathEscape(s), nil)
			check(path, status, body, header)
			if status == http.StatusOK {
				t.Errorf("%s%q: found something", path, s)
			}
		}
		status, body, header := owner.do(http.MethodGet, "/portal/calls?"+url.Values{"from": {s}, "cursor": {s}}.Encode(), nil)
		check("/portal/calls", status, body, header)
		status, body, header = agent.do(http.MethodPost, "/agent/calls/"+url.PathEscape(s)+"/disposition", url.Values{"csrf": {agent.csrf()}, "disposition": {s}, "note": {s}})
		check("disposition", status, body, header)
		status, body, header = v.do(http.MethodPost, "/preferences", url.Values{"csrf": {v.csrf()}, "zone": {s}, "theme": {s}, "back": {s}})
		check("preferences", status, body, header)
	}
	if _, body := v.get("/calls/019a0000-0000-7000-8000-000000000031"); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
		t.Error("a caller's name runs as script")
	}
}

func TestLimitsAndHeaders(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	if status, _, _ := v.do(http.MethodPost, "/preferences", url.Values{"zone": {strings.Repeat("x", 2<<20)}}); status < 400 || status >= 500 {
		t.Errorf("a body of 2 MB: %d", status)
	}
	if status, _ := v.get("/calls?text=" + strings.Repeat("x", 9000)); status != http.StatusRequestURITooLong {
		t.Errorf("a very long address: %d", status)
	}
	_, _, header := v.do(http.MethodGet, "/calls", nil)
	csp := header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") || header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", header)
	}
	status, _, header := v.do(http.MethodGet, "/calls/"+webtest.RichID+"/recording.wav", nil, "Range", "bytes=44-1043")
	if status != http.StatusPartialContent || header.Get("Content-Length") != "1000" {
		t.Errorf("part of a recording: %d, %s bytes", status, header.Get("Content-Length"))
	}
	_, body, header := v.do(http.MethodGet, "/calls", nil, "Accept-Encoding", "gzip")
	if header.Get("Content-Encoding") != "gzip" || len(body) > 20<<10 {
		t.Errorf("the list is %d bytes in encoding %q", len(body), header.Get("Content-Encoding"))
	}
}

// TestOpenAPI holds the description against the routes, both ways.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	_, body := h.visitor(t, "").get("/api/openapi.json")
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, methods := range doc.Paths {
		for m := range methods {
			described[strings.ToUpper(m)+" "+path] = true
		}
	}
	for _, r := range h.web.Routes() {
		if strings.Contains(r.Pattern, " /api/") {
			if !described[r.Pattern] {
				t.Errorf("%s is not described", r.Pattern)
			}
			delete(described, r.Pattern)
		}
	}
	for left := range described {
		t.Errorf("%s is described and not there", left)
	}
}
