package sim

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Bounds of a token desk.
const (
	maxAccess = 1000   // sessions at once; the oldest ends for a new one
	maxPast   = 10_000 // spent refresh tokens that are told from unknown ones
)

// tokenDesk gives out the tokens of a CRM.
type tokenDesk struct {
	prefix string
	lives  time.Duration // of an access token; 0 = until it is killed

	mu      sync.Mutex
	access  map[string]time.Time // when each ends
	order   []string
	refresh string
	past    map[string]bool
	rotate  bool
	issued  int
	spent   int
}

func newTokenDesk(prefix, refresh string, lives time.Duration) *tokenDesk {
	return &tokenDesk{prefix: prefix, lives: lives, access: map[string]time.Time{}, refresh: refresh, past: map[string]bool{}}
}

// issue returns a fresh access token.
func (d *tokenDesk) issue() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fresh()
}

func (d *tokenDesk) fresh() string {
	t := randomID(d.prefix)
	if len(d.order) >= maxAccess {
		delete(d.access, d.order[0])
		d.order = d.order[1:]
	}
	d.issued++
	d.access[t], d.order = time.Now().Add(d.lives), append(d.order, t)
	return t
}

// renew takes a refresh token for an access token. next is the refresh token
// from now on where tokens rotate, else "".
func (d *tokenDesk) renew(refresh string) (access, next string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if refresh == "" || refresh != d.refresh {
		if d.past[refresh] {
			d.spent++
		}
		return "", "", false
	}
	if d.rotate {
		if len(d.past) >= maxPast {
			clear(d.past)
		}
		d.past[d.refresh] = true
		d.refresh = randomID("refresh-")
		next = d.refresh
	}
	return d.fresh(), next, true
}

// admits reports whether the access token is good, and whether it once was.
func (d *tokenDesk) admits(access string) (good, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ends, known := d.access[access]
	return known && !ends.IsZero() && (d.lives == 0 || time.Now().Before(ends)), known
}

// kill ends all access tokens.
func (d *tokenDesk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for t := range d.access {
		d.access[t] = time.Time{}
	}
}

func (d *tokenDesk) setRotate(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rotate = on
}

func (d *tokenDesk) count() (issued, spent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.issued, d.spent
}

// clientOf returns who asks for a token, by Basic (RFC 6749, 2.3.1) or in the
// form.
func clientOf(r *http.Request, form url.Values) (id, secret string) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return form.Get("client_id"), form.Get("client_secret")
	}
	if plain, err := url.QueryUnescape(id); err == nil {
		id = plain
	}
	if plain, err := url.QueryUnescape(secret); err == nil {
		secret = plain
	}
	return id, secret
}
