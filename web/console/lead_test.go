package console

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

func leadBook(t testing.TB) *ringbid.Book {
	t.Helper()
	b, problems := ringbid.NewBook([]ringbid.Document{
		&ringbid.Buyer{Name: "acme", Title: "Acme Insurance"}, &ringbid.Buyer{Name: "zenith", Title: "Zenith"},
		&ringbid.Method{Name: "acme-http", Buyer: "acme", Type: "http"}, &ringbid.Method{Name: "night-mail", Type: "email", Email: &ringbid.EmailForm{To: []string{"a@b.example"}}},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return b
}

func TestLeadSentence(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	at := func(d time.Duration) *time.Time { x := now.Add(d); return &x }
	usd := func(n ringbid.Money) ringbid.Sale {
		return ringbid.Sale{Currency: "USD", Price: n, Revenue: n, Payout: n.Share(6500), Converted: true}
	}
	bought := func(buyer string, s ringbid.PurchaseState, why string) ringbid.Purchase {
		return ringbid.Purchase{ID: "p-" + buyer, Buyer: buyer, State: s, Reason: why, Sale: usd(120_000)}
	}
	sent := ringbid.Delivery{Purchase: "p-acme", Method: "acme-http", Role: ringbid.RolePrimary, State: ringbid.DeliveryAccepted, Done: at(400 * time.Millisecond), Tries: make([]ringbid.Try, 1)}
	second := sent
	second.Done, second.Tries = at(3400*time.Millisecond), make([]ringbid.Try, 2)
	for name, c := range map[string]struct {
		lead ringbid.Lead
		want string
	}{
		"sold": {ringbid.Lead{State: ringbid.LeadSold, Sale: usd(120_000), Purchases: []ringbid.Purchase{bought("acme", ringbid.PurchaseAccepted, "")}, Deliveries: []ringbid.Delivery{sent}},
			"Sold to Acme Insurance for $12.00, delivered in 400 ms by HTTP; earned $12.00, paid $7.80."},
		"second try, recovered": {ringbid.Lead{State: ringbid.LeadSold, Recovered: true, Sale: usd(120_000), Purchases: []ringbid.Purchase{bought("zenith", ringbid.PurchaseFailed, "503."), bought("acme", ringbid.PurchaseAccepted, "")}, Deliveries: []ringbid.Delivery{second}},
			"Sold to Acme Insurance for $12.00, delivered in 3.4 s by HTTP at the 2nd try; earned $12.00, paid $7.80. Recovered: Zenith could not be reached: 503."},
		"a repeat": {ringbid.Lead{State: ringbid.LeadSold, Unpaid: true, Sale: usd(120_000), Purchases: []ringbid.Purchase{bought("acme", ringbid.PurchaseAccepted, "")}},
			"Sold to Acme Insurance for $12.00; earned $12.00, the publisher earns nothing for a repeat."},
		"two buyers": {ringbid.Lead{State: ringbid.LeadSold, Sale: usd(240_000), Purchases: []ringbid.Purchase{bought("acme", ringbid.PurchaseAccepted, ""), bought("zenith", ringbid.PurchaseAccepted, "")}},
			"Sold to Acme Insurance for $12.00 and to Zenith for $12.00; earned $24.00, paid $15.60."},
		"unsold":   {ringbid.Lead{State: ringbid.LeadUnsold, Purchases: []ringbid.Purchase{bought("acme", ringbid.PurchaseRejected, "duplicate")}}, "Nobody took it. Offered: Acme Insurance did not want it: duplicate."},
		"no buyer": {ringbid.Lead{State: ringbid.LeadUnsold, Reason: ringbid.Reason{Code: "no_buyer", Text: "all are closed."}}, "Nobody took it: all are closed."},
		"returned": {ringbid.Lead{State: ringbid.LeadUnsold, Purchases: []ringbid.Purchase{bought("acme", ringbid.PurchaseReturned, "")}}, "Sold to Acme Insurance and given back, the money with it."},
		"refused":  {ringbid.Lead{State: ringbid.LeadRefused, Reason: ringbid.Reason{Text: "phone is missing"}}, "Refused, and offered to nobody: phone is missing."},
		"held": {ringbid.Lead{State: ringbid.LeadHeld, Purchases: []ringbid.Purchase{bought("zenith", ringbid.PurchaseHeld, "cut off.")}},
			"Held: Zenith may have it, and selling it again could sell it twice: cut off. A person must look."},
		"auction": {ringbid.Lead{State: ringbid.LeadSelling, Received: now.Add(-200 * time.Millisecond)}, "Received 200 ms ago; the auction is running."},
		"retry": {ringbid.Lead{State: ringbid.LeadSelling, Received: now.Add(-9 * time.Second), Purchases: []ringbid.Purchase{bought("acme", ringbid.PurchasePending, "")}, Deliveries: []ringbid.Delivery{{State: ringbid.DeliveryRetry, Next: at(4 * time.Second), Code: "timeout"}}},
			"Being delivered to Acme Insurance, 9 s after it came in; tried again in 4 s: no answer in time."},
		"missed call": {ringbid.Lead{State: ringbid.LeadCall, Deliveries: []ringbid.Delivery{{Method: "night-mail", State: ringbid.DeliveryAccepted}, {Method: "acme-http", Buyer: "acme", State: ringbid.DeliveryFailed}}},
			"Made of a call that nobody took; passed on to e-mail; not to Acme Insurance by HTTP (failed)."},
	} {
		if c.lead.Received.IsZero() {
			c.lead.Received = now
		}
		if got := LeadSentence(&c.lead, leadBook(t), now); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestAxisOfStrangeLeads draws leads of which hardly anything is known.
func TestAxisOfStrangeLeads(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	early, late := now.Add(-time.Hour), now.AddDate(0, 2, 0)
	for i, l := range []ringbid.Lead{
		{Received: now},
		{Received: now, State: ringbid.LeadSelling, Deliveries: []ringbid.Delivery{{State: ringbid.DeliverySending, Made: early, Tries: []ringbid.Try{{Began: now}}}, {}}},
		{Received: now, State: "unheard of", Auction: &ringbid.Auction{Bids: []ringbid.Bid{{}, {Pinged: &now}}}, Purchases: []ringbid.Purchase{{Decided: &early}}},
		{Received: now, Deliveries: []ringbid.Delivery{{State: ringbid.DeliveryRetry, Next: &late, Made: now, Tries: []ringbid.Try{{Began: early, Ended: &early}, {Began: now, Ended: &late, Class: "accepted"}}}}},
	} {
		a := leadAxis(&l, []ringbid.Activity{{At: early}, {At: late}}, leadBook(t), now)
		for _, lane := range a.Lanes {
			for _, m := range lane.Marks {
				if m.Shape != "label" && (m.X < axisLeft-10 || m.EndX() > axisRight+20 || m.W < 0) {
					t.Errorf("lead %d: mark %q at %.0f, %.0f wide", i, m.Say, m.X, m.W)
				}
			}
		}
	}
}

func TestFieldTable(t *testing.T) {
	t.Parallel()
	rules := &ringbid.LeadRules{Fields: []ringbid.LeadField{{Name: "first_name", Aliases: []string{"fname"}}, {Name: "zip"}, {Name: "phone", Type: "phone"}}}
	l := &ringbid.Lead{
		Posted: ringbid.TagMap{" FName ": "ana", "zip": "not one", "gclid": "x"}, Facts: ringbid.TagMap{"first_name": "ana", "channel": "web"},
		Deliveries: []ringbid.Delivery{{Method: "m", Tries: []ringbid.Try{{Fields: `[{"to":"old"}]`}, {Fields: `[{"to":"Name","in":[{"name":"first_name","value":"ana"}],"out":"Ana","sent":true,"why":["from first_name","First Letters Large"]},{"to":"src","out":"rb","sent":true,"why":["static"]}]`}, {Fields: "cut off {"}}}, {Method: "n"}},
	}
	name := FieldNote{To: "Name", In: []Fact{{"first_name", "ana"}}, Out: "Ana", Sent: true, Why: []string{"from first_name", "First Letters Large"}}
	want := fieldTable{Methods: []string{"m"}, Rows: []fieldRow{
		{Posted: " FName ", Raw: "ana", Fact: "first_name", Value: "ana", Sent: [][]FieldNote{{name}}},
		{Posted: "zip", Raw: "not one", Fact: "zip", Word: "not taken", Sent: [][]FieldNote{nil}},
		{Fact: "channel", Value: "web", Sent: [][]FieldNote{nil}},
		{Posted: "gclid", Raw: "x", Word: "kept, not used", Sent: [][]FieldNote{nil}},
		{Word: "not from the lead’s fields", Sent: [][]FieldNote{{{To: "src", Out: "rb", Sent: true, Why: []string{"static"}}}}},
	}}
	if d := cmp.Diff(want, newFieldTable(l, rules)); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
	if got := name.Reason(); got != "First Letters Large" {
		t.Errorf("reason %q", got)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"https://cert.trustedform.com/0a1b": "https://cert.trustedform.com/0a1b", "https://CERT.TrustedForm.com/x": "https://CERT.TrustedForm.com/x",
		"http://cert.trustedform.com/0a1b": "", "javascript:alert(1)": "", "https://cert.trustedform.com.evil.example/x": "", "https://evil@cert.trustedform.com/": "", "https://eviltrustedform.com/": "", "%": "",
	} {
		if got := certificate(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

const someMap = `{
  "name": "m",
  "title": "A <b> & c",
  "fields": [
    {"to": "a.b", "from": "first_name", "format": [{"as": "case", "to": "upper"}], "required": true},
    {"to": "c", "static": "x: \"y\", z", "strange": {"kept": [1.50, true]}}
  ],
  "schema": {
    "required": [
      "a"
    ]
  }
}
`

// TestMapTextKeepsTheMap checks that a map comes back from the editor as it went
// there, with members that are not known here.
func TestMapTextKeepsTheMap(t *testing.T) {
	t.Parallel()
	var m ringbid.FieldMap
	if err := json.Unmarshal([]byte(someMap), &m); err != nil {
		t.Fatal(err)
	}
	text := mapText(m)
	back, problems := parseMap(text, "m")
	if d := cmp.Diff(m, back); d != "" || len(problems) > 0 {
		t.Errorf("%v (-want +got):\n%s\n%s", problems, d, text)
	}
	if !strings.Contains(text, `{"to": "a.b", "from": "first_name", "format": [{"as": "case", "to": "upper"}], "required": true}`) || !strings.Contains(text, "A <b> & c") {
		t.Errorf("not written as people read it:\n%s", text)
	}
}

func TestParseMapSaysWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, path, words string }{
		{"", "line 1, column 1", "ends too early"}, {"{\n  \"name\": \"m\",\n  oops", "line 3, column 4", "is not JSON"}, {`{"name":"other","fields":[{"to":"a"}]}`, "name", "edits"},
		{`{"name":"m","fields":[{"to":"a"}],"extra":1}`, "", "extra"}, {`{"name":"m","fields":[]} []`, "", "follows"}, {`{"name":"m"}`, "fields", "missing"},
		{`{"name":7,"fields":[]}`, "name", "cannot be"}, {strings.Repeat(" ", maxMapText+1), "", "longer"}, {strings.Repeat("[", 100_000), "line 1, column 10002", "not JSON"},
	} {
		_, problems := parseMap(c.text, "m")
		if len(problems) == 0 || problems[0].Path != c.path || !strings.Contains(problems[0].Text, c.words) {
			t.Errorf("%.40q: %v, want %q at %q", c.text, problems, c.words, c.path)
		}
	}
}

func TestPathLine(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"fields.0.to": 5, "fields[1].static": 6, "fields.1": 6, "fields.1.nothing": 6, "fields": 4, "schema.required": 9, "schema.required.0": 10, "title": 3, "nothing": 0, "": 0, "line 7, column 2": 7, "fields.9": 4,
	} {
		if got := pathLine(someMap, path); got != want {
			t.Errorf("%q is on line %d, want %d", path, got, want)
		}
	}
}

func FuzzMapEditor(f *testing.F) {
	for _, s := range []string{someMap, "", "{", `{"name":"m","fields":[null,1,{"to":1}]}`, `{"name":"m","fields":{"a":1}}`, "[[[[", `{"fields":"\ud800"}`, "\x00"} {
		f.Add(s, "fields.0.to")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		if n := pathLine(text, path); n < 0 {
			t.Errorf("line %d", n)
		}
		m, problems := parseMap(text, "m")
		if len(problems) > 0 {
			mapProblems(text, problems)
			return
		}
		again, problems := parseMap(mapText(m), "m")
		if d := cmp.Diff(m, again); d != "" || len(problems) > 0 {
			t.Errorf("%v (-want +got):\n%s", problems, d)
		}
		for _, x := range mapFields(m.Fields) {
			_, _ = x.Source(), x.Words()
		}
	})
}

func TestMapFieldWords(t *testing.T) {
	t.Parallel()
	raw := ringbid.Raw(`[{"to":"a","static":""},{"to":"b","concat":{"of":["x","y"],"with":", "}},{"to":"c","split":{"from":"name","as":"name","part":"last"},"format":[{"as":"max","length":40}]},
		{"to":"d","from":"s","translate":{"values":{"1":"one"},"keep":true},"default":"none","when":[{"field":"age","op":"ge","value":"18"},{"field":"z","op":"present"}],"type":"number","send_empty":true},{"to":"e"},7]`)
	var got []string
	for _, f := range mapFields(raw) {
		got = append(got, f.To+" <- "+f.Source()+" | "+strings.Join(f.Words(), "; "))
	}
	want := []string{"a <- nothing | ", "b <- x + y, joined by “, ” | ", "c <- last of the name in name | at most 40 characters",
		"d <- s | words: 1 → one; else as it is; “none” where it is empty; only where age is at least 18; only where z is there; as a number; sent also when empty", "e <- no source | ", " <- no source | "}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for want, n := range map[string][2]int64{"–": {0, 0}, "100 %": {7, 7}, "0 %": {0, 9}, "33.3 %": {1, 3}, "98.4 %": {1204, 1223}} {
		if got := percent(n[0], n[1]); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
