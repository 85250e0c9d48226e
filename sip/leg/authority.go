package leg

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/icholy/digest"
)

// Bounds of an Authority.
const (
	nonceLife  = 2 * time.Minute // a challenge may be answered that long
	maxNonces  = 4096            // nonces whose use is remembered
	nonceBytes = 8 + 8 + 16      // time, chance, seal
)

// Standing is what an Authority thinks of a request's credentials.
type Standing int

const (
	Unproven Standing = iota // no credentials, or none that answer a challenge of ours
	Wrong                    // the user or the password is not right
	Stale                    // right, for a challenge that is too old or was used up
	Proven                   // right
)

// Authority asks callers who they are and checks their answer: digest of
// RFC 7616 with SHA-256 and MD5 (RFC 8760), qop auth. A challenge costs no
// memory: its nonce holds the time and a seal over it and the asker's address.
// Only nonces that were answered rightly are remembered, so that no answer
// counts twice.
type Authority struct {
	realm string
	key   [32]byte
	decoy string // password of users who do not exist
	now   func() time.Time

	mu   sync.Mutex
	used map[[nonceBytes]byte]*replay
}

// replay is the window of nonce counts of one nonce.
type replay struct {
	until time.Time
	most  uint32
	seen  uint64 // bit n: most-n was used
}

// NewAuthority makes an Authority for the realm, with a key of its own.
func NewAuthority(realm string) *Authority {
	a := &Authority{realm: realm, decoy: randomHex(16), now: time.Now, used: map[[nonceBytes]byte]*replay{}}
	_, _ = rand.Read(a.key[:]) // never fails
	return a
}

// Challenge returns the WWW-Authenticate headers of a 401, one for each
// algorithm, in their order. stale tells the asker that its password was right.
func (a *Authority) Challenge(src netip.Addr, stale bool, algorithms ...string) []Header {
	out := make([]Header, 0, len(algorithms))
	for _, algorithm := range algorithms {
		v := `Digest realm="` + a.realm + `", nonce="` + a.nonce(src) + `", algorithm=` + algorithm + `, qop="auth"`
		if stale {
			v += ", stale=true"
		}
		out = append(out, Header{name: "WWW-Authenticate", value: v})
	}
	return out
}

// Check judges the values of a request's Authorization headers. password
// returns the password of a user, where the user may answer by the algorithm
// (in lower case); for a user who does not exist the same work is done as for
// one who does. user is the name that was claimed, "" when there
// was none.
func (a *Authority) Check(method string, src netip.Addr, values []string, password func(user, algorithm string) (string, bool)) (user string, s Standing) {
	for _, v := range values {
		c, ok := readCredentials(v)
		if !ok || c.realm != a.realm {
			continue
		}
		return c.user, a.judge(method, src, c, password)
	}
	return "", Unproven
}

func (a *Authority) judge(method string, src netip.Addr, c credentials, password func(user, algorithm string) (string, bool)) Standing {
	secret, known := password(c.user, strings.ToLower(c.algorithm))
	if !known {
		secret = a.decoy
	}
	want, err := digest.Digest(
		&digest.Challenge{Realm: a.realm, Nonce: c.nonce, Algorithm: c.algorithm, QOP: []string{"auth"}},
		digest.Options{Method: method, URI: c.uri, Count: int(c.nc), Username: c.user, Password: secret, Cnonce: c.cnonce})
	if err != nil {
		return Unproven
	}
	asked := a.asked(src, c.nonce)
	right := subtle.ConstantTimeCompare([]byte(want.Response), []byte(c.response)) == 1
	switch {
	case (!right || !known) && asked.IsZero():
		// Whoever did not get the challenge may write any address as its own: a
		// wrong answer must not count against that one.
		return Unproven
	case !right || !known:
		return Wrong
	case asked.IsZero() || !a.spend(asked, c):
		return Stale
	}
	return Proven
}

// nonce makes a fresh nonce for an asker.
func (a *Authority) nonce(src netip.Addr) string {
	var b [nonceBytes]byte
	binary.BigEndian.PutUint64(b[:8], uint64(a.now().UnixMilli()))
	_, _ = rand.Read(b[8:16]) // never fails
	copy(b[16:], a.seal(b[:16], src))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (a *Authority) seal(head []byte, src netip.Addr) []byte {
	at := src.Unmap().As16()
	h := hmac.New(sha256.New, a.key[:])
	h.Write(head)
	h.Write(at[:])
	return h.Sum(nil)[:nonceBytes-16]
}

// asked returns when the asker was given the nonce; the zero time when it was
// not, or too long ago.
func (a *Authority) asked(src netip.Addr, nonce string) time.Time {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != nonceBytes || subtle.ConstantTimeCompare(raw[16:], a.seal(raw[:16], src)) != 1 {
		return time.Time{}
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(raw[:8])))
	if a.now().Sub(made) > nonceLife {
		return time.Time{}
	}
	return made
}

// spend takes one nonce count off a nonce that was made then.
func (a *Authority) spend(made time.Time, c credentials) bool {
	raw, err := base64.RawURLEncoding.DecodeString(c.nonce)
	if err != nil || c.nc == 0 {
		return false
	}
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	n := [nonceBytes]byte(raw)
	r := a.used[n]
	if r == nil {
		if len(a.used) >= maxNonces {
			a.forget(now)
		}
		if len(a.used) >= maxNonces {
			return false
		}
		r = &replay{until: made.Add(nonceLife)}
		a.used[n] = r
	}
	return r.take(c.nc)
}

// forget drops the nonces nobody can use any more. The caller holds mu.
func (a *Authority) forget(now time.Time) {
	for n, r := range a.used {
		if now.After(r.until) {
			delete(a.used, n)
		}
	}
}

// take marks a count as used; counts may come out of order by 64.
func (r *replay) take(nc uint32) bool {
	if nc > r.most {
		r.seen = r.seen<<min(nc-r.most, 64) | 1
		r.most = nc
		return true
	}
	back := r.most - nc
	if back >= 64 || r.seen&(1<<back) != 0 {
		return false
	}
	r.seen |= 1 << back
	return true
}
