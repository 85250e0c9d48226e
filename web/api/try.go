package api

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// fieldPrefix stands before the names of the test form's fields, so that none
// of a campaign's can be taken for one of the form's own.
const fieldPrefix = "f."

// try answers the test form of a specification with the same page and what a
// program would have been told. Nothing that comes this way is ever sold.
func (a *API) try(w http.ResponseWriter, r *web.Request) error {
	s := a.c.Book().Sources[r.PathValue("source")]
	f, err := readTest(r)
	if err != nil {
		return err
	}
	if !r.Is(ringbid.RoleOperator) && !opens(s, f.get("key")) {
		return a.ask(w, r, unauthorized(wrongKey))
	}
	if s == nil {
		return ringbid.Errorf(ringbid.NotFound, "there is no source %.64q", r.PathValue("source"))
	}
	c := a.c.Book().Campaigns[s.Campaign]
	if c == nil || c.Lead == nil {
		return ringbid.Errorf(ringbid.NotFound, "the campaign of this source takes no leads")
	}
	p := a.page(r, s, c)
	way, sent := tried(f)
	p.Chosen, p.Filled = way, map[string]string{}
	for _, x := range sent.list {
		p.Filled[x.name] = x.text
	}
	answer, err := a.take(r, s, way, sent, nil)
	if err != nil {
		if err = wrong(err); ringbid.KindOf(err) == ringbid.Internal {
			return err
		}
		answer = Answer{Status: StatusError, Reason: err.Error()}
	}
	b, err := answer.encode(wireJSON)
	if err != nil {
		return err
	}
	p.Result = &specResult{Good: answer.Status == StatusAccepted || answer.Status == StatusPending, Text: told(answer, way, p.Currency), Fields: answer.Fields, JSON: string(b)}
	return a.pages.Write(w, http.StatusOK, "spec.html", p)
}

// readTest returns what the test form was sent with. It may have been read
// already, for the proof that it is not forged.
func readTest(r *web.Request) (*fields, error) {
	if err := r.ParseForm(); err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "the form cannot be read")
	}
	f := newFields()
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		for _, text := range r.PostForm[name] {
			if !utf8.ValidString(name + text) {
				return nil, ringbid.Errorf(ringbid.Invalid, "the form is not UTF-8")
			}
			if err := f.add(name, name, text); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// wrong makes an error of a refusal that a page can show.
func wrong(err error) error {
	var e *refusal
	if !errors.As(err, &e) {
		return err
	}
	kind := ringbid.Invalid
	switch e.status {
	case http.StatusTooManyRequests:
		kind = ringbid.Busy
	case http.StatusServiceUnavailable:
		kind = ringbid.Unavailable
	}
	return ringbid.Errorf(kind, "%s", e.detail)
}

// tried returns the way and the fields of a test form; always as a test.
func tried(f *fields) (way string, sent *fields) {
	sent = newFields()
	for _, x := range f.list {
		switch name, ours := strings.CutPrefix(x.name, fieldPrefix); {
		case ours && strings.TrimSpace(x.text) != "" && fold(name) != "test" && fold(name) != "key":
			_ = sent.add(name, name, x.text) // f has no more than sent may have
		case x.name == "way" && (x.text == WayPing || x.text == WayPost):
			way = x.text
		}
	}
	for _, x := range f.problems {
		sent.problem(strings.TrimPrefix(x.Field, fieldPrefix), "%s", x.Text)
	}
	_ = sent.add("test", "test", "1")
	if way == "" {
		way = WayDirect
	}
	return way, sent
}

// told says in a sentence what an answer means.
func told(a Answer, way, currency string) string {
	price := ""
	if a.Price != nil {
		price = " for " + web.Cash(*a.Price, currency)
	}
	because := "."
	if a.Reason != "" {
		because = ": " + strings.TrimSuffix(a.Reason, ".") + "."
	}
	switch a.Status {
	case StatusAccepted:
		if way == WayPing {
			return "Accepted: a lead like this would be bought" + price + "."
		}
		return "Accepted: this lead would be bought" + price + "."
	case StatusPending:
		return "Pending: it would be taken, and the buyer's word would follow" + because
	case StatusRejected:
		return "Rejected: it is sound, and nobody would buy it" + because
	case StatusDuplicate:
		return "Duplicate: the same person was sent before" + because
	case StatusInvalid:
		return "Invalid" + because
	}
	return "Not processed" + because
}
