package webtest_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid/web/webtest"
)

// serve gives a house that was put together otherwise its address.
func serve(t testing.TB, h *house) *house {
	t.Helper()
	s := httptest.NewServer(h.web)
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

const (
	otherException = "019b0000-0000-7000-8000-0000000e0002"
	soldException  = "019b0000-0000-7000-8000-0000000e0006"
)

// TestExceptionsInBulk retries and dismisses without script.
func TestExceptionsInBulk(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	_, body := v.get("/exceptions")
	holds(t, "list", body, `<b>6</b> <span>keystone-http</span> <span class="muted">the map does not take the lead`, "9 deliveries need a person", "may have it", "the method is gone")
	_, body = v.get("/exceptions?method=orchard-hubspot&code=timeout")
	if n := strings.Count(body, `name="id"`); n != 1 || !strings.Contains(body, `aria-current="true"`) {
		t.Errorf("%d rows of one method", n)
	}
	post := func(form url.Values) (int, string) {
		form.Set("csrf", v.csrf())
		status, body, _ := v.do(http.MethodPost, "/exceptions", form)
		return status, html.UnescapeString(body)
	}
	status, body := post(url.Values{"action": {"retry"}, "id": {webtest.DeskExceptionID, soldException, "019b0000-0000-7000-8000-0000000e0007"}, "back": {"/exceptions?code=mapping"}})
	if status != http.StatusOK {
		t.Fatal(status)
	}
	holds(t, "done", body, "1 delivery queued again. 2 refused:", "Amir Bashir", `ownership "other" has no translation`, "Fatou Diop", "sold to another buyer meanwhile", `href="/exceptions?code=mapping"`)
	status, body = post(url.Values{"action": {"dismiss"}, "id": {soldException, soldException}, "back": {"https://evil.example/"}})
	holds(t, "dismissed", body, "1 exception dismissed. 1 had been dealt with meanwhile.", `href="/exceptions"`)
	if status != http.StatusOK || strings.Contains(body, "evil") {
		t.Errorf("dismiss: %d", status)
	}
	for name, form := range map[string]url.Values{"nothing chosen": {"action": {"retry"}}, "no action": {"id": {soldException}}, "not an id": {"action": {"retry"}, "id": {"../x"}}, "too many": {"action": {"retry"}, "id": make([]string, 501)}} {
		if status, _ := post(form); status != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", name, status)
		}
	}
	if d := h.fake.Desk(); len(d.Retried) != 1 || len(d.Dismissed) != 1 {
		t.Errorf("retried %q, dismissed %q", d.Retried, d.Dismissed)
	}
}

// TestExceptionIsCorrected edits a fact, looks at what would be sent, and
// retries.
func TestExceptionIsCorrected(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	path := "/exceptions/" + webtest.DeskExceptionID
	_, body := v.get(path)
	holds(t, "exception", body, "Keystone Insurance did not get it by keystone-http: the map does not take the lead", `id="fact-homeowner"`, `✕ ownership "other" has no translation`, `href="/maps/keystone-auto"`, "Nothing was sent, so it said nothing.", "fact.trustedform_url")
	form := url.Values{"csrf": {v.csrf()}, "fact.homeowner": {" own "}, "fact.first_name": {"Amir"}, "fact.vehicles": {""}, "fact.unheard_of": {"x"}}
	status, body, _ := v.do(http.MethodPost, path+"/preview", form)
	holds(t, "preview", body, "with 2 changed", `value="own"`, "was other", `<b>OWN</b>`, `default "1"`, "Retry with these facts")
	if status != http.StatusOK || strings.Contains(body, "has no translation</span>") || strings.Contains(body, "unheard_of") {
		t.Errorf("preview: %d", status)
	}
	form.Set("action", "retry")
	status, _, header := v.do(http.MethodPost, path, form)
	if status != http.StatusSeeOther || header.Get("Location") != "/leads/019b0000-0000-7000-8000-0000000c0001" {
		t.Fatalf("retry: %d to %q", status, header.Get("Location"))
	}
	x, err := h.fake.Desk().Exception(t.Context(), webtest.DeskExceptionID)
	if err != nil || x.Facts["homeowner"] != "own" || x.Facts["unheard_of"] != "" || x.Delivery.Exception {
		t.Errorf("kept %+v, %v", x, err)
	}
	_, body = v.get(path)
	holds(t, "afterwards", body, "needs nobody any more")
	if strings.Contains(body, "Retry with these facts") {
		t.Error("what needs nobody can be retried")
	}
	status, body, _ = v.do(http.MethodPost, "/exceptions/"+otherException, url.Values{"csrf": {v.csrf()}, "action": {"retry"}, "fact.zip": {"85002"}})
	holds(t, "refused", body, `It was not queued: the map does not take it: ownership "other" has no translation.`, `value="85002"`)
	if status != http.StatusConflict {
		t.Errorf("a refused retry: %d", status)
	}
	_, body = v.get("/exceptions/019b0000-0000-7000-8000-0000000e0009")
	holds(t, "method gone", body, "It cannot be told: the method keystone-old is gone", "The method keystone-old is gone.")
	_, body = v.get("/exceptions/019b0000-0000-7000-8000-0000000e0007")
	holds(t, "auth", body, `{"error":"invalid_client"}`, "status 401", "the buyer does not know us")
}

