package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/web/api"
)

// eager is an API for which a second passes with every post, so that none comes
// too soon.
func eager(c *api.Config) {
	var seconds atomic.Int64
	c.Now = func() time.Time { return time.Unix(seconds.Add(1), 0) }
}

// fire posts a body past the network, and returns what went in, if it did.
func (h *house) fire(t *testing.T, path, kind, charset, body string) (int, *api.Posting) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/leads/bright"+path, strings.NewReader(body))
	r.Header.Set("X-Api-Key", goodKey)
	r.Header.Set("Content-Type", kind+charset)
	_, before := h.intake.last()
	w := httptest.NewRecorder()
	h.web.ServeHTTP(w, r)
	p, after := h.intake.last()
	if (after > before) != (w.Code/100 == 2) || w.Code >= 500 {
		t.Fatalf("%d %s for %q", w.Code, w.Body, body)
	}
	if w.Code == 422 && !json.Valid(w.Body.Bytes()) && !strings.HasPrefix(w.Body.String(), "<?xml") {
		t.Fatalf("answered %q", w.Body)
	}
	if after == before {
		return w.Code, nil
	}
	h.intake.mu.Lock()
	h.intake.posts = h.intake.posts[:0]
	h.intake.mu.Unlock()
	limits(t, p)
	return w.Code, &p
}

// limits holds what the intake may rely on.
func limits(t *testing.T, p api.Posting) {
	t.Helper()
	folded := map[string]bool{}
	if len(p.Values) > 600 || utf8.RuneCountInString(p.External) > 200 || utf8.RuneCountInString(p.PingID) > 64 {
		t.Fatalf("%d values, id %q, ping %q", len(p.Values), p.External, p.PingID)
	}
	for n, v := range p.Values {
		k := strings.ToLower(strings.TrimSpace(n))
		if len(n) > 100 || len(v) > 8<<10 || !utf8.ValidString(n+v) || strings.Contains(n+v, "\x00") || k == "" || folded[k] || k == "key" {
			t.Fatalf("value %q=%.100q", n, v)
		}
		folded[k] = true
	}
}

func FuzzPostingJSON(f *testing.F) {
	for _, s := range []string{`{"a":"b"}`, `{"a":{"b":[1,true,null,"\u0000\ud800"]}}`, `{"a":1,"A":2}`, `{`, `[]`, "\xef\xbb\xbf{}", `{"":{"":""}}`, `{"key":"x","auth":{"key":"y"},"id":7}`, strings.Repeat(`{"a":`, 10)} {
		f.Add(s, "")
	}
	f.Add("{\"a\":\"\xe9\"}", "; charset=latin1")
	h := setup(f, documents(), eager)
	f.Fuzz(func(t *testing.T, body, charset string) { h.fire(t, "", asJSON, charset, body) })
}

func FuzzPostingXML(f *testing.F) {
	for _, s := range []string{`<l><a>b</a></l>`, `<?xml version="1.0" encoding="latin1"?><l><a>&#xe9;&amp;</a></l>`, `<!DOCTYPE l [<!ENTITY a "b">]><l>&a;</l>`, `<l><a><b/></a><![CDATA[x]]></l>`, `<a:l xmlns:a="u" a:b="c"><a:b>c</a:b></a:l>`, "<", "</a>", `<?x y?><l/>`} {
		f.Add(s, "")
	}
	h := setup(f, documents(), eager)
	f.Fuzz(func(t *testing.T, body, charset string) { h.fire(t, "", asXML, charset, body) })
}

func FuzzPostingMultipart(f *testing.F) {
	f.Add(parts("a", "b"), "")
	f.Add(parts("a", "b", "A", "c"), "; charset=iso-8859-1")
	f.Add("--cut\r\nContent-Disposition: form-data; name=a; filename*=utf-8''x\r\nContent-Type: text/plain; charset=x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3\r\n--cut--", "")
	h := setup(f, documents(), eager)
	f.Fuzz(func(t *testing.T, body, charset string) { h.fire(t, "", asPart, charset, body) })
}

// FuzzPostingForm also sends the fields of every form that is taken as JSON, and
// wants the same values.
func FuzzPostingForm(f *testing.F) {
	for _, s := range []string{"a=b&c=d", "a=b&A=c", "a=b&a=b", "%zz", "a=%E9", "=x", "&&", "a", "a=b;c=d", "id=7&ping_id=8&test=1&key=x", "a.b=c&b=d", "{=b", "<=b"} {
		f.Add(s, "")
	}
	f.Add("a=%E9\x80", "; charset=windows-1252")
	h := setup(f, documents(), eager)
	f.Fuzz(func(t *testing.T, body, charset string) {
		_, form := h.fire(t, "", asForm, charset, body)
		if form == nil || charset != "" {
			return
		}
		pairs, query := [][2]string{}, strings.TrimSpace(body)
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			n, err := url.QueryUnescape(name)
			v, verr := url.QueryUnescape(value)
			if pair == "" {
				continue
			}
			if err != nil || verr != nil {
				return // it was read as another thing than a form
			}
			pairs = append(pairs, [2]string{strings.TrimPrefix(n, "\ufeff"), strings.TrimPrefix(v, "\ufeff")})
		}
		if look := strings.TrimPrefix(query, "\ufeff"); strings.HasPrefix(strings.TrimSpace(look), "{") || strings.HasPrefix(strings.TrimSpace(look), "[") || strings.HasPrefix(strings.TrimSpace(look), "<") {
			return
		}
		code, document := h.fire(t, "", asJSON, "", asObject(t, pairs))
		if document == nil || !same(form, document) {
			t.Fatalf("%d as JSON %s: %s", code, asObject(t, pairs), cmp.Diff(form, document))
		}
	})
}

// same compares what was said.
func same(a, b *api.Posting) bool {
	return a.External == b.External && a.PingID == b.PingID && a.Test == b.Test && cmp.Equal(a.Values, b.Values)
}

// asObject writes pairs as a JSON object, doubled names and all.
func asObject(t *testing.T, pairs [][2]string) string {
	t.Helper()
	members := make([]string, 0, len(pairs))
	for _, p := range pairs {
		n, err := json.Marshal(p[0])
		if err != nil {
			t.Fatal(err)
		}
		v, err := json.Marshal(p[1])
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, string(n)+":"+string(v))
	}
	return "{" + strings.Join(members, ",") + "}"
}
