package api_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web/api"
)

func TestWhoReadsTheSpecification(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	for name, c := range map[string]struct {
		query  string
		header []string
		want   int
	}{
		"key":                    {"?key=" + goodKey, nil, 200},
		"key in a header":        {"", []string{"X-Api-Key", goodKey}, 200},
		"operator":               {"", []string{"Cookie", "ringbid_session=operator"}, 200},
		"operator and wrong key": {"?key=no", []string{"Cookie", "ringbid_session=operator"}, 200},
		"publisher":              {"", []string{"Cookie", "ringbid_session=publisher"}, 401},
		"nobody":                 {"", nil, 401},
		"wrong key":              {"?key=no", nil, 401},
		"malformed":              {"?key=%zz", nil, 401},
	} {
		for _, file := range []string{"spec", "schema.json", "ping-schema.json"} {
			got := h.send(t, http.MethodGet, "/leads/bright/"+file+c.query, "", c.header...)
			if got.status != c.want || strings.Contains(got.body, goodKey) {
				t.Errorf("%s reads %s: %d, want %d; key shown: %v", name, file, got.status, c.want, strings.Contains(got.body, goodKey))
			}
			if c.want == 401 {
				other := h.send(t, http.MethodGet, "/leads/nobody/"+file+c.query, "", c.header...)
				if other.status != 401 || strings.ReplaceAll(other.body, "nobody", "bright") != got.body {
					t.Errorf("%s tells an unknown source by its %s: %d", name, file, other.status)
				}
			}
		}
	}
	for _, source := range []string{"nobody", "calls"} {
		if got := h.send(t, http.MethodGet, "/leads/"+source+"/spec", "", "Cookie", "ringbid_session=operator"); got.status != 404 {
			t.Errorf("an operator reads %s: %d", source, got.status)
		}
	}
}

func TestSpecificationPage(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	got := h.send(t, http.MethodGet, "/leads/bright/spec?key="+goodKey, "")
	text := html.UnescapeString(got.body)
	for _, want := range []string{
		"Auto insurance", "Bright Leads", "POST " + h.url + "/leads/bright", h.url + "/leads/bright/ping", "YOUR_KEY", "first_name", "required", "<code>fname</code>", "auto, home",
		"MM/DD/YYYY", "at most 3 characters", "known by phone or email, within 30 days", "earns nothing", "10000 posts and pings a second, 20000 at once", "1.5 s as a rule", "Wait 10 s",
		"A price holds for 1 m", "first_name, phone, email, ip", `name="f.zip"`, `type="password"`, `action="/leads/bright/spec"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	for _, bad := range []string{"map[", "%!", "<no value>", "ZgotmplZ", "style=", "<script>", "&lt;nil"} {
		if strings.Contains(got.body, bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(got.body), "</html>") || got.kind != "text/html; charset=utf-8" || got.header.Get("Set-Cookie") != "" {
		t.Errorf("the page is not whole: %s", got.kind)
	}
	direct := h.send(t, http.MethodGet, "/leads/direct/spec?key="+goodKey, "").body
	if strings.Contains(direct, "ping_id") || strings.Contains(direct, "/ping") {
		t.Error("a campaign without pings speaks of them")
	}
	if pings := h.send(t, http.MethodGet, "/leads/pings/spec?key="+goodKey, "").body; strings.Contains(pings, "Direct post") {
		t.Error("a campaign of pings only speaks of direct posts")
	}
	if off := h.send(t, http.MethodGet, "/leads/off/spec?key="+goodKey, "").body; !strings.Contains(off, "Nothing is taken at present: this source is paused.") {
		t.Error("a paused source does not say so")
	}
	operator := h.send(t, http.MethodGet, "/leads/bright/spec?key="+goodKey, "", "Cookie", "ringbid_session=operator").body
	if !strings.Contains(operator, `href="/leads/bright/schema.json"`) || strings.Contains(operator, `type="password"`) || strings.Contains(operator, goodKey) || !strings.Contains(operator, `name="csrf" value="proof"`) {
		t.Error("the operator's page is not theirs")
	}
}

// TestExamplesArePostable posts every example of the page as it stands there,
// the curl lines through a shell.
func TestExamplesArePostable(t *testing.T) {
	t.Parallel()
	docs := append(documents(), &ringbid.Campaign{Name: "quotes", Lead: &ringbid.LeadRules{Fields: []ringbid.LeadField{
		{Name: "first_name", Example: `O'Brien & "Sons" <b> $(id) \`}, {Name: "zip", Type: "zip", Required: true}}}},
		&ringbid.Source{Name: "quotes", Campaign: "quotes", Publisher: "bright", PostKey: goodKey})
	h := setup(t, docs, nil)
	book, _ := ringbid.NewBook(docs)
	h.intake.answer = func(_ context.Context, p api.Posting) (api.Answer, error) {
		rules := book.Campaigns[p.Source.Campaign].Lead
		facts, problems := rules.Read(p.Values, p.Way == api.WayPing)
		if len(problems) > 0 || p.External != "your-id-1001" || (p.Way == api.WayPost) != (p.PingID != "") || len(facts) != len(p.Values) {
			return api.Answer{Status: api.StatusInvalid, Fields: problems}, nil
		}
		return api.Answer{Status: api.StatusAccepted}, nil
	}
	pre := regexp.MustCompile(`(?s)<pre[^>]*>(.*?)</pre>`)
	for _, source := range []string{"bright", "quotes"} {
		_, page, _ := strings.Cut(h.send(t, http.MethodGet, "/leads/"+source+"/spec?key="+goodKey, "").body, "Direct post</h2>")
		page, _, _ = strings.Cut(page, "<h2>Answers</h2>")
		blocks := pre.FindAllStringSubmatch(page, -1)
		if len(blocks) != 12 {
			t.Fatalf("%s: %d examples", source, len(blocks))
		}
		for i, b := range blocks {
			path := "/leads/" + source + []string{"", "/ping", "/post"}[i/4]
			text := html.UnescapeString(b[1])
			if i%4 == 0 {
				curl(t, h, text)
				continue
			}
			if got := h.post(t, path, []string{"", asJSON, asXML, asForm}[i%4], text); got.status/100 != 2 {
				t.Errorf("%s, example %d: %d %s\n%s", source, i, got.status, got.body, text)
			}
		}
	}
}

