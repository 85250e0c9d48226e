package webtest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// deskRich is a lead whose first winner could not be reached; the second took it,
// and works it.
func deskRich(start time.Time) ringbid.Lead {
	t := clock(start)
	l := ringbid.Lead{
		ID: DeskLeadID, Node: "node-a", State: ringbid.LeadSold, Received: start, Source: "bright-auto", Campaign: "auto-leads", Publisher: "brightleads", External: "BL-40117", Ping: "019b0000-0000-7000-8000-00000000f001", Recovered: true,
		Posted: ringbid.TagMap{"firstName": " ana", "lname": "MARTINEZ", "phone_number": "(310) 555-0142", "email": "Ana.Martinez@Mail.example", "address": "1200 Sunset Blvd", "city": "Beverly Hills", "state": "california", "zip": "90210-1234", "birthdate": "04/09/1984",
			"currently_insured": "Y", "vehicles": "2", "homeowner": "yes", "xxTrustedFormCertUrl": "https://cert.trustedform.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "jornaya_lead_id": "0C2D1E3F-1111-4222-8333-444455556666",
			"consent_text": "I agree to be called about insurance offers by Keystone Insurance, also by automatic means.", "consent_at": start.Add(-20 * time.Second).UTC().Format(time.RFC3339), "ip": "203.0.113.77", "gclid": "Cj0KCQjw", "utm_source": "bing"},
		Facts: ringbid.TagMap{"first_name": "ana", "last_name": "MARTINEZ", "phone": "+13105550142", "email": "ana.martinez@mail.example", "address": "1200 Sunset Blvd", "city": "Beverly Hills", "state": "CA", "zip": "90210", "dob": "1984-04-09",
			"currently_insured": "true", "vehicles": "2", "homeowner": "own", "trustedform_url": "https://cert.trustedform.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "leadid": "0c2d1e3f-1111-4222-8333-444455556666",
			"consent_text": "I agree to be called about insurance offers by Keystone Insurance, also by automatic means.", "consent_at": start.Add(-20 * time.Second).UTC().Format(time.RFC3339), "ip": "203.0.113.77", "channel": "web"},
		Sale: sale(12.5, 0.65, "paid: accepted; publisher earns 65 % of revenue"),
	}
	l.Auction = deskAuction(t)
	lake, key := "019b0000-0000-7000-8000-00000000a001", "019b0000-0000-7000-8000-00000000a002"
	l.Purchases = []ringbid.Purchase{
		{ID: lake, Lead: l.ID, Buyer: "lakeside", Target: "lakeside-leads", Name: "lakeside-ping", BidID: "LS-771", Rank: 1, State: ringbid.PurchaseFailed, Reason: "503 Service Unavailable, four times", Made: t.at(140), Decided: t.ptr(15_690), Sale: ringbid.Sale{Currency: "USD", Price: dollars(14)}},
		{ID: key, Lead: l.ID, Buyer: "keystone-insurance", Target: "keystone-leads", Name: "keystone-ping", BidID: "K-2093", Rank: 2, State: ringbid.PurchaseAccepted, Made: t.at(15_690), Decided: t.ptr(15_902), Partner: "KI-558120", Recovery: true, Sale: l.Sale, Status: "appointment", Agent: "agent"},
	}
	l.Deliveries = deskDeliveries(t, l.Facts, lake, key)
	return l
}

func deskAuction(t clock) *ringbid.Auction {
	return &ringbid.Auction{ID: "019b0000-0000-7000-8000-00000000b001", CallID: DeskLeadID, Campaign: "auto-leads", Seed: 99_120_551, Opened: t.at(12), Closed: t.ptr(138), CloseWhy: "all answered", Floor: dollars(5), Winner: "keystone-ping", Overtime: 210, Attempts: 2,
		Facts: ringbid.TagMap{"state": "CA", "zip": "90210", "vehicles": "2"},
		Bids: []ringbid.Bid{
			{ID: "b1", Name: "lakeside-ping", Target: "lakeside-leads", Buyer: "lakeside", State: ringbid.BidTried, Reason: "could not be delivered: 503 Service Unavailable", Code: "status", Amount: dollars(14), Priority: 10, Weight: 100, Rank: 1, BidID: "LS-771", Pinged: t.ptr(14), Replied: t.ptr(88), Status: 200,
				Request: "POST https://ping.example/lakeside-ping\n\nzip=90210&state=CA", Reply: `{"price":"14.00","ping_id":"LS-771"}`},
			{ID: "b2", Name: "keystone-ping", Target: "keystone-leads", Buyer: "keystone-insurance", State: ringbid.BidWon, Amount: dollars(12.5), Priority: 10, Weight: 100, Rank: 2, BidID: "K-2093", Pinged: t.ptr(14), Replied: t.ptr(131), Status: 200,
				Request: "POST https://ping.example/keystone-ping\n\n{\"zip\":\"90210\",\"state\":\"CA\"}", Reply: `{"bid":12.5,"id":"K-2093"}`},
			{ID: "b3", Name: "northwind-leads", Target: "northwind-leads", Buyer: "northwind", State: ringbid.BidStanding, Amount: dollars(9), Priority: 5, Weight: 100, Rank: 3, Static: true},
			{ID: "b4", Name: "orchard-leads", Target: "orchard-leads", Buyer: "orchard-mutual", State: ringbid.BidIneligible, Reason: "its buyer bought this person 6 days ago", Code: "repeat", Priority: 10, Weight: 100, Static: true},
		}}
}

