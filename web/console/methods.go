package console

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type methodsPage struct {
	web.View
	Rows []methodRow
}

// methodPage shows one method, who uses it and how its endpoint does.
type methodPage struct {
	web.View
	methodRow
	Text string
}

type methodRow struct {
	*ringbid.Method
	Way, BuyerTitle string
	Targets         []targetUse
	Health          *endpointHealth // nil where it was not used yet
	Maps            bool
}

// targetUse is a target that delivers by a method.
type targetUse struct{ Target, Role, Words string }

// methods lists the ways in which buyers get leads.
func (c *Console) methods(w http.ResponseWriter, r *web.Request) error {
	rows, err := c.methodRows(r)
	if err != nil {
		return err
	}
	return c.pages.Write(w, http.StatusOK, "methods.html", methodsPage{View: c.view(r, "Methods", "deliveries"), Rows: rows})
}

func (c *Console) methodRows(r *web.Request) ([]methodRow, error) {
	watch, err := c.c.Deliveries.Watch(r.Context())
	if err != nil {
		return nil, err
	}
	b, now := c.c.Book(), c.c.Now()
	health := map[string]*endpointHealth{}
	for _, e := range watch.Endpoints {
		h := newEndpointHealth(e, b, now)
		health[e.Method] = &h
	}
	var rows []methodRow
	for _, m := range sorted(b.Methods) {
		row := methodRow{Method: m, Way: typeText(m.Type), Health: health[m.Name], Maps: c.c.Maps != nil && c.c.Documents != nil}
		if m.Buyer != "" {
			row.BuyerTitle = buyerTitle(b, m.Buyer)
		}
		for _, t := range sorted(b.Targets) {
			for i, way := range t.Methods {
				if way.Method == m.Name {
					row.Targets = append(row.Targets, targetUse{t.Name, t.RoleOf(i), roleText(t.RoleOf(i))})
				}
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// How says by what exchange the method goes.
func (m methodRow) How() string {
	switch {
	case m.Type == "http":
		return cmp.Or(m.Preset, "json-post")
	case m.Email != nil && m.Email.Digest != "":
		return m.Email.Digest + " digest to " + strings.Join(m.Email.To, ", ")
	case m.Email != nil:
		return "to " + strings.Join(m.Email.To, ", ")
	case m.Type == "portal":
		return plainWord(cmp.Or(m.Assign, "claim"))
	}
	return ""
}

func (c *Console) method(w http.ResponseWriter, r *web.Request) error {
	m := c.c.Book().Methods[r.PathValue("name")]
	if m == nil {
		return absent("method", r.PathValue("name"))
	}
	rows, err := c.methodRows(r)
	if err != nil {
		return err
	}
	text, err := documentText(m)
	if err != nil {
		return err
	}
	p := methodPage{View: c.view(r, cmp.Or(m.Title, m.Name), "deliveries"), Text: text}
	for _, row := range rows {
		if row.Name == m.Name {
			p.methodRow = row
		}
	}
	return c.pages.Write(w, http.StatusOK, "method.html", p)
}
