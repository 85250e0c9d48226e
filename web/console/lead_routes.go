package console

import (
	"net/http"
	"slices"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// leadRoutes are the pages of data leads and who may see them.
func (c *Console) leadRoutes() []web.Route {
	operator := []ringbid.Role{ringbid.RoleOperator}
	listener := []ringbid.Role{ringbid.RoleOperator, ringbid.RoleQA}
	leads, deliveries, maps, returns := c.c.Leads != nil, c.c.Deliveries != nil, c.c.Maps != nil && c.c.Documents != nil, c.c.Returns != nil
	return []web.Route{
		{Pattern: "GET /leads", Roles: listener, Handle: there(leads, c.leads)},
		{Pattern: "GET /leads.csv", Roles: listener, Handle: there(leads, c.leadExport)},
		{Pattern: "GET /leads/{id}", Roles: listener, Handle: there(leads, c.lead)},
		{Pattern: "GET /leads/{id}/facts.json", Roles: listener, Handle: there(leads, c.leadFacts)},
		{Pattern: "GET /deliveries", Roles: operator, Handle: there(deliveries, c.deliveries)},
		{Pattern: "GET /deliveries/part", Roles: operator, Handle: there(deliveries, c.deliveriesPart)},
		{Pattern: "POST /deliveries/breaker", Roles: operator, Handle: there(deliveries, c.closeBreaker)},
		{Pattern: "GET /exceptions", Roles: operator, Handle: there(deliveries, c.exceptions)},
		{Pattern: "POST /exceptions", Roles: operator, Handle: there(deliveries, c.exceptionsDone)},
		{Pattern: "GET /exceptions/{id}", Roles: operator, Handle: there(deliveries, c.exception)},
		{Pattern: "POST /exceptions/{id}/preview", Roles: operator, Handle: there(deliveries, c.exception)},
		{Pattern: "POST /exceptions/{id}", Roles: operator, Handle: there(deliveries, c.exceptionDone)},
		{Pattern: "GET /methods", Roles: operator, Handle: there(deliveries, c.methods)},
		{Pattern: "GET /methods/{name}", Roles: operator, Handle: there(deliveries, c.method)},
		{Pattern: "GET /maps", Roles: operator, Handle: there(maps, c.maps)},
		{Pattern: "GET /maps/{name}", Roles: operator, Handle: there(maps, c.fieldMap)},
		{Pattern: "POST /maps/{name}/try", Roles: operator, Handle: there(maps, c.tryMap)},
		{Pattern: "POST /maps/{name}/publish", Roles: operator, Handle: there(maps, c.publishMap)},
		{Pattern: "GET /returns", Roles: operator, Handle: there(returns, c.returns)},
		{Pattern: "POST /returns/{id}", Roles: operator, Handle: there(returns, c.decideReturn)},
	}
}

// there answers with the page where this installation has what it needs.
func there(is bool, h web.Handler) web.Handler {
	if is {
		return h
	}
	return func(http.ResponseWriter, *web.Request) error {
		return ringbid.Errorf(ringbid.NotFound, "this installation has no data leads")
	}
}

// view makes the frame of a page, without the rail's entries of pages that are
// not there.
func (c *Console) view(r *web.Request, title, section string) web.View {
	v := r.View(title, section)
	missing := map[string]bool{"leads": c.c.Leads == nil, "deliveries": c.c.Deliveries == nil, "maps": c.c.Maps == nil || c.c.Documents == nil}
	v.Places = slices.DeleteFunc(v.Places, func(p web.Place) bool { return missing[p.Section] })
	return v
}
