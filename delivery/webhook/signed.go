package webhook

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// signedText is what a signature is over: texts and the places between them.
type signedText []piece

type piece struct {
	text  string
	place string // then text is ""
}

func places() []string { return []string{"id", "ts", "method", "path", "url", "body"} }

func parseSigned(s string) (signedText, error) {
	if len(s) > maxSigned {
		return nil, fmt.Errorf("is longer than %d bytes", maxSigned)
	}
	var t signedText
	for {
		before, rest, found := strings.Cut(s, "{")
		if strings.Contains(before, "}") {
			return nil, errors.New("has a } without a {")
		}
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !slices.Contains(places(), name) {
			return nil, fmt.Errorf("%.20q is none of {id}, {ts}, {method}, {path}, {url}, {body}", "{"+rest)
		}
		t, s = append(t, piece{place: name}), after
	}
}

func (t signedText) has(place string) bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.place == place })
}

// bytes puts a request in the places.
func (t signedText) bytes(r Received, id, ts string) []byte {
	var b []byte
	for _, p := range t {
		switch p.place {
		case "id":
			b = append(b, id...)
		case "ts":
			b = append(b, ts...)
		case "method":
			b = append(b, r.Method...)
		case "path":
			b = append(b, r.path()...)
		case "url":
			b = append(b, r.URL...)
		case "body":
			b = append(b, r.Body...)
		default:
			b = append(b, p.text...)
		}
	}
	return b
}

func (s Scheme) signed() string {
	if s.Signed == "" {
		return "{body}"
	}
	return s.Signed
}

// hash returns the hash's constructor, or nil where there is no such hash.
func (s Scheme) hash() func() hash.Hash {
	if s.Preset != PresetHMAC {
		return sha256.New
	}
	switch s.Hash {
	case "", "sha256":
		return sha256.New
	case "sha1":
		return sha1.New
	case "sha512":
		return sha512.New
	}
	return nil
}

// Received is a request as it came in, before anything was read out of it.
type Received struct {
	Method string
	// URL is the whole address as the partner called it, scheme and host of the
	// outermost proxy included; only hubspot and {url} need it.
	URL string
	// Path is the path with its query, as it was sent; of the URL where it is "".
	Path   string
	Header http.Header
	Body   []byte
}

func (r Received) path() string {
	if r.Path != "" {
		return r.Path
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return ""
	}
	return u.RequestURI()
}

// query returns the parameters of the request; none where they are not sound.
func (r Received) query() url.Values {
	_, query, _ := strings.Cut(r.path(), "?")
	v, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	return v
}

// hubspotURL undoes the escapes that HubSpot undoes before it signs.
func hubspotURL(s string) string {
	path, query, found := strings.Cut(s, "?")
	undo := strings.NewReplacer(
		"%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'",
		"%28", "(", "%29", ")", "%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";",
	)
	if !found {
		return undo.Replace(path)
	}
	return undo.Replace(path) + "?" + undo.Replace(query)
}
