package portal

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

func TestAgo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Hour: "just now", 0: "just now", 999 * time.Millisecond: "just now", time.Second: "1 s ago", 59*time.Second + 999*time.Millisecond: "59 s ago", time.Minute: "1 m ago",
		59*time.Minute + 59*time.Second: "59 m ago", time.Hour: "1 h 00 m ago", 3*time.Hour + 7*time.Minute: "3 h 07 m ago", 24*time.Hour - time.Second: "23 h 59 m ago", 50 * time.Hour: "2 d ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("ago(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f           ringbid.TagMap
		name, where string
	}{
		{ringbid.TagMap{"first_name": " Ana ", "last_name": "Martinez", "city": "Beverly Hills", "state": "CA", "zip": "90210"}, "Ana Martinez", "Beverly Hills, CA 90210"},
		{ringbid.TagMap{"last_name": "Martinez", "city": "Reno"}, "Martinez", "Reno"},
		{ringbid.TagMap{"name": "Ana M.", "zip": "90210"}, "Ana M.", "90210"}, {ringbid.TagMap{"full_name": "A. M.", "state": "CA"}, "A. M.", "CA"}, {nil, "", ""},
	} {
		if got := personName(&ringbid.Lead{Facts: c.f}); got != c.name {
			t.Errorf("name of %v is %q, want %q", c.f, got, c.name)
		}
		if got := place(c.f); got != c.where {
			t.Errorf("place of %v is %q, want %q", c.f, got, c.where)
		}
	}
	if got := clip("äöüß", 3); got != "äö…" {
		t.Errorf("clip cuts to %q", got)
	}
}

// book is a campaign that names its fields in its own way.
func book() *ringbid.Book {
	return &ringbid.Book{
		Campaigns: map[string]*ringbid.Campaign{"roofs": {Name: "roofs", Title: "Roofs", Lead: &ringbid.LeadRules{Fields: []ringbid.LeadField{
			{Name: "roof_age", Title: "Age of the roof"}, {Name: "evening_number", Type: "phone"}, {Name: "cert", Type: "trustedform"}, {Name: "token", Type: "leadid"}, {Name: "contact_mail", Type: "email"}, {Name: "phone", Type: "phone"},
		}}}},
		Users: map[string]*ringbid.User{
			"ada": {Name: "ada", Title: "Ada", Role: ringbid.RoleAgent, Buyer: "acme"}, "gone": {Name: "gone", Role: ringbid.RoleAgent, Buyer: "acme", Disabled: true},
			"eve": {Name: "eve", Role: ringbid.RoleAgent, Buyer: "other"}, "boss": {Name: "boss", Role: ringbid.RoleBuyer, Buyer: "acme"}, "op": {Name: "op", Title: "Olga", Role: ringbid.RoleOperator},
		},
		Methods: map[string]*ringbid.Method{"inbox": {Name: "inbox", Type: "portal"}, "crm": {Name: "crm", Title: "Our CRM", Type: "http"}},
	}
}