// curl runs an example's line in a shell in which curl prints its arguments, and
// posts those.
func curl(t *testing.T, h *house, line string) {
	t.Helper()
	script := `curl() { for a in "$@"; do printf '%s\0' "$a"; done; }` + "\n" + line
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	a := strings.Split(string(out), "\x00")
	if len(a) != 8 || a[2] != "Authorization: Bearer YOUR_KEY" || a[4] != "Content-Type: application/json" {
		t.Fatalf("curl was given %q", a)
	}
	if got := h.post(t, strings.TrimPrefix(a[0], h.url), asJSON, a[6]); got.status/100 != 2 {
		t.Errorf("%s: %d %s", a[6], got.status, got.body)
	}
}

func TestHostileTitles(t *testing.T) {
	t.Parallel()
	const evil = `<script>alert(1)</script>"'{{.Key}}</pre>&`
	docs := append(documents(), &ringbid.Publisher{Name: "evil", Title: evil},
		&ringbid.Campaign{Name: "evil", Title: evil, Lead: &ringbid.LeadRules{Fields: []ringbid.LeadField{
			{Name: "a", Title: evil, Example: evil, Aliases: []string{evil}},
			{Name: "b", Type: "choice", Values: []string{evil, "]]>"}, Words: map[string]string{evil + "2": evil}},
		}}}, &ringbid.Source{Name: "evil", Title: evil, Campaign: "evil", Publisher: "evil", PostKey: goodKey})
	h := setup(t, docs, nil)
	for _, r := range []reply{
		h.send(t, http.MethodGet, "/leads/evil/spec?key="+goodKey, ""),
		h.send(t, http.MethodPost, "/leads/evil/spec", url.Values{"key": {goodKey}, "f.a": {evil}, "f." + evil: {evil}, "way": {evil}}.Encode(), "Content-Type", asForm),
	} {
		if r.status != 200 || strings.Contains(r.body, "<script>alert") || strings.Count(r.body, "<pre") != strings.Count(r.body, "</pre>") {
			t.Errorf("%d: the title runs", r.status)
		}
	}
	got := h.send(t, http.MethodGet, "/leads/evil/schema.json?key="+goodKey, "")
	var doc struct{ Title string }
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || doc.Title != evil || got.kind != "application/schema+json" {
		t.Errorf("schema: %v %q as %s", err, doc.Title, got.kind)
	}
}

