package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestNoSessionIsRead posts as a browser would that another site has tricked,
// and as a program does that has a session by accident.
func TestNoSessionIsRead(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	for name, header := range map[string][]string{
		"no cookie":        nil,
		"foreign":          foreign,
		"ended session":    append([]string{"Cookie", "ringbid_session=ended"}, foreign...),
		"operator":         append([]string{"Cookie", "ringbid_session=operator"}, foreign...),
		"operator's token": {"Authorization", "Bearer operator"},
	} {
		for path, body := range map[string]string{"/leads/bright": "a=b", "/leads/bright/ping": "a=b", "/leads/bright/post": "ping_id=1", "/hooks/acme": hookToken} {
			with := append([]string{"Content-Type", asForm}, header...)
			if got := h.send(t, http.MethodPost, path, strings.ReplaceAll(body, hookToken, "x"), with...); got.status != 401 {
				t.Errorf("%s, %s without a key: %d", name, path, got.status)
			}
			want := map[bool]int{true: 401}[strings.HasPrefix(name, "operator's") && !strings.HasPrefix(path, "/hooks")]
			got := h.send(t, http.MethodPost, path, body, append(with, "X-Api-Key", goodKey)...)
			if got.status/100 != 2 && got.status != want || got.header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: %d, cookie %q", name, path, got.status, got.header.Get("Set-Cookie"))
			}
		}
	}
	if n := h.sessions.asked.Load(); n != 0 {
		t.Errorf("sessions were asked %d times", n)
	}
	for _, path := range []string{"/leads/bright", "/hooks/acme"} { // failures are never pages
		if got := h.send(t, http.MethodPost, path, "a=b", "Content-Type", asForm, "Accept", "text/html"); got.kind != "application/problem+json" {
			t.Errorf("%s fails as %s", path, got.kind)
		}
	}
}

// TestTestFormIsNotForged holds the one form that reads a session.
func TestTestFormIsNotForged(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	const good = "f.zip=90210&csrf=proof"
	for name, c := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"operator":               {good, []string{"Cookie", "ringbid_session=operator"}, 200},
		"no proof":               {"f.zip=90210", []string{"Cookie", "ringbid_session=operator"}, 403},
		"no proof, but a key":    {"f.zip=90210&key=" + goodKey, []string{"Cookie", "ringbid_session=operator"}, 403},
		"another site":           {good, []string{"Cookie", "ringbid_session=operator", "Origin", "https://evil.example"}, 403},
		"publisher without key":  {good, []string{"Cookie", "ringbid_session=publisher"}, 401},
		"publisher with key":     {good + "&key=" + goodKey, []string{"Cookie", "ringbid_session=publisher"}, 200},
		"nobody without key":     {good, nil, 401},
		"nobody with key":        {good + "&key=" + goodKey, nil, 200},
		"nobody, from elsewhere": {good + "&key=" + goodKey, []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		_, before := h.intake.last()
		got := h.send(t, http.MethodPost, "/leads/bright/spec", c.body, append([]string{"Content-Type", asForm}, c.header...)...)
		p, after := h.intake.last()
		if got.status != c.want || (after > before) != (c.want == 200) {
			t.Errorf("%s: %d, want %d; %d posts", name, got.status, c.want, after-before)
		}
		if after > before && (!p.Test || len(p.Values) != 1 || p.Values["zip"] != "90210") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
