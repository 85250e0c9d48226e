package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// act notes what the user did with the lead of the address, and shows it; bad is
// what is wrong with the request itself, word what the page says then.
func (p *Portal) act(w http.ResponseWriter, r *web.Request, word, kind, text string, bad error) error {
	l, x, err := p.ownLead(r)
	if err != nil {
		return err
	}
	switch {
	case taken(r.User, x):
		return p.again(w, r, http.StatusConflict, p.inOtherHands(x))
	case bad != nil:
		return p.again(w, r, http.StatusBadRequest, bad)
	}
	err = p.c.Leads.Act(r.Context(), r.User.Buyer, p.deed(r, l, x, kind, text))
	switch {
	case err == nil:
		http.Redirect(w, r.Request, "/portal/leads/"+url.PathEscape(l.ID)+"?did="+word, http.StatusSeeOther)
		return nil
	case ringbid.KindOf(err) == ringbid.Conflict:
		return p.again(w, r, http.StatusConflict, err)
	}
	return err
}

func (p *Portal) inOtherHands(x *ringbid.Purchase) error {
	return ringbid.Errorf(ringbid.Conflict, "%s works this lead", whois(p.c.Book(), x.Agent))
}

// again shows a lead after something was not done with it, with what was typed.
func (p *Portal) again(w http.ResponseWriter, r *web.Request, status int, why error) error {
	l, x, err := p.ownLead(r)
	if err != nil {
		return err
	}
	done, err := p.c.Leads.Activity(r.Context(), r.User.Buyer, l.ID)
	if err != nil {
		return err
	}
	page := p.leadPage(r, l, x, done)
	page.Wrong, page.Typed, page.Did = sentence(why), r.PostForm, ""
	return p.writeLead(w, r, status, page)
}

// sentence makes one of an error that may be shown.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// did says what the user just did.
func did(word string) string {
	return map[string]string{
		"status": "The status is kept.", "note": "The note is kept.", "claim": "The lead is yours.", "release": "The lead is free for the others.",
		"assign": "The lead has changed hands.", "return": "The return is asked for. The operator decides and the lead’s history will say so.",
	}[word]
}

func (p *Portal) sayStatus(w http.ResponseWriter, r *web.Request) error {
	var bad error
	value := r.PostFormValue("status")
	if !slices.ContainsFunc(sayable(), func(s LeadWord) bool { return s.Value == value }) {
		bad = ringbid.FieldError("status", "%.40q is not one of the offered words", value)
	}
	return p.act(w, r, "status", "status", value, bad)
}

func (p *Portal) noteLead(w http.ResponseWriter, r *web.Request) error {
	note, bad := written(r, "note", maxNote)
	if bad == nil && note == "" {
		bad = ringbid.FieldError("note", "is empty")
	}
	return p.act(w, r, "note", "note", note, bad)
}

// written returns a text that the user wrote into a field.
func written(r *web.Request, field string, most int) (string, error) {
	s := strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(field), "\r\n", "\n"))
	switch {
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return "", ringbid.FieldError(field, "is not text")
	case len(s) > most:
		return "", ringbid.FieldError(field, "is longer than %d bytes", most)
	}
	return s, nil
}

// claimLead takes a lead that nobody has.
func (p *Portal) claimLead(w http.ResponseWriter, r *web.Request) error {
	return p.act(w, r, "claim", "assigned", r.User.Name, nil)
}

// releaseLead gives a lead back to the team.
func (p *Portal) releaseLead(w http.ResponseWriter, r *web.Request) error {
	return p.act(w, r, "release", "assigned", "", nil)
}

// assignLead gives a lead to one of the buyer's agents.
func (p *Portal) assignLead(w http.ResponseWriter, r *web.Request) error {
	var bad error
	name := r.PostFormValue("agent")
	if name != "" && !slices.ContainsFunc(agents(p.c.Book(), r.User.Buyer), func(u *ringbid.User) bool { return u.Name == name }) {
		bad = ringbid.FieldError("agent", "%.40q is not one of your agents", name)
	}
	return p.act(w, r, "assign", "assigned", name, bad)
}

// returnLead asks the operator to take a lead back.
func (p *Portal) returnLead(w http.ResponseWriter, r *web.Request) error {
	reason := r.PostFormValue("reason")
	why, bad := written(r, "why", maxReason)
	switch {
	case bad != nil:
	case !slices.Contains(returnReasons(), reason):
		bad = ringbid.FieldError("reason", "%.40q is not one of the offered reasons", reason)
	case reason == "Other" && why == "":
		bad = ringbid.FieldError("why", "is empty: say what was wrong with the lead")
	case why != "":
		reason += ": " + why
	}
	if bad == nil && len(reason) > maxReason {
		bad = ringbid.FieldError("why", "is longer than %d bytes together with the reason", maxReason)
	}
	return p.act(w, r, "return", "return", reason, bad)
}
