package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeyInEachPlace(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	basic := func(password string) string {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth("anybody", password)
		return r.Header.Get("Authorization")
	}
	for name, c := range map[string]struct {
		path, kind, body string
		header           []string
		want             int
	}{
		"bearer":        {"/leads/bright", asForm, "a=b", []string{"Authorization", "Bearer " + goodKey}, 201},
		"bearer, lower": {"/leads/bright", asForm, "a=b", []string{"Authorization", "bearer " + goodKey}, 201},
		"api key":       {"/leads/bright", asForm, "a=b", []string{"X-Api-Key", goodKey}, 201},
		"basic":         {"/leads/bright", asForm, "a=b", []string{"Authorization", basic(goodKey)}, 201},
		"query":         {"/leads/bright?key=" + goodKey, asForm, "a=b", nil, 201},
		"form":          {"/leads/bright", asForm, "a=b&key=" + goodKey, nil, 201},
		"json":          {"/leads/bright", asJSON, `{"KEY":"` + goodKey + `","a":"b"}`, nil, 201},
		"json, nested":  {"/leads/bright", asJSON, `{"auth":{"key":"` + goodKey + `"},"a":"b"}`, nil, 201},
		"xml":           {"/leads/bright", asXML, `<l><key>` + goodKey + `</key><a>b</a></l>`, nil, 201},
		"multipart":     {"/leads/bright", asPart, parts("key", goodKey, "a", "b"), nil, 201},

		"none":                  {"/leads/bright", asForm, "a=b", nil, 401},
		"empty":                 {"/leads/bright", asForm, "a=b&key=", []string{"Authorization", "Bearer "}, 401},
		"wrong bearer":          {"/leads/bright", asForm, "a=b", []string{"Authorization", "Bearer " + goodKey + "x"}, 401},
		"half a key":            {"/leads/bright", asForm, "a=b", []string{"X-Api-Key", goodKey[:16]}, 401},
		"wrong basic":           {"/leads/bright", asForm, "a=b", []string{"Authorization", basic("no")}, 401},
		"wrong form":            {"/leads/bright", asForm, "a=b&key=no", nil, 401},
		"header before field":   {"/leads/bright", asForm, "a=b&key=" + goodKey, []string{"X-Api-Key", "no"}, 401},
		"no such source":        {"/leads/nobody", asForm, "a=b", []string{"X-Api-Key", goodKey}, 401},
		"no source, no key":     {"/leads/nobody", asForm, "a=b&key=", nil, 401},
		"a session is no key":   {"/leads/bright", asForm, "a=b", []string{"Authorization", "Bearer operator"}, 401},
		"wrong key, wrong body": {"/leads/bright", asJSON, "{", []string{"X-Api-Key", "no"}, 401},
	} {
		got := h.send(t, http.MethodPost, c.path, c.body, append([]string{"Content-Type", c.kind}, c.header...)...)
		if got.status != c.want {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		p, _ := h.intake.last()
		if c.want == 201 && cmp.Diff(map[string]string{"a": "b"}, p.Values) != "" {
			t.Errorf("%s: values %v", name, p.Values)
		}
	}
	wrong := h.send(t, http.MethodPost, "/leads/bright", "a=b", "Content-Type", asForm, "X-Api-Key", "no")
	unknown := h.send(t, http.MethodPost, "/leads/nobody", "a=b", "Content-Type", asForm, "X-Api-Key", "no")
	if wrong.body != unknown.body || wrong.kind != "application/problem+json" || wrong.header.Get("WWW-Authenticate") == "" {
		t.Errorf("a wrong key and an unknown source are told apart: %s %s", wrong.body, unknown.body)
	}
	for _, source := range []string{"bright", "nobody"} { // nobody's unreadable body is answered the same everywhere
		if got := h.send(t, http.MethodPost, "/leads/"+source, "{", "Content-Type", asJSON); got.status != 422 {
			t.Errorf("%s without a key and malformed: %d", source, got.status)
		}
	}
}

func TestClosedSources(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/leads/off":         {403, "this source is paused"},
		"/leads/asleep":      {403, "the publisher is paused"},
		"/leads/shut":        {403, "the campaign is paused"},
		"/leads/pings":       {403, "by ping and post only"},
		"/leads/direct/ping": {403, "takes no pings"},
		"/leads/direct/post": {403, "takes no pings"},
		"/leads/calls":       {404, "takes no leads"},
	} {
		got := h.post(t, path, asForm, "a=b")
		if got.status != want.status || got.kind != "application/problem+json" || !strings.Contains(got.body, want.says) {
			t.Errorf("%s: %d %s %s", path, got.status, got.kind, got.body)
		}
		if wrong := h.send(t, http.MethodPost, path, "a=b", "Content-Type", asForm); wrong.status != 401 {
			t.Errorf("%s without a key: %d", path, wrong.status)
		}
	}
	if _, n := h.intake.last(); n > 0 {
		t.Errorf("%d posts went in", n)
	}
	for _, path := range []string{"/leads/bright/ping", "/leads/bright/post"} {
		if got := h.send(t, http.MethodGet, path+"?key="+goodKey, ""); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("GET %s: %d", path, got.status)
		}
	}
}
