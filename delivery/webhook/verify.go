package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Why a request is not believed; each comes in an error of kind Denied.
var (
	ErrNoSignature    = errors.New("no signature")
	ErrWrongSignature = errors.New("wrong signature")
	ErrTooOld         = errors.New("too old")
	ErrFuture         = errors.New("in the future")
)

// Proof is what a request proved.
type Proof struct {
	// ID is the event's: the header's where there is one, else "sha256:" and the
	// hash of the body. A repeat has the same.
	ID string
	// At is when it was signed; zero where no time is covered.
	At time.Time
	// Bound says that the signature covers the ID; else a repeat under another id
	// verifies too.
	Bound bool
}

// claim is what a request says it proves.
type claim struct {
	signatures [][]byte // decoded
	message    []byte
	id         string
	bound      bool
	at         time.Time // zero where none is covered
}

// Verify holds a request against the scheme. The error is Denied and wraps one of
// the four above; it is Invalid where the body is larger than MaxBody. The time is
// looked at only once the signature is right.
func (s Scheme) Verify(r Received, now time.Time) (Proof, error) {
	if len(r.Body) > MaxBody {
		return Proof{}, ringbid.Errorf(ringbid.Invalid, "body is larger than %d bytes", MaxBody)
	}
	if s.Preset == PresetToken {
		return s.verifyToken(r)
	}
	c, err := s.claim(r)
	if err != nil {
		return Proof{}, err
	}
	if !s.signedBy(c) {
		return Proof{}, denied(ErrWrongSignature, "under none of the secrets")
	}
	if !c.at.IsZero() {
		switch off := now.Sub(c.at); {
		case off > s.window():
			return Proof{}, denied(ErrTooOld, "signed "+off.Round(time.Second).String()+" ago")
		case off < -s.window():
			return Proof{}, denied(ErrFuture, "signed "+(-off).Round(time.Second).String()+" ahead")
		}
	}
	return proof(c, r.Body), nil
}

// signedBy reports whether any of the signatures was made with any of the
// secrets. It looks at all of them, whatever the first say.
func (s Scheme) signedBy(c claim) bool {
	right := 0
	for _, key := range s.keys() {
		want := s.mac(key, c.message)
		for _, got := range c.signatures {
			right |= subtle.ConstantTimeCompare(want, got)
		}
	}
	return right == 1
}

func (s Scheme) mac(key, message []byte) []byte {
	h := hmac.New(s.hash(), key)
	h.Write(message)
	return h.Sum(nil)
}

// keys returns the secrets as keys. An empty one is none: everybody has it.
func (s Scheme) keys() [][]byte {
	var all [][]byte
	for _, secret := range s.Secrets[:min(len(s.Secrets), MaxSecrets)] {
		key := []byte(secret.Reveal())
		if s.Preset == PresetStandard {
			var err error
			if key, err = standardKey(secret.Reveal()); err != nil {
				continue
			}
		}
		if len(key) > 0 {
			all = append(all, key)
		}
	}
	return all
}

func proof(c claim, body []byte) Proof {
	if c.id == "" {
		sum := sha256.Sum256(body)
		return Proof{ID: "sha256:" + hex.EncodeToString(sum[:]), At: c.at, Bound: true}
	}
	return Proof{ID: c.id, At: c.at, Bound: c.bound}
}

// verifyToken compares a token by its hash, so that not even its length shows.
func (s Scheme) verifyToken(r Received) (Proof, error) {
	token, err := s.token(r)
	if err != nil {
		return Proof{}, err
	}
	got, right := sha256.Sum256([]byte(token)), 0
	for _, key := range s.keys() {
		want := sha256.Sum256(key)
		right |= subtle.ConstantTimeCompare(want[:], got[:])
	}
	if right != 1 {
		return Proof{}, denied(ErrWrongSignature, "the token is none of ours")
	}
	c := claim{}
	if s.IDHeader != "" {
		if c.id, err = identifier(r, s.IDHeader); err != nil {
			return Proof{}, err
		}
	}
	return proof(c, r.Body), nil
}

// token returns the token a request carries.
func (s Scheme) token(r Received) (string, error) {
	name, prefix := s.Header, s.Prefix
	if name == "" {
		name = "Authorization"
		if prefix == "" {
			prefix = "Bearer "
		}
	}
	var text string
	if parameter, query := strings.CutPrefix(name, "?"); query {
		values := r.query()[parameter]
		if len(values) != 1 {
			return "", denied(ErrNoSignature, "parameter "+parameter+" is missing or stands twice")
		}
		text = values[0]
	} else {
		var err error
		if text, err = one(r, name); err != nil {
			return "", err
		}
	}
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", denied(ErrWrongSignature, "the token does not begin as it should")
	}
	text = text[len(prefix):]
	if s.Encoding == "base64" {
		b, err := unbase64(text)
		if err != nil {
			return "", denied(ErrWrongSignature, "the token is not base64")
		}
		text = string(b)
	}
	return text, nil
}

func denied(why error, detail string) error {
	return ringbid.Errorf(ringbid.Denied, "verify webhook: %w: %s", why, detail)
}
