package ringbid_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

// soundness checks documents against what is to be said of them, "path: text".
func soundness(t *testing.T, cases map[string]struct {
	doc  ringbid.Document
	want []string
}) {
	t.Helper()
	for name, c := range cases {
		var got []string
		for _, p := range c.doc.Validate() {
			if p.Key != c.doc.Key() {
				t.Errorf("%s: problem of %s", name, p.Key)
			}
			got = append(got, p.Path+": "+p.Text)
		}
		slices.Sort(got)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestMethodIsChecked(t *testing.T) {
	t.Parallel()
	letter := func(edit func(*ringbid.EmailForm)) *ringbid.Method {
		m := &ringbid.Method{Name: "mail", Type: "email", Email: &ringbid.EmailForm{To: []string{"leads@acme.example"}}}
		edit(m.Email)
		return m
	}
	soundness(t, map[string]struct {
		doc  ringbid.Document
		want []string
	}{
		"http":   {&ringbid.Method{Name: "api", Type: "http", Preset: "json-post", Rate: 10, Patience: ringbid.Duration(time.Minute)}, nil},
		"portal": {&ringbid.Method{Name: "inbox", Type: "portal", Buyer: "acme", Assign: "round_robin"}, nil},
		"digest": {letter(func(e *ringbid.EmailForm) { e.Digest, e.At, e.Zone, e.Attach = "daily", 23, "America/New_York", "csv" }), nil},
		"nothing": {&ringbid.Method{}, []string{
			`name: "" is not a name: 1 to 64 lower-case letters, digits, dots, dashes and underscores`, `type: "" is not http, email or portal`}},
		"portal of nobody": {&ringbid.Method{Name: "inbox", Type: "portal"}, []string{"buyer: is missing: an inbox belongs to a buyer"}},
		"portal with a preset": {&ringbid.Method{Name: "inbox", Type: "portal", Buyer: "acme", Preset: "hubspot"},
			[]string{"preset: belongs to http only"}},
		"letter with a map":  {&ringbid.Method{Name: "mail", Type: "email", Map: "m", Email: &ringbid.EmailForm{To: []string{"a@b.example"}}}, []string{"preset: belongs to http only"}},
		"letter without":     {&ringbid.Method{Name: "mail", Type: "email"}, []string{"email: goes with type: email"}},
		"http with a letter": {&ringbid.Method{Name: "api", Type: "http", Email: &ringbid.EmailForm{To: []string{"a@b.example"}}}, []string{"email: goes with type: email"}},
		"assign":             {&ringbid.Method{Name: "inbox", Type: "portal", Buyer: "acme", Assign: "fastest"}, []string{`assign: "fastest" is not claim, round_robin or territory`}},
		"no territories":     {&ringbid.Method{Name: "inbox", Type: "portal", Buyer: "acme", Assign: "territory"}, []string{"territories: are missing"}},
		"numbers": {&ringbid.Method{Name: "api", Type: "http", Rate: -1, Concurrency: 501, Keep: 4000, Patience: 1, Cooldown: ringbid.Duration(2 * time.Hour), Slow: 1}, []string{
			"concurrency: 501 is not between 0 and 500", "cooldown: 2h0m0s is not between 1s and 1h0m0s", "keep_days: 4000 is not between 0 and 3650",
			"patience: 1ns is not between 10s and 24h0m0s", "rate: -1 is not between 0 and 10000", "slow: 1ns is not between 10ms and 1m0s"}},
		"exchange":  {&ringbid.Method{Name: "api", Type: "http", Exchange: ringbid.Raw(`"` + strings.Repeat("x", 256<<10) + `"`)}, []string{"exchange: is longer than 256 KB"}},
		"no reader": {letter(func(e *ringbid.EmailForm) { e.To = nil }), []string{"email.to: needs 1 to 20 addresses"}},
		"letter": {letter(func(e *ringbid.EmailForm) {
			e.To, e.ReplyTo = []string{"ok@b.example", "Ann <ann@b.example>", "a@b.example\r\nBcc: c@d.example"}, "nobody"
			e.Subject, e.Digest, e.At, e.Zone, e.Attach = "Lead\r\nBcc: c@d.example", "weekly", 24, "Mars/Phobos", "pdf"
		}), []string{
			"email.at: 24 is not between 0 and 23", `email.attach: "pdf" is not csv or json`, `email.digest: "weekly" is not hourly or daily`,
			`email.reply_to: "nobody" is not a mail address`, "email.subject: has a line break",
			`email.to[1]: "Ann <ann@b.example>" is not a mail address`, `email.to[2]: "a@b.example\r\nBcc: c@d.example" is not a mail address`,
			`email.zone: "Mars/Phobos" is not an IANA time zone`}},
		"long letter": {letter(func(e *ringbid.EmailForm) { e.Text = strings.Repeat("x", 64<<10+1) }), []string{"email: is longer than 64 KB"}},
		"map":         {&ringbid.FieldMap{Name: "m", Fields: ringbid.Raw(`[]`)}, nil},
		"empty map":   {&ringbid.FieldMap{Name: "m"}, []string{"fields: are missing"}},
		"large map":   {&ringbid.FieldMap{Name: "m", Fields: ringbid.Raw(`"` + strings.Repeat("x", 1<<20) + `"`)}, []string{"fields: are longer than 1 MB"}},
	})
}

// What a method names must be there.
func TestMethodReferences(t *testing.T) {
	t.Parallel()
	_, problems := ringbid.NewBook([]ringbid.Document{
		&ringbid.Method{Name: "inbox", Type: "portal", Buyer: "nobody", Assign: "territory", Territories: map[string][]string{"ann": {"CA"}}},
		&ringbid.Method{Name: "api", Type: "http", Map: "none"},
		&ringbid.Source{Name: "main", Campaign: "none", Publisher: "nobody", PostKey: "0123456789abcdef"},
		&ringbid.Hook{Name: "news", Buyer: "nobody", Secret: "01234567"},
		&ringbid.Target{Name: "desk", Buyer: "nobody", Methods: []ringbid.Way{{Method: "none"}}},
		&ringbid.Campaign{Name: "solar", Lead: solarForm(), Missed: []string{"none"}},
	})
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{
		"Campaign/solar: missed[0]: there is no Method/none", "Hook/news: buyer: there is no Buyer/nobody", "Method/api: map: there is no Map/none",
		"Method/inbox: buyer: there is no Buyer/nobody", "Method/inbox: territories.ann: there is no User/ann", "Source/main: campaign: there is no Campaign/none",
		"Source/main: publisher: there is no Publisher/nobody", "Target/desk: buyer: there is no Buyer/nobody", "Target/desk: methods[0].method: there is no Method/none",
	}, got); d != "" {
		t.Error(d)
	}
}

// A target's methods have one that decides.
func TestWaysAreChecked(t *testing.T) {
	t.Parallel()
	of := func(ways ...ringbid.Way) ringbid.Document {
		return &ringbid.Target{Name: "desk", Buyer: "acme", Methods: ways}
	}
	many := make([]ringbid.Way, 11)
	for i := range many {
		many[i].Method = string(rune('a' + i))
	}
	soundness(t, map[string]struct {
		doc  ringbid.Document
		want []string
	}{
		"one":         {of(ringbid.Way{Method: "a"}), nil},
		"three":       {of(ringbid.Way{Method: "a", Role: "parallel"}, ringbid.Way{Method: "b", Role: "primary"}, ringbid.Way{Method: "c"}), nil},
		"no trunk":    {of(), []string{"trunk: is missing: neither a trunk for calls nor methods for leads"}},
		"no primary":  {of(ringbid.Way{Method: "a", Role: "parallel"}, ringbid.Way{Method: "b"}), []string{"methods: needs exactly one primary"}},
		"two":         {of(ringbid.Way{Method: "a"}, ringbid.Way{Method: "b", Role: "primary"}), []string{"methods: needs exactly one primary"}},
		"unknown":     {of(ringbid.Way{Method: "a"}, ringbid.Way{Method: "b", Role: "spare"}), []string{`methods[1].role: "spare" is not primary, fallback or parallel`}},
		"twice":       {of(ringbid.Way{Method: "a"}, ringbid.Way{Method: "a"}), []string{`methods[1].method: "a" stands twice`}},
		"too many":    {of(many...), []string{"methods: has more than 10 entries"}},
		"repeat days": {&ringbid.Target{Name: "desk", Buyer: "acme", Methods: many[:1], RepeatDays: -1}, []string{"repeat_days: -1 is not between 0 and 3650"}},
	})
	target := of(many[:3]...).(*ringbid.Target)
	target.Methods[2].Role = "parallel"
	if got := []string{target.RoleOf(0), target.RoleOf(1), target.RoleOf(2)}; !slices.Equal(got, []string{"primary", "fallback", "parallel"}) {
		t.Errorf("roles %v", got)
	}
}

// The secrets of a method are found, so that they are sealed.
func TestLeadSecrets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		doc  ringbid.Document
		want int
	}{
		{&ringbid.Method{Auth: ringbid.MethodAuth{Secret: "a", ClientSecret: "b", Key: "c", Refresh: "d"}}, 4},
		{&ringbid.Bidder{Token: "a", Auth: ringbid.MethodAuth{Secret: "b", ClientSecret: "c", Key: "d", Refresh: "e"}}, 5},
		{&ringbid.Source{PostKey: "a"}, 1}, {&ringbid.Hook{Secret: "a", Before: "b"}, 2}, {&ringbid.FieldMap{}, 0},
	} {
		found := map[string]bool{}
		for _, s := range ringbid.Secrets(c.doc) {
			found[s.Reveal()] = true
		}
		if len(found) != c.want || found[""] {
			t.Errorf("%T: %d secrets are found, want %d", c.doc, len(found), c.want)
		}
	}
}

func TestRawHasOneForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"b": 1.50, "a": [true, null]}`: `{"a":[true,null],"b":1.50}`, `"x"`: `"x"`, ` 12345678901234567890 `: `12345678901234567890`, `null`: `null`, `{}`: `{}`,
	} {
		var v struct{ Raw ringbid.Raw }
		if err := json.Unmarshal([]byte(`{"Raw":`+text+`}`), &v); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		out, err := json.Marshal(v)
		if err != nil || string(out) != `{"Raw":`+want+`}` {
			t.Errorf("%s is written %s, %v", text, out, err)
		}
	}
	var r ringbid.Raw
	if err := r.UnmarshalJSON([]byte(`{"a":`)); err == nil {
		t.Error("half a document is taken")
	}
}
