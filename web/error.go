package web

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
)

// errSignIn is the answer to a request that needs a session and has none.
var errSignIn = ringbid.Errorf(ringbid.Denied, "sign in first")

// answer is how a kind of failure is told over HTTP.
type answer struct {
	status int
	title  string
	advice string
}

// answers is the only place where kinds of failure meet HTTP statuses.
var answers = map[ringbid.Kind]answer{
	ringbid.Internal:    {http.StatusInternalServerError, "Something went wrong here", "It has been written to the log. Try again; if it stays, tell the operator what you did."},
	ringbid.Invalid:     {http.StatusBadRequest, "That cannot be used", "Correct it and try again."},
	ringbid.NotFound:    {http.StatusNotFound, "There is nothing here", "It may have been removed, or the address is mistyped."},
	ringbid.Conflict:    {http.StatusConflict, "It has changed meanwhile", "Reload the page and look at its present state."},
	ringbid.Denied:      {http.StatusForbidden, "Not for you", "Sign in as someone who may, or ask the operator."},
	ringbid.Busy:        {http.StatusTooManyRequests, "Too much at once", "Wait a moment and try again."},
	ringbid.Unavailable: {http.StatusServiceUnavailable, "Not reachable right now", "Something this page needs is away. Calls go on; try again in a moment."},
}

// Problem is a failure as programs read it (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Field  string `json:"field,omitempty"`
}

// errorPage is a failure as people read it.
type errorPage struct {
	View
	Status int
	Detail string
	Advice string
}

// fail answers with the error: a problem document for programs, the sign-in
// page or an error page for people. The text of an Internal error stays here.
func (s *Server) fail(w http.ResponseWriter, r *Request, err error) {
	kind := ringbid.KindOf(err)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		kind, err = ringbid.Invalid, ringbid.Errorf(ringbid.Invalid, "the request is larger than %d bytes", tooLarge.Limit)
	}
	a, ok := answers[kind]
	if !ok {
		a = answers[ringbid.Internal]
	}
	p := Problem{Type: "about:blank", Title: a.title, Status: a.status}
	if kind == ringbid.Internal {
		s.log.Error("request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	} else {
		var e *ringbid.Error
		p.Detail = err.Error()
		if errors.As(err, &e) {
			p.Field = e.Field
		}
	}
	if errors.Is(err, errSignIn) {
		p.Status = http.StatusUnauthorized
	}
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "5")
	}
	switch {
	case r.machine || wantsJSON(r.Request):
		writeProblem(w, p)
	case p.Status == http.StatusUnauthorized:
		http.Redirect(w, r.Request, "/signin?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		v := r.View(a.title, "")
		page := errorPage{View: v, Status: p.Status, Detail: p.Detail, Advice: a.advice}
		if err := s.pages.Write(w, p.Status, "error.html", page); err != nil {
			writeProblem(w, p)
		}
	}
}

func writeProblem(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// WriteJSON answers with a document.
func WriteJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(b, '\n'))
	if err != nil {
		return nil // the reader went away
	}
	return nil
}
