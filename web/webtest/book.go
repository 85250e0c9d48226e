package webtest

import (
	"fmt"
	"time"

	"github.com/ringbid/ringbid"
)

// Password opens every user's session.
const Password = "correct-horse"

func seconds(n int) ringbid.Duration { return ringbid.Duration(time.Duration(n) * time.Second) }

func dollars(n float64) ringbid.Money { return ringbid.Money(n*100+0.5) * 100 }

// documents are the installation's configuration.
func documents() []ringbid.Document {
	docs := []ringbid.Document{
		&ringbid.Trunk{Name: "carrier", Title: "Bluewave (in)", From: []string{"192.0.2.0/24"}, MaxCalls: 200, CallsPerSecond: 20},
		&ringbid.Trunk{Name: "northwind-pbx", Title: "Northwind call centre", Address: "pbx.northwind.example:5060"},
		&ringbid.Trunk{Name: "exchange", Title: "Buyers’ exchange", Address: "198.51.100.7:5060", Username: "ringbid", Password: "never-shown-1"},
		&ringbid.Publisher{Name: "brightleads", Title: "Bright Leads Media", Email: "calls@brightleads.example"},
		&ringbid.Publisher{Name: "searchco", Title: "SearchCo", Email: "ops@searchco.example"},
		&ringbid.Campaign{Name: "auto-insurance", Title: "Auto insurance, inbound", Flow: "auto", Deadline: seconds(2), Floor: dollars(10),
			Payout: &ringbid.Payout{Share: 65, After: seconds(30)},
			Routes: []ringbid.Route{{Bidder: "keystone"}, {Bidder: "orchard"}, {Bidder: "redwood"}, {Bidder: "apex"}, {Target: "northwind-auto", Priority: 5}, {Target: "summit-auto"}}},
		&ringbid.Campaign{Name: "roofing", Title: "Roof repair", Flow: "roof", Payout: &ringbid.Payout{Amount: dollars(9.5)}, Routes: []ringbid.Route{{Target: "summit-roof"}}},
		&ringbid.Number{Name: "auto-main", Number: "+18005550100", Campaign: "auto-insurance", Publisher: "brightleads"},
		&ringbid.Number{Name: "auto-search", Number: "+18005550110", Campaign: "auto-insurance", Publisher: "searchco", Payout: &ringbid.Payout{Amount: dollars(12), After: seconds(30)}},
		&ringbid.Number{Name: "roof-main", Number: "+18005550101", Campaign: "roofing", Publisher: "brightleads"},
		&ringbid.Prompt{Name: "music", Music: 24},
	}
	for _, p := range []string{"recorded", "ask-kind", "ask-zip", "bad-zip", "finding", "nobody", "sorry", "closed"} {
		docs = append(docs, &ringbid.Prompt{Name: p, Text: "Thank you for calling.", Voice: "en-us"})
	}
	return append(append(append(append(docs, buying()...), flows()...), users()...), leadDocuments()...)
}

func buying() []ringbid.Document {
	var docs []ringbid.Document
	for _, b := range [][2]string{{"keystone-insurance", "Keystone Insurance"}, {"orchard-mutual", "Orchard Mutual"}, {"redwood-direct", "Redwood Direct"},
		{"northwind", "Northwind Insurance"}, {"summit", "Summit Home & Auto"}, {"lakeside", "Lakeside Services"}} {
		docs = append(docs, &ringbid.Buyer{Name: b[0], Title: b[1]})
	}
	target := func(name, buyer, trunk, user string, price float64, lines int, zone string) *ringbid.Target {
		return &ringbid.Target{Name: name, Buyer: buyer, Trunk: trunk, User: user, Price: dollars(price), Zone: zone, Concurrency: lines, ConvertAfter: seconds(30), RingTimeout: seconds(20)}
	}
	keystone := target("keystone-agents", "keystone-insurance", "exchange", "18885550142", 0, 12, "America/New_York")
	keystone.Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 250}, {On: "revenue", Per: "day", Amount: dollars(5000)}}
	keystone.Headers = map[string]string{"X-Lead-Zip": "{{zip}}"}
	docs = append(docs, keystone,
		target("orchard-agents", "orchard-mutual", "exchange", "18885550143", 0, 8, "America/Chicago"),
		target("redwood-agents", "redwood-direct", "exchange", "18885550144", 0, 20, "America/Los_Angeles"),
		target("northwind-auto", "northwind", "northwind-pbx", "2001", 22, 30, "America/Chicago"),
		target("summit-auto", "summit", "northwind-pbx", "3001", 18, 6, "America/Denver"),
		target("summit-roof", "summit", "northwind-pbx", "3002", 20, 6, "America/Denver"),
		target("lakeside-best", "lakeside", "exchange", "18885550149", 0, 4, "America/New_York"))
	for _, b := range [][3]string{{"keystone", "keystone-agents", "60"}, {"orchard", "orchard-agents", "34"}, {"redwood", "redwood-agents", "50"}, {"apex", "lakeside-best", "80"}} {
		most, _ := ringbid.ParseMoney(b[2])
		docs = append(docs, &ringbid.Bidder{Name: b[0], Target: b[1], Dialect: "ringba", URL: fmt.Sprintf("https://bids.%s.example/v1/ping.json", b[0]),
			Token: "never-shown-2", Requires: []string{"zip"}, Fields: map[string]string{"zipcode": "zip"}, Timeout: seconds(1), MaxBid: most})
	}
	return docs
}

