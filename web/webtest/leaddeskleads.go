package webtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Leads of the operator's desk that tests look for.
const (
	DeskLeadID     = "019b0000-0000-7000-8000-000000000001" // everything that can happen
	DeskHostileID  = "019b0000-0000-7000-8000-000000000002"
	DeskHeldID     = "019b0000-0000-7000-8000-000000000003"
	DeskSellingID  = "019b0000-0000-7000-8000-000000000004"
	DeskRefusedID  = "019b0000-0000-7000-8000-000000000005"
	DeskReturnedID = "019b0000-0000-7000-8000-000000000006"
	DeskUnsoldID   = "019b0000-0000-7000-8000-000000000007"
	// DeskExceptionID is a delivery whose map does not take the lead.
	DeskExceptionID = "019b0000-0000-7000-8000-0000000e0001"
)

func sale(price, share float64, rule string) ringbid.Sale {
	return ringbid.Sale{Currency: "USD", Price: dollars(price), Revenue: dollars(price), Payout: dollars(price * share), Converted: true, Rule: rule}
}

// deskLeads are two days of leads, those that tests look for in front.
func deskLeads(now time.Time) []ringbid.Lead {
	out := []ringbid.Lead{deskRich(now.Add(-3 * time.Hour)), deskHostile(now.Add(-5 * time.Hour)), deskHeld(now.Add(-12 * time.Minute)), deskSelling(now.Add(-9 * time.Second)),
		deskRefused(now.Add(-25 * time.Minute)), deskReturned(now.Add(-30 * time.Hour)), deskUnsold(now.Add(-50 * time.Minute)), deskCall(now.Add(-6 * time.Minute))}
	r := rand.New(rand.NewPCG(3, 5))
	names := []string{"Ben Okafor", "Carla Jensen", "Dmitri Petrov", "Esther Adeyemi", "Farid Haddad", "Grace O’Neill", "Hiro Tanaka", "Ingrid Solberg", "Jamal Washington", "Katarzyna Wiśniewska", "Luis Fernández", "Mei Chen"}
	at := now.Add(-70 * time.Minute)
	for i := range 26 {
		first, last, _ := strings.Cut(names[i%len(names)], " ")
		at = at.Add(-time.Duration(5+r.IntN(90)) * time.Minute)
		out = append(out, deskPlain(i, at, first, last, r))
	}
	return out
}

func deskPlain(i int, at time.Time, first, last string, r *rand.Rand) ringbid.Lead {
	t := clock(at)
	l := ringbid.Lead{ID: fmt.Sprintf("019b0000-0000-7000-8000-0000000001%02d", i), Node: "node-a", State: ringbid.LeadSold, Received: at, Source: "bright-auto", Campaign: "auto-leads", Publisher: "brightleads", External: fmt.Sprintf("BL-%05d", 40200+i),
		Facts: ringbid.TagMap{"first_name": first, "last_name": last, "phone": fmt.Sprintf("+1415555%04d", 100+r.IntN(100)), "email": strings.ToLower(first) + "@mail.example", "state": "CA", "zip": "94110", "homeowner": "own", "vehicles": "2"}}
	b := [][3]string{{"keystone-insurance", "keystone-leads", "keystone-http"}, {"northwind", "northwind-leads", "northwind-crm"}, {"orchard-mutual", "orchard-leads", "orchard-hubspot"}}[i%3]
	id := "019b0000-0000-7000-8000-0000000002" + fmt.Sprintf("%02d", i)
	p := ringbid.Purchase{ID: id, Lead: l.ID, Buyer: b[0], Target: b[1], Name: b[1], Rank: 1, State: ringbid.PurchaseAccepted, Made: t.at(60), Decided: t.ptr(400), Partner: fmt.Sprintf("P%d", 9000+i), Sale: sale(9, 0.65, "paid: accepted; publisher earns 65 % of revenue")}
	d := ringbid.Delivery{ID: id, Lead: l.ID, Purchase: id, Buyer: b[0], Target: b[1], Method: b[2], Role: ringbid.RolePrimary, State: ringbid.DeliveryAccepted, Made: t.at(60), Done: t.ptr(400), Count: 1,
		Tries: []ringbid.Try{{N: 1, Began: t.at(80), Ended: t.ptr(400), Class: "accepted", Sent: "answered", Status: 200, MS: 320, Partner: p.Partner, Next: "done", Version: 3}}}
	switch i % 7 {
	case 3:
		l.State, l.Reason = ringbid.LeadRefused, ringbid.Reason{Code: "repeat", Text: "the same e-mail address came 4 days ago"}
		return l
	case 5:
		l.State, l.Reason = ringbid.LeadUnsold, ringbid.Reason{Code: "no_buyer", Text: "no buyer is open to this state"}
		return l
	}
	l.Purchases, l.Deliveries, l.Sale = []ringbid.Purchase{p}, []ringbid.Delivery{d}, p.Sale
	return l
}

