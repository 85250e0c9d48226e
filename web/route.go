package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ringbid/ringbid"
)

// Handler answers one request. It returns an error instead of writing it, and
// then must not have written anything.
type Handler func(w http.ResponseWriter, r *Request) error

// Route is one address and who may use it.
type Route struct {
	// Pattern is as http.ServeMux reads it, method first.
	Pattern string
	// Roles may use the route. None means everyone who is signed in.
	Roles []ringbid.Role
	// Public routes need no session.
	Public bool
	// Machine routes are for programs that prove themselves in their own way: no
	// session is read or ended, so that a browser has nothing to be tricked with and
	// no proof against forged forms is asked for, and every failure is a problem
	// document. They are public.
	Machine bool
	Handle  Handler
}

// Part is a group of pages.
type Part interface{ Routes() []Route }

// Request is a request whose sender is known and allowed to make it.
type Request struct {
	*http.Request
	// User is nil on public routes when nobody is signed in.
	User *ringbid.User
	// CSRF goes into every form.
	CSRF string
	// Zone is where times are shown in.
	Zone *time.Location
	// Theme is "light", "dark" or "" for the system's wish.
	Theme string

	server  *Server
	machine bool
}

// Is reports whether the user has one of the roles.
func (r *Request) Is(roles ...ringbid.Role) bool {
	return r.User != nil && slices.Contains(roles, r.User.Role)
}

// IP returns the address the request came from.
func (r *Request) IP() string { return r.server.ip(r.Request) }

// Base returns the address of this server as the asker reached it, such as
// "https://leads.example".
func (r *Request) Base() string {
	if r.server.secure(r.Request) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// With returns the address of this page with some parameters of the query
// changed: pairs of name and value; an empty value removes the parameter.
func (r *Request) With(pairs ...string) string { return with(r.URL, pairs...) }

func with(u *url.URL, pairs ...string) string {
	q := u.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
			continue
		}
		q.Set(pairs[i], pairs[i+1])
	}
	if len(q) == 0 {
		return u.Path
	}
	return u.Path + "?" + q.Encode()
}

// serve admits the request and answers it.
func (s *Server) serve(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, raw *http.Request) {
		r, err := s.admit(w, raw, route)
		if err == nil {
			err = route.Handle(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// admit finds out who asks and whether they may. The Request is never nil.
func (s *Server) admit(w http.ResponseWriter, raw *http.Request, route Route) (*Request, error) {
	r := &Request{Request: raw, Zone: time.UTC, server: s, machine: route.Machine}
	if route.Machine {
		return r, nil
	}
	r.preferences()
	t, bearer := token(raw)
	if t != "" {
		u, csrf, err := s.c.Sessions.Session(raw.Context(), t)
		switch {
		case err == nil && !u.Disabled:
			r.User, r.CSRF = u, csrf
		case err == nil || ringbid.KindOf(err) == ringbid.Denied || ringbid.KindOf(err) == ringbid.NotFound:
			if !bearer {
				s.setSession(w, raw, "", -time.Second)
			}
		case !route.Public:
			return r, err
		}
	}
	if err := s.checkForgery(r, bearer); err != nil {
		return r, err
	}
	switch {
	case route.Public:
		return r, nil
	case r.User == nil:
		return r, errSignIn
	case len(route.Roles) > 0 && !slices.Contains(route.Roles, r.User.Role):
		return r, ringbid.Errorf(ringbid.Denied, "your role, %s, does not include this page", r.User.Role)
	}
	return r, nil
}

// preferences reads how the user wants to see pages.
func (r *Request) preferences() {
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "dark" || c.Value == "light") {
		r.Theme = c.Value
	}
	if c, err := r.Cookie("zone"); err == nil && len(c.Value) < 64 {
		if name, err := url.QueryUnescape(c.Value); err == nil {
			if z, err := ringbid.LoadZone(name); err == nil {
				r.Zone = z
			}
		}
	}
}
