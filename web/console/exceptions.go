package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type exceptionsPage struct {
	web.View
	Filter   web.ExceptionFilter
	Listing  web.ExceptionListing
	Kinds    []exceptionKind
	Rows     []exceptionRow
	Book     *ringbid.Book
	Filtered bool
	Wrong    string
	Older    string
	Newest   string
	Back     string // this list, to come back to

	// What was done, where something was.
	Done    string
	Refused []refusal
}

// RowChoices are how many rows a page may have, beside the default.
func (p exceptionsPage) RowChoices() []int { return []int{100, 250, web.MaxRows} }

// exceptionKind is a group of exceptions, as a filter.
type exceptionKind struct {
	web.ExceptionKind
	Why, Path string
	Chosen    bool
}

type exceptionRow struct {
	web.Exception
	Name, Buyer, Why, Class, Word string
}

// refusal says what was not done, and of whom.
type refusal struct{ ID, Name, Why string }

// maxBulk is how many exceptions one form may name.
const maxBulk = web.MaxRows

// exceptions lists what needs a person, and how much of it by method and reason.
func (c *Console) exceptions(w http.ResponseWriter, r *web.Request) error {
	p := exceptionsPage{View: c.view(r, "Exceptions", "deliveries"), Book: c.c.Book(), Filtered: len(r.URL.Query()) > 0}
	f, err := web.ParseExceptionFilter(r.URL.Query())
	if err != nil {
		p.Wrong = err.Error()
		return c.pages.Write(w, http.StatusBadRequest, "exceptions.html", p)
	}
	p.Filter, p.Back = f, r.URL.RequestURI()
	if p.Listing, err = c.c.Deliveries.Exceptions(r.Context(), f); err != nil {
		return err
	}
	for _, k := range p.Listing.Kinds {
		chosen := k.Method == f.Method && k.Code == f.Code
		q := url.Values{"method": {k.Method}, "code": {k.Code}}
		if k.Code == "" {
			q.Del("code")
		}
		p.Kinds = append(p.Kinds, exceptionKind{k, codeText(k.Code), "/exceptions?" + q.Encode(), chosen})
	}
	for _, x := range p.Listing.Rows {
		p.Rows = append(p.Rows, newExceptionRow(x, p.Book))
	}
	if p.Listing.Next != "" {
		p.Older = r.With("cursor", p.Listing.Next)
	}
	if f.Cursor != "" {
		p.Newest = r.With("cursor", "")
	}
	return c.pages.Write(w, http.StatusOK, "exceptions.html", p)
}

func newExceptionRow(x web.Exception, b *ringbid.Book) exceptionRow {
	row := exceptionRow{Exception: x, Name: exceptionName(x), Why: codeText(x.Delivery.Code), Class: leadClass(x.State), Word: web.LeadStateText(x.State)}
	if x.Delivery.Buyer != "" {
		row.Buyer = buyerTitle(b, x.Delivery.Buyer)
	}
	return row
}

// Detail is what is said of the reason beyond its words.
func (x exceptionRow) Detail() string {
	if d := strings.TrimSuffix(x.Delivery.Reason, "."); d != x.Why {
		return d
	}
	return ""
}

func exceptionName(x web.Exception) string {
	switch {
	case x.Person != "":
		return x.Person
	case leadPerson(x.Facts) != "":
		return leadPerson(x.Facts)
	}
	return "Lead without a name"
}

// exceptionsDone retries or dismisses what was chosen, and says what came of it.
func (c *Console) exceptionsDone(w http.ResponseWriter, r *web.Request) error {
	if err := r.ParseForm(); err != nil {
		return ringbid.Errorf(ringbid.Invalid, "the form cannot be read: %w", err)
	}
	ids := r.PostForm["id"]
	if len(ids) == 0 {
		return ringbid.FieldError("id", "choose at least one exception, then press the button again")
	}
	if len(ids) > maxBulk {
		return ringbid.FieldError("id", "are more than %d exceptions", maxBulk)
	}
	for _, id := range ids {
		if !plainID(id) {
			return ringbid.FieldError("id", "%.40q is not a delivery", id)
		}
	}
	p := exceptionsPage{View: c.view(r, "Exceptions", "deliveries"), Back: backTo(r.PostFormValue("back"))}
	known := c.namesOf(r.Context(), p.Back)
	switch r.PostFormValue("action") {
	case "retry":
		done, refused, err := c.c.Deliveries.Retry(r.Context(), ids, nil, r.User.Name)
		if err != nil {
			return err
		}
		p.tell(fmt.Sprintf("%s queued again.", plural(done, "delivery")), refused, known)
	case "dismiss":
		done, err := c.c.Deliveries.Dismiss(r.Context(), ids, r.User.Name)
		if err != nil {
			return err
		}
		p.tell(fmt.Sprintf("%s dismissed.", plural(done, "exception")), nil, nil)
		if left := len(ids) - done; left > 0 {
			p.Done += fmt.Sprintf(" %d had been dealt with meanwhile.", left)
		}
	default:
		return ringbid.FieldError("action", "%.20q is not retry or dismiss", r.PostFormValue("action"))
	}
	return c.pages.Write(w, http.StatusOK, "exceptions-done.html", p)
}

func (p *exceptionsPage) tell(done string, refused []web.Refusal, names map[string]string) {
	p.Done = strings.Replace(done, "deliverys", "deliveries", 1)
	for _, x := range refused {
		name := names[x.ID]
		if name == "" {
			name = x.ID
		}
		p.Refused = append(p.Refused, refusal{x.ID, name, x.Why})
	}
}

// namesOf returns who the exceptions of a list are about, so that a refusal can
// be told with a name. It is asked before anything is done; without an answer
// the ids must do.
func (c *Console) namesOf(ctx context.Context, list string) map[string]string {
	out := map[string]string{}
	u, err := url.Parse(list)
	if err != nil {
		return out
	}
	f, err := web.ParseExceptionFilter(u.Query())
	if err != nil {
		return out
	}
	l, err := c.c.Deliveries.Exceptions(ctx, f)
	if err != nil {
		return out
	}
	for _, x := range l.Rows {
		out[x.Delivery.ID] = exceptionName(x)
	}
	return out
}

// backTo returns the list that a form came from.
func backTo(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host == "" && u.Scheme == "" && u.Path == "/exceptions" && len(s) <= 2000 {
		return "/exceptions?" + u.Query().Encode()
	}
	return "/exceptions"
}

func plainID(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefABCDEF-") == ""
}