func deskRefused(at time.Time) ringbid.Lead {
	return ringbid.Lead{ID: DeskRefusedID, State: ringbid.LeadRefused, Received: at, Source: "search-auto", Campaign: "auto-leads", Publisher: "searchco", External: "S-2",
		Reason: ringbid.Reason{Code: "unsound", Text: "phone is neither ten digits nor an international number with its plus sign"},
		Posted: ringbid.TagMap{"fname": "Nora", "lname": "Quist", "phone_number": "555-01", "email": "nora.quist@mail.example", "zip": "10001", "gclid": "Cj0KCQ"}, Facts: ringbid.TagMap{"first_name": "Nora", "last_name": "Quist", "email": "nora.quist@mail.example", "zip": "10001"}}
}

func deskHeld(at time.Time) ringbid.Lead {
	t := clock(at)
	l := deskPlain(56, at, "Tess", "Vandermeer", rand.New(rand.NewPCG(1, 1)))
	l.ID, l.State, l.Sale = DeskHeldID, ringbid.LeadHeld, ringbid.Sale{Currency: "USD"}
	l.Reason = ringbid.Reason{Code: "ambiguous", Text: "a buyer may have it"}
	p := &l.Purchases[0]
	p.Lead, p.State, p.Decided, p.Partner, p.Sale, p.Reason = l.ID, ringbid.PurchaseHeld, nil, "", ringbid.Sale{Currency: "USD", Price: dollars(8.5)}, "the connection was cut after the lead had been sent"
	p.Buyer, p.Target, p.Name = "orchard-mutual", "orchard-leads", "orchard-leads"
	d := &l.Deliveries[0]
	d.ID, d.Lead, d.Buyer, d.Target, d.Method = "019b0000-0000-7000-8000-0000000e0099", l.ID, "orchard-mutual", "orchard-leads", "orchard-hubspot"
	d.Done = t.ptr(8080)
	d.State, d.Maybe, d.Exception, d.Code, d.Reason = ringbid.DeliveryHeld, true, true, "protocol", "cut off before an answer"
	d.Tries = []ringbid.Try{{N: 1, Began: t.at(80), Ended: t.ptr(8080), Class: "ambiguous", Code: "protocol", Sent: "maybe", MS: 8000, Reason: "cut off before an answer", Next: "exception", Request: "POST /crm/objects HTTP/1.1\nHost: api.hubapi.example\nAuthorization: ••••••\n\n{\"email\":\"tess@mail.example\"}"}}
	return l
}

func deskSelling(at time.Time) ringbid.Lead {
	t := clock(at)
	l := deskPlain(57, at, "Umar", "Siddiqui", rand.New(rand.NewPCG(2, 1)))
	l.ID, l.State, l.Sale = DeskSellingID, ringbid.LeadSelling, ringbid.Sale{Currency: "USD"}
	p, d := &l.Purchases[0], &l.Deliveries[0]
	p.Lead, p.State, p.Decided, p.Partner, p.Sale = l.ID, ringbid.PurchasePending, nil, "", ringbid.Sale{Currency: "USD", Price: dollars(9)}
	d.Lead, d.State, d.Done, d.Next, d.Code, d.Reason, d.Count = l.ID, ringbid.DeliveryRetry, nil, t.ptr(15_000), "status", "503 Service Unavailable", 2
	d.Tries = []ringbid.Try{
		{N: 1, Began: t.at(70), Ended: t.ptr(900), Class: "server_error", Code: "status", Sent: "answered", Status: 503, MS: 830, Reason: "503 Service Unavailable", Next: "retry"},
		{N: 2, Began: t.at(3000), Ended: t.ptr(3850), Class: "server_error", Code: "status", Sent: "answered", Status: 503, MS: 850, Reason: "503 Service Unavailable", Next: "retry"}}
	return l
}

func deskReturned(at time.Time) ringbid.Lead {
	l := deskPlain(58, at, "Victor", "Ruiz", rand.New(rand.NewPCG(4, 1)))
	l.ID, l.State, l.Sale = DeskReturnedID, ringbid.LeadUnsold, ringbid.Sale{Currency: "USD"}
	l.Purchases[0].State, l.Purchases[0].Reason, l.Purchases[0].Status, l.Purchases[0].Lead = ringbid.PurchaseReturned, "the number is not in service", "returned", l.ID
	return l
}

