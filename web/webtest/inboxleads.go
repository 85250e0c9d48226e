package webtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// leadDocuments are what the inbox needs beside the calls' configuration.
func leadDocuments() []ringbid.Document {
	return []ringbid.Document{
		&ringbid.User{Name: "bella", Title: "Bella Backup", Role: ringbid.RoleAgent, Buyer: "keystone-insurance", PasswordHash: "$2a$10$never-shown-hash"},
		&ringbid.Method{Name: "keystone-inbox", Buyer: "keystone-insurance", Type: "portal"},
	}
}

// richLeads are those that tests look for by name.
func richLeads(now time.Time) []ringbid.Lead {
	rich := newLead(RichID, now, 3*time.Minute+12*time.Second, ringbid.TagMap{
		"first_name": "Ana", "last_name": "Martinez", "phone": "+13105550142", "phone2": "+13235550143", "email": "ana.martinez@mail.example", "address": "1200 Sunset Blvd", "address2": "Apt 7",
		"city": "Beverly Hills", "state": "CA", "zip": "90210", "vehicles": "2", "currently_insured": "yes", "best_time": "after 5 pm", "roof_age": "",
		"trustedform_url": "https://cert.trustedform.com/0a1b2c3d4e5f60718293a4b5c6d7e8f901234567", "leadid": "0c2d1e3f-1111-4222-8333-444455556666",
		"consent_text": "I agree to be called about insurance offers by Keystone Insurance, also by automatic means.", "consent_time": now.Add(-4 * time.Minute).UTC().Format(time.RFC3339), "ip": "203.0.113.77",
	})
	rich.Auction = &ringbid.Auction{}
	other := newLead(OtherLeadID, now, 5*time.Minute, ringbid.TagMap{"first_name": "Olga", "last_name": "Northerly", "phone": "+13125550188", "state": "IL"})
	other.Purchases[0].Buyer, other.Purchases[0].Target = "northwind", "northwind-auto"
	taken := newLead(TakenLeadID, now, 9*time.Minute, ringbid.TagMap{"first_name": "Quentin", "last_name": "Zimmer", "phone": "+14155550166", "city": "Oakland", "state": "CA", "zip": "94601", "vehicles": "3"})
	taken.Purchases[0].Agent, taken.Purchases[0].Status = "bella", "contacted"
	seen := taken.Received.Add(100 * time.Second)
	taken.Purchases[0].Viewed, taken.Purchases[0].Contacted = &seen, &seen
	hostile := newLead(HostileLeadID, now, 26*time.Hour, ringbid.TagMap{
		"first_name": "<script>alert(1)</script>" + strings.Repeat("A", 4<<10), "last_name": "\u202egnirts\u202d <img src=x onerror=alert(1)>", "phone": "+16025550155", "city": "=cmd|' /C calc'!A0", "state": "AZ", "zip": "+85001",
		"email": "javascript:alert(1)", "trustedform_url": "javascript:alert(1)", "consent_url": "https://cert.trustedform.com.evil.example/x", "note": "@SUM(1+1)*cmd|' /C calc'!A0", "dde": "\t=1+1", "pipe": "|calc", "minus": "-2+3",
		"evil_link": "https://evil.example/?<script>alert(1)</script>", "rtl": "\u200f\u202eabc", strings.Repeat("k", 64): strings.Repeat("v", 4<<10),
	})
	refused := newLead(RefusedLeadID, now, time.Hour, ringbid.TagMap{"first_name": "Never", "last_name": "Reached", "phone": "+13125550189"})
	refused.Purchases[0].State = ringbid.PurchaseRejected
	return []ringbid.Lead{rich, other, taken, hostile, refused}
}

// plainLeads are a day's work.
func plainLeads(now time.Time) []ringbid.Lead {
	names := []string{"Ben Okafor", "Carla Jensen", "Dmitri Petrov", "Esther Adeyemi", "Farid Haddad", "Grace O’Neill", "Hiro Tanaka", "Ingrid Solberg", "Jamal Washington", "Katarzyna Wiśniewska", "Luis Fernández", "Mei Chen"}
	places := [][3]string{{"Phoenix", "AZ", "85001"}, {"San Diego", "CA", "92101"}, {"Denver", "CO", "80202"}, {"Austin", "TX", "78701"}}
	statuses := []string{"new", "new", "contacted", "no_contact", "appointment", "quoted", "converted", "invalid", "converted", "returned", "duplicate", "contacted"}
	var out []ringbid.Lead
	for i, name := range names {
		first, last, _ := strings.Cut(name, " ")
		at := places[i%len(places)]
		l := newLead(fmt.Sprintf("019a0000-0000-7000-8000-00000000a%03d", i), now, time.Duration(40+i*i*1100)*time.Second, ringbid.TagMap{
			"first_name": first, "last_name": last, "phone": fmt.Sprintf("+1%s5550%03d", []string{"602", "619", "303", "512"}[i%4], 100+i), "city": at[0], "state": at[1], "zip": at[2], "vehicles": "1",
		})
		p := &l.Purchases[0]
		p.Status = statuses[i]
		if i > 1 {
			viewed, contacted := l.Received.Add(time.Duration(20+i*9)*time.Second), l.Received.Add(time.Duration(60+i*47)*time.Second)
			p.Agent, p.Viewed = []string{"agent", "bella"}[i%2], &viewed
			if p.Status != "no_contact" && p.Status != "invalid" {
				p.Contacted = &contacted
			}
		}
		switch p.Status {
		case "returned":
			p.State, p.Sale.Revenue = ringbid.PurchaseReturned, 0
		case "new":
			if i == 0 {
				p.State, p.Decided, l.Deliveries[0].State = ringbid.PurchasePending, nil, ringbid.DeliverySending
			}
		}
		out = append(out, l)
	}
	return out
}
