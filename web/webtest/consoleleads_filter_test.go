package webtest_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/webtest"
)

func TestParseLeadFilter(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	q, _ := url.ParseQuery("from=2026-03-08&to=2026-03-08&campaign=auto&publisher=p&source=s&buyer=b&state=held&status=contacted&agent=-&text=+ana+&sort=status&cursor=7&rows=20")
	got, err := web.ParseLeadFilter(q, zone)
	if err != nil {
		t.Fatal(err)
	}
	want := web.LeadFilter{ // a day of 23 hours: the clocks go forward
		From: time.Date(2026, 3, 8, 5, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 9, 4, 0, 0, 0, time.UTC), Campaign: "auto", Publisher: "p", Source: "s", Buyer: "b",
		State: ringbid.LeadHeld, Status: "contacted", Agent: "-", Text: "ana", Sort: "status", Cursor: "7", Limit: 20,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("filter (-want +got):\n%s", d)
	}
	for _, bad := range []string{"from=yesterday", "to=2026-13-01", "state=x", "status=x", "sort=longest", "rows=0", "rows=501", "rows=x", "text=" + string(make([]byte, 1)), "source=" + strings.Repeat("x", 201)} {
		q, err := url.ParseQuery(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := web.ParseLeadFilter(q, time.UTC); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q: got %v, want an Invalid error", bad, err)
		}
	}
	for _, s := range ringbid.LeadStates() {
		if web.LeadStateText(s) == "" {
			t.Errorf("state %s has no words", s)
		}
	}
}

func FuzzParseLeadFilter(f *testing.F) {
	for _, s := range []string{"", "from=2026-01-01", "state=%00", "text=' OR 1=1", "sort=revenue&rows=1", "from=9999999-01-01", "method=a&code=%ff", "rows=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		got, err := web.ParseLeadFilter(q, time.UTC)
		if err != nil && ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%q: %v is not Invalid", s, err)
		}
		if err == nil && (got.Limit < 1 || got.Limit > web.MaxRows) {
			t.Errorf("%q: %d rows", s, got.Limit)
		}
		x, err := web.ParseExceptionFilter(q)
		if err != nil && ringbid.KindOf(err) != ringbid.Invalid || err == nil && (x.Limit < 1 || x.Limit > web.MaxRows) {
			t.Errorf("%q: %+v, %v", s, x, err)
		}
	})
}

// TestMaskedLead finds no way in which the person is still named, and that our
// own things keep their names.
func TestMaskedLead(t *testing.T) {
	t.Parallel()
	h := setup(t, webtest.NewFake(time.Now()))
	lead, err := h.fake.Desk().Lead(t.Context(), webtest.DeskLeadID)
	if err != nil {
		t.Fatal(err)
	}
	lead.Facts["nickname_of_first_name"] = "Annie"
	lead.Purchases[0].Reason = "we have ANA already, ana.martinez@MAIL.example, 310.555.0142"
	lead.Deliveries[0].Tries[0].Request = "GET /?n=ana%20MARTINEZ&m=Ana.Martinez%40Mail.example&p=%28310%29+555-0142&q=%2B13105550142 HTTP/1.1\nX: 1200 Sunset Blvd, 203.0.113.77\n\n{\"n\":\"ana\\nmartinez\"}"
	lead.Deliveries[1].Tries[0].Response = "<name>MARTINEZ, ANA</name> banana Martinezville 1-310-555-0142 (310)555-0142"
	lead.Deliveries[1].Tries[0].Fields = `[{"to":"Name.First","in":[{"name":"last_name","value":"MARTINEZ"}],"out":"MARTI","sent":true,"why":["at most 5 characters"]}]`
	got, err := web.MaskedLead(lead)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	low := strings.ToLower(string(b))
	for _, leak := range []string{`"ana`, " ana", "ana%20", "ana.m", "annie", "martinez@", "martinez,", "martinez ", `martinez"`, "martinez%", "=\\nINEZ", "mail.example", "5550142", "555-0142", "555.0142", "sunset", "203.0.113.77", `"marti"`} {
		if strings.Contains(low, strings.ToLower(leak)) {
			at := strings.Index(low, strings.ToLower(leak))
			t.Errorf("%q is still there: …%s…", leak, low[max(at-60, 0):min(at+60, len(low))])
		}
	}
	if got.Deliveries[1].Tries[0].Response != "<name>M•••, a•••</name> banana Martinezville +1310•••••42 +1310•••••42" {
		t.Errorf("response %q", got.Deliveries[1].Tries[0].Response)
	}
	if !strings.Contains(got.Deliveries[1].Tries[0].Fields, `"to":"Name.First"`) || !strings.Contains(got.Deliveries[1].Tries[0].Fields, `"name":"last_name"`) {
		t.Errorf("fields %s", got.Deliveries[1].Tries[0].Fields)
	}
	if r := got.Deliveries[2].Tries[0].Request; !strings.HasPrefix(r, "(left out") {
		t.Errorf("an encoded letter is shown: %q", r)
	}
	if got.ID != lead.ID || got.Facts["zip"] != "90210" || got.Auction.Winner != "keystone-ping" || got.Purchases[1].Partner != "KI-558120" || got.Sale != lead.Sale || !got.Received.Equal(lead.Received) || got.Auction.Bids[0].Request != lead.Auction.Bids[0].Request {
		t.Errorf("what names nobody was changed: %+v", got)
	}
	if lead.Facts["first_name"] != "ana" {
		t.Error("the lead itself was changed")
	}
}

