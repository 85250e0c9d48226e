package web

import (
	"net/http"
	"slices"

	"github.com/ringbid/ringbid"
)

// Place is an entry of the rail.
type Place struct {
	Name, Path, Section string
	roles               []ringbid.Role
}

// places are the entries of the rail, in order. The first one a role may use is
// where it lands after signing in.
func places() []Place {
	operator := []ringbid.Role{ringbid.RoleOperator}
	return []Place{
		{"Live", "/live", "live", operator},
		{"Calls", "/calls", "calls", []ringbid.Role{ringbid.RoleOperator, ringbid.RoleQA}},
		{"Leads", "/leads", "leads", []ringbid.Role{ringbid.RoleOperator, ringbid.RoleQA}},
		{"Deliveries", "/deliveries", "deliveries", operator},
		{"Campaigns", "/campaigns", "campaigns", operator},
		{"Flows", "/flows", "flows", operator},
		{"Maps", "/maps", "maps", operator},
		{"Buyers", "/buyers", "buyers", operator},
		{"Publishers", "/publishers", "publishers", operator},
		{"Numbers", "/numbers", "numbers", operator},
		{"Reports", "/reports", "reports", operator},
		{"Settings", "/settings", "settings", operator},
		{"Desk", "/agent", "agent", []ringbid.Role{ringbid.RoleAgent}},
		{"Today", "/portal", "portal", []ringbid.Role{ringbid.RoleBuyer, ringbid.RolePublisher}},
		{"Leads", "/portal/leads", "portal-leads", []ringbid.Role{ringbid.RoleBuyer, ringbid.RoleAgent}},
		{"Calls", "/portal/calls", "portal-calls", []ringbid.Role{ringbid.RoleBuyer, ringbid.RolePublisher}},
	}
}

// Places returns the entries of the rail that the user may use.
func Places(u *ringbid.User) []Place {
	if u == nil {
		return nil
	}
	return slices.DeleteFunc(places(), func(p Place) bool { return !slices.Contains(p.roles, u.Role) })
}

func home(w http.ResponseWriter, r *Request) error {
	if p := Places(r.User); len(p) > 0 {
		http.Redirect(w, r.Request, p[0].Path, http.StatusSeeOther)
		return nil
	}
	return ringbid.Errorf(ringbid.Denied, "your role, %s, has no pages", r.User.Role)
}
