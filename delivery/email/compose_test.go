package email_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/email"
)

func ann() email.Lead {
	return email.Lead{
		ID: "lead-17", Title: "Auto insurance", Link: "https://leads.example.com/l/17?a=1&b=2",
		Facts: map[string]string{
			"first_name": "Ann", "last_name": "Lee", "city": "Austin", "state": "TX", "zip": "78701", "phone": "+1 (512) 555-0100",
			"email": "ann@mail.example", "current_carrier": "None", "notes": "two\r\nlines", "empty": " ",
			"trustedform_url": "https://cert.trustedform.com/abc", "consent_text": "I agree & accept <all>", "ip": "192.0.2.7",
		},
	}
}

func compose(t *testing.T, f email.Form, lead email.Lead) email.Letter {
	t.Helper()
	l, err := email.Compose(f, lead)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestComposeBuiltIn(t *testing.T) {
	t.Parallel()
	l := compose(t, email.Form{}, ann())
	if l.Subject != "New lead: Ann Lee, Austin TX" || l.LeadID != "lead-17" {
		t.Errorf("%q %q", l.Subject, l.LeadID)
	}
	want := `New lead: Ann Lee, Austin TX
Auto insurance

First name       Ann
Last name        Lee
Phone            +1 (512) 555-0100
E-mail           ann@mail.example
City             Austin
State            TX
ZIP              78701
Current carrier  None
Notes            two
                 lines

Consent
Consent text     I agree & accept <all>
IP address       192.0.2.7
TrustedForm      https://cert.trustedform.com/abc

Lead lead-17
https://leads.example.com/l/17?a=1&b=2
`
	if d := cmp.Diff(want, l.Text); d != "" {
		t.Error(d)
	}
	for _, part := range []string{
		`<a href="tel:&#43;15125550100" style="color:#0b69a3;">&#43;1 (512) 555-0100</a>`, `<a href="mailto:ann@mail.example"`,
		`I agree &amp; accept &lt;all&gt;`, `href="https://leads.example.com/l/17?a=1&amp;b=2"`, ">Consent</h2>", "Lead lead-17", `name="viewport"`,
	} {
		if !strings.Contains(l.HTML, part) {
			t.Errorf("page lacks %s", part)
		}
	}
	for _, part := range []string{"src=", "url(", "<link", "<style", "<script", "@import", `href="https://cert`, "ZgotmplZ"} {
		if strings.Contains(l.HTML, part) {
			t.Errorf("page holds %s", part)
		}
	}
	if strings.Index(l.HTML, "cert.trustedform.com") < strings.Index(l.HTML, ">Consent</h2>") {
		t.Error("consent is not apart")
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 400)
	for name, c := range map[string]struct {
		form  string
		facts map[string]string
		want  string
	}{
		"nothing":       {"", nil, "New lead"},
		"name":          {"", map[string]string{"first_name": "Ann"}, "New lead: Ann"},
		"place":         {"", map[string]string{"state": "TX"}, "New lead: TX"},
		"whole name":    {"", map[string]string{"name": "Ann Lee", "city": "Austin"}, "New lead: Ann Lee, Austin"},
		"own":           {"Lead {{ first_name }} ({{zip}})", map[string]string{"first_name": "Ann", "zip": "78701"}, "Lead Ann (78701)"},
		"own, missing":  {"Lead {{first_name}} in {{city}}", nil, "Lead in"},
		"only a place":  {"{{first_name}}", nil, "New lead"},
		"lines":         {"{{a}}", map[string]string{"a": "x\r\nBcc: y\x00\tz"}, "x Bcc: y z"},
		"template":      {"{{a}}", map[string]string{"a": "{{b}}", "b": "no"}, "{{b}}"},
		"the lead's id": {"{{lead_id}} {{title}}", map[string]string{"lead_id": "false", "title": "false"}, "lead-1 Campaign"},
		"long":          {"{{a}}", map[string]string{"a": long}, strings.Repeat("é", 199) + "…"},
		"override":      {"{{a}}", map[string]string{"a": "a\u202eb\u2066c"}, "abc"},
	} {
		lead := email.Lead{ID: "lead-1", Facts: c.facts}
		if c.form != "" {
			lead.Title = "Campaign"
		}
		if l := compose(t, email.Form{Subject: c.form}, lead); l.Subject != c.want {
			t.Errorf("%s: %q, want %q", name, l.Subject, c.want)
		}
	}
	if l := compose(t, email.Form{}, email.Lead{Title: "Solar"}); l.Subject != "New lead: Solar" {
		t.Error(l.Subject)
	}
}

// TestNames: what is not to be listed is in no part of a built-in letter.
func TestNames(t *testing.T) {
	t.Parallel()
	lead := ann()
	lead.Names = []string{"zip", "first_name", "consent_text", "missing"}
	l := compose(t, email.Form{}, lead)
	if l.Subject != "New lead: Ann" {
		t.Error(l.Subject)
	}
	if strings.Index(l.Text, "ZIP") > strings.Index(l.Text, "First name") {
		t.Errorf("order\n%s", l.Text)
	}
	csv, json := email.CSV([]email.Lead{lead}), email.JSON([]email.Lead{lead})
	_, digest, page := email.Digest("x", []email.Lead{lead}, "")
	for what, text := range map[string]string{
		"text": l.Text, "page": l.HTML, "csv": string(csv.Body), "json": string(json.Body), "digest": digest, "digest's page": page,
	} {
		for _, hidden := range []string{"Lee", "555-0100", "ann@mail", "cert.trustedform", "192.0.2.7", "Austin"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s holds %s", what, hidden)
			}
		}
	}
}

