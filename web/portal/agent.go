package portal

import (
	"net/http"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Choice is one way to say what a call was worth.
type Choice struct{ Key, Value, Word string }

// Choices are what agents may say of a call, each by its key.
func Choices() []Choice {
	return []Choice{
		{"1", "sale", "Sale"}, {"2", "callback", "Call back"}, {"3", "not_interested", "Not interested"},
		{"4", "wrong_number", "Wrong number"}, {"5", "not_qualified", "Not qualified"}, {"6", "no_conversation", "Nobody there"},
	}
}

// maxNote bounds an agent's note, in bytes.
const maxNote = 2000

type deskPage struct {
	web.View
	Presence string
	Choices  []Choice
	Before   []deskCall
}

type deskCall struct {
	ringbid.Call
	Talk time.Duration
	Said string
	Note string
}

// desk is the agent's page: room for the pop, and the calls before.
func (p *Portal) desk(w http.ResponseWriter, r *web.Request) error {
	d := deskPage{View: r.View("Desk", "agent"), Presence: p.c.Desks.Presence(r.User.Name), Choices: Choices()}
	l, err := p.c.Calls.Calls(r.Context(), web.Filter{Buyer: r.User.Buyer, From: p.c.Now().Add(-24 * time.Hour), Limit: 20})
	if err != nil && ringbid.KindOf(err) != ringbid.Unavailable {
		return err
	}
	ids := make([]string, 0, len(l.Calls))
	for i := range l.Calls {
		ids = append(ids, l.Calls[i].ID)
	}
	said, err := p.c.Dispositions.Disposed(r.Context(), r.User.Name, ids)
	if err != nil && ringbid.KindOf(err) != ringbid.Unavailable {
		return err
	}
	for i := range l.Calls {
		c := &l.Calls[i]
		d.Before = append(d.Before, deskCall{*c, time.Duration(c.ConnectedMS) * time.Millisecond, word(said[c.ID].Value), said[c.ID].Note})
	}
	return p.pages.Write(w, http.StatusOK, "agent.html", d)
}

func word(value string) string {
	for _, c := range Choices() {
		if c.Value == value {
			return c.Word
		}
	}
	return value
}

// status sets ready or away for browsers without script.
func (p *Portal) status(w http.ResponseWriter, r *web.Request) error {
	s := r.PostFormValue("presence")
	if s != "ready" && s != "away" {
		return ringbid.FieldError("presence", "%.20q is not ready or away", s)
	}
	p.c.Desks.SetPresence(r.User.Name, s)
	http.Redirect(w, r.Request, "/agent", http.StatusSeeOther)
	return nil
}

// dispose keeps what the agent says of a call that was on their screen, or that
// their buyer took.
func (p *Portal) dispose(w http.ResponseWriter, r *web.Request) error {
	id, value, note := r.PathValue("id"), r.PostFormValue("disposition"), r.PostFormValue("note")
	if len(id) > 64 {
		return ringbid.Errorf(ringbid.NotFound, "there is no such call")
	}
	if !slices.ContainsFunc(Choices(), func(c Choice) bool { return c.Value == value }) {
		return ringbid.FieldError("disposition", "%.40q is not one of the offered words", value)
	}
	if len(note) > maxNote {
		return ringbid.FieldError("note", "is longer than %d bytes", maxNote)
	}
	if !p.c.Desks.Popped(r.User.Name, id) {
		c, err := p.c.Calls.Call(r.Context(), id)
		if err != nil {
			return err
		}
		if c.Buyer == "" || c.Buyer != r.User.Buyer {
			return ringbid.Errorf(ringbid.NotFound, "there is no call %.40q", id)
		}
	}
	if err := p.c.Dispositions.Dispose(r.Context(), Disposition{CallID: id, User: r.User.Name, Value: value, Note: note, At: p.c.Now()}); err != nil {
		return err
	}
	if r.Header.Get("Accept") == "application/json" {
		return web.WriteJSON(w, map[string]string{"disposition": value})
	}
	http.Redirect(w, r.Request, "/agent", http.StatusSeeOther)
	return nil
}
