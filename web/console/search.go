package console

import (
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// find returns the address of what the text means.
func (c *Console) find(r *web.Request, q string) string {
	low := strings.ToLower(q)
	for _, p := range web.Places(r.User) {
		if low == strings.ToLower(p.Name) {
			return p.Path
		}
	}
	if len(q) == 36 && strings.Count(q, "-") == 4 {
		return c.byID(r, low)
	}
	if c.c.Leads != nil && strings.Contains(q, "@") {
		return c.byMail(r, q)
	}
	if p, err := ringbid.ParsePhone(q); err == nil {
		if _, ours := c.c.Book().Numbers[p]; ours {
			return "/calls?" + url.Values{"number": {string(p)}}.Encode()
		}
		return "/calls?" + url.Values{"caller": {p.Digits()}}.Encode()
	}
	if d := strings.Map(keepDigits, q); len(d) >= 4 && len(d)*2 > len(q) {
		return "/calls?" + url.Values{"caller": {d}}.Encode()
	}
	if r.Is(ringbid.RoleOperator) {
		if path := c.document(low); path != "" {
			return path
		}
	}
	if q == "" {
		return "/calls"
	}
	return "/calls?" + url.Values{"text": {q}}.Encode()
}

// byID returns the page of the call or lead with the id. A lead that was made of
// a call has the call's id, and the call is what is meant.
func (c *Console) byID(r *web.Request, id string) string {
	if c.c.Leads != nil {
		_, noCall := c.c.Calls.Call(r.Context(), id)
		if _, err := c.c.Leads.Lead(r.Context(), id); noCall != nil && err == nil {
			return "/leads/" + url.PathEscape(id)
		}
	}
	return "/calls/" + url.PathEscape(id)
}

// byMail returns the page of the only lead of a mail address, or the list of
// those that have it.
func (c *Console) byMail(r *web.Request, q string) string {
	l, err := c.c.Leads.Leads(r.Context(), web.LeadFilter{Text: q, Limit: 2})
	if err == nil && len(l.Leads) == 1 {
		return "/leads/" + url.PathEscape(l.Leads[0].ID)
	}
	return "/leads?" + url.Values{"text": {q}}.Encode()
}

// document returns the page of the document with the name or title.
func (c *Console) document(low string) string {
	b := c.c.Book()
	is := func(name, title string) bool { return low == name || low == strings.ToLower(title) && title != "" }
	for _, d := range b.Buyers {
		if is(d.Name, d.Title) {
			return "/buyers/" + d.Name
		}
	}
	for _, d := range b.Campaigns {
		if is(d.Name, d.Title) {
			return "/campaigns/" + d.Name
		}
	}
	for _, d := range b.Publishers {
		if is(d.Name, d.Title) {
			return "/publishers/" + d.Name
		}
	}
	for _, d := range b.Flows {
		if is(d.Name, d.Title) {
			return "/flows/" + d.Name
		}
	}
	for _, d := range b.Maps {
		if is(d.Name, d.Title) && c.c.Maps != nil && c.c.Documents != nil {
			return "/maps/" + d.Name
		}
	}
	for _, d := range b.Methods {
		if is(d.Name, d.Title) && c.c.Deliveries != nil {
			return "/methods/" + d.Name
		}
	}
	return ""
}

func keepDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}
