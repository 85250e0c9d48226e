package ringbid_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

// solarForm is a form with a field of every type.
func solarForm() *ringbid.LeadRules {
	return &ringbid.LeadRules{Fields: []ringbid.LeadField{
		{Name: "first_name", Required: true, Aliases: []string{"fname"}}, {Name: "phone", Type: "phone", Required: true, Aliases: []string{"Phone_1"}},
		{Name: "email", Type: "email"}, {Name: "state", Type: "state", Required: true}, {Name: "zip", Type: "zip", Required: true},
		{Name: "dob", Type: "date", Layouts: []string{"MM/DD/YYYY"}}, {Name: "consent_at", Type: "time"}, {Name: "bill", Type: "amount"},
		{Name: "roof_age", Type: "number"}, {Name: "owner", Type: "boolean"}, {Name: "ip", Type: "ip"}, {Name: "page", Type: "url"},
		{Name: "credit", Type: "choice", Values: []string{"good", "fair"}, Words: map[string]string{"A": "good", "n/a": ""}},
		{Name: "trustedform_url", Type: "trustedform"}, {Name: "leadid", Type: "leadid"}, {Name: "landlord", Contact: true}, {Name: "note", Max: 5},
	}}
}

func TestReadLead(t *testing.T) {
	t.Parallel()
	facts, problems := solarForm().Read(map[string]string{
		" FName ": " Ann\n", "PHONE_1": "(213) 555-0100", "Email": "Ann Lee <ann.lee@EXAMPLE.com>", "state": "california", "zip": "90210-1234",
		"DOB": "12/31/1980", "consent_at": "1767225600", "bill": "$1,200.5", "roof_age": "+12", "owner": "Y", "ip": "::ffff:203.0.113.9",
		"page": "https://forms.example/solar?a=b", "credit": "a", "trustedform_url": "http://cert.trustedform.com/ab12/, https://cert.trustedform.com/second",
		"leadid": "0FA1B2C3-0000-4000-8000-0123456789AB", "landlord": "Bob", "note": "héllo", "utm_source": "kept elsewhere",
	}, false)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if d := cmp.Diff(ringbid.TagMap{
		"first_name": "Ann", "phone": "+12135550100", "email": "ann.lee@example.com", "state": "CA", "zip": "90210", "dob": "1980-12-31",
		"consent_at": "2026-01-01T00:00:00Z", "bill": "1200.50", "roof_age": "12", "owner": "yes", "ip": "203.0.113.9",
		"page": "https://forms.example/solar?a=b", "credit": "good", "trustedform_url": "https://cert.trustedform.com/ab12",
		"leadid": "0fa1b2c3-0000-4000-8000-0123456789ab", "landlord": "Bob", "note": "héllo",
	}, facts); d != "" {
		t.Error(d)
	}
}

// Every problem is told at once, in the order of the fields, and what is sound
// is read all the same.
func TestReadLeadProblems(t *testing.T) {
	t.Parallel()
	facts, problems := solarForm().Read(map[string]string{
		"phone": "1112223333", "email": "nobody", "state": "Atlantis", "zip": "1234", "dob": "31/12/1980", "consent_at": "noon", "bill": "much",
		"roof_age": "old", "owner": "maybe", "ip": "1.2.3", "page": "ftp://x", "credit": "bad", "trustedform_url": "https://cert.evil.example/a",
		"leadid": "1", "landlord": "Bob", "note": "too long",
	}, false)
	if d := cmp.Diff([]ringbid.FieldProblem{
		{Field: "first_name", Text: "is missing"},
		{Field: "phone", Text: "is not a number that exists: area code and exchange begin with 2 to 9"},
		{Field: "email", Text: "is not an e-mail address"},
		{Field: "state", Text: `"Atlantis" is not a US state`},
		{Field: "zip", Text: `"1234" is not a US ZIP code of five digits`},
		{Field: "dob", Text: `"31/12/1980" is not a date such as 1980-12-31`},
		{Field: "consent_at", Text: `"noon" is not a time such as 2026-03-09T15:04:05Z`},
		{Field: "bill", Text: `"much" is not an amount`},
		{Field: "roof_age", Text: `"old" is not a number`},
		{Field: "owner", Text: `"maybe" is neither yes nor no`},
		{Field: "ip", Text: `"1.2.3" is not an IP address`},
		{Field: "page", Text: "is not an http or https address"},
		{Field: "credit", Text: `"bad" is not one of good, fair`},
		{Field: "trustedform_url", Text: "is not a certificate at cert.trustedform.com"},
		{Field: "leadid", Text: "is not a LeadiD token of 36 characters"},
		{Field: "note", Text: "is longer than 5 characters"},
	}, problems); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(ringbid.TagMap{"landlord": "Bob"}, facts); d != "" {
		t.Error(d)
	}
}