func deskDeliveries(t clock, facts ringbid.TagMap, lake, key string) []ringbid.Delivery {
	versions := deskMapVersions()
	made := runMap(*versions[len(versions)-1], facts)
	fields, _ := json.Marshal(made.Fields)
	letter, _ := json.Marshal([]console.FieldNote{{To: "subject", In: []console.Fact{{Name: "first_name", Value: "ana"}}, Out: "New lead ana", Sent: true, Why: []string{"text with places"}}, {To: "body", In: []console.Fact{{Name: "first_name", Value: "ana"}, {Name: "phone", Value: "+13105550142"}}, Out: "ana, +1 (310) 555-0142", Sent: true, Why: []string{"built-in letter"}}})
	form, _ := json.Marshal([]console.FieldNote{{To: "First_Name", In: []console.Fact{{Name: "first_name", Value: "ana"}}, Out: "ana", Sent: true, Why: []string{"from first_name"}}, {To: "Primary_Phone", In: []console.Fact{{Name: "phone", Value: "+13105550142"}}, Out: "3105550142", Sent: true, Why: []string{"from phone", "number as 8005550100"}}, {To: "TYPE", Out: "31", Sent: true, Why: []string{"static"}}})
	failed := ringbid.Delivery{ID: "019b0000-0000-7000-8000-00000000d001", Lead: DeskLeadID, Purchase: lake, Buyer: "lakeside", Target: "lakeside-leads", Method: "lakeside-post", Role: ringbid.RolePrimary, State: ringbid.DeliveryFailed, Made: t.at(140), Done: t.ptr(15_690), Count: 4, Code: "status", Reason: "503 Service Unavailable"}
	for i, at := range []int64{150, 2_400, 6_700, 15_100} {
		next := "retry"
		if i == 3 {
			next = "waterfall"
		}
		failed.Tries = append(failed.Tries, ringbid.Try{N: i + 1, Began: t.at(at), Ended: t.ptr(at + 560), Class: "server_error", Code: "status", Sent: "answered", Status: 503, MS: 560, Reason: "503 Service Unavailable", Next: next, Fields: string(form),
			Request:  "POST /post HTTP/1.1\nHost: lakeside.example\nContent-Type: application/x-www-form-urlencoded\n\nKey=••••••&TYPE=31&First_Name=ana&Last_Name=MARTINEZ&Primary_Phone=3105550142&Email=ana.martinez%40mail.example&Address=1200+Sunset+Blvd&IP=203.0.113.77",
			Response: "HTTP/1.1 503 Service Unavailable\nRetry-After: 2\n\n<html><body>Service Unavailable</body></html>"})
	}
	price := dollars(12.5)
	took := ringbid.Delivery{ID: "019b0000-0000-7000-8000-00000000d002", Lead: DeskLeadID, Purchase: key, Buyer: "keystone-insurance", Target: "keystone-leads", Method: "keystone-http", Role: ringbid.RolePrimary, State: ringbid.DeliveryAccepted, Made: t.at(15_690), Done: t.ptr(15_902), Count: 1, Partner: "KI-558120",
		Tries: []ringbid.Try{{N: 1, Began: t.at(15_702), Ended: t.ptr(15_902), Class: "accepted", Sent: "answered", Status: 201, MS: 200, Partner: "KI-558120", Price: &price, Next: "done", Version: 3, Fields: string(fields),
			Request:  "POST /v2/intake HTTP/1.1\nHost: leads.keystone.example\nX-Api-Key: ••••••\nIdempotency-Key: 019b0000-0000-7000-8000-00000000d002\n\n" + made.Body,
			Response: "HTTP/1.1 201 Created\nContent-Type: application/json\n\n{\"status\":\"accepted\",\"id\":\"KI-558120\",\"price\":\"12.50\",\"echo\":{\"name\":\"ana MARTINEZ\"}}"}}}
	mail := ringbid.Delivery{ID: "019b0000-0000-7000-8000-00000000d003", Lead: DeskLeadID, Purchase: key, Buyer: "keystone-insurance", Target: "keystone-leads", Method: "keystone-mail", Role: ringbid.RoleParallel, State: ringbid.DeliveryAccepted, Made: t.at(15_690), Done: t.ptr(16_480), Count: 1,
		Tries: []ringbid.Try{{N: 1, Began: t.at(15_720), Ended: t.ptr(16_480), Class: "accepted", Sent: "answered", Status: 250, MS: 760, Next: "done", Fields: string(letter),
			Request: "From: leads@network.example\nTo: leads@keystone.example\nSubject: New lead ana\nContent-Transfer-Encoding: quoted-printable\n\nAna Mart=\nINEZ", Response: "250 2.0.0 Ok: queued as 4bX2"}}}
	return []ringbid.Delivery{failed, took, mail}
}

