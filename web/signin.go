package web

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/ringbid/ringbid"
)

type signInPage struct {
	View
	Name, Next, Wrong string
}

func (s *Server) signInPage(w http.ResponseWriter, r *Request) error {
	next := localPath(r.URL.Query().Get("next"))
	if r.User != nil {
		http.Redirect(w, r.Request, next, http.StatusSeeOther)
		return nil
	}
	return s.pages.Write(w, http.StatusOK, "signin.html", signInPage{View: r.View("Sign in", ""), Next: next})
}

// signIn checks the password and begins a session. A wrong name and a wrong
// password are told apart by nobody.
func (s *Server) signIn(w http.ResponseWriter, r *Request) error {
	name, next := r.PostFormValue("name"), localPath(r.PostFormValue("next"))
	password := r.PostFormValue("password")
	if len(name) > 64 || len(password) > 128 {
		name, password = "", ""
	}
	u, err := s.c.Sessions.Authenticate(r.Context(), name, password, r.IP())
	switch kind := ringbid.KindOf(err); {
	case err == nil:
	case kind == ringbid.Denied || kind == ringbid.NotFound || kind == ringbid.Invalid:
		return s.signInAgain(w, r, http.StatusForbidden, signInPage{Name: name, Next: next, Wrong: "Name and password do not belong together. Check both, also the keyboard layout."})
	case kind == ringbid.Busy:
		return s.signInAgain(w, r, http.StatusTooManyRequests, signInPage{Name: name, Next: next, Wrong: "Too many tries. Wait a quarter of an hour, or ask the operator."})
	default:
		return err
	}
	t, err := s.c.Sessions.NewSession(r.Context(), u)
	if err != nil {
		return err
	}
	s.log.Info("signed in", slog.String("user", u.Name), slog.String("ip", r.IP()))
	s.setSession(w, r.Request, t, sessionLength)
	http.Redirect(w, r.Request, next, http.StatusSeeOther)
	return nil
}

func (s *Server) signInAgain(w http.ResponseWriter, r *Request, status int, p signInPage) error {
	p.View = r.View("Sign in", "")
	return s.pages.Write(w, status, "signin.html", p)
}

func (s *Server) signOut(w http.ResponseWriter, r *Request) error {
	if t, _ := token(r.Request); t != "" {
		if err := s.c.Sessions.EndSession(r.Context(), t); err != nil {
			return err
		}
	}
	s.setSession(w, r.Request, "", -time.Second)
	http.Redirect(w, r.Request, "/signin", http.StatusSeeOther)
	return nil
}

// prefer keeps how the user wants to see pages, in cookies of their browser.
func (s *Server) prefer(w http.ResponseWriter, r *Request) error {
	keep := func(name, value string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: 365 * 86400, Secure: s.secure(r.Request), SameSite: http.SameSiteStrictMode})
	}
	if t := r.PostFormValue("theme"); t == "light" || t == "dark" || t == "auto" {
		keep("theme", t)
	}
	if z := r.PostFormValue("zone"); z != "" {
		if _, err := ringbid.LoadZone(z); err != nil || len(z) > 60 {
			return ringbid.FieldError("zone", "%.60q is not an IANA time zone", z)
		}
		keep("zone", z)
	}
	http.Redirect(w, r.Request, localPath(r.PostFormValue("back")), http.StatusSeeOther)
	return nil
}