// A ping neither needs nor keeps what tells who it is, however it is declared.
func TestReadPing(t *testing.T) {
	t.Parallel()
	facts, problems := solarForm().Read(map[string]string{
		"first_name": "Ann", "phone": "no phone", "email": "ann@example.com", "ip": "203.0.113.9", "landlord": "Bob", "zip": "90210",
	}, true)
	if d := cmp.Diff([]ringbid.FieldProblem{{Field: "state", Text: "is missing"}}, problems); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(ringbid.TagMap{"zip": "90210"}, facts); d != "" {
		t.Error(d)
	}
	want := []string{"first_name", "phone", "email", "ip", "landlord"}
	if got := solarForm().ContactFields(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A field that holds nothing but what is taken out is missing, and is no fact.
func TestReadNothing(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{"", " \t", "\x00", "\x01\x02", "\u202e", " \u2066 ", "\n\x7f\n"} {
		facts, problems := solarForm().Read(map[string]string{
			"first_name": empty, "phone": "2135550100", "state": "CA", "zip": "90210", "note": empty, "owner": empty, "credit": "N/A",
		}, false)
		if d := cmp.Diff([]ringbid.FieldProblem{{Field: "first_name", Text: "is missing"}}, problems); d != "" {
			t.Errorf("%q: %s", empty, d)
		}
		if d := cmp.Diff(ringbid.TagMap{"phone": "+12135550100", "state": "CA", "zip": "90210"}, facts); d != "" {
			t.Errorf("%q: %s", empty, d)
		}
	}
}

// What is sent twice under names that differ in case is read the same each time.
func TestReadIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	r := &ringbid.LeadRules{Fields: []ringbid.LeadField{
		{Name: "zip"}, {Name: "plan", Words: map[string]string{"Gold": "1", "GOLD": "2", "gold": "3"}},
	}}
	posted := map[string]string{"ZIP": "1", "Zip": "2", "zip": "", "zIp": "4", "plan": "GoLd"}
	first, _ := r.Read(posted, false)
	for range 100 {
		again, _ := r.Read(maps.Clone(posted), false)
		if d := cmp.Diff(first, again); d != "" {
			t.Fatal(d)
		}
	}
	if got, _ := r.Read(map[string]string{"plan": "GOLD"}, false); got["plan"] != "2" {
		t.Errorf("a word that is there as it stands is read as %q", got["plan"])
	}
}

func TestLeadRulesAreChecked(t *testing.T) {
	t.Parallel()
	many := make([]ringbid.LeadField, 201)
	for i := range many {
		many[i].Name = "f" + strings.Repeat("x", i%60) + string(rune('a'+i/60))
	}
	for name, c := range map[string]struct {
		rules ringbid.LeadRules
		want  []string
	}{
		"sound":      {*solarForm(), nil},
		"no fields":  {ringbid.LeadRules{}, []string{"lead.fields: needs 1 to 200 entries"}},
		"too many":   {ringbid.LeadRules{Fields: many}, []string{"lead.fields: needs 1 to 200 entries"}},
		"words":      {form("Repeats", "maybe"), []string{`lead.repeats: "maybe" is not refuse or unpaid`}},
		"ways":       {form("Ways", "post"), []string{`lead.ways: "post" is not direct, ping_post or both`}},
		"repeat by":  {form("RepeatBy", "ssn"), []string{`lead.repeat_by[0]: "ssn" is not phone or email`}},
		"no answer":  {ringbid.LeadRules{Fields: one(), AnswerWithin: 1}, []string{"lead.answer_within: 1ns is not between 1ms and 20s"}},
		"long":       {ringbid.LeadRules{Fields: one(), AnswerWithin: ringbid.Duration(time.Minute)}, []string{"lead.answer_within: 1m0s is not between 1ms and 20s"}},
		"ping":       {ringbid.LeadRules{Fields: one(), PingLife: ringbid.Duration(time.Second)}, []string{"lead.ping_life: 1s is not between 5s and 1h0m0s"}},
		"share":      {ringbid.LeadRules{Fields: one(), Share: 21}, []string{"lead.share: 21 is not between 0 and 20"}},
		"days":       {ringbid.LeadRules{Fields: one(), RepeatDays: -1}, []string{"lead.repeat_days: -1 is not between 0 and 3650"}},
		"field name": {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "9lives"})}, []string{`lead.fields[1].name: "9lives" is not a field name: a letter, then letters, digits and underscores`}},
		"field type": {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "a", Type: "ssn"})},
			[]string{`lead.fields[1].type: "ssn" is not one of text, phone, email, state, zip, date, time, number, amount, boolean, choice, url, ip, trustedform, leadid`}},
		"choice":   {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "a", Type: "choice"})}, []string{"lead.fields[1].values: are needed by a choice"}},
		"max":      {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "a", Max: 5000})}, []string{"lead.fields[1].max: 5000 is not between 0 and 4096"}},
		"layout":   {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "a", Type: "date", Layouts: []string{"yyyy"}})}, []string{`lead.fields[1].layouts: "yyyy" is not a layout of YYYY, MM, M, DD and D`}},
		"twice":    {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "b", Aliases: []string{"ZIP"}})}, []string{`lead.fields[1]: the name "ZIP" stands twice`}},
		"reserved": {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "b", Aliases: []string{"Ping_ID"}})}, []string{`lead.fields[1]: the name "Ping_ID" is the platform's own`}},
		"ours":     {ringbid.LeadRules{Fields: one(ringbid.LeadField{Name: "our_price"})}, []string{`lead.fields[1]: the name "our_price" is the platform's own`}},
	} {
		campaign := &ringbid.Campaign{Name: "solar", Lead: &c.rules}
		var got []string
		for _, p := range campaign.Validate() {
			got = append(got, p.Path+": "+p.Text)
		}
		slices.Sort(got)
		if d := cmp.Diff(c.want, slices.Compact(got)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func one(more ...ringbid.LeadField) []ringbid.LeadField {
	return append([]ringbid.LeadField{{Name: "zip"}}, more...)
}

func form(key, value string) ringbid.LeadRules {
	r := ringbid.LeadRules{Fields: one()}
	switch key {
	case "Repeats":
		r.Repeats = value
	case "Ways":
		r.Ways = value
	case "RepeatBy":
		r.RepeatBy = []string{value}
	}
	return r
}

func TestLeadRuleDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ways             string
		direct, pingPost bool
	}{{"", true, true}, {"both", true, true}, {"direct", true, false}, {"ping_post", false, true}} {
		r := &ringbid.LeadRules{Ways: c.ways}
		if r.Takes("direct") != c.direct || r.Takes("ping_post") != c.pingPost {
			t.Errorf("%q takes direct %v, ping_post %v", c.ways, r.Takes("direct"), r.Takes("ping_post"))
		}
	}
	if got := (&ringbid.LeadRules{}).RepeatFields(); !slices.Equal(got, []string{"phone", "email"}) {
		t.Errorf("a person is known by %v", got)
	}
	if got := (&ringbid.LeadRules{RepeatBy: []string{"email"}}).RepeatFields(); !slices.Equal(got, []string{"email"}) {
		t.Errorf("a person is known by %v", got)
	}
}