func TestTheTestForm(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	price := ringbid.Money(123400)
	send := func(form string) string {
		t.Helper()
		got := h.send(t, http.MethodPost, "/leads/bright/spec", form+"&test=1&key="+goodKey, "Content-Type", asForm)
		if got.status != 200 || strings.Contains(got.body, goodKey) {
			t.Errorf("%s: %d, key shown: %v", form, got.status, strings.Contains(got.body, goodKey))
		}
		return html.UnescapeString(got.body)
	}
	for _, c := range []struct {
		answer api.Answer
		form   string
		want   string
	}{
		{api.Answer{Status: api.StatusAccepted, Price: &price}, "f.zip=1", "✓ Accepted: this lead would be bought for $12.34."},
		{api.Answer{Status: api.StatusAccepted, Price: &price}, "f.zip=1&way=ping", "Accepted: a lead like this would be bought for $12.34."},
		{api.Answer{Status: api.StatusRejected, Reason: "nobody bids."}, "f.zip=1", "✕ Rejected: it is sound, and nobody would buy it: nobody bids."},
		{api.Answer{Status: api.StatusInvalid, Reason: "look", Fields: []ringbid.FieldProblem{{Field: "zip", Text: `"1" is not a ZIP`}}}, "f.zip=1", `<td class="mono">zip</td><td>"1" is not a ZIP</td>`},
		{api.Answer{Status: api.StatusDuplicate}, "f.zip=1", "Duplicate: the same person was sent before."},
	} {
		h.intake.answer = func(_ context.Context, p api.Posting) (api.Answer, error) {
			if !p.Test || p.Values["zip"] != "1" || (p.Way == api.WayPing) != strings.Contains(c.form, "way=ping") {
				t.Errorf("%s: %+v", c.form, p)
			}
			return c.answer, nil
		}
		page := send(c.form)
		if !strings.Contains(page, c.want) || !strings.Contains(page, `"status":"`+c.answer.Status+`"`) || !strings.Contains(page, `name="f.zip" value="1"`) {
			t.Errorf("%s: %q is not on the page", c.form, c.want)
		}
	}
	h.intake.answer = nil
	if page := send("way=post&f.zip=90210&f.note=" + strings.Repeat("x", 9000)); !strings.Contains(page, "ping_id") || !strings.Contains(page, "is missing: the answer to the ping has it") || !strings.Contains(page, "is longer than 8192 bytes") {
		t.Error("what is wrong with the test is not told")
	}
	h.intake.answer = func(context.Context, api.Posting) (api.Answer, error) {
		return api.Answer{}, ringbid.Errorf(ringbid.Unavailable, "the database is away")
	}
	if page := send("f.zip=1"); !strings.Contains(page, "Not processed: the database is away.") {
		t.Error("what is away is not told")
	}
	off := h.send(t, http.MethodPost, "/leads/off/spec", "f.zip=1&key="+goodKey, "Content-Type", asForm)
	if off.status != 200 || !strings.Contains(off.body, "Not processed: this source is paused.") {
		t.Errorf("a paused source: %d", off.status)
	}
}

// TestSchema holds the schema against the examples and against the rules: what
// it admits is taken.
func TestSchema(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	r := rules()
	for file, ping := range map[string]bool{"schema.json": false, "ping-schema.json": true} {
		got := h.send(t, http.MethodGet, "/leads/bright/"+file+"?key="+goodKey, "")
		var doc struct {
			Schema     string `json:"$schema"`
			ID         string `json:"$id"`
			Type       string
			Required   []string
			Additional bool                      `json:"additionalProperties"`
			Properties map[string]map[string]any `json:"properties"`
		}
		if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Schema != "https://json-schema.org/draft/2020-12/schema" || doc.ID != h.url+"/leads/bright/"+file || doc.Type != "object" || !doc.Additional {
			t.Errorf("%s: head %+v", file, doc)
		}
		post := map[string]string{}
		for _, f := range r.Fields {
			p, there := doc.Properties[f.Name]
			if there == (ping && f.IsContact()) || there && slices.Contains(doc.Required, f.Name) != f.Required {
				t.Errorf("%s: %s is there: %v, required: %v", file, f.Name, there, slices.Contains(doc.Required, f.Name))
			}
			if !there {
				continue
			}
			examples, _ := p["examples"].([]any)
			if len(examples) != 1 {
				t.Errorf("%s: %s has no example", file, f.Name)
				continue
			}
			post[f.Name] = examples[0].(string)
			if why := admits(p, examples[0]); why != "" {
				t.Errorf("%s: %s refuses its own example %q: %s", file, f.Name, examples[0], why)
			}
		}
		if _, problems := r.Read(post, ping); len(problems) > 0 {
			t.Errorf("%s: the examples are not taken: %v", file, problems)
		}
	}
}

