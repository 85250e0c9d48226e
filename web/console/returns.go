package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Returns reads and decides buyers' wishes to give leads back.
type Returns interface {
	// Returns lists those of a state, of all where it is "".
	Returns(ctx context.Context, state string) ([]web.Return, error)
	// Decide grants or refuses one. Conflict where it was decided before.
	Decide(ctx context.Context, purchaseID string, grant bool, by string) error
}

type returnsPage struct {
	web.View
	Asked, Decided []returnRow
	Told           string
	Leads          bool
}

type returnRow struct {
	web.Return
	Name, Buyer, Word, Class string
}

// returns lists what is asked first, then what was decided.
func (c *Console) returns(w http.ResponseWriter, r *web.Request) error {
	list, err := c.c.Returns.Returns(r.Context(), "")
	if err != nil {
		return err
	}
	p := returnsPage{View: c.view(r, "Returns", "deliveries"), Leads: c.c.Leads != nil}
	book := c.c.Book()
	for _, x := range slices.SortedStableFunc(slices.Values(list), func(a, b web.Return) int { return b.Asked.Compare(a.Asked) }) {
		row := returnRow{Return: x, Name: cmp.Or(x.Person, "a lead without a name"), Buyer: buyerTitle(book, x.Purchase.Buyer), Word: x.State}
		switch x.State {
		case "asked":
			p.Asked = append(p.Asked, row)
			continue
		case "granted":
			row.Word, row.Class = "given back", "warn"
		case "refused":
			row.Word, row.Class = "refused", "bad"
		}
		p.Decided = append(p.Decided, row)
	}
	switch r.URL.Query().Get("done") {
	case "granted":
		p.Told = "Granted: the money goes back with the lead."
	case "refused":
		p.Told = "Refused: the sale stands."
	}
	return c.pages.Write(w, http.StatusOK, "returns.html", p)
}

func (c *Console) decideReturn(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("id")
	if !plainID(id) {
		return ringbid.Errorf(ringbid.NotFound, "there is no purchase %.40q", id)
	}
	decision := r.PostFormValue("decision")
	if decision != "grant" && decision != "refuse" {
		return ringbid.FieldError("decision", "%.20q is not grant or refuse", decision)
	}
	if err := c.c.Returns.Decide(r.Context(), id, decision == "grant", r.User.Name); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/returns?done="+map[string]string{"grant": "granted", "refuse": "refused"}[decision], http.StatusSeeOther)
	return nil
}
