package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/ringbid/ringbid"
)

// wrongKey is told of a key that does not fit and of a source that is not there.
const wrongKey = "this address and the key do not belong together; send the key as a bearer token, in the header X-Api-Key, or as the field key"

// keyOf returns the key that a request brings in its header or address, "" for
// none.
func keyOf(r *http.Request, query *fields) string {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return strings.TrimSpace(rest)
	case "basic":
		if _, password, ok := r.BasicAuth(); ok {
			return password
		}
	}
	if k := r.Header.Get("X-Api-Key"); k != "" {
		return k
	}
	return query.get("key")
}

// opens reports whether the key is the source's, in a time that tells nothing of
// either. s may be nil.
func opens(s *ringbid.Source, key string) bool {
	want := ""
	if s != nil {
		want = s.PostKey.Reveal()
	}
	a, b := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}
