package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Desk is what can be done at a live call. Errors are Conflict, NotFound and
// Invalid, with a text for people.
type Desk interface {
	// Supervise rings the supervisor, changes what is heard, or leaves.
	Supervise(callID string, v ringbid.Supervision) error
	// Send takes the caller to a target, on behalf of by.
	Send(callID, target, by string) error
}

// deskPart is what the page of a live call offers.
type deskPart struct {
	Watch   string // who does what at the call now
	Phone   bool   // the user has a telephone to be rung
	All     bool   // may do more than listen, and send the call elsewhere
	Targets []*ringbid.Target
}

// desk says what the user can do at the call; nil for a call that is over.
func (c *Console) desk(r *web.Request, call *ringbid.Call) *deskPart {
	if c.c.Desk == nil || call.State != ringbid.StateLive {
		return nil
	}
	book := c.c.Book()
	d := &deskPart{All: r.Is(ringbid.RoleOperator)}
	if u := book.Users[r.User.Name]; u != nil {
		d.Phone = u.Phone != nil
	}
	for _, card := range c.c.Board.Cards() {
		if card.Call == call.ID {
			d.Watch = card.Watch
		}
	}
	for _, t := range sorted(book.Targets) {
		if t.Trunk != "" && !t.Paused {
			d.Targets = append(d.Targets, t)
		}
	}
	return d
}

// supervise carries out an order of the user about a live call. QA may listen
// only.
func (c *Console) supervise(w http.ResponseWriter, r *web.Request) error {
	mode := r.PostFormValue("mode")
	quiet := mode == ringbid.SuperviseListen || mode == ringbid.SuperviseOff
	switch {
	case c.c.Desk == nil:
		return ringbid.Errorf(ringbid.NotFound, "calls cannot be supervised here")
	case !ringbid.SuperviseMode(mode):
		return ringbid.FieldError("mode", "%.20q is not listen, whisper, barge or off", mode)
	case !quiet && !r.Is(ringbid.RoleOperator):
		return ringbid.Errorf(ringbid.Denied, "only an operator may speak at a call")
	}
	u := c.c.Book().Users[r.User.Name]
	if u == nil || u.Phone == nil {
		return ringbid.FieldError("phone", "your user has no telephone: set phone in its document")
	}
	id := r.PathValue("id")
	if err := c.c.Desk.Supervise(id, ringbid.Supervision{By: u.Name, Phone: *u.Phone, Mode: mode}); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/calls/"+id, http.StatusSeeOther)
	return nil
}

// send takes the caller to a target of the operator's choice.
func (c *Console) send(w http.ResponseWriter, r *web.Request) error {
	target := strings.TrimSpace(r.PostFormValue("target"))
	if c.c.Desk == nil {
		return ringbid.Errorf(ringbid.NotFound, "calls cannot be sent elsewhere here")
	}
	if t := c.c.Book().Targets[target]; t == nil || t.Trunk == "" {
		return ringbid.FieldError("target", "there is no target %.64q that takes calls", target)
	}
	id := r.PathValue("id")
	if err := c.c.Desk.Send(id, target, r.User.Name); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/calls/"+id, http.StatusSeeOther)
	return nil
}

// deskRoutes are the orders about live calls.
func (c *Console) deskRoutes() []web.Route {
	operator := []ringbid.Role{ringbid.RoleOperator}
	return []web.Route{
		{Pattern: "POST /calls/{id}/supervise", Roles: slices.Concat(operator, []ringbid.Role{ringbid.RoleQA}), Handle: c.supervise},
		{Pattern: "POST /calls/{id}/send", Roles: operator, Handle: c.send},
	}
}
