package portal

import (
	"log/slog"
	"net/http"
	"slices"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// callPage stands in where a call could not be noted.
type callPage struct {
	web.View
	Phone ringbid.Phone
	Back  string
}

// callLead notes that the user calls the person, then sends the browser to the
// telephone. An agent who calls what nobody has taken takes it. A person is not
// left waiting because it cannot be noted: then a page has the number.
func (p *Portal) callLead(w http.ResponseWriter, r *web.Request) error {
	asked, bad := ringbid.ParsePhone(r.PostFormValue("number"))
	l, x, err := p.ownLead(r)
	switch kind := ringbid.KindOf(err); {
	case err == nil:
	case bad == nil && (kind == ringbid.Unavailable || kind == ringbid.Internal):
		return p.callAnyway(w, r, asked, err)
	default:
		return err
	}
	if taken(r.User, x) {
		return p.again(w, r, http.StatusConflict, p.inOtherHands(x))
	}
	numbers := phones(p.c.Book(), l)
	switch {
	case len(numbers) == 0:
		return p.again(w, r, http.StatusConflict, ringbid.Errorf(ringbid.Conflict, "the lead has no number that can be called"))
	case !slices.Contains(numbers, asked):
		asked = numbers[0]
	}
	if x.Agent == "" && r.Is(ringbid.RoleAgent) {
		err = p.c.Leads.Act(r.Context(), r.User.Buyer, p.deed(r, l, x, "assigned", r.User.Name))
	}
	if err == nil {
		err = p.c.Leads.Act(r.Context(), r.User.Buyer, p.deed(r, l, x, "call", string(asked)))
	}
	switch {
	case err == nil:
		http.Redirect(w, r.Request, dial(asked), http.StatusSeeOther)
		return nil
	case ringbid.KindOf(err) == ringbid.Conflict:
		return p.again(w, r, http.StatusConflict, err)
	}
	return p.callAnyway(w, r, asked, err)
}

func (p *Portal) callAnyway(w http.ResponseWriter, r *web.Request, number ringbid.Phone, err error) error {
	p.c.Logger.Error("lead called, not noted", slog.String("lead_id", r.PathValue("id")), slog.Any("error", err))
	return p.pages.Write(w, http.StatusOK, "lead-call.html", callPage{View: r.View("Call", "portal-leads"), Phone: number, Back: "/portal/leads"})
}

// dial is the address that makes a telephone dial (RFC 3966).
func dial(p ringbid.Phone) string { return "tel:" + string(p) }