// FuzzLeadRulesRead posts two fields of any name and value. Whatever they are,
// facts are sound, and reading facts again changes nothing.
func FuzzLeadRulesRead(f *testing.F) {
	for _, s := range [][4]string{
		{"phone", "(213) 555-0100", "zip", "90210"}, {"Phone_1", "+442079460000", "PHONE", "2"}, {"email", "a@B.example", "Email", "x <y@z.example>"},
		{"state", "n. dakota", "dob", "2/29/2024"}, {"dob", "1980-12-31T00:00:00Z", "consent_at", "8589934591"}, {"bill", "$1,2,3.5", "roof_age", "-0.5"},
		{"owner", "ON", "credit", "N/A"}, {"ip", "fe80::1%eth0", "page", "http://a/ b"}, {"trustedform_url", "https://cert.trustedform.com/a,b", "leadid", "x"},
		{"note", "\x00\u202eab\xff", "first_name", "\x01"}, {"landlord", strings.Repeat("é", 201), "", ""}, {"email", "\"a b\"@c.d", "email", "a@İ.example"},
		{"ip", "::ffff:1.2.3.4", "bill", "-922337203685477.5808"}, {"first_name", "{{x}}\r\nBcc: y", "fname", " "},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	rules := solarForm()
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		posted := map[string]string{name1: value1, name2: value2}
		for _, ping := range []bool{false, true} {
			facts, problems := rules.Read(posted, ping)
			wrong := map[string]bool{}
			for _, p := range problems {
				wrong[p.Field] = true
				if !utf8.ValidString(p.Text) || len(p.Text) > 500 {
					t.Errorf("%s: problem %q", p.Field, p.Text)
				}
			}
			for k, v := range facts {
				soundFact(t, rules, k, v, ping)
				if wrong[k] {
					t.Errorf("%s is a fact and a problem", k)
				}
			}
			again, problems := rules.Read(facts, ping)
			for _, p := range problems {
				if _, is := facts[p.Field]; is {
					t.Errorf("its own fact %s=%q: %s", p.Field, facts[p.Field], p.Text)
				}
			}
			if d := cmp.Diff(facts, again); d != "" {
				t.Errorf("read again: %s", d)
			}
		}
	})
}

func soundFact(t *testing.T, r *ringbid.LeadRules, name, v string, ping bool) {
	t.Helper()
	i := slices.IndexFunc(r.Fields, func(f ringbid.LeadField) bool { return f.Name == name })
	switch {
	case i < 0:
		t.Errorf("fact %q is no field", name)
	case ping && r.Fields[i].IsContact():
		t.Errorf("a ping tells %s", name)
	case v == "" || v != strings.TrimSpace(v) || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
		t.Errorf("fact %s=%q", name, v)
	case utf8.RuneCountInString(v) > 2000:
		t.Errorf("fact %s is %d characters long", name, utf8.RuneCountInString(v))
	}
}
