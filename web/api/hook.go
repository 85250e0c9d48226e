package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Hooks takes a partner's news about leads. A request whose signature does not
// hold is Denied, one that cannot be understood Invalid. The context outlives a
// partner that hangs up, and ends after 25 s.
type Hooks interface {
	Take(ctx context.Context, hook *ringbid.Hook, r Received) (HookAnswer, error)
}

// Received is a request as it came, byte for byte: signatures are of that.
type Received struct {
	Method string
	Path   string      // with the query
	Header http.Header // Host among them
	Body   []byte      // 1 MiB at most
}

// HookAnswer says what became of the news in one request.
type HookAnswer struct {
	Events   int `json:"-"`
	Applied  int `json:"applied"`
	Parked   int `json:"parked"`   // of a lead that is not known yet
	Repeated int `json:"repeated"` // known already, or older than what is known
}

// maxHooks is how many requests of hooks are worked on at once.
const maxHooks = 100

// wrongSignature is told of a signature that does not hold and of a hook that is
// not there or paused.
const wrongSignature = "the request is not signed as agreed"

func (a *API) hookRoutes() []web.Route {
	return []web.Route{
		{Pattern: "POST /hooks/{name}", Public: true, Machine: true, Handle: a.hook},
		{Pattern: "/hooks/{name}", Public: true, Machine: true, Handle: only(http.MethodPost)},
	}
}

// hook takes what a partner sends.
func (a *API) hook(w http.ResponseWriter, r *web.Request) error {
	answer, err := a.takeHook(r)
	switch ringbid.KindOf(err) {
	case ringbid.Denied:
		err = unauthorized(wrongSignature)
	case ringbid.Invalid:
		err = &refusal{status: http.StatusBadRequest, title: "That cannot be used", detail: err.Error()}
	}
	if err != nil {
		return refuse(w, err)
	}
	return writeDocument(w, http.StatusAccepted, "application/json", answer)
}

func (a *API) takeHook(r *web.Request) (HookAnswer, error) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return HookAnswer{}, tooLarge("the body is larger than 1 MiB")
	case err != nil:
		return HookAnswer{}, ringbid.Errorf(ringbid.Invalid, "the body did not arrive whole")
	}
	select {
	case a.hooks <- struct{}{}:
		defer func() { <-a.hooks }()
	default:
		return HookAnswer{}, overloaded("too many requests are being worked on; send it again in a moment")
	}
	h := a.c.Book().Hooks[r.PathValue("name")]
	if h == nil || h.Paused {
		// As much work as looking at a signature, so that time tells no names.
		hmac.New(sha256.New, []byte(wrongSignature)).Write(body)
		return HookAnswer{}, unauthorized(wrongSignature)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxWork)
	defer cancel()
	header := r.Header.Clone()
	header.Set("Host", r.Host)
	return a.c.Hooks.Take(ctx, h, Received{Method: r.Method, Path: r.URL.RequestURI(), Header: header, Body: body})
}
