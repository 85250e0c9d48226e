package webhook

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// The presets of a Scheme.
const (
	PresetStandard = "standard" // Standard Webhooks 1.0: webhook-id, -timestamp, -signature
	PresetStripe   = "stripe"   // Stripe-Signature: t=…,v1=…
	PresetGitHub   = "github"   // X-Hub-Signature-256 over the body
	PresetSlack    = "slack"    // X-Slack-Signature over v0:time:body
	PresetHubSpot  = "hubspot"  // X-HubSpot-Signature-v3 over method, URL, body and time
	PresetHMAC     = "hmac"     // as the other fields say
	PresetToken    = "token"    // a secret in a header or in the query
)

// Scheme says how a partner proves that a request is its own.
type Scheme struct {
	Preset string `json:"preset"`
	// Secrets are those that are good at the moment; several while one replaces
	// another. Of a Standard Webhooks secret the part behind "whsec_" is base64.
	Secrets []ringbid.Secret `json:"secrets"`

	// Header holds the signature, for hmac, or the token, for token, where
	// "Authorization" with the prefix "Bearer " is the default and "?name" means a
	// parameter of the query. Prefix stands in front of it, such as "sha256=".
	Header string `json:"header,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// Hash is sha256 unless sha1 or sha512; Encoding is hex unless base64. A token
	// in base64 is a secret sent so encoded, as Basic does with "user:password".
	Hash     string `json:"hash,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	// Signed is what the signature is over, for hmac, "{body}" by default; it may hold {id},
	// {ts}, {method}, {path}, {url} and {body}, and text between them.
	Signed string `json:"signed,omitempty"`
	// IDHeader and TimeHeader hold the event's id, for hmac and token, and the
	// time of signing, for hmac: in seconds or milliseconds, or by RFC 3339.
	IDHeader   string `json:"id_header,omitempty"`
	TimeHeader string `json:"time_header,omitempty"`
	// Window is how far the time of signing may be off, either way; 5 min by
	// default.
	Window time.Duration `json:"window,omitempty"`
}

// Bounds of a Scheme and of a request.
const (
	DefaultWindow = 5 * time.Minute
	MaxWindow     = 24 * time.Hour
	MaxBody       = 1 << 20 // bytes
	MaxSecrets    = 10

	minSecret     = 8 // bytes
	maxSecret     = 4 << 10
	maxSigned     = 200 // bytes of the template
	maxSignatures = 16  // looked at in one request
	maxHeader     = 8 << 10
	maxID         = 200 // bytes
)

// Problem is one thing wrong with a Scheme or with Rules.
type Problem struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// String returns "path: text".
func (p Problem) String() string { return p.Path + ": " + p.Text }

// problems collects what is wrong.
type problems []Problem

func (p *problems) add(path, format string, args ...any) {
	*p = append(*p, Problem{path, fmt.Sprintf(format, args...)})
}

// Check returns what is unsound in a scheme; none means that Verify can say yes.
func Check(s Scheme) []Problem {
	var p problems
	switch s.Preset {
	case PresetStandard, PresetStripe, PresetGitHub, PresetSlack, PresetHubSpot:
		for _, f := range []struct{ name, value string }{
			{"header", s.Header}, {"prefix", s.Prefix}, {"hash", s.Hash}, {"encoding", s.Encoding}, {"signed", s.Signed},
			{"id_header", s.IDHeader}, {"time_header", s.TimeHeader},
		} {
			if f.value != "" {
				p.add(f.name, "is decided by %s", s.Preset)
			}
		}
	case PresetHMAC:
		s.checkHMAC(&p)
	case PresetToken:
		s.checkToken(&p)
	default:
		p.add("preset", "%.40q is none of standard, stripe, github, slack, hubspot, hmac, token", s.Preset)
	}
	if n := len(s.Secrets); n == 0 || n > MaxSecrets {
		p.add("secrets", "needs 1 to %d", MaxSecrets)
	}
	for i, secret := range s.Secrets {
		s.checkSecret(&p, fmt.Sprintf("secrets[%d]", i), secret.Reveal())
	}
	if w := s.Window; w < 0 || w > MaxWindow {
		p.add("window", "must be up to %s", MaxWindow)
	}
	return p
}

func (s Scheme) checkSecret(p *problems, path, secret string) {
	switch {
	case len(secret) > maxSecret:
		p.add(path, "is longer than %d bytes", maxSecret)
	case s.Preset == PresetStandard:
		if key, err := standardKey(secret); err != nil || len(key) < minSecret {
			p.add(path, "is not whsec_ and the base64 of %d bytes at least", minSecret)
		}
	case len(secret) < minSecret:
		p.add(path, "is shorter than %d bytes", minSecret)
	}
}

func (s Scheme) checkHMAC(p *problems) {
	if !headerName(s.Header) {
		p.add("header", "%.40q is not the name of a header", s.Header)
	}
	if s.hash() == nil {
		p.add("hash", "%.40q is none of sha256, sha1, sha512", s.Hash)
	}
	s.checkEncoding(p)
	t, err := parseSigned(s.signed())
	if err != nil {
		p.add("signed", "%s", err)
		return
	}
	if !t.has("body") {
		p.add("signed", "does not cover {body}")
	}
	for _, h := range []struct{ path, name, place string }{{"id_header", s.IDHeader, "id"}, {"time_header", s.TimeHeader, "ts"}} {
		switch {
		case h.name != "" && !headerName(h.name):
			p.add(h.path, "%.40q is not the name of a header", h.name)
		case h.name == "" && t.has(h.place):
			p.add(h.path, "is needed for {%s}", h.place)
		}
	}
	if s.TimeHeader != "" && !t.has("ts") {
		p.add("time_header", "is not covered by the signature: {ts} is missing in signed")
	}
}

func (s Scheme) checkToken(p *problems) {
	if name, query := strings.CutPrefix(s.Header, "?"); query && strings.Trim(name, parameterLetters) != "" || s.Header == "?" {
		p.add("header", "%.40q is not the name of a parameter", s.Header)
	} else if !query && s.Header != "" && !headerName(s.Header) {
		p.add("header", "%.40q is not the name of a header", s.Header)
	}
	s.checkEncoding(p)
	if s.IDHeader != "" && !headerName(s.IDHeader) {
		p.add("id_header", "%.40q is not the name of a header", s.IDHeader)
	}
	for _, f := range []struct{ name, value string }{{"hash", s.Hash}, {"signed", s.Signed}, {"time_header", s.TimeHeader}} {
		if f.value != "" {
			p.add(f.name, "means nothing to a token")
		}
	}
}

func (s Scheme) checkEncoding(p *problems) {
	if s.Encoding != "" && s.Encoding != "hex" && s.Encoding != "base64" || s.Preset == PresetToken && s.Encoding == "hex" {
		p.add("encoding", "%.40q is not base64 or left out", s.Encoding)
	}
	if len(s.Prefix) > maxID || !plain(s.Prefix) {
		p.add("prefix", "does not fit in a header")
	}
}

const (
	letters          = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	headerLetters    = letters + "!#$%&'*+-.^_`|~"
	parameterLetters = letters + "-_."
)

func headerName(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, headerLetters) == ""
}

// plain reports whether s is ASCII without control characters.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

func (s Scheme) window() time.Duration {
	if w := s.Window; w > 0 {
		return w
	}
	return DefaultWindow
}

// standardKey returns the key of a Standard Webhooks secret.
func standardKey(secret string) ([]byte, error) {
	return unbase64(strings.TrimPrefix(secret, "whsec_"))
}
