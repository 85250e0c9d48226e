package webtest_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web/webtest"
)

// visitor is a browser without script: it keeps its cookie and follows nothing.
type visitor struct {
	t     testing.TB
	h     *house
	token string
}

func (h *house) visitor(t testing.TB, user string) *visitor {
	v := &visitor{t: t, h: h}
	if user != "" {
		v.token = h.session(t, user)
	}
	return v
}

// do sends a request; form makes it a POST, with the session's own proof unless
// the form brings one.
func (v *visitor) do(method, path string, form url.Values, header ...string) (status int, body string, h http.Header) {
	v.t.Helper()
	var in io.Reader
	if form != nil {
		in = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.h.url+path, in)
	if err != nil {
		v.t.Fatalf("%s %q: %v", method, path, err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.token != "" {
		r.AddCookie(&http.Cookie{Name: "ringbid_session", Value: v.token})
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		v.t.Fatalf("%s %q: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	status, body, _ := v.do(http.MethodGet, path, nil)
	return status, body
}

// csrf returns the session's proof.
func (v *visitor) csrf() string {
	_, c, err := v.h.fake.Session(v.t.Context(), v.token)
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

// fill puts believable values into a route's pattern.
func fill(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		return http.MethodGet, "/no-such-page"
	}
	names := map[string]string{"campaigns": "auto-insurance", "flows": "auto", "buyers": "keystone-insurance", "publishers": "brightleads", "maps": "keystone-auto", "methods": "keystone-http"}
	section := strings.Split(path, "/")[1]
	path = strings.NewReplacer("{id}", map[bool]string{true: webtest.DeskExceptionID, false: webtest.RichID}[section == "exceptions"], "{name}", names[section], "{$}", "").Replace(path)
	return method, path
}

// TestEveryRoleOnEveryRoute holds the answers against who is named in each
// route, and that nobody gets anything without a session.
func TestEveryRoleOnEveryRoute(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	users := map[string]ringbid.Role{"operator": ringbid.RoleOperator, "quinn": ringbid.RoleQA, "agent": ringbid.RoleAgent, "keystone": ringbid.RoleBuyer, "brightleads": ringbid.RolePublisher}
	routes := h.web.Routes()
	if len(routes) < 30 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, route := range routes {
		method, path := fill(route.Pattern)
		if path == "/no-such-page" || path == "/signout" || path == "/signin" {
			continue // what is missing, and the doors, have tests of their own
		}
		var form url.Values
		if method == http.MethodPost {
			form = url.Values{}
		}
		if !route.Public {
			v := h.visitor(t, "")
			want := http.StatusSeeOther
			if strings.HasPrefix(path, "/api/") {
				want = http.StatusUnauthorized
			}
			if status, _, _ := v.do(method, path, form); status != want {
				t.Errorf("nobody %s: %d, want %d", route.Pattern, status, want)
			}
		}
		for user, role := range users {
			v := h.visitor(t, user)
			if form != nil {
				form.Set("csrf", v.csrf())
			}
			status, body, _ := v.do(method, path, form)
			allowed := route.Public || len(route.Roles) == 0 || slices.Contains(route.Roles, role)
			switch {
			case status >= 500:
				t.Errorf("%s %s: %d %.200s", user, route.Pattern, status, body)
			case !allowed && status != http.StatusForbidden:
				t.Errorf("%s %s: %d, want 403", user, route.Pattern, status)
			case allowed && status == http.StatusForbidden:
				t.Errorf("%s %s: refused", user, route.Pattern)
			case allowed && method == http.MethodGet && status != http.StatusOK && status != http.StatusSeeOther:
				t.Errorf("%s %s: %d", user, route.Pattern, status)
			}
		}
	}
}

// TestPagesAreWhole looks for what a template leaves behind when its data is
// not what it expects.
func TestPagesAreWhole(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*webtest.Fake{"busy": webtest.NewFake(time.Now()), "empty": webtest.Empty()} {
		h := setup(t, f)
		for _, s := range sights() {
			if name == "empty" && (s.user != "operator" || strings.Count(s.path, "/") > 1 || s.name == "calls-wrong" || s.name == "missing") {
				continue
			}
			v := h.visitor(t, s.user)
			status, body := v.get(s.path)
			if status != http.StatusOK && s.name != "missing" && s.name != "calls-wrong" {
				t.Errorf("%s %s: %d", name, s.path, status)
			}
			for _, bad := range []string{"map[", "%!", "<no value>", "ZgotmplZ", "0001-01-01", "NaN", "&lt;nil"} {
				if strings.Contains(body, bad) {
					t.Errorf("%s %s: %q in the page", name, s.path, bad)
				}
			}
			if !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
				t.Errorf("%s %s: the page is cut off", name, s.path)
			}
			if name == "empty" && !strings.Contains(body, "<code>ringbid") && s.name != "settings" && s.name != "reports" && !strings.HasSuffix(s.name, "-none") && s.name != "exceptions" && s.name != "returns" && s.name != "live" {
				t.Errorf("%s %s: the empty page does not say what to do next", name, s.path)
			}
			if len(body) > 110<<10 {
				t.Errorf("%s %s: %d bytes", name, s.path, len(body))
			}
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "")
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := v.get(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	status, _, header := v.do(http.MethodGet, "/api/calls", nil)
	if status != http.StatusUnauthorized || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("api without session: %d %s", status, header.Get("Content-Type"))
	}
	if status, _ := v.get("/static/other/app.js"); status != http.StatusNotFound {
		t.Errorf("an asset under another checksum: %d", status)
	}
}
