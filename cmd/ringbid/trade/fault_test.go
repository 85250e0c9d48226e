package trade

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/sim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// faultCase is one fault of one method.
type faultCase struct {
	group, fault string
	method       *ringbid.Method
	before       func() // sets the fault, once the method is published
	after        func() // takes it back
	kept         func(lead string) int
}

// TestFaults lets every method meet every fault, against a buyer who bids best;
// a second buyer with a sound inbox stands behind. The table says what followed.
// What must hold in every row is checked against what the buyers really kept.
func TestFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("meets each fault up to six times")
	}
	client, err := connector.New(connector.Config{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	post := newPost(t)
	mailer, err := email.New(email.Config{URL: "smtp://" + post.addr, From: "leads@ringbid.example", Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, mailer, client)
	r.publish(buyer("next", "5.00", &ringbid.Method{Name: "next-inbox", Type: "portal"})...)
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "method\tfault\tfirst try\ttries\tpauses\tbreaker\tdelivery\tpurchase\tnext buyer\texception\tkept\t")
	for i, c := range slices.Concat(r.httpCases(false), r.httpCases(true), r.lineCases(), r.salesforceCases(), r.hubspotCases(), r.mailCases(post)) {
		fmt.Fprintln(table, r.meet(i, c))
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	golden(t, "testdata/faults.txt", out.String())
	r.ledgerZero()
}

// golden holds a text against a file, line by line without trailing space.
func golden(t *testing.T, file, got string) {
	t.Helper()
	var lines []string
	for l := range strings.Lines(got) {
		lines = append(lines, strings.TrimRight(l, " \n"))
	}
	got = strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// meet sells one lead into the fault and says what followed.
func (r *rig) meet(i int, c faultCase) string {
	name := fmt.Sprintf("case%d", i)
	c.method.Name = name
	docs := basics(name, "next")
	docs[0].(*ringbid.Campaign).Name, docs[2].(*ringbid.Source).Campaign = name, name
	docs[2].(*ringbid.Source).Name = "solar-main"
	r.publish(slices.Concat(docs, buyer(name, "40.00", c.method))...)
	if c.before != nil {
		c.before()
	}
	lead := r.settle(r.post(person(), "").LeadID)
	if c.after != nil {
		c.after()
	}
	d := lead.Deliveries[0]
	var pauses []string
	for k := 1; k < len(d.Tries); k++ {
		pauses = append(pauses, fmt.Sprintf("%.0f", pauseBefore(d, k)))
	}
	first := d.Tries[0]
	row := []string{
		c.group, c.fault, first.Class + " " + first.Code, fmt.Sprint(len(d.Tries)), cmp.Or(strings.Join(pauses, " "), "-"), r.breaker(name), string(d.State),
		string(lead.Purchases[0].State), "-", "-", "?",
	}
	if len(lead.Purchases) > 1 {
		row[8] = string(lead.Purchases[1].State)
	}
	if d.Exception {
		row[9] = "yes"
	}
	if c.kept != nil {
		n := c.kept(lead.ID)
		row[10] = fmt.Sprint(n)
		r.sound(c, lead, n)
	}
	return strings.Join(row, "\t") + "\t"
}

// pauseBefore is the pause before a try in seconds, without its jitter.
func pauseBefore(d ringbid.Delivery, k int) float64 {
	seconds := d.Tries[k].Began.Sub(*d.Tries[k-1].Ended).Seconds()
	for _, p := range []float64{1, 2, 4, 8, 16, 32, 10, 60, 300} {
		if seconds >= p-0.001 && seconds <= p*1.25+0.001 {
			return p
		}
	}
	return seconds
}

// sound is what no fault may break.
func (r *rig) sound(c faultCase, l *ringbid.Lead, kept int) {
	r.t.Helper()
	p := l.Purchases[0]
	switch {
	case kept > 1:
		r.t.Errorf("%s %s: the buyer took it %d times", c.group, c.fault, kept)
	case p.State == ringbid.PurchaseAccepted && kept != 1:
		r.t.Errorf("%s %s: accepted, and the buyer has it %d times", c.group, c.fault, kept)
	case kept == 1 && len(l.Purchases) > 1:
		r.t.Errorf("%s %s: the buyer has it, and it was sold to another as well", c.group, c.fault)
	}
	accepted := 0
	for _, p := range l.Purchases {
		if p.State == ringbid.PurchaseAccepted {
			accepted++
		}
	}
	if accepted > 1 {
		r.t.Errorf("%s %s: sold %d times", c.group, c.fault, accepted)
	}
}

// breaker says how the method's breaker stands.
func (r *rig) breaker(method string) string {
	r.t.Helper()
	list, err := r.store.EndpointHealth(r.t.Context(), r.clock.Now().Add(-24*time.Hour))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range list {
		if e.Method != method {
			continue
		}
		if e.Opened != nil {
			return "open"
		}
		return fmt.Sprint(e.Failures)
	}
	return "0"
}

// httpCases are the faults of a server that answers, for a connector that does
// nothing twice and for one that may.
func (r *rig) httpCases(idempotent bool) []faultCase {
	group, patch := "http", `{"timeout":"400ms"}`
	if idempotent {
		group, patch = "http, idempotent", `{"timeout":"400ms","idempotent":true}`
	}
	var out []faultCase
	for _, f := range append([]sim.LeadFault{"good", "reject"}, sim.LeadFaults()...) {
		buying := string(f)
		if idempotent { // a buyer who keeps its word
			buying = "idem-" + string(f)
			how := sim.LeadBuyings()[string(f)]
			how.Idempotent = true
			if err := r.buyers.Set(buying, how); err != nil {
				r.t.Fatal(err)
			}
		}
		out = append(out, faultCase{
			group: group, fault: string(f), method: r.httpMethod("", buying, patch),
			kept: func(lead string) int { return r.buyers.Kept(buying, lead) },
		})
	}
	return out
}

// lineCases are faults before a request is there.
func (r *rig) lineCases() []faultCase {
	none := func(string) int { return 0 }
	to := func(fault, url string) faultCase {
		m := r.httpMethod("", "good", "")
		m.Settings = map[string]string{"url": url}
		return faultCase{group: "line", fault: fault, method: m, kept: none}
	}
	out := []faultCase{
		to("no such host", "http://leads.invalid/post"), to("nobody listens", "http://"+freePort(r.t)+"/post"),
		to("private address", "http://10.1.2.3/post"), to("TLS to a plain port", strings.Replace(r.buyers.URL("good"), "http:", "https:", 1)),
	}
	for _, kind := range []string{sim.CertExpired, sim.CertWrongName, sim.CertSelfSigned} {
		conf, _, err := sim.BadCert(kind)
		if err != nil {
			r.t.Fatal(err)
		}
		s, err := sim.NewLeadBuyers(sim.LeadBuyersConfig{TLS: conf})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { closing(r.t, s.Close) })
		out = append(out, to("certificate "+kind, s.URL("good")))
	}
	hook := r.httpMethod("", "good", `{"map":{"fields":[{"to":"dob","from":"birth_date","required":true}]}}`)
	out = append(out, faultCase{group: "map", fault: "a required fact is missing", method: hook, kept: none})
	words := r.httpMethod("", "good", `{"map":{"fields":[{"to":"own","from":"state","translate":{"values":{"NY":"1"}}}]}}`)
	return append(out, faultCase{group: "map", fault: "no translation", method: words, kept: none})
}

// salesforceCases are the faults of the vendor, against its simulator.
func (r *rig) salesforceCases() []faultCase {
	s, err := sim.NewSalesforce(sim.SalesforceConfig{ClientID: "id", ClientSecret: "secret"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { closing(r.t, s.Close) })
	one := func(fault, secret string, before, after func()) faultCase {
		return faultCase{
			group: "salesforce", fault: fault, before: before, after: after,
			method: &ringbid.Method{Type: "http", Preset: "salesforce-rest", Auth: ringbid.MethodAuth{
				Kind: "oauth_client", TokenURL: s.TokenURL(), ClientID: "id", ClientSecret: ringbid.Secret(secret),
			}},
			kept: func(lead string) int { return min(1, s.Leads()[lead].Writes) }, // an upsert
		}
	}
	return []faultCase{
		one("none", "secret", nil, nil), one("session ended", "secret", s.KillSessions, nil), one("wrong client secret", "wrong", nil, nil),
		one("row locked once", "secret", func() { s.Lock(1) }, nil), one("over its limit", "secret", func() { s.Limit(true) }, func() { s.Limit(false) }),
		one("away twice", "secret", func() { s.Unavailable(2) }, nil), one("answer lost", "secret", func() { s.Lose(1) }, nil),
		one("duplicate rule", "secret", func() { s.Block("State", "CA") }, func() { s.Block("State", "") }),
	}
}

// hubspotCases likewise.
func (r *rig) hubspotCases() []faultCase {
	h, err := sim.NewHubSpot(sim.HubSpotConfig{Key: "pat-na1-secret"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { closing(r.t, h.Close) })
	one := func(fault, key string, before, after func()) faultCase {
		return faultCase{
			group: "hubspot", fault: fault, before: before, after: after,
			method: &ringbid.Method{Type: "http", Preset: "hubspot", Settings: map[string]string{"base": h.URL()},
				Auth: ringbid.MethodAuth{Kind: "bearer", Secret: ringbid.Secret(key)}},
			kept: func(lead string) int { return min(1, h.Writes()[lead]) },
		}
	}
	return []faultCase{
		one("none", "pat-na1-secret", nil, nil), one("wrong key", "pat-na1-wrong", nil, nil),
		one("ten seconds' limit", "pat-na1-secret", func() { h.Limit(sim.HubSpotTenSeconds) }, func() { h.Limit(sim.HubSpotNoLimit) }),
		one("daily limit", "pat-na1-secret", func() { h.Limit(sim.HubSpotDaily) }, func() { h.Limit(sim.HubSpotNoLimit) }),
		one("away twice", "pat-na1-secret", func() { h.Unavailable(2) }, nil), one("answer lost", "pat-na1-secret", func() { h.Lose(1) }, nil),
	}
}

// mailCases are what mail servers say and do.
func (r *rig) mailCases(p *postOffice) []faultCase {
	var out []faultCase
	for _, x := range []struct{ fault, stage, say string }{
		{"none", "", ""}, {"greylisted", "RCPT", "451 4.7.1 greylisted, try again later"}, {"unknown user", "RCPT", "550 5.1.1 no such user"},
		{"too large", "DATA", "552 5.3.4 too large"}, {"server trouble", "MAIL", "451 4.3.0 local error"}, {"closing", "HELLO", "421 4.3.2 closing"},
		{"lost after the dot", "dot", "drop"}, {"lost before the letter", "MAIL", "drop"}, {"silence after the dot", "dot", "hang"},
	} {
		out = append(out, faultCase{
			group: "email", fault: x.fault, method: &ringbid.Method{Type: "email", Email: &ringbid.EmailForm{To: []string{"buyer@acme.example"}}},
			before: func() { p.fail(x.stage, x.say) }, after: func() { p.fail("", "") },
			kept: func(lead string) int { return p.taken(lead) },
		})
	}
	return append(out, faultCase{group: "portal", fault: "none", method: &ringbid.Method{Type: "portal"}, kept: func(string) int { return 1 }})
}

func closing(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Error(err)
	}
}

// freePort is an address where nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