var inEditor = regexp.MustCompile(`(?s)<textarea id="text"[^>]*>\n(.*?)</textarea>`)

// typed returns the text in the editor.
func typed(t *testing.T, body string) string {
	t.Helper()
	m := inEditor.FindStringSubmatch(body)
	if m == nil {
		t.Fatal("there is no editor in the page")
	}
	return html.UnescapeString(m[1])
}

// TestMapIsEdited goes from a mistake to a published map, without script, and
// never loses the text.
func TestMapIsEdited(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	v := h.visitor(t, "operator")
	_, body := v.get("/maps")
	holds(t, "maps", body, "Keystone, auto leads", "may not fit", `href="/methods/keystone-http"`)
	_, body = v.get("/maps/keystone-auto")
	holds(t, "map", body, "words: own → OWN, rent → RENT", "first_name + last_name, joined by a space", "always “ringbid”", "number as 8005550100", "the map sends it only where there is a value", "version 3", "The first version.", "format of contact.phone", "Version 2")
	good := typed(t, body)
	post := func(verb, text string, more ...string) (int, string, http.Header) {
		form := url.Values{"csrf": {v.csrf()}, "text": {text}, "from": {"3"}, "method": {"keystone-http"}}
		for i := 0; i+1 < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return v.do(http.MethodPost, "/maps/keystone-auto/"+verb, form)
	}
	for bad, where := range map[string]string{
		strings.Replace(good, `"from": "email"`, `"form": "email"`, 1):       "has no source",
		strings.Replace(good, `"from": "email"}`, `"from": "email" oops`, 1): "is not JSON",
		strings.Replace(good, "keystone-auto", "other", 1):                   `this page edits "keystone-auto"`,
		"": "ends too early", `{"name":"keystone-auto"}`: "are missing", "<script>alert(1)</script>": "is not JSON",
	} {
		for _, verb := range []string{"try", "publish"} {
			status, body, _ := post(verb, bad, "confirm", "x")
			if status >= 500 || typed(t, body) != bad {
				t.Errorf("%s: %d, the text became %q", verb, status, typed(t, body))
			}
			holds(t, verb, body, where, "It cannot be published like this.")
		}
	}
	_, body, _ = post("try", strings.Replace(good, `"from": "email"`, `"form": "email"`, 1))
	holds(t, "line", body, `data-line="8"`, "fields.3")

	better := strings.Replace(good, `"rent": "RENT"`, `"rent": "RENT", "other": "RENT"`, 1)
	_, body, _ = post("try", better)
	holds(t, "trial", body, "Tried on 5 stored leads", "Amir Bashir", "1 changed", "can be sent", "same as published", "<b>RENT</b>", "map in the editor")
	status, body, _ := post("publish", better)
	confirm := regexp.MustCompile(`name="confirm" value="([0-9a-f]{64})"`).FindStringSubmatch(body)
	if status != http.StatusOK || confirm == nil {
		t.Fatalf("publish: %d, no way to confirm", status)
	}
	holds(t, "changes", body, "This would change one thing in version 3", "translate of ownership", `"other":"RENT"`, "Publish these changes")
	if h.fake.Desk().Book().MapVersions["keystone-auto"] != 3 {
		t.Fatal("it was published before it was confirmed")
	}
	// What is confirmed is the text whose changes were shown.
	if _, body, _ = post("publish", better+" ", "confirm", confirm[1]); !strings.Contains(body, "Publish these changes") {
		t.Error("another text was published than the one that was shown")
	}
	status, _, header := post("publish", better, "confirm", confirm[1])
	if status != http.StatusSeeOther || header.Get("Location") != "/maps/keystone-auto?published=4" {
		t.Fatalf("confirmed: %d to %q", status, header.Get("Location"))
	}
	_, body = v.get(header.Get("Location"))
	holds(t, "published", body, "Version 4 is published.", "other → RENT")
	// Somebody who began with version 3 is told.
	_, body, _ = post("publish", good)
	holds(t, "meanwhile", body, "Version 4 was published while you edited version 3", "This would change one thing in version 4")
	_, body = v.get("/maps/keystone-auto?version=2")
	if strings.Contains(typed(t, body), "ownership\", \"from") {
		t.Error("version 2 is not in the editor")
	}
	holds(t, "old version", body, "Version 2 is in the editor.")
	if status, _ := v.get("/maps/keystone-auto?version=99"); status != http.StatusNotFound {
		t.Errorf("a version that is not there: %d", status)
	}
}
