package webtest

import (
	"github.com/ringbid/ringbid"
)

// deskDocuments are what a network that sells leads has beside its calls.
func deskDocuments() []ringbid.Document {
	lead := &ringbid.LeadRules{
		RepeatDays: 30, Share: 2,
		Fields: []ringbid.LeadField{
			{Name: "first_name", Title: "First name", Required: true, Aliases: []string{"fname", "firstName"}},
			{Name: "last_name", Title: "Last name", Required: true, Aliases: []string{"lname", "lastName"}},
			{Name: "phone", Title: "Phone", Type: "phone", Required: true, Aliases: []string{"phone_number", "primaryPhone"}},
			{Name: "email", Title: "E-mail", Type: "email", Required: true},
			{Name: "address", Title: "Street"}, {Name: "city"}, {Name: "state", Type: "state", Required: true}, {Name: "zip", Type: "zip", Required: true},
			{Name: "dob", Title: "Date of birth", Type: "date", Aliases: []string{"birthdate"}, Layouts: []string{"MM/DD/YYYY"}},
			{Name: "currently_insured", Type: "boolean"}, {Name: "vehicles", Title: "Cars", Type: "number"},
			{Name: "homeowner", Type: "choice", Values: []string{"own", "rent", "other"}, Words: map[string]string{"yes": "own", "no": "rent"}},
			{Name: "trustedform_url", Type: "trustedform", Aliases: []string{"xxTrustedFormCertUrl"}}, {Name: "leadid", Type: "leadid", Aliases: []string{"jornaya_lead_id"}},
			{Name: "consent_text"}, {Name: "consent_at", Type: "text"}, {Name: "ip", Type: "ip"},
		},
	}
	docs := []ringbid.Document{
		&ringbid.Campaign{Name: "auto-leads", Title: "Auto insurance, data leads", Lead: lead, Floor: dollars(5), Payout: &ringbid.Payout{Share: 65},
			Routes: []ringbid.Route{{Bidder: "lakeside-ping"}, {Bidder: "keystone-ping"}, {Target: "northwind-leads", Priority: 5}, {Target: "orchard-leads"}, {Target: "summit-leads"}}},
		&ringbid.Source{Name: "bright-auto", Title: "Bright Leads, auto form", Campaign: "auto-leads", Publisher: "brightleads", PostKey: "never-shown-post-key-1"},
		&ringbid.Source{Name: "search-auto", Title: "SearchCo landing page", Campaign: "auto-leads", Publisher: "searchco", PostKey: "never-shown-post-key-2", Payout: &ringbid.Payout{Amount: dollars(6)}},
	}
	methods := []*ringbid.Method{
		{Name: "keystone-http", Title: "Keystone lead intake", Buyer: "keystone-insurance", Type: "http", Preset: "json-post", Map: "keystone-auto", Settings: map[string]string{"url": "https://leads.keystone.example/v2/intake"},
			Exchange: ringbid.Raw(`{"key_header":"Idempotency-Key","timeout":"8s"}`), Auth: ringbid.MethodAuth{Kind: "header", Name: "X-Api-Key", Secret: "never-shown-method-key"}},
		{Name: "keystone-mail", Title: "Copy to Keystone’s desk", Buyer: "keystone-insurance", Type: "email", Email: &ringbid.EmailForm{To: []string{"leads@keystone.example"}, Subject: "New lead {{first_name}}"}},
		{Name: "lakeside-post", Buyer: "lakeside", Type: "http", Preset: "boberdoo", Settings: map[string]string{"url": "https://lakeside.example/post", "api_key": "never-shown-setting"}},
		{Name: "northwind-crm", Title: "Northwind’s Salesforce", Buyer: "northwind", Type: "http", Preset: "salesforce-rest", Auth: ringbid.MethodAuth{Kind: "oauth_client", ClientID: "ringbid", ClientSecret: "never-shown-client-secret", TokenURL: "https://login.northwind.example/token"}},
		{Name: "orchard-hubspot", Buyer: "orchard-mutual", Type: "http", Preset: "hubspot", Auth: ringbid.MethodAuth{Kind: "bearer", Secret: "never-shown-bearer"}},
		{Name: "summit-inbox", Title: "Summit’s inbox", Buyer: "summit", Type: "portal", Assign: "round_robin"},
		{Name: "missed-mail", Type: "email", Paused: true, Email: &ringbid.EmailForm{To: []string{"night@network.example"}, Digest: "daily", At: 7}},
	}
	for _, m := range methods {
		docs = append(docs, m)
	}
	target := func(name, buyer string, price float64, ways ...ringbid.Way) *ringbid.Target {
		return &ringbid.Target{Name: name, Buyer: buyer, Price: dollars(price), Methods: ways, Zone: "America/New_York"}
	}
	docs = append(docs,
		target("keystone-leads", "keystone-insurance", 0, ringbid.Way{Method: "keystone-http"}, ringbid.Way{Method: "keystone-mail", Role: ringbid.RoleParallel}),
		target("lakeside-leads", "lakeside", 0, ringbid.Way{Method: "lakeside-post"}),
		target("northwind-leads", "northwind", 9, ringbid.Way{Method: "northwind-crm"}),
		target("orchard-leads", "orchard-mutual", 8.5, ringbid.Way{Method: "orchard-hubspot"}),
		target("summit-leads", "summit", 7, ringbid.Way{Method: "summit-inbox"}),
	)
	for _, b := range [][2]string{{"keystone-ping", "keystone-leads"}, {"lakeside-ping", "lakeside-leads"}} {
		docs = append(docs, &ringbid.Bidder{Name: b[0], Target: b[1], Dialect: "exchange", URL: "https://ping.example/" + b[0], Token: "never-shown-3", Auth: ringbid.MethodAuth{Kind: "header", Name: "X-Key", Secret: "never-shown-4"}, Requires: []string{"zip"}})
	}
	versions := deskMapVersions()
	return append(docs, versions[len(versions)-1])
}

const keystoneSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,
"required":["contact.phone","contact.name","ownership","vehicle_count","tcpa_url"],
"properties":{"contact.phone":{"type":"string"},"contact.name":{"type":"string"},"ownership":{"enum":["OWN","RENT"]},"vehicle_count":{"type":"string"}}}`

// deskMapVersions are the map of the buyer that is in use, the newest last.
func deskMapVersions() []*ringbid.FieldMap {
	make := func(fields string) *ringbid.FieldMap {
		m := &ringbid.FieldMap{Name: "keystone-auto", Title: "Keystone, auto leads"}
		_ = m.Fields.UnmarshalJSON([]byte(fields))
		_ = m.Schema.UnmarshalJSON([]byte(keystoneSchema))
		return m
	}
	return []*ringbid.FieldMap{
		make(`[{"to":"source","static":"ringbid"},{"to":"contact.phone","from":"phone","required":true},{"to":"contact.email","from":"email"},{"to":"zip","from":"zip"}]`),
		make(`[{"to":"source","static":"ringbid"},{"to":"contact.name","concat":{"of":["first_name","last_name"]},"required":true},
			{"to":"contact.phone","from":"phone","format":[{"as":"phone","to":"10"}],"required":true},{"to":"contact.email","from":"email"},{"to":"zip","from":"zip"},
			{"to":"vehicle_count","from":"vehicles","default":"1"}]`),
		make(`[{"to":"source","static":"ringbid"},{"to":"contact.name","concat":{"of":["first_name","last_name"]},"required":true},
			{"to":"contact.phone","from":"phone","format":[{"as":"phone","to":"10"}],"required":true},{"to":"contact.email","from":"email"},{"to":"contact.state","from":"state"},{"to":"zip","from":"zip"},
			{"to":"ownership","from":"homeowner","translate":{"values":{"own":"OWN","rent":"RENT"}},"required":true},
			{"to":"vehicle_count","from":"vehicles","default":"1"},{"to":"tcpa_url","from":"trustedform_url"}]`),
	}
}