// TestForgedRow: a value of several lines does not look like another fact.
func TestForgedRow(t *testing.T) {
	t.Parallel()
	l := compose(t, email.Form{}, email.Lead{Facts: map[string]string{"first_name": "Ann\nPhone  +15550000000\u2028Consent", "phone": "+15125550100"}})
	n := 0
	for line := range strings.SplitSeq(l.Text, "\n") {
		if strings.HasPrefix(line, "Phone") || strings.HasPrefix(line, "Consent") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d lines\n%s", n, l.Text)
	}
}

func TestOwnWords(t *testing.T) {
	t.Parallel()
	f := email.Form{
		Text: "Dear buyer,\n\n{{first_name}} {{last_name}} {{nothing}}\n{{notes}}\n",
		HTML: `<!-- note --><p style="color:red" title="{{first_name}}">{{first_name}}</p><a href="tel:{{phone}}">call</a> <a href="{{site}}">site</a> <a href="https://x.example/?q={{last_name}}">q</a>`,
	}
	lead := ann()
	lead.Facts["first_name"], lead.Facts["site"], lead.Facts["last_name"] = `<b>"A"</b>`, "javascript:alert(1)", "a&b=c"
	l := compose(t, f, lead)
	if want := "Dear buyer,\n\n<b>\"A\"</b> a&b=c \ntwo\nlines\n"; l.Text != want {
		t.Errorf("%q", l.Text)
	}
	want := `<p style="color:red" title="&lt;b&gt;&#34;A&#34;&lt;/b&gt;">&lt;b&gt;&#34;A&#34;&lt;/b&gt;</p><a href="tel:&#43;1%20%28512%29%20555-0100">call</a> ` +
		`<a href="#ZgotmplZ">site</a> <a href="https://x.example/?q=a%26b%3dc">q</a>`
	if d := cmp.Diff(want, l.HTML); d != "" {
		t.Error(d)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form email.Form
		want []string // paths
	}{
		"empty":            {email.Form{}, nil},
		"sound":            {email.Form{Subject: "a {{b}}", Text: "{{c.d-e_f}}", HTML: "<p>{{g}}</p>"}, nil},
		"all three":        {email.Form{Subject: "{{", Text: "{{}}", HTML: "{{a b}}"}, []string{"subject", "text", "html"}},
		"a function":       {email.Form{HTML: `{{printf "x"}}`}, []string{"html"}},
		"a field":          {email.Form{Text: "{{$x}}"}, []string{"text"}},
		"subject's line":   {email.Form{Subject: "a\nb"}, []string{"subject"}},
		"long subject":     {email.Form{Subject: strings.Repeat("x", 501)}, []string{"subject"}},
		"long text":        {email.Form{Text: strings.Repeat("x", 100<<10+1)}, []string{"text"}},
		"not UTF-8":        {email.Form{HTML: "\xff"}, []string{"html"}},
		"many places":      {email.Form{Text: strings.Repeat("{{a}}-", 501)}, []string{"text"}},
		"where none fits":  {email.Form{HTML: "<p {{a}}=x"}, []string{"html"}},
		"in a script":      {email.Form{HTML: "<script>var x = '{{a}}"}, []string{"html"}},
		"open comment":     {email.Form{HTML: "<!-- {{a}}"}, []string{"html"}},
		"braces elsewhere": {email.Form{Text: "} }} { x"}, nil},
	} {
		problems := email.Check(c.form)
		var got []string
		for _, p := range problems {
			got = append(got, p.Path)
			if p.Text == "" || !strings.HasPrefix(p.String(), p.Path+": ") {
				t.Errorf("%s: %q", name, p)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %v %s", name, problems, d)
		}
		_, err := email.Compose(c.form, ann())
		if (err != nil) != (len(c.want) > 0) || err != nil && ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: compose: %v", name, err)
		}
	}
}

