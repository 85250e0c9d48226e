package console

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// exceptionPage shows one delivery that needs a person: what is known of the
// lead, what the map makes of it, and what the buyer said.
type exceptionPage struct {
	web.View
	exceptionRow
	Inputs  []factInput
	Changed int // facts that differ from the stored ones
	Trial   *MapTrial
	Wrong   string // why there is no trial
	Method  *ringbid.Method
	Last    *tryRow
	Told    string
	Lead    bool // there is a page of the lead
	Maps    bool
}

// factInput is one field that may be corrected.
type factInput struct {
	Name, Title, Value, Was string
	Missing                 bool // the campaign wants it
	Problem                 string
}

// maxFact bounds a corrected fact, in bytes.
const maxFact = 4096

// exception shows the form; a preview shows it again with what was typed.
func (c *Console) exception(w http.ResponseWriter, r *web.Request) error {
	p, _, err := c.newException(r)
	if err != nil {
		return err
	}
	return c.pages.Write(w, http.StatusOK, "exception.html", p)
}

// newException makes the page, and returns the corrections that were typed.
func (c *Console) newException(r *web.Request) (exceptionPage, map[string]string, error) {
	id := r.PathValue("id")
	if !plainID(id) {
		return exceptionPage{}, nil, ringbid.Errorf(ringbid.NotFound, "there is no delivery %.40q", id)
	}
	x, err := c.c.Deliveries.Exception(r.Context(), id)
	if err != nil {
		return exceptionPage{}, nil, err
	}
	book := c.c.Book()
	row := newExceptionRow(x, book)
	p := exceptionPage{View: c.view(r, "Exception: "+row.Name, "deliveries"), exceptionRow: row, Method: book.Methods[x.Delivery.Method],
		Lead: c.c.Leads != nil, Maps: c.c.Maps != nil && c.c.Documents != nil}
	corrections, err := p.fill(r, book)
	if err != nil {
		return p, nil, err
	}
	if err := c.preview(r.Context(), &p, corrections); err != nil {
		return p, nil, err
	}
	return p, corrections, c.lastTry(r.Context(), &p, book)
}

// fill makes the inputs: the campaign's fields in its order, then what else is
// known. Values that were typed win over stored ones.
func (p *exceptionPage) fill(r *web.Request, book *ringbid.Book) (map[string]string, error) {
	seen := map[string]bool{}
	add := func(name, title string, required bool) {
		if !seen[name] {
			v := p.Facts[name]
			p.Inputs = append(p.Inputs, factInput{Name: name, Title: title, Value: v, Was: v, Missing: required && v == ""})
		}
		seen[name] = true
	}
	if d := book.Campaigns[p.Campaign]; d != nil && d.Lead != nil {
		for _, f := range d.Lead.Fields {
			add(f.Name, f.Title, f.Required)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(p.Facts)) {
		add(k, "", false)
	}
	if r.Method != http.MethodPost {
		return nil, nil
	}
	if err := r.ParseForm(); err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "the form cannot be read: %w", err)
	}
	changed := map[string]string{}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		typed, ok := r.PostForm["fact."+in.Name]
		if !ok {
			continue
		}
		v := strings.TrimSpace(strings.ToValidUTF8(typed[0], ""))
		if len(v) > maxFact || strings.ContainsRune(v, 0) {
			return nil, ringbid.FieldError(in.Name, "is longer than %d bytes", maxFact)
		}
		if in.Value = v; v != in.Was {
			changed[in.Name] = v
		}
	}
	p.Changed = len(changed)
	return changed, nil
}

// preview asks what would be sent now. That it cannot be told is part of the
// page.
func (c *Console) preview(ctx context.Context, p *exceptionPage, corrections map[string]string) error {
	t, err := c.c.Deliveries.Preview(ctx, p.Delivery.ID, corrections)
	if err != nil {
		if ringbid.KindOf(err) == ringbid.Internal || ringbid.KindOf(err) == ringbid.Unavailable {
			return err
		}
		p.Wrong = err.Error()
		return nil
	}
	p.Trial = &t
	for i := range p.Inputs {
		for _, n := range t.Fields {
			if n.Problem != "" && slices.ContainsFunc(n.In, func(f Fact) bool { return f.Name == p.Inputs[i].Name }) {
				p.Inputs[i].Problem = n.To + " " + n.Problem
			}
		}
	}
	return nil
}

// lastTry finds what the buyer said last.
func (c *Console) lastTry(ctx context.Context, p *exceptionPage, book *ringbid.Book) error {
	if c.c.Leads == nil {
		return nil
	}
	lead, err := c.c.Leads.Lead(ctx, p.Delivery.Lead)
	if err != nil {
		return err
	}
	for _, d := range lead.Deliveries {
		if rows := newDeliveryRow(d, book, c.c.Now()).Tries; d.ID == p.Delivery.ID && len(rows) > 0 {
			p.Last = &rows[len(rows)-1]
		}
	}
	return nil
}

// exceptionDone queues the delivery again with the facts as they were typed, or
// takes it off the list.
func (c *Console) exceptionDone(w http.ResponseWriter, r *web.Request) error {
	p, corrections, err := c.newException(r)
	if err != nil {
		return err
	}
	switch r.PostFormValue("action") {
	case "retry":
		done, refused, err := c.c.Deliveries.Retry(r.Context(), []string{p.Delivery.ID}, corrections, r.User.Name)
		if err != nil {
			return err
		}
		if done == 0 {
			p.Told = "It was not queued."
			if len(refused) > 0 {
				p.Told = "It was not queued: " + strings.TrimSuffix(refused[0].Why, ".") + "."
			}
			return c.pages.Write(w, http.StatusConflict, "exception.html", p)
		}
	case "dismiss":
		if _, err := c.c.Deliveries.Dismiss(r.Context(), []string{p.Delivery.ID}, r.User.Name); err != nil {
			return err
		}
	default:
		return ringbid.FieldError("action", "%.20q is not retry or dismiss", r.PostFormValue("action"))
	}
	if p.Lead {
		http.Redirect(w, r.Request, "/leads/"+url.PathEscape(p.Delivery.Lead), http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r.Request, "/exceptions", http.StatusSeeOther)
	return nil
}

// MapPath returns the page of the method's map, "" where it uses its preset's.
func (p exceptionPage) MapPath() string {
	if p.Method == nil || p.Method.Map == "" || !p.Maps {
		return ""
	}
	return "/maps/" + p.Method.Map
}

// Ago says how long ago something happened.
func (p exceptionPage) Ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return fmt.Sprintf("%s ago", web.Span(max(p.Now.Sub(t), 0).Truncate(time.Second)))
}