func deskUnsold(at time.Time) ringbid.Lead {
	l := deskPlain(60, at, "Wanda", "Li", rand.New(rand.NewPCG(5, 1)))
	l.ID, l.State, l.Sale = DeskUnsoldID, ringbid.LeadUnsold, ringbid.Sale{Currency: "USD"}
	l.Reason = ringbid.Reason{Code: "all_rejected", Text: "every buyer that was offered it rejected it"}
	l.Purchases[0].State, l.Purchases[0].Reason, l.Purchases[0].Lead = ringbid.PurchaseRejected, "duplicate in their CRM", l.ID
	l.Deliveries[0].State, l.Deliveries[0].Reason = ringbid.DeliveryRejected, "duplicate in their CRM"
	l.Deliveries[0].Tries[0].Class, l.Deliveries[0].Tries[0].Code, l.Deliveries[0].Tries[0].Reason, l.Deliveries[0].Tries[0].Next = "rejected", "rule", "DUPLICATE_VALUE", "waterfall"
	return l
}

// deskCall is the lead of a call that was missed; it has the call's id.
func deskCall(at time.Time) ringbid.Lead {
	t := clock(at)
	return ringbid.Lead{ID: RichID, State: ringbid.LeadCall, Received: at, Campaign: "auto-insurance", Publisher: "brightleads", Call: RichID, Facts: ringbid.TagMap{"phone": "+13105550142", "zip": "90210", "state": "CA"}, Sale: ringbid.Sale{Currency: "USD", Revenue: dollars(38), Payout: dollars(24.7)},
		Deliveries: []ringbid.Delivery{{ID: "019b0000-0000-7000-8000-000000000d01", Lead: RichID, Buyer: "keystone-insurance", Target: "keystone-agents", Method: "keystone-mail", Role: ringbid.RoleParallel, State: ringbid.DeliveryAccepted, Made: t.at(209_400), Done: t.ptr(210_020),
			Tries: []ringbid.Try{{N: 1, Began: t.at(209_420), Ended: t.ptr(210_020), Class: "accepted", Sent: "answered", Status: 250, MS: 600, Next: "done"}}}}}
}

// deskHostile holds what people with bad intent post.
func deskHostile(at time.Time) ringbid.Lead {
	l := deskPlain(63, at, `<script>alert(1)</script>`, `=HYPERLINK("http://x.example")`, rand.New(rand.NewPCG(6, 1)))
	l.ID, l.External = DeskHostileID, `=cmd|' /C calc'!A0`
	l.Posted = ringbid.TagMap{"first_name": `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`: "x", "note": "\u202egnp.exe", "long": strings.Repeat("A", 3000), "xxTrustedFormCertUrl": "javascript:alert(1)"}
	l.Facts["trustedform_url"] = "javascript:alert(1)"
	l.Facts["consent_text"] = "<img src=x onerror=alert(1)>"
	l.Facts["city"] = strings.Repeat("W", 180)
	l.Purchases[0].Lead, l.Purchases[0].Partner = l.ID, `"><script>alert(1)</script>`
	l.Deliveries[0].Tries[0].Response = "HTTP/1.1 200 OK\n\n<script>alert(1)</script>"
	l.Deliveries[0].Tries[0].Fields = `[{"to":"<script>alert(1)</script>","in":[{"name":"first_name","value":"<script>alert(1)</script>"}],"out":"<script>alert(1)</script>","sent":true,"why":["from first_name"]},{"to":1},null]`
	return l
}

func deskReturns(now time.Time, leads []ringbid.Lead) []web.Return {
	var out []web.Return
	for i := range leads {
		l := &leads[i]
		if l.State != ringbid.LeadSold && l.ID != DeskReturnedID || len(l.Purchases) == 0 || l.ID == DeskLeadID || l.ID == DeskHostileID {
			continue
		}
		state := []string{"asked", "asked", "granted", "refused"}[len(out)%4]
		if l.ID == DeskReturnedID {
			state = "granted"
		}
		out = append(out, web.Return{Purchase: l.Purchases[0], Person: l.Facts["first_name"] + " " + l.Facts["last_name"], Campaign: l.Campaign, Asked: now.Add(-time.Duration(len(out)*47+5) * time.Minute), By: "keystone",
			Reason: []string{"the number is not in service", "asked for a motorcycle, not a car", "says they never filled in a form"}[len(out)%3], State: state})
		if len(out) == 6 {
			break
		}
	}
	return out
}