// admits says why a value is not what a property allows, "" if it is.
func admits(p map[string]any, v any) string {
	s, _ := v.(string)
	if types := fmt.Sprint(p["type"]); !strings.Contains(types, "string") {
		return "type " + types
	}
	if f, ok := p["pattern"].(string); ok && !regexp.MustCompile(f).MatchString(s) {
		return "pattern " + f
	}
	if e, ok := p["enum"].([]any); ok && !slices.Contains(e, v) {
		return "enum"
	}
	if m, ok := p["maxLength"].(float64); ok && len([]rune(s)) > int(m) {
		return "maxLength"
	}
	return ""
}

// TestSchemaRefusesAndAdmits walks values past both the schema's patterns and the
// rules: what a pattern admits must be taken.
func TestSchemaRefusesAndAdmits(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	var doc struct {
		Properties map[string]map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(h.send(t, http.MethodGet, "/leads/bright/schema.json?key="+goodKey, "").body), &doc); err != nil {
		t.Fatal(err)
	}
	r := rules()
	for _, f := range r.Fields {
		rule := ringbid.LeadRules{Fields: []ringbid.LeadField{f}}
		for _, v := range []string{"", "x", "yes", "no", "true", "3105550142", "+13105550142", "+11105550142", "1105550142", "+442079460000", "+0123456", "90210", "90210-1234", "9021", "CA", "Cal", "auto", "home", "car", "AUTO", "boat",
			"-3", "3.5", "1e3", "125.00", "125.00001", "99999999999999", "https://cert.trustedform.com/abc", "https://cert.trustedform.com/", "https://evil.example/abc", "01234567-89AB-cdef-0123-456789abcdef", "0123", "abc", "abcd"} {
			_, problems := rule.Read(map[string]string{f.Name: v}, false)
			p := doc.Properties[f.Name]
			if p["format"] != nil || p["anyOf"] != nil || v == "" || f.Type == "state" {
				continue // formats are for whoever validates; states are a list the schema does not hold
			}
			if admits(p, v) == "" && len(problems) > 0 {
				t.Errorf("%s: the schema admits %q, and it is refused: %v", f.Name, v, problems)
			}
		}
		for n, want := range map[int]bool{0: true, 1: false} {
			most, ok := doc.Properties[f.Name]["maxLength"].(float64)
			if !ok || f.Type != "" {
				continue
			}
			_, problems := rule.Read(map[string]string{f.Name: strings.Repeat("é", int(most)+n)}, false)
			if (len(problems) == 0) != want {
				t.Errorf("%s: %d characters: %v", f.Name, int(most)+n, problems)
			}
		}
	}
}

// TestSamplesAreWellFormed reads the sample answers of the page.
func TestSamplesAreWellFormed(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	_, page, _ := strings.Cut(h.send(t, http.MethodGet, "/leads/bright/spec?key="+goodKey, "").body, "<h2>Answers</h2>")
	n := 0
	for _, b := range regexp.MustCompile(`(?s)<pre[^>]*>(.*?)</pre>`).FindAllStringSubmatch(page, -1) {
		text := html.UnescapeString(b[1])
		var j struct{ Status string }
		var x struct {
			Status string `xml:"status"`
		}
		if json.Unmarshal([]byte(text), &j) != nil && xml.Unmarshal([]byte(text), &x) != nil || j.Status+x.Status == "" {
			t.Errorf("neither JSON nor XML: %s", text)
		}
		n++
	}
	if n != 6 {
		t.Errorf("%d samples", n)
	}
}
