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
		return "/calls/" + url.PathEscape(low)
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
	return ""
}

func keepDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}