func TestLeadTooLarge(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 501 {
		many[fmt.Sprint(i)] = "x"
	}
	for name, c := range map[string]struct {
		form email.Form
		lead email.Lead
	}{
		"many facts":   {email.Form{}, email.Lead{Facts: many}},
		"large facts":  {email.Form{}, email.Lead{Facts: map[string]string{"a": strings.Repeat("x", 64<<10)}}},
		"swollen text": {email.Form{Text: strings.Repeat("{{a}}", 400)}, email.Lead{Facts: map[string]string{"a": strings.Repeat("x", 60<<10)}}},
		"swollen page": {email.Form{HTML: strings.Repeat("{{a}}", 400)}, email.Lead{Facts: map[string]string{"a": strings.Repeat("<", 60<<10)}}},
		"link":         {email.Form{}, email.Lead{Link: "javascript:alert(1)"}},
		"link, line":   {email.Form{}, email.Lead{Link: "https://a.example/\nx"}},
	} {
		if _, err := email.Compose(c.form, c.lead); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The largest lead that is taken fits in a letter, whatever it is made of.
	for _, letter := range []string{"x", "ü", "<", "\n", "=", "\u200f"} {
		lead := email.Lead{Facts: map[string]string{"a": strings.Repeat(letter, (63<<10)/len(letter))}}
		l := compose(t, email.Form{}, lead)
		l.ID, l.To = "d1", []string{"a@b.example"}
		if out := mailer(t, "smtp://127.0.0.1:1", nil).Send(t.Context(), l); out.Class != "never_sent" {
			t.Errorf("%q: %s %s", letter, out.Class, out.Reason)
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	f := email.CSV([]email.Lead{
		{ID: "1", Facts: map[string]string{"first_name": "=1+1", "phone": "+15125550100", "z": "a,\"b\"\nc", "=x": "-5", "lead_id": "false"}},
		{ID: "@2", Facts: map[string]string{"first_name": "@cmd", "tab": "\tx", "cr": "\rx", "z": "x=1", "phone": ""}},
	})
	want := "lead_id,first_name,phone,'=x,z,cr,tab\r\n" +
		"1,'=1+1,'+15125550100,'-5,\"a,\"\"b\"\"\r\nc\",,\r\n" +
		"'@2,'@cmd,,,x=1,\"'x\",'\tx\r\n" // the writer drops the CR of the value
	if d := cmp.Diff(want, string(f.Body)); d != "" || f.Name != "leads.csv" || f.Type != "text/csv; charset=utf-8" {
		t.Errorf("%s %s %s", f.Name, f.Type, d)
	}
	one := email.JSON([]email.Lead{{ID: "1", Facts: map[string]string{"a": "=1", "lead_id": "false"}}})
	if want := "{\n  \"a\": \"=1\",\n  \"lead_id\": \"1\"\n}\n"; string(one.Body) != want || one.Name != "lead.json" {
		t.Errorf("%s %s", one.Name, one.Body)
	}
	if none := email.JSON(nil); string(none.Body) != "[]\n" {
		t.Errorf("%s", none.Body)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	var leads []email.Lead
	for i := range 207 {
		leads = append(leads, email.Lead{ID: fmt.Sprintf("lead-%d", i), Link: "https://l.example/" + fmt.Sprint(i), Facts: map[string]string{
			"first_name": fmt.Sprintf("<b>%d", i), "phone": "+15125550100", "email": "a@b.example", "city": "Austin\nX",
		}})
	}
	leads[1].Facts, leads[1].Link = nil, "javascript:x"
	subject, text, page := email.Digest("Solar\r\nBcc: x", leads, "https://l.example/all")
	if subject != "207 new leads: Solar Bcc: x" {
		t.Errorf("%q", subject)
	}
	lines := strings.Split(text, "\n")
	if lines[2] != "Name       Phone         E-mail       Place     Lead" ||
		lines[3] != "<b>0       +15125550100  a@b.example  Austin X  lead-0" || lines[4] != "(no name)                                       lead-1" {
		t.Errorf("%q", lines[2:5])
	}
	if len(lines) != 2+1+200+1+1+1+1 || !strings.Contains(text, "\nand 7 more\n") || !strings.Contains(page, "and 7 more") {
		t.Errorf("%d lines: %q", len(lines), lines[len(lines)-5:])
	}
	if strings.Count(page, "tel:&#43;15125550100") != 199 || strings.Contains(page, "<b>") || strings.Contains(page, "javascript") || strings.Contains(page, "lead-200") {
		t.Error("page")
	}
	if subject, text, page := email.Digest("", nil, "ftp://x"); subject != "0 new leads" || strings.Contains(text+page, "ftp") || strings.Contains(page, "more") {
		t.Errorf("%q %q", subject, text)
	}
	if subject, _, _ := email.Digest("", leads[:1], ""); subject != "1 new lead" {
		t.Error(subject)
	}
}
