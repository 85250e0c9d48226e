package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

const (
	maxExternal = 200 // characters
	maxPing     = 64
	// maxWork is how long a post may be worked on.
	maxWork = 25 * time.Second
)

func (a *API) leadRoutes() []web.Route {
	return []web.Route{
		{Pattern: "POST /leads/{source}", Public: true, Machine: true, Handle: a.post(WayDirect)},
		{Pattern: "POST /leads/{source}/ping", Public: true, Machine: true, Handle: a.post(WayPing)},
		{Pattern: "POST /leads/{source}/post", Public: true, Machine: true, Handle: a.post(WayPost)},
		{Pattern: "GET /leads/{source}/ping", Public: true, Machine: true, Handle: only(http.MethodPost)},
		{Pattern: "GET /leads/{source}/post", Public: true, Machine: true, Handle: only(http.MethodPost)},
		{Pattern: "GET /leads/{source}/spec", Public: true, Handle: a.spec},
		{Pattern: "POST /leads/{source}/spec", Public: true, Handle: a.try},
		{Pattern: "GET /leads/{source}/schema.json", Public: true, Handle: a.schema(false)},
		{Pattern: "GET /leads/{source}/ping-schema.json", Public: true, Handle: a.schema(true)},
	}
}

// post answers what publishers send.
func (a *API) post(way string) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		f := newFields()
		written, answer, err := a.receive(w, r, way, f)
		if err != nil {
			return refuse(w, err)
		}
		return answer.write(w, way, answerAs(r.Header.Get("Accept"), written))
	}
}

// receive lets a post in and has it answered.
func (a *API) receive(w http.ResponseWriter, r *web.Request, way string, f *fields) (wire, Answer, error) {
	s := a.c.Book().Sources[r.PathValue("source")]
	unsound := readForm(r.URL.RawQuery, "", f)
	key := keyOf(r.Request, f)
	if key != "" && !opens(s, key) {
		return "", Answer{}, unauthorized(wrongKey)
	}
	written, err := readPost(w, r.Request, f)
	if unsound == nil {
		unsound = err
	}
	if key == "" {
		if key = f.get("key"); key == "" && unsound != nil {
			answer, err := unreadable(unsound)
			return written, answer, err
		}
		if !opens(s, key) {
			return "", Answer{}, unauthorized(wrongKey)
		}
	}
	answer, err := a.take(r, s, way, f, unsound)
	return written, answer, err
}

// unreadable tells a publisher what keeps its post from being read.
func unreadable(err error) (Answer, error) {
	var e *refusal
	if errors.As(err, &e) || ringbid.KindOf(err) != ringbid.Invalid {
		return Answer{}, err
	}
	return Answer{Status: StatusInvalid, Code: "unreadable", Reason: err.Error()}, nil
}

// take has a post answered whose sender is known. unsound is what kept it from
// being read, nil for nothing.
func (a *API) take(r *web.Request, s *ringbid.Source, way string, f *fields, unsound error) (Answer, error) {
	if wait := a.gate.wait(s); wait > 0 {
		return Answer{}, tooMany("the source sends more posts a second than agreed", wait)
	}
	if unsound != nil {
		return unreadable(unsound)
	}
	rules, err := a.open(s, way)
	if err != nil {
		return Answer{}, err
	}
	p := posting(f)
	p.Source, p.Way, p.IP = s, way, r.IP()
	if way == WayPost && p.PingID == "" {
		f.problem("ping_id", "is missing: the answer to the ping has it")
	}
	if len(f.problems) > 0 {
		_, more := rules.Read(p.Values, way == WayPing)
		for _, m := range more {
			f.problem(m.Field, "%s", m.Text)
		}
		return Answer{Status: StatusInvalid, Code: "fields", Reason: "some fields cannot be used", Fields: f.problems}, nil
	}
	leave := a.gate.enter(s.Name)
	if leave == nil {
		return Answer{}, overloaded("too many posts are being worked on; send it again in a moment")
	}
	defer leave()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxWork)
	defer cancel()
	return a.c.Intake.Post(ctx, p)
}

// open returns the rules of the source's leads, or why nothing is taken.
func (a *API) open(s *ringbid.Source, way string) (*ringbid.LeadRules, error) {
	b := a.c.Book()
	c := b.Campaigns[s.Campaign]
	if c == nil || c.Lead == nil {
		return nil, &refusal{status: http.StatusNotFound, title: "Nothing is taken here", detail: "the campaign of this source takes no leads"}
	}
	p := b.Publishers[s.Publisher]
	switch {
	case s.Paused:
		return nil, closed("this source is paused")
	case p == nil || p.Paused:
		return nil, closed("the publisher is paused")
	case c.Paused:
		return nil, closed("the campaign is paused")
	case way == WayDirect && !c.Lead.Takes("direct"):
		return nil, closed("this campaign takes leads by ping and post only")
	case way != WayDirect && !c.Lead.Takes("ping_post"):
		return nil, closed("this campaign takes no pings: post the lead at once")
	}
	return c.Lead, nil
}

// posting makes a Posting of the fields. What is wrong with those that have a
// meaning of their own becomes a problem of f.
func posting(f *fields) Posting {
	p := Posting{Values: map[string]string{}}
	for _, x := range f.all() {
		text := strings.TrimSpace(x.text)
		switch fold(x.name) {
		case "id", "external_id":
			if p.External != "" && text != "" && p.External != text {
				f.problem(x.name, "id and external_id are two names of one thing, and differ")
			}
			if p.External == "" {
				p.External = bounded(f, x.name, text, maxExternal)
			}
		case "ping_id":
			p.PingID = bounded(f, x.name, text, maxPing)
		case "test":
			p.Test = yes(f, x.name, text)
		default:
			if fold(x.last) != "key" {
				p.Values[x.name] = x.text
			}
		}
	}
	return p
}

// bounded returns an id that is short enough and has no control characters.
func bounded(f *fields, name, id string, most int) string {
	if len([]rune(id)) > most {
		f.problem(name, "is longer than %d characters", most)
		return ""
	}
	if strings.Map(printable, id) != id {
		f.problem(name, "has control characters")
		return ""
	}
	return id
}

func yes(f *fields, name, text string) bool {
	switch strings.ToLower(text) {
	case "1", "true", "yes", "y", "on":
		return true
	case "", "0", "false", "no", "n", "off":
	default:
		f.problem(name, "is neither 1 nor 0")
	}
	return false
}