func TestFactsStandWhereTheyBelong(t *testing.T) {
	t.Parallel()
	const cert = "https://cert.trustedform.com/abc"
	l := &ringbid.Lead{Campaign: "roofs", Facts: ringbid.TagMap{
		"first_name": "Ana", "last_name": "M", "city": "Reno", "state": "NV", "zip": "89501", "street": "1 A St", "address2": "Apt 2", "phone": "+13105550142", "evening_number": "+13105550142", "phone2": "no number",
		"contact_mail": "a@b.example", "roof_age": "20", "storeys": "2", "empty": " ", "cert": cert, "token": "t-1", "consent_text": "I agree", "consent_time": "2026-03-09T15:00:00Z", "ip": "203.0.113.7", "tcpa_id": "9",
	}}
	got := sortFacts(book(), l, time.UTC)
	want := leadFacts{
		Person:  []fact{{Label: "Address", Value: "1 A St, Apt 2"}, {Label: "Contact mail", Value: "a@b.example", Mail: "mailto:a@b.example"}, {Label: "Phone2", Value: "no number"}},
		Answers: []fact{{Label: "Age of the roof", Value: "20"}, {Label: "Storeys", Value: "2"}},
		Consent: []fact{
			{Label: "Cert", Value: cert, Certificate: cert}, {Label: "Token", Value: "t-1"}, {Label: "Text agreed to", Value: "I agree"},
			{Label: "Agreed at", Value: "2026-03-09 15:00:00 UTC"}, {Label: "IP address", Value: "203.0.113.7"}, {Label: "Tcpa id", Value: "9"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]ringbid.Phone{"+13105550142"}, phones(book(), l)); diff != "" {
		t.Errorf("phones (-want +got):\n%s", diff)
	}
}

func TestPriceTellsNothingOfOthers(t *testing.T) {
	t.Parallel()
	sale := ringbid.Sale{Currency: "USD", Price: 120_000, Revenue: 120_000, Payout: 78_000, Rule: "paid: accepted; publisher earns 65 % of revenue"}
	for state, want := range map[ringbid.PurchaseState]string{
		ringbid.PurchaseAccepted: "$12.00, paid: accepted", ringbid.PurchasePending: "$12.00 once it is delivered", ringbid.PurchaseReturned: "$0.00, given back",
	} {
		if got := price(&ringbid.Purchase{State: state, Sale: sale}); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func TestHistoryInWords(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	var done []ringbid.Activity
	for i, a := range []ringbid.Activity{
		{Kind: "received", By: "store"}, {Kind: "viewed", By: "ada"}, {Kind: "assigned", By: "ada", Text: "ada"}, {Kind: "assigned", By: "boss", Text: "gone"}, {Kind: "assigned", By: "ada"},
		{Kind: "status", By: "webhook crm", Text: "no_contact"}, {Kind: "return", By: "ada", Text: "Other: x"}, {Kind: "return_decided", By: "op", Text: "granted"}, {Kind: "note", By: "ada", Text: "secret", Purchase: "of another"},
	} {
		a.At = at.Add(time.Duration(i) * time.Minute)
		done = append(done, a)
	}
	var got []string
	for _, d := range history(book(), done, &ringbid.Purchase{ID: "p"}) {
		got = append(got, strings.TrimSpace(d.Who+" "+d.What+" "+d.Text))
	}
	want := []string{
		"The operator decided on the return granted", "Ada asked to return it Other: x", "crm (webhook) said: No contact", "Ada gave it back to the team", "boss gave it to gone", "Ada took it", "Ada looked at it", "Received",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestDeliveriesInWords(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 9, 15, 0, 0, 0, time.UTC)
	done := at.Add(420 * time.Millisecond)
	l := &ringbid.Lead{Received: at, Deliveries: []ringbid.Delivery{
		{Purchase: "p", Method: "inbox", State: ringbid.DeliveryAccepted, Done: &done}, {Purchase: "p", Method: "crm", State: ringbid.DeliveryRetry, Reason: "it answers 503"}, {Purchase: "of another", Method: "crm", State: ringbid.DeliveryFailed},
	}}
	want := []string{"This inbox: delivered 420 ms after it was received", "Our CRM: not delivered yet, is tried again, it answers 503"}
	if diff := cmp.Diff(want, deliveries(book(), l, &ringbid.Purchase{ID: "p"})); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"under way"}, deliveries(book(), l, &ringbid.Purchase{ID: "q", State: ringbid.PurchasePending})); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestHands(t *testing.T) {
	t.Parallel()
	var names []string
	for _, u := range agents(book(), "acme") {
		names = append(names, u.Name)
	}
	if diff := cmp.Diff([]string{"ada"}, names); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}
	if got := agents(book(), ""); got != nil {
		t.Errorf("agents of no buyer: %v", got)
	}
	b := book()
	for _, c := range []struct {
		user, agent string
		want        bool
	}{{"ada", "", false}, {"ada", "ada", false}, {"ada", "gone", true}, {"boss", "gone", false}} {
		if got := taken(b.Users[c.user], &ringbid.Purchase{Agent: c.agent}); got != c.want {
			t.Errorf("taken from %s by %q: %t", c.user, c.agent, got)
		}
	}
	for state, reached := range map[ringbid.PurchaseState]bool{
		ringbid.PurchasePending: true, ringbid.PurchaseAccepted: true, ringbid.PurchaseReturned: true, ringbid.PurchaseRejected: false, ringbid.PurchaseFailed: false, ringbid.PurchaseHeld: false,
	} {
		l := &ringbid.Lead{Purchases: []ringbid.Purchase{{Buyer: "other", State: ringbid.PurchaseAccepted}, {Buyer: "acme", State: state}}}
		if got := bought(l, "acme") != nil; got != reached {
			t.Errorf("%s reached the buyer: %t", state, got)
		}
	}
	if bought(&ringbid.Lead{Purchases: []ringbid.Purchase{{State: ringbid.PurchaseAccepted}}}, "") != nil {
		t.Error("nobody bought something")
	}
}

func TestFetchedAhead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		want        bool
	}{{"Sec-Purpose", "prefetch;prerender", true}, {"Purpose", "prefetch", true}, {"X-Purpose", "preview", true}, {"X-Moz", "prefetch", true}, {"Sec-Purpose", "", false}, {"Accept", "prefetch", false}} {
		r := &http.Request{Header: http.Header{c.name: {c.value}}}
		if got := fetchedAhead(r); got != c.want {
			t.Errorf("%s: %s: %t", c.name, c.value, got)
		}
	}
}

func FuzzCertificate(f *testing.F) {
	for _, s := range []string{"https://cert.trustedform.com/0a1b", "http://cert.trustedform.com/x", "https://cert.trustedform.com.evil.example/", "https://user@cert.trustedform.com/", "https://cert.trustedform.com:8443/", "javascript:alert(1)", "https://TRUSTEDFORM.com", "//cert.trustedform.com", "https://eviltrustedform.com/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := certificate(s)
		if out == "" {
			return
		}
		u, err := url.Parse(out)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Host != u.Hostname() || !strings.HasSuffix("."+strings.ToLower(u.Host), ".trustedform.com") {
			t.Errorf("certificate(%q) = %q", s, out)
		}
	})
}
