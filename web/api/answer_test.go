package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web/api"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	h := setup(t, documents(), nil)
	price := ringbid.Money(123400)
	full := api.Answer{
		Status: api.StatusInvalid, LeadID: "l", PingID: "p", Price: &price, Currency: "USD", Reason: "a <b> & c", Code: "x",
		Fields: []ringbid.FieldProblem{{Field: "zip", Text: "is missing"}, {Field: "e\x01", Text: `"é"`}}, Expires: 59900 * time.Millisecond, Repeat: true,
	}
	for name, c := range map[string]struct {
		path, kind, body, accept string
		answer                   api.Answer
		status                   int
		want                     string
	}{
		"accepted":        {"", asJSON, `{}`, "", api.Answer{Status: api.StatusAccepted, LeadID: "l", Price: &price, Currency: "USD"}, 201, `{"status":"accepted","lead_id":"l","price":"12.34","currency":"USD"}` + "\n"},
		"repeat":          {"", asJSON, `{}`, "", api.Answer{Status: api.StatusAccepted, LeadID: "l", Repeat: true}, 200, `{"status":"accepted","lead_id":"l","repeat":true}` + "\n"},
		"pending":         {"", asJSON, `{}`, "", api.Answer{Status: api.StatusPending}, 201, `{"status":"pending"}` + "\n"},
		"pending, repeat": {"", asJSON, `{}`, "", api.Answer{Status: api.StatusPending, Repeat: true}, 200, `{"status":"pending","repeat":true}` + "\n"},
		"rejected":        {"", asJSON, `{}`, "", api.Answer{Status: api.StatusRejected, Reason: "nobody buys it", Code: "no_buyer"}, 200, `{"status":"rejected","reason":"nobody buys it","code":"no_buyer"}` + "\n"},
		"duplicate":       {"", asJSON, `{}`, "", api.Answer{Status: api.StatusDuplicate}, 200, `{"status":"duplicate"}` + "\n"},
		"error":           {"", asJSON, `{}`, "", api.Answer{Status: api.StatusError}, 500, `{"status":"error"}` + "\n"},
		"ping":            {"/leads/bright/ping", asJSON, `{}`, "", api.Answer{Status: api.StatusAccepted, PingID: "p", Price: &price, Expires: time.Minute}, 200, `{"status":"accepted","ping_id":"p","price":"12.34","expires_in":60}` + "\n"},
		"all of it":       {"", asJSON, `{}`, "", full, 422, `{"status":"invalid","lead_id":"l","ping_id":"p","price":"12.34","currency":"USD","expires_in":59,"reason":"a <b> & c","code":"x","errors":[{"field":"zip","text":"is missing"},{"field":"e\u0001","text":"\"é\""}],"repeat":true}` + "\n"},
		"all of it, xml":  {"", asXML, `<l/>`, "", full, 422, allXML},
		"xml asked for":   {"", asJSON, `{}`, "application/xml", api.Answer{Status: api.StatusRejected}, 200, rejectedXML},
		"json asked for":  {"", asXML, `<l/>`, "text/html, application/json;q=0.5, */*;q=0.1", api.Answer{Status: api.StatusRejected}, 200, `{"status":"rejected"}` + "\n"},
		"xml liked more":  {"", asJSON, `{}`, "application/json;q=0.5,text/xml;q=0.6", api.Answer{Status: api.StatusRejected}, 200, rejectedXML},
		"neither":         {"", asXML, `<l/>`, "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", api.Answer{Status: api.StatusRejected}, 200, rejectedXML},
		"form":            {"", asForm, `a=b`, "*/*", api.Answer{Status: api.StatusRejected}, 200, `{"status":"rejected"}` + "\n"},
		"nonsense":        {"", asForm, `a=b`, ";;;,application/xml;q=x", api.Answer{Status: api.StatusRejected}, 200, `{"status":"rejected"}` + "\n"},
	} {
		if c.path == "" {
			c.path = "/leads/bright"
		}
		h.intake.answer = func(context.Context, api.Posting) (api.Answer, error) { return c.answer, nil }
		got := h.post(t, c.path, c.kind, c.body, "Accept", c.accept)
		if d := cmp.Diff(c.want, got.body); d != "" || got.status != c.status {
			t.Errorf("%s: %d, want %d\n%s", name, got.status, c.status, d)
		}
		want := asJSON
		if strings.HasPrefix(c.want, "<") {
			want = "application/xml; charset=utf-8"
		}
		if got.kind != want {
			t.Errorf("%s: answered as %s", name, got.kind)
		}
	}
	for kind, c := range map[ringbid.Kind]int{ringbid.Busy: 429, ringbid.Unavailable: 503, ringbid.Internal: 500} {
		h.intake.answer = func(context.Context, api.Posting) (api.Answer, error) {
			return api.Answer{}, ringbid.Errorf(kind, "inside story")
		}
		got := h.post(t, "/leads/bright", asXML, `<l/>`)
		if got.status != c || got.kind != "application/problem+json" || (got.header.Get("Retry-After") == "") != (c == 500) || strings.Contains(got.body, "inside") != (c != 500) {
			t.Errorf("%s: %d %s %s", kind, got.status, got.kind, got.body)
		}
	}
}

const rejectedXML = `<?xml version="1.0" encoding="UTF-8"?>
<response>
 <status>rejected</status>
</response>
`

const allXML = `<?xml version="1.0" encoding="UTF-8"?>
<response>
 <status>invalid</status>
 <lead_id>l</lead_id>
 <ping_id>p</ping_id>
 <price>12.34</price>
 <currency>USD</currency>
 <expires_in>59</expires_in>
 <reason>a &lt;b&gt; &amp; c</reason>
 <code>x</code>
 <errors>
  <error>
   <field>zip</field>
   <text>is missing</text>
  </error>
  <error>
   <field>e` + "\ufffd" + `</field>
   <text>&#34;é&#34;</text>
  </error>
 </errors>
 <repeat>true</repeat>
</response>
`
