package webtest_test

import "github.com/ringbid/ringbid/web/webtest"

// deskSights are the operator's pages of data leads.
func deskSights() []sight {
	return []sight{
		{"leads", "operator", "/leads", "table"},
		{"leads-qa", "quinn", "/leads", "table"},
		{"leads-none", "operator", "/leads?text=nosuchthing", ".empty"},
		{"lead", "operator", "/leads/" + webtest.DeskLeadID, "#axis"},
		{"lead-qa", "quinn", "/leads/" + webtest.DeskLeadID, "#axis"},
		{"lead-selling", "operator", "/leads/" + webtest.DeskSellingID, "#axis"},
		{"lead-held", "operator", "/leads/" + webtest.DeskHeldID, "#axis"},
		{"lead-refused", "operator", "/leads/" + webtest.DeskRefusedID, "#axis"},
		{"lead-unsold", "operator", "/leads/" + webtest.DeskUnsoldID, "#axis"},
		{"lead-hostile", "operator", "/leads/" + webtest.DeskHostileID, "#axis"},
		{"lead-call", "operator", "/leads/" + webtest.RichID, "#axis"},
		{"deliveries", "operator", "/deliveries", ".tiles"},
		{"exceptions", "operator", "/exceptions", ".card"},
		{"exception", "operator", "/exceptions/" + webtest.DeskExceptionID, "form.card"},
		{"maps", "operator", "/maps", ".card"},
		{"map", "operator", "/maps/keystone-auto", "#text"},
		{"returns", "operator", "/returns", ".card"},
		{"methods", "operator", "/methods", ".card"},
		{"method", "operator", "/methods/keystone-http", "pre"},
		{"campaign-leads", "operator", "/campaigns/auto-leads", "table"},
		{"buyer-leads", "operator", "/buyers/keystone-insurance", "table"},
	}
}