func deskActivity(now time.Time) []ringbid.Activity {
	t := clock(now.Add(-3 * time.Hour))
	key := "019b0000-0000-7000-8000-00000000a002"
	return []ringbid.Activity{
		{Lead: DeskLeadID, Purchase: key, At: t.at(15_902), By: "keystone-http", Kind: "received", Text: "KI-558120"},
		{Lead: DeskLeadID, Purchase: key, At: t.at(190_000), By: "agent", Kind: "viewed"},
		{Lead: DeskLeadID, Purchase: key, At: t.at(240_000), By: "agent", Kind: "call", Text: "+1 (310) 555-0142"},
		{Lead: DeskLeadID, Purchase: key, At: t.at(3_000_000), By: "agent", Kind: "note", Text: "Ana wants a quote for 2 cars, call her after 5"},
		{Lead: DeskLeadID, Purchase: key, At: t.at(7_500_000), By: "webhook keystone-status", Kind: "status", Text: "appointment"},
	}
}

// deskExceptions are what needs a person: most of them because the map has no
// word for one answer.
func deskExceptions(now time.Time, leads *[]ringbid.Lead) []web.Exception {
	people := [][2]string{{"Amir", "Bashir"}, {"Bo", "Lindqvist"}, {"Chloé", "Dubois"}, {"Dana", "Whitfield"}, {"Egor", "Ivanov"}, {"Fatou", "Diop"}, {"Gil", "Navarro"}, {"Hana", "Suzuki"}, {"Ivo", "Horvat"}}
	var out []web.Exception
	for i, who := range people {
		at := now.Add(-time.Duration(20+i*23) * time.Minute)
		t := clock(at)
		id, lead := fmt.Sprintf("019b0000-0000-7000-8000-0000000e%04d", i+1), fmt.Sprintf("019b0000-0000-7000-8000-0000000c%04d", i+1)
		x := web.Exception{Person: who[0] + " " + who[1], Campaign: "auto-leads", Received: at, State: ringbid.LeadUnsold,
			Facts:    ringbid.TagMap{"first_name": who[0], "last_name": who[1], "phone": fmt.Sprintf("+1602555%04d", 110+i), "email": "x" + fmt.Sprint(i) + "@mail.example", "state": "AZ", "zip": "85001", "homeowner": "other", "vehicles": "1"},
			Delivery: ringbid.Delivery{ID: id, Lead: lead, Buyer: "keystone-insurance", Target: "keystone-leads", Method: "keystone-http", Role: ringbid.RolePrimary, State: ringbid.DeliveryFailed, Made: t.at(90), Done: t.ptr(120), Count: 1, Exception: true, Code: "mapping", Reason: `ownership: "other" has no translation`}}
		try := ringbid.Try{N: 1, Began: t.at(100), Ended: t.ptr(120), Class: "unsound", Code: "mapping", Sent: "no", MS: 0, Reason: x.Delivery.Reason, Next: "exception", Version: 3}
		switch {
		case i == 5:
			x.State = ringbid.LeadSold
		case i == 6:
			x.Delivery.Method, x.Delivery.Buyer, x.Delivery.Code, x.Delivery.Reason, x.Delivery.Count = "northwind-crm", "northwind", "token", "the client secret was refused", 1
			try.Class, try.Code, try.Status, try.Reason, try.Response, try.Sent = "auth", "token", 401, "the client secret was refused", "HTTP/1.1 401 Unauthorized\n\n{\"error\":\"invalid_client\"}", "answered"
			x.Facts["homeowner"] = "own"
		case i == 7:
			x.Delivery.Method, x.Delivery.Buyer, x.Delivery.Code, x.Delivery.Reason, x.Delivery.Maybe, x.State = "orchard-hubspot", "orchard-mutual", "timeout", "no answer in time", true, ringbid.LeadHeld
			try.Class, try.Code, try.Reason, try.Sent, try.MS = "ambiguous", "timeout", "no answer in time", "maybe", 8000
			x.Facts["homeowner"] = "rent"
		case i == 8:
			x.Delivery.Method, x.Delivery.Code, x.Delivery.Reason, x.Facts["phone"] = "keystone-old", "no_method", "the method is gone", ""
		}
		out = append(out, x)
		d := x.Delivery
		d.Tries = []ringbid.Try{try}
		*leads = append(*leads, ringbid.Lead{ID: lead, State: x.State, Received: at, Source: "bright-auto", Campaign: "auto-leads", Publisher: "brightleads", Facts: x.Facts, Reason: ringbid.Reason{Code: "undelivered", Text: x.Delivery.Reason}, Sale: ringbid.Sale{Currency: "USD"}, Deliveries: []ringbid.Delivery{d}})
	}
	return out
}
