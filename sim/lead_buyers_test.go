package sim

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

func leadBuyers(t testing.TB, c LeadBuyersConfig) *LeadBuyers {
	t.Helper()
	b, err := NewLeadBuyers(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, b.Close) })
	return b
}

// poster posts leads over connections of its own.
func poster(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// says posts a body and returns the answer of a sound buyer.
func says(t testing.TB, c *http.Client, where, contentType, key, body string) (int, leadAnswer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, where, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a leadAnswer
	if strings.Contains(res.Header.Get("Content-Type"), "xml") {
		err = xml.Unmarshal(text, &a)
	} else if strings.Contains(res.Header.Get("Content-Type"), "json") {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	a.XMLName = xml.Name{}
	return res.StatusCode, a
}

func aLead(key string) string {
	return fmt.Sprintf(`{"lead_id":%q,"first_name":"Ann","zip":"78701","state":"TX","age":41,"home":{"owner":true}}`, key)
}

// TestLeadBuyersTakeAnyForm posts one lead in each way of writing, and finds the
// same price, the same key and its fields.
func TestLeadBuyersTakeAnyForm(t *testing.T) {
	t.Parallel()
	b, c := leadBuyers(t, LeadBuyersConfig{}), poster(t)
	price := ""
	for i, x := range []struct{ contentType, header, body, field, want string }{
		{"application/json", "", aLead("k0"), "home.owner", "true"},
		{"application/x-www-form-urlencoded", "", "vendor_lead_id=k1&Zip=78701&State=TX&note=a%26b", "note", "a&b"},
		{"application/xml", "", `<?xml version="1.0"?><Lead><Data><reference>k2</reference><zip_code>78701</zip_code><state>TX</state></Data></Lead>`, "Data.zip_code", "78701"},
		{"text/plain", "", "Lead_ID=k3&postal_code=78701&state=TX", "postal_code", "78701"},
		{"application/json; charset=utf-8", "k4", aLead("other"), "age", "41"},
		{"", "", "<r><reference>k5</reference><zip>78701</zip><state>TX</state></r>", "zip", "78701"},
	} {
		status, a := says(t, c, b.URL("fast"), x.contentType, x.header, x.body)
		m, err := ringbid.ParseMoney(a.Price)
		if status != 200 || a.Status != "accepted" || !strings.HasPrefix(a.LeadID, "B-") || err != nil ||
			m < 10*ringbid.MoneyScale || m > 18*ringbid.MoneyScale || price != "" && a.Price != price {
			t.Errorf("%d: status %d, %+v, first price %s", i, status, a, price)
		}
		price = a.Price
		seen := b.Leads("fast")
		last := seen[len(seen)-1]
		if last.Key != fmt.Sprint("k", i) || last.Fields[x.field] != x.want || !last.Kept || last.Status != 200 || last.LeadID != a.LeadID ||
			last.Price != m || time.Since(last.At) > time.Minute {
			t.Errorf("%d: %+v", i, last)
		}
	}
	if got := b.Count("fast"); got.Posts != 6 || got.Kept != 6 || got.Keys != 6 || got.Revenue == 0 {
		t.Errorf("%+v", got)
	}
	for path, want := range map[string]int{"/post/none": 404, "/ping/none": 404, "/": 404, "/post/fast/x": 404} {
		if status, _ := says(t, c, "http://"+b.Addr()+path, "application/json", "", "{}"); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestLeadBuyersRefuseTheUnreadable(t *testing.T) {
	t.Parallel()
	b, c := leadBuyers(t, LeadBuyersConfig{}), poster(t)
	for _, x := range []struct {
		contentType, body string
		want              int
	}{
		{"application/json", `{"lead_id":`, 400},
		{"application/json", `{} {}`, 400},
		{"application/xml", `<a><b></a>`, 400},
		{"application/xml", `<a/><b/>`, 400},
		{"application/x-www-form-urlencoded", "a=%zz", 400},
		{"application/json", `{"a":"` + strings.Repeat("x", maxLeadBytes) + `"}`, 413},
		{"application/json", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), 400},
		{"application/x-www-form-urlencoded", strings.Repeat("a=1&", maxLeadFields), 400},
	} {
		status, a := says(t, c, b.URL("fast"), x.contentType, "key", x.body)
		if status != x.want || a.Status != "error" {
			t.Errorf("%.40s: %d %+v", x.body, status, a)
		}
		if status, _ := says(t, c, b.PingURL("fast"), x.contentType, "", x.body); status != x.want {
			t.Errorf("ping %.40s: %d", x.body, status)
		}
	}
	seen := b.Leads("fast")
	if len(seen) != 8 || b.Kept("fast", "key") != 0 || seen[0].Status != 400 || seen[0].Kept || seen[0].Fields != nil {
		t.Errorf("%+v", seen)
	}
}

// TestLeadBuyersRepeats has each sort of buyer meet the same lead three times.
func TestLeadBuyersRepeats(t *testing.T) {
	t.Parallel()
	b, c := leadBuyers(t, LeadBuyersConfig{}), poster(t)
	for name, want := range map[string]struct {
		kept   int
		states string
	}{
		"fast":      {1, "accepted accepted accepted"},
		"forgetful": {3, "accepted accepted accepted"},
		"dedupe":    {1, "accepted rejected rejected"},
		"reject":    {0, "rejected rejected rejected"},
	} {
		var states, ids []string
		for range 3 {
			_, a := says(t, c, b.URL(name), "application/json", "same", aLead("x"))
			states, ids = append(states, a.Status), append(ids, a.LeadID)
			if name == "dedupe" && a.Status == "rejected" && a.Reason != "duplicate" || name == "reject" && a.Reason != "outside criteria" {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if got := strings.Join(states, " "); got != want.states || b.Kept(name, "same") != want.kept || b.Count(name).Keys != 1 {
			t.Errorf("%s: %s, kept %d, %+v", name, got, b.Kept(name, "same"), b.Count(name))
		}
		if same := ids[0] == ids[2]; same != (name == "fast" || name == "reject") {
			t.Errorf("%s: ids %v", name, ids)
		}
		if seen := b.Leads(name); seen[0].Repeat || !seen[2].Repeat {
			t.Errorf("%s: %+v", name, seen)
		}
	}
	for range 2 { // without a key nothing is a repeat
		says(t, c, b.URL("fast"), "application/json", "", `{"zip":"1"}`)
	}
	if b.Kept("fast", "") != 2 {
		t.Errorf("kept %d", b.Kept("fast", ""))
	}
}

func TestLeadBuyersPing(t *testing.T) {
	t.Parallel()
	b, c := leadBuyers(t, LeadBuyersConfig{}), poster(t)
	for _, kind := range []string{"application/json", "application/xml"} {
		ping, post := `{"zip":"90210","state":"CA"}`, `{"ping_id":"%s","lead_id":"%[1]s","zip":"10001"}`
		if kind == "application/xml" {
			ping, post = `<r><zip>90210</zip><state>CA</state></r>`, `<r><lp_ping_id>%s</lp_ping_id><lead_id>%[1]s</lead_id><zip>10001</zip></r>`
		}
		_, p := says(t, c, b.PingURL("fast"), kind, "", ping)
		_, q := says(t, c, b.PingURL("fast"), kind, "", ping)
		if p.Status != "accepted" || p.PingID == "" || p.PingID == q.PingID || p.Price != q.Price {
			t.Fatalf("pings %+v and %+v", p, q)
		}
		_, a := says(t, c, b.URL("fast"), kind, "", fmt.Sprintf(post, p.PingID))
		if a.Status != "accepted" || a.Price != p.Price {
			t.Errorf("ping %+v, post %+v", p, a)
		}
		seen := b.Leads("fast")
		if got := seen[len(seen)-1]; got.PingID != p.PingID {
			t.Errorf("%+v", got)
		}
	}
	if _, a := says(t, c, b.PingURL("capped"), "application/json", "", "{}"); a.Status != "rejected" || a.Reason != "cap reached" || a.PingID != "" {
		t.Errorf("%+v", a)
	}
	_, p := says(t, c, b.PingURL("fallout"), "application/json", "", "{}")
	if status, _ := says(t, c, b.URL("fallout"), "application/json", "k", `{"ping_id":"`+p.PingID+`"}`); p.Status != "accepted" || status != 500 {
		t.Errorf("ping %+v, then %d", p, status)
	}
	if status, _ := says(t, c, b.PingURL("pingless"), "application/json", "", "{}"); status != 500 {
		t.Errorf("pingless answers pings with %d", status)
	}
	want := LeadCount{Pings: 1, Posts: 1, Keys: 1}
	if diff := cmp.Diff(want, b.Counts()["fallout"]); diff != "" {
		t.Error(diff)
	}
}

// TestLeadBuyersChange breaks a buyer while it is in use, and mends it.
func TestLeadBuyersChange(t *testing.T) {
	t.Parallel()
	b, c := leadBuyers(t, LeadBuyersConfig{}), poster(t)
	status := func() int { return meet(t, c, b.URL("fast"), "application/json", aLead("k"), 5*time.Second).status }
	got := []int{status()}
	for _, f := range []LeadFault{LeadFault503, LeadFaultNone, LeadFault429} {
		if err := b.SetFault("fast", f); err != nil {
			t.Fatal(err)
		}
		got = append(got, status())
	}
	if err := b.Set("fast", LeadBuying{Reject: "closed"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{200, 503, 200, 429}, got); diff != "" {
		t.Error(diff)
	}
	if _, a := says(t, c, b.URL("fast"), "application/json", "new", aLead("new")); a.Reason != "closed" {
		t.Errorf("%+v", a)
	}
	for name, err := range map[string]error{
		"unknown fault": b.SetFault("fast", "tired"), "unknown buyer": b.SetFault("nobody", LeadFault500),
		"share": b.Set("x", LeadBuying{RejectShare: 1.1}), "chaos": b.Set("x", LeadBuying{Chaos: -1}), "ping": b.Set("x", LeadBuying{PingFault: "x"}),
		"name": b.Set("", LeadBuying{}), "price": b.Set("x", LeadBuying{Least: -1}),
	} {
		want := ringbid.Invalid
		if name == "unknown buyer" {
			want = ringbid.NotFound
		}
		if ringbid.KindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewLeadBuyers(LeadBuyersConfig{Names: map[string]LeadBuying{"x": {Chaos: 2}}}); ringbid.KindOf(err) != ringbid.Invalid {
		t.Error(err)
	}
}

func BenchmarkLeadBuyersPost(b *testing.B) {
	house, c := leadBuyers(b, LeadBuyersConfig{}), poster(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			says(b, c, house.URL("fast"), "application/json", ringbid.NewID(), aLead("x"))
		}
	})
}

// TestLeadBookForgets holds the bounds of the memory.
func TestLeadBookForgets(t *testing.T) {
	t.Parallel()
	b := newLeadBook()
	b.most = 3
	for i := range 5 {
		b.post(leadRow{name: "a", LeadSeen: LeadSeen{Key: fmt.Sprint("k", i), Kept: true}})
	}
	b.post(leadRow{name: "a", LeadSeen: LeadSeen{Key: "k4"}})
	if n := len(b.leads("a")); n != 3 || len(b.keys) != 2 || b.counts["a"].Posts != 6 || b.keys[leadKey{"a", "k4"}].kept != 1 {
		t.Errorf("%d rows, %d keys, %+v", n, len(b.keys), b.counts)
	}
	big := make([]byte, maxLeadBooks/4)
	b = newLeadBook()
	for range 6 {
		b.post(leadRow{name: "a", body: big})
	}
	if len(b.rows) != 4 || b.bytes != maxLeadBooks {
		t.Errorf("%d rows of %d bytes", len(b.rows), b.bytes)
	}
	for i := range maxLeadPings + 10 {
		b.ping(fmt.Sprint("p", i), leadPing{name: "a"})
	}
	if len(b.pings) != maxLeadPings || len(b.pingIDs) != maxLeadPings || b.counts["a"].Pings != maxLeadPings+10 {
		t.Errorf("%d pings", len(b.pings))
	}
}

// TestLeadBuyersCloseWhileAnswering does not wait for a buyer that takes its
// time; what came to it is kept all the same.
func TestLeadBuyersCloseWhileAnswering(t *testing.T) {
	t.Parallel()
	b, err := NewLeadBuyers(LeadBuyersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c, asking := poster(t), make(chan error, 1)
	go func() {
		res, err := c.Post(b.URL("timeout"), "application/json", strings.NewReader(aLead("k")))
		if err == nil {
			_ = res.Body.Close()
		}
		asking <- err
	}()
	until(t, "it is asked", func() bool { return b.Count("timeout").Posts == 1 })
	began := time.Now()
	closing(t, b.Close)
	closing(t, b.Close)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %s", took)
	}
	<-asking
	if b.Kept("timeout", "k") != 1 {
		t.Error("what was kept is forgotten")
	}
}
