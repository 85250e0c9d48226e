package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Sessions says who signs in. Tokens are random and opaque; an implementation
// keeps only their hash. A wrong password and an unknown or ended token are
// Denied, too many tries are Busy.
type Sessions interface {
	// Authenticate checks a password; ip is the address the try came from.
	Authenticate(ctx context.Context, name, password, ip string) (*ringbid.User, error)
	// NewSession begins a session and returns its token.
	NewSession(ctx context.Context, u *ringbid.User) (token string, err error)
	// Session returns whose session it is, and its secret against forged forms.
	Session(ctx context.Context, token string) (u *ringbid.User, csrf string, err error)
	// EndSession ends a session; an unknown token is no error.
	EndSession(ctx context.Context, token string) error
}

const (
	sessionCookie = "ringbid_session"
	sessionLength = 12 * time.Hour
	maxToken      = 256
)

// token returns the request's session token, and whether it came as a bearer
// token, which a browser never adds by itself.
func token(r *http.Request) (t string, bearer bool) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, rest, _ := strings.Cut(h, " ")
		if strings.EqualFold(scheme, "Bearer") && len(rest) <= maxToken {
			return strings.TrimSpace(rest), true
		}
		return "", true
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil || len(c.Value) > maxToken {
		return "", false
	}
	return c.Value, false
}

// User returns who the request's session belongs to. It is for handlers that
// stand outside the routes, such as the socket. The error is Denied where
// nobody is signed in.
func (s *Server) User(r *http.Request) (*ringbid.User, error) {
	t, _ := token(r)
	if t == "" {
		return nil, errSignIn
	}
	u, _, err := s.c.Sessions.Session(r.Context(), t)
	if err != nil {
		return nil, err
	}
	if u.Disabled {
		return nil, errSignIn
	}
	return u, nil
}

func (s *Server) setSession(w http.ResponseWriter, r *http.Request, value string, length time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: int(length / time.Second),
		HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode,
	})
}

// secure reports whether the browser reached us over TLS, here or at the proxy
// in front of us.
func (s *Server) secure(r *http.Request) bool {
	return r.TLS != nil || s.c.TrustProxy && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}