func flows() []ringbid.Document {
	return []ringbid.Document{
		&ringbid.Flow{Name: "auto", Title: "Auto insurance questions", Start: "welcome", Nodes: []ringbid.Node{
			{ID: "welcome", Type: ringbid.NodeDisclose, Prompt: "recorded", Next: "hours"},
			{ID: "hours", Type: ringbid.NodeHours, Zone: "America/New_York", Hours: ringbid.Hours{{Days: "mon-fri", From: "08:00", To: "23:59"}}, Closed: "closed", Next: "open"},
			{ID: "open", Type: ringbid.NodeAuction, Next: "kind"},
			{ID: "kind", Type: ringbid.NodeMenu, Prompt: "ask-kind", Tag: "kind", Choices: ringbid.KeyMap{"1": "zip", "2": "zip", "3": "message"}, Failed: "goodbye"},
			{ID: "zip", Type: ringbid.NodeGather, Prompt: "ask-zip", Tag: "zip", Min: 5, Max: 5, Validate: "zip", Retries: 2, RetryPrompt: "bad-zip", Next: "region", Failed: "goodbye"},
			{ID: "region", Type: ringbid.NodeBranch, Cases: []ringbid.Case{{If: `zip startsWith "9"`, Next: "west"}}, Next: "thanks"},
			{ID: "west", Type: ringbid.NodeSet, Set: ringbid.TagMap{"region": "west"}, Next: "thanks"},
			{ID: "thanks", Type: ringbid.NodePlay, Prompt: "finding", Next: "connect"},
			{ID: "connect", Type: ringbid.NodeDial, Prompt: "music", None: "sorry"},
			{ID: "sorry", Type: ringbid.NodePlay, Prompt: "nobody", Next: "bye"},
			{ID: "goodbye", Type: ringbid.NodePlay, Prompt: "sorry", Next: "bye"},
			{ID: "closed", Type: ringbid.NodePlay, Prompt: "closed", Next: "message"},
			{ID: "message", Type: ringbid.NodeVoicemail, Prompt: "sorry"},
			{ID: "bye", Type: ringbid.NodeHangup},
		}},
		&ringbid.Flow{Name: "roof", Title: "Roof repair questions", Start: "welcome", Nodes: []ringbid.Node{
			{ID: "welcome", Type: ringbid.NodeDisclose, Prompt: "recorded", Next: "zip"},
			{ID: "zip", Type: ringbid.NodeGather, Prompt: "ask-zip", Tag: "zip", Min: 5, Max: 5, Validate: "zip", Next: "open", Failed: "bye"},
			{ID: "open", Type: ringbid.NodeAuction, Next: "connect"},
			{ID: "connect", Type: ringbid.NodeDial, Prompt: "music", None: "bye"},
			{ID: "bye", Type: ringbid.NodeHangup},
		}},
	}
}

func users() []ringbid.Document {
	hash := "$2a$10$never-shown-hash"
	return []ringbid.Document{
		&ringbid.User{Name: "operator", Title: "Olivia Operator", Role: ringbid.RoleOperator, PasswordHash: hash, Phone: &ringbid.Extension{Trunk: "northwind-pbx", User: "1001"}},
		&ringbid.User{Name: "quinn", Title: "Quinn Quality", Role: ringbid.RoleQA, PasswordHash: hash},
		&ringbid.User{Name: "agent", Title: "Ada Agent", Role: ringbid.RoleAgent, Buyer: "keystone-insurance", PasswordHash: hash},
		&ringbid.User{Name: "keystone", Title: "Keystone Insurance", Role: ringbid.RoleBuyer, Buyer: "keystone-insurance", PasswordHash: hash},
		&ringbid.User{Name: "northwind", Title: "Northwind Insurance", Role: ringbid.RoleBuyer, Buyer: "northwind", PasswordHash: hash},
		&ringbid.User{Name: "brightleads", Title: "Bright Leads Media", Role: ringbid.RolePublisher, Publisher: "brightleads", PasswordHash: hash},
		&ringbid.User{Name: "former", Title: "Frank Former", Role: ringbid.RoleOperator, Disabled: true, PasswordHash: hash},
	}
}
