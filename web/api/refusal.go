package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/ringbid/ringbid/web"
)

// refusal is what a program is told whose request was not looked into: a problem
// document.
type refusal struct {
	status int
	title  string
	detail string
	after  time.Duration // when to come again
	allow  string        // the methods that are taken
}

// Error returns the detail.
func (e *refusal) Error() string { return e.detail }

// refuse answers with the refusal, and returns every other error to the caller.
func refuse(w http.ResponseWriter, err error) error {
	var e *refusal
	if !errors.As(err, &e) {
		return err
	}
	h := w.Header()
	if e.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.after+time.Second-1)/time.Second)))
	}
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="ringbid"`)
	}
	return writeDocument(w, e.status, "application/problem+json", web.Problem{Type: "about:blank", Title: e.title, Status: e.status, Detail: e.detail})
}

// writeDocument answers with a value as JSON.
func writeDocument(w http.ResponseWriter, status int, kind string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // where it fails the asker went away
	return nil
}

// unauthorized is the one answer to a wrong key and to a name that is not there.
func unauthorized(detail string) error {
	return &refusal{status: http.StatusUnauthorized, title: "Not known here", detail: detail}
}

func closed(detail string) error {
	return &refusal{status: http.StatusForbidden, title: "Not open", detail: detail}
}

func tooLarge(detail string) error {
	return &refusal{status: http.StatusRequestEntityTooLarge, title: "Too large", detail: detail}
}

func unsupported(detail string) error {
	return &refusal{status: http.StatusUnsupportedMediaType, title: "Not understood here", detail: detail}
}

func tooMany(detail string, after time.Duration) error {
	return &refusal{status: http.StatusTooManyRequests, title: "Too much at once", detail: detail, after: after}
}

func overloaded(detail string) error {
	return &refusal{status: http.StatusServiceUnavailable, title: "Busy", detail: detail, after: time.Second}
}

// only answers methods that an address does not take.
func only(method string) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		return refuse(w, &refusal{status: http.StatusMethodNotAllowed, title: "Not this way", detail: "this address takes " + method + ", not " + r.Method, allow: method})
	}
}