// TestMaskOfStrangeLeads keeps our words where a person's name is one of them.
func TestMaskOfStrangeLeads(t *testing.T) {
	t.Parallel()
	l := &ringbid.Lead{ID: "x", State: ringbid.LeadSold, Facts: ringbid.TagMap{"first_name": "Sold", "last_name": "O", "email": "@", "phone": "1", "note": "4155550199"}, Posted: ringbid.TagMap{"": "", "a\x00b": "\xff"},
		Purchases:  []ringbid.Purchase{{ID: "p", Buyer: "sold", State: ringbid.PurchaseAccepted}},
		Deliveries: []ringbid.Delivery{{Tries: []ringbid.Try{{Fields: `{"no":"list"}`, Request: "O sold 415 555 0199"}, {Fields: "[", Response: "ſold"}}}}}
	got, err := web.MaskedLead(l)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != ringbid.LeadSold || got.Purchases[0].Buyer != "sold" || got.Deliveries[0].Tries[0].Request != "O S••• +1415•••••99" || got.Facts["first_name"] != "S•••" || got.Facts["last_name"] != "O•••" || got.Facts["phone"] == "1" {
		t.Errorf("got %+v", got)
	}
}

func FuzzMaskedLead(f *testing.F) {
	f.Add("Ana", "ana@mail.example", "+13105550142", "GET /?n=Ana&p=(310)%20555-0142")
	f.Add("İ", "@", "1", "i̇ İ")
	f.Add("", "a b@c", "\xff", "=?utf-8?b?x?=")
	f.Fuzz(func(t *testing.T, name, mail, phone, request string) {
		l := &ringbid.Lead{Facts: ringbid.TagMap{"name": name, "email": mail, "phone": phone}, Deliveries: []ringbid.Delivery{{Tries: []ringbid.Try{{Request: request, Fields: request}}}}}
		got, err := web.MaskedLead(l)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := ringbid.ParsePhone(phone); err == nil && len(p.National()) == 10 && !overlaps(p.National()) && strings.Contains(got.Deliveries[0].Tries[0].Request, p.National()) {
			t.Errorf("the number is still in %q", got.Deliveries[0].Tries[0].Request)
		}
	})
}

// overlaps reports whether a number may begin within itself: what the mask leaves
// could then be taken for the number.
func overlaps(n string) bool {
	for k := 1; k < len(n); k++ {
		if strings.HasSuffix(n, n[:k]) {
			return true
		}
	}
	return false
}
