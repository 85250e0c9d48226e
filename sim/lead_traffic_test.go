package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
)

// door is a platform's way in for leads.
type door struct {
	url string

	mu     sync.Mutex
	posts  []map[string]string
	pings  map[string]map[string]string
	wrong  []string
	ping   string // the answer to pings, with the ping's id for %s
	inside chan struct{}
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{pings: map[string]map[string]string{}, ping: `{"status":"accepted","ping_id":%q,"price":"1.00"}`}
	s := httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

func (d *door) serve(w http.ResponseWriter, r *http.Request) {
	fields := map[string]string{}
	err := json.NewDecoder(r.Body).Decode(&fields)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || r.Method != "POST" || r.Header.Get("Authorization") != "Bearer key-1" || r.Header.Get("Content-Type") != "application/json" {
		d.wrong = append(d.wrong, fmt.Sprint(err, r.Method, r.Header))
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/pp/ping":
		id := fmt.Sprint("P", len(d.pings)+1)
		d.pings[id] = fields
		_, _ = fmt.Fprintf(w, d.ping, id)
		return
	case "/pp/post":
		if d.pings[fields["ping_id"]] == nil {
			d.wrong = append(d.wrong, "post without a ping: "+fields["ping_id"])
		}
	case "/direct":
	case "/silent":
		if d.inside != nil {
			close(d.inside)
			d.inside = nil
			d.mu.Unlock()
			<-r.Context().Done()
			d.mu.Lock()
			return
		}
	default:
		d.wrong = append(d.wrong, "path "+r.URL.Path)
	}
	d.posts = append(d.posts, fields)
	if len(fields["zip"]) != 5 || fields["zip"] == "00000" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"status":"refused","errors":[{"field":"zip"}]}`))
		return
	}
	_, _ = w.Write([]byte(`{"status":"accepted","lead_id":"1"}`))
}

// TestLeadTraffic posts a busy quarter of an hour in a second, directly and after
// pings, and stops.
func TestLeadTraffic(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	stories := make(chan LeadStory, 1000)
	traffic, err := NewLeadTraffic(LeadTrafficConfig{
		Targets: []LeadSource{{URL: d.url + "/direct", Key: "key-1", Weight: 2}, {URL: d.url + "/pp", Key: "key-1", PingPost: true}},
		Rate:    12_000, AtOnce: 4, Seed: 5, Twice: 0.2, Bad: 0.2, Each: func(s LeadStory) { stories <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { traffic.Run(ctx); close(ended) }()
	until(t, "a hundred leads came", func() bool { return len(stories) >= 100 })
	cancel()
	<-ended
	close(stories)
	accepted, refused, pinged, twice, again := 0, 0, 0, 0, 0
	for s := range stories {
		switch {
		case s.Err != nil || s.Took <= 0 || s.ExternalID == "" || !strings.Contains(s.String(), s.ExternalID):
			t.Errorf("%+v", s)
		case s.Accepted():
			accepted++
		case s.Status == 422 && s.Bad:
			refused++
		case !s.Bad:
			t.Errorf("refused: %+v", s)
		}
		if s.PingID != "" && s.PingStatus == 200 {
			pinged++
		}
		if s.Twice {
			twice++
		}
		if s.Again {
			again++
		}
	}
	if accepted < 50 || refused < 3 || pinged < 10 || twice < 5 || again >= twice || len(d.wrong) > 0 {
		t.Errorf("%d accepted, %d refused, %d pinged, %d twice, %d again: %v", accepted, refused, pinged, twice, again, d.wrong)
	}
	for id, ping := range d.pings {
		for _, name := range leadContact() {
			if _, there := ping[name]; there {
				t.Errorf("ping %s says the %s", id, name)
			}
		}
		if ping["state"] == "" || ping["trustedform_url"] == "" || ping["id"] == "" {
			t.Errorf("ping %v", ping)
		}
	}
}

// TestLeadTrafficPingRefused does not post what was refused on the ping.
func TestLeadTrafficPingRefused(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"refused": `{"status":"rejected","ping_id":%q}`, "no id": `{"status":"accepted","id":%q}`, "no JSON": `<html>%s`,
	} {
		d := newDoor(t)
		d.ping = answer
		told := make(chan LeadStory, 1)
		traffic, err := NewLeadTraffic(LeadTrafficConfig{
			Targets: []LeadSource{{URL: d.url + "/pp", Key: "key-1", PingPost: true}}, Each: func(s LeadStory) { told <- s },
		})
		if err != nil {
			t.Fatal(err)
		}
		traffic.slots <- struct{}{}
		traffic.post(t.Context(), traffic.lead(time.Now()))
		if s := <-told; s.Accepted() || s.Status != 0 || s.PingStatus != 200 || len(d.posts) != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestLeadTrafficSilence leaves leads out while nobody answers, and gives up a
// while after the end.
func TestLeadTrafficSilence(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	inside := make(chan struct{})
	d.inside = inside
	told := make(chan LeadStory, 1000)
	traffic, err := NewLeadTraffic(LeadTrafficConfig{
		Targets: []LeadSource{{URL: d.url + "/silent", Key: "key-1"}}, Rate: 60_000, AtOnce: 1, Each: func(s LeadStory) { told <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	traffic.grace = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-inside
		cancel()
	}()
	traffic.Run(ctx)
	if s := <-told; s.Err == nil || s.Status != 0 || s.Accepted() || len(told) != 0 {
		t.Errorf("%+v and %d more", s, len(told))
	}
}

func TestLeadTrafficIsBelievable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	plan := func(seed uint64) (fields []map[string]string, leads []postedLead) {
		traffic, err := NewLeadTraffic(LeadTrafficConfig{
			Seed: seed, Targets: []LeadSource{{URL: "http://a", Weight: 3}, {URL: "http://b"}}, Twice: 0.1, Bad: 0.1,
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 400 {
			l := traffic.lead(now)
			leads, fields = append(leads, l), append(fields, l.fields)
		}
		return fields, leads
	}
	fields, leads := plan(7)
	same, _ := plan(7)
	if diff := cmp.Diff(fields, same); diff != "" {
		t.Error("the same seed makes other leads:", diff)
	}
	ids, phones, count := map[string]bool{}, map[string]bool{}, map[string]int{}
	for _, l := range leads {
		count[l.to.URL]++
		phone := digits(l.fields["phone"])
		switch {
		case l.twice:
			count["twice"]++
			if !phones[phone] || l.again != ids[l.fields["id"]] {
				t.Errorf("who comes twice: %v", l)
			}
		case l.bad:
			count["bad"]++
		default:
			believable(t, l.fields, now)
			if phones[phone] || ids[l.fields["id"]] {
				t.Errorf("%s came before", phone)
			}
			phones[phone] = true
		}
		ids[l.fields["id"]] = true
	}
	if count["http://a"] < 260 || count["http://b"] < 60 || count["twice"] < 20 || count["bad"] < 20 {
		t.Errorf("%v", count)
	}
}

// believable holds the fields of a sound lead against what they should be.
func believable(t *testing.T, f map[string]string, now time.Time) {
	t.Helper()
	for name, pattern := range map[string]string{
		"id": `^L\d{6}-[0-9a-f]{8}$`, "first_name": `^[A-Z][a-z]+$`, "last_name": `^[A-Z][a-z]+$`, "email": `^[a-z.]+\d{6}@example\.com$`,
		"phone": `555-?01\d\d$`, "address": `^\d+ [A-Z]`, "city": `^[A-Z]`, "state": `^[A-Z]{2}$`, "zip": `^\d{5}$`, "dob": `^(19|20)\d\d-\d\d-\d\d$`,
		"home_owner": `^(yes|no)$`, "trustedform_url": `^https://cert\.trustedform\.com/[0-9a-f]{40}$`,
		"leadid":       `^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`,
		"consent_text": `.{50}`, "ip": `^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$`, "source_url": `^https://quotes\.example/`,
	} {
		if !regexp.MustCompile(pattern).MatchString(f[name]) {
			t.Errorf("%s is %q", name, f[name])
		}
	}
	phone, err := ringbid.ParsePhone("+1" + digits(f["phone"]))
	if err != nil || ringbid.AreaState(phone) != f["state"] || cities()[f["zip"]] != f["city"] {
		t.Errorf("%s in %s %s %s: %v", f["phone"], f["city"], f["state"], f["zip"], err)
	}
	at, err := time.Parse(time.RFC3339, f["consent_at"])
	if err != nil || at.After(now) || now.Sub(at) > 2*time.Minute {
		t.Errorf("consent at %s: %v", f["consent_at"], err)
	}
	if len(f) != 17 {
		t.Errorf("%d fields: %v", len(f), f)
	}
}

// TestCities has a city for each place where people live.
func TestCities(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		if cities()[p.zip] == "" {
			t.Errorf("%s has no city", p.zip)
		}
	}
	if len(cities()) != len(places()) {
		t.Errorf("%d cities for %d places", len(cities()), len(places()))
	}
}

func TestLeadTrafficRefusals(t *testing.T) {
	t.Parallel()
	some := []LeadSource{{URL: "http://x"}}
	for name, c := range map[string]LeadTrafficConfig{
		"targets": {}, "url": {Targets: []LeadSource{{URL: "x"}}}, "rate": {Targets: some, Rate: -1}, "fast": {Targets: some, Rate: 1e6},
		"at once": {Targets: some, AtOnce: -1}, "twice": {Targets: some, Twice: 2}, "bad": {Targets: some, Bad: 1.5},
	} {
		if _, err := NewLeadTraffic(c); ringbid.KindOf(err) != ringbid.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
