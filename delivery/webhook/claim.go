package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// claim reads out of a request what it says it proves.
func (s Scheme) claim(r Received) (claim, error) {
	switch s.Preset {
	case PresetStandard:
		return s.claimStandard(r)
	case PresetStripe:
		return s.claimStripe(r)
	case PresetGitHub:
		return s.claimGitHub(r)
	case PresetSlack:
		return s.claimSlack(r)
	case PresetHubSpot:
		return s.claimHubSpot(r)
	case PresetHMAC:
		return s.claimHMAC(r)
	}
	return claim{}, denied(ErrWrongSignature, "no such preset")
}

func (s Scheme) claimStandard(r Received) (claim, error) {
	sigs, err := signatures(r, "Webhook-Signature", " ", "v1,", unbase64)
	if err != nil {
		return claim{}, err
	}
	id, err := identifier(r, "Webhook-Id")
	if err != nil {
		return claim{}, err
	}
	ts, at, err := unixTime(r, "Webhook-Timestamp")
	if err != nil {
		return claim{}, err
	}
	if id == "" || strings.Contains(id, ".") {
		return claim{}, denied(ErrNoSignature, "Webhook-Id is missing or has a dot")
	}
	return claim{signatures: sigs, message: joined(id, ".", ts, ".", r.Body), id: id, bound: true, at: at}, nil
}

func (s Scheme) claimStripe(r Received) (claim, error) {
	sigs, err := signatures(r, "Stripe-Signature", ",", "v1=", hex.DecodeString)
	if err != nil {
		return claim{}, err
	}
	var ts string
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Stripe-Signature"), ","), ",") {
		if t, is := strings.CutPrefix(strings.TrimSpace(part), "t="); is {
			if ts != "" && ts != t {
				return claim{}, denied(ErrWrongSignature, "Stripe-Signature holds two times")
			}
			ts = t
		}
	}
	at, err := parseSeconds(ts)
	if err != nil {
		return claim{}, denied(ErrNoSignature, "Stripe-Signature holds no time")
	}
	return claim{signatures: sigs, message: joined(ts, ".", r.Body), at: at}, nil
}

func (s Scheme) claimGitHub(r Received) (claim, error) {
	sigs, err := signatures(r, "X-Hub-Signature-256", ",", "sha256=", hex.DecodeString)
	if err != nil {
		return claim{}, err
	}
	id, err := identifier(r, "X-Github-Delivery")
	return claim{signatures: sigs, message: r.Body, id: id}, err
}

func (s Scheme) claimSlack(r Received) (claim, error) {
	sigs, err := signatures(r, "X-Slack-Signature", ",", "v0=", hex.DecodeString)
	if err != nil {
		return claim{}, err
	}
	ts, at, err := unixTime(r, "X-Slack-Request-Timestamp")
	return claim{signatures: sigs, message: joined("v0:", ts, ":", r.Body), at: at}, err
}

func (s Scheme) claimHubSpot(r Received) (claim, error) {
	sigs, err := signatures(r, "X-Hubspot-Signature-V3", ",", "", unbase64)
	if err != nil {
		return claim{}, err
	}
	ts, at, err := unixTime(r, "X-Hubspot-Request-Timestamp")
	return claim{signatures: sigs, message: joined(r.Method, hubspotURL(r.URL), r.Body, ts), at: at}, err
}

func (s Scheme) claimHMAC(r Received) (claim, error) {
	t, err := parseSigned(s.signed())
	if err != nil || s.hash() == nil || !t.has("body") {
		return claim{}, denied(ErrWrongSignature, "the scheme is not sound")
	}
	decode := hex.DecodeString
	if s.Encoding == "base64" {
		decode = unbase64
	}
	c := claim{}
	if c.signatures, err = signatures(r, s.Header, ",", s.Prefix, decode); err != nil {
		return c, err
	}
	if s.IDHeader != "" {
		if c.id, err = identifier(r, s.IDHeader); err != nil {
			return c, err
		}
	}
	var ts string
	if t.has("ts") {
		if ts, c.at, err = anyTime(r, s.TimeHeader); err != nil {
			return c, err
		}
	}
	if c.bound = t.has("id"); c.bound && c.id == "" {
		return c, denied(ErrNoSignature, s.IDHeader+" is missing")
	}
	c.message = t.bytes(r, c.id, ts)
	return c, nil
}

// joined puts texts and a body behind one another.
func joined(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// one returns the value of a header that stands once.
func one(r Received, name string) (string, error) {
	values := r.Header.Values(name)
	switch {
	case len(values) == 0 || values[0] == "":
		return "", denied(ErrNoSignature, name+" is missing")
	case len(values) > 1:
		return "", denied(ErrWrongSignature, name+" stands twice")
	case len(values[0]) > maxHeader:
		return "", denied(ErrWrongSignature, name+" is too long")
	}
	return values[0], nil
}

// identifier returns the event's id, or "" where the header is not there.
func identifier(r Received, name string) (string, error) {
	if len(r.Header.Values(name)) == 0 {
		return "", nil
	}
	id, err := one(r, name)
	if err == nil && (len(id) > maxID || !plain(id)) {
		return "", denied(ErrWrongSignature, name+" is not an id")
	}
	return id, err
}

// signatures returns those that a header lists behind the prefix, decoded.
func signatures(r Received, header, between, prefix string, decode func(string) ([]byte, error)) ([][]byte, error) {
	text := strings.Join(r.Header.Values(header), between)
	switch {
	case strings.TrimSpace(text) == "":
		return nil, denied(ErrNoSignature, header+" is missing")
	case len(text) > maxHeader:
		return nil, denied(ErrWrongSignature, header+" is too long")
	}
	var all [][]byte
	for part := range strings.SplitSeq(text, between) {
		rest, is := strings.CutPrefix(strings.TrimSpace(part), prefix)
		if !is || len(all) == maxSignatures {
			continue
		}
		if sig, err := decode(rest); err == nil && len(sig) > 0 {
			all = append(all, sig)
		}
	}
	if len(all) == 0 {
		return nil, denied(ErrWrongSignature, header+" holds none of the kind")
	}
	return all, nil
}

// unbase64 reads base64 as signers write it: either alphabet, padded or not.
func unbase64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

var errNoTime = errors.New("is no time")

// unixTime reads a header in seconds or milliseconds, and returns its text too.
func unixTime(r Received, name string) (string, time.Time, error) {
	text, err := one(r, name)
	if err != nil {
		return "", time.Time{}, err
	}
	at, err := parseUnix(text)
	if err != nil {
		return "", time.Time{}, denied(ErrWrongSignature, name+" is no time")
	}
	return text, at, nil
}

// anyTime reads a header as unixTime does, or by RFC 3339.
func anyTime(r Received, name string) (string, time.Time, error) {
	text, err := one(r, name)
	if err == nil {
		if at, err := time.Parse(time.RFC3339, text); err == nil && !at.IsZero() {
			return text, at.UTC(), nil
		}
	}
	return unixTime(r, name)
}

const (
	secondsDigits = 11 // up to the year 5138
	millisDigits  = 14
)

// parseUnix reads seconds or milliseconds since 1970, told apart by their length.
func parseUnix(s string) (time.Time, error) {
	if len(s) <= secondsDigits {
		return parseSeconds(s)
	}
	if len(s) > millisDigits || strings.Trim(s, "0123456789") != "" {
		return time.Time{}, errNoTime
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(n).UTC(), err
}

func parseSeconds(s string) (time.Time, error) {
	if s == "" || len(s) > secondsDigits || strings.Trim(s, "0123456789") != "" {
		return time.Time{}, errNoTime
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0).UTC(), err
}
