package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// Sign makes the headers by which a POST with the body proves itself, under the
// first of the secrets. For schemes that cover the address use SignRequest.
func Sign(s Scheme, id string, at time.Time, body []byte) http.Header {
	return SignRequest(s, Received{Method: http.MethodPost, Body: body}, id, at)
}

// SignRequest makes the headers by which a request proves itself; those it has
// are not looked at. Without a usable secret there are none. A token that goes in
// the query is for the asker to put there.
func SignRequest(s Scheme, r Received, id string, at time.Time) http.Header {
	h := http.Header{}
	keys := s.keys()
	if len(keys) == 0 || s.hash() == nil {
		return h
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	sum := func(parts ...any) []byte { return s.mac(keys[0], joined(parts...)) }
	switch s.Preset {
	case PresetStandard:
		h.Set("Webhook-Id", id)
		h.Set("Webhook-Timestamp", seconds)
		h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(sum(id, ".", seconds, ".", r.Body)))
	case PresetStripe:
		h.Set("Stripe-Signature", "t="+seconds+",v1="+hex.EncodeToString(sum(seconds, ".", r.Body)))
	case PresetGitHub:
		h.Set("X-Github-Delivery", id)
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(sum(r.Body)))
	case PresetSlack:
		h.Set("X-Slack-Request-Timestamp", seconds)
		h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(sum("v0:", seconds, ":", r.Body)))
	case PresetHubSpot:
		millis := strconv.FormatInt(at.UnixMilli(), 10)
		h.Set("X-Hubspot-Request-Timestamp", millis)
		h.Set("X-Hubspot-Signature-V3", base64.StdEncoding.EncodeToString(sum(r.Method, hubspotURL(r.URL), r.Body, millis)))
	case PresetHMAC:
		s.signHMAC(h, keys[0], r, id, seconds)
	case PresetToken:
		s.putToken(h, keys[0], id)
	}
	return h
}

func (s Scheme) signHMAC(h http.Header, key []byte, r Received, id, seconds string) {
	t, err := parseSigned(s.signed())
	if err != nil {
		return
	}
	sum := s.mac(key, t.bytes(r, id, seconds))
	text := hex.EncodeToString(sum)
	if s.Encoding == "base64" {
		text = base64.StdEncoding.EncodeToString(sum)
	}
	h.Set(s.Header, s.Prefix+text)
	if s.IDHeader != "" {
		h.Set(s.IDHeader, id)
	}
	if s.TimeHeader != "" {
		h.Set(s.TimeHeader, seconds)
	}
}

func (s Scheme) putToken(h http.Header, key []byte, id string) {
	name, prefix, text := s.Header, s.Prefix, string(key)
	if s.Encoding == "base64" {
		text = base64.StdEncoding.EncodeToString(key)
	}
	switch {
	case name == "":
		name = "Authorization"
		if prefix == "" {
			prefix = "Bearer "
		}
		h.Set(name, prefix+text)
	case name[0] != '?':
		h.Set(name, prefix+text)
	}
	if s.IDHeader != "" {
		h.Set(s.IDHeader, id)
	}
}
