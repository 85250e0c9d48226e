package sim

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// WebLead is a lead that came by a web form.
type WebLead struct {
	At     time.Time
	Fields map[string]string // under the names of the form
	// Queued says that the day's web leads were used up: it waits in the org's
	// queue, and the answer was the same.
	Queued bool
}

// WebLeads returns the leads that came by web forms, the oldest first. The org
// makes none where it drops one: an answer says nothing of either.
func (s *Salesforce) WebLeads() []WebLead {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.web)
}

// maxWebLeads is how many the queue and the org hold; more are dropped.
const maxWebLeads = 50_000

// webToLead is the servlet. It answers 200 and a page that leads on to retURL
// whatever becomes of the lead; only a header tells of some failures.
func (s *Salesforce) webToLead(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r, maxLeadBytes)
	form, unread := url.ParseQuery(string(body))
	processed := "true"
	if err != nil || unread != nil || !s.webForm(r.URL.Query().Get("orgId"), form) {
		processed = "true Exception:common.exception.SalesforceGenericException"
	}
	w.Header().Set("Is-Processed", processed)
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = fmt.Fprintf(w, `<html><head><meta http-equiv="Refresh" content="0; URL=%s"></head><body></body></html>`, html.EscapeString(form.Get("retURL")))
}

// webForm takes a form, and reports whether the org could make something of it.
func (s *Salesforce) webForm(org string, form url.Values) bool {
	// The 15 characters count; the other three repeat them.
	same := func(id string) bool { return len(id) >= 15 && id[:15] == s.cfg.OrgID[:min(15, len(s.cfg.OrgID))] }
	if !same(form.Get("oid")) || org != "" && !same(org) {
		return false
	}
	for name, size := range map[string]int{"last_name": 80, "company": 255} {
		if v := strings.TrimSpace(form.Get(name)); v == "" || len([]rune(v)) > size {
			return false
		}
	}
	lead := WebLead{At: time.Now(), Fields: make(map[string]string, len(form))}
	for name, values := range form {
		lead.Fields[name] = strings.Join(values, ";")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webMade = slices.DeleteFunc(s.webMade, func(at time.Time) bool { return lead.At.Sub(at) >= 24*time.Hour })
	if lead.Queued = len(s.webMade) >= s.cfg.WebPerDay; !lead.Queued {
		s.webMade = append(s.webMade, lead.At)
	}
	if len(s.web) < maxWebLeads {
		s.web = append(s.web, lead)
	}
	return true
}
