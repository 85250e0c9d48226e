package sip

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// attestation is what the terminating carrier says of the caller's number
// (SHAKEN, RFC 8588), in one form whatever dialect it came in.
type attestation struct {
	level   string // A, B or C, of a number that passed
	verstat string // passed, failed or none; "" when nothing is said
	origin  string // the originating carrier's id of its customer
}

// attested reads the dialects: the verstat parameter of 3GPP TS 24.229 in
// P-Asserted-Identity and From, X-Twilio-VerStat, X-Plivo-Stir-Verification, and
// the P-Attestation-Indicator of session border controllers. What the carrier's
// own header says goes before the parameter.
func attested(r *leg.Request) attestation {
	var a attestation
	for _, p := range append(append([]leg.Party{}, r.PAI...), r.From) {
		v := inURI(p.URI, "verstat")
		if v == "" {
			v, _ = p.Param("verstat")
		}
		if a.read(v); a.verstat == "" {
			continue
		}
		if a.verstat == "passed" && a.level == "" && telnyx(p.Host) {
			a.level = "A" // Telnyx writes the suffix for B and C only
		}
		break
	}
	for _, name := range []string{"X-Twilio-VerStat", "X-Twilio-StirVerstat", "StirVerstat"} {
		if v, ok := r.Header(name); ok && a.verstat == "" {
			a.read(v)
		}
	}
	if v, ok := r.Header("X-Plivo-Stir-Verification"); ok && a.verstat == "" {
		a.verstat = map[string]string{"verified": "passed", "not verified": "failed", "not applicable": "none"}[strings.ToLower(strings.TrimSpace(v))]
	}
	for _, name := range []string{"P-Attestation-Indicator", "Attestation-Info", "X-Plivo-Stir-Attestation"} {
		if v, ok := r.Header(name); ok && a.verstat != "failed" {
			if level := levelOf(v); level != "" {
				a.level = level
				break
			}
		}
	}
	for _, name := range []string{"P-Origination-ID", "Origination-ID"} {
		if v, ok := r.Header(name); ok && a.origin == "" {
			a.origin = strings.TrimSpace(v)
		}
	}
	return a
}

// read takes a verstat value such as TN-Validation-Passed-A.
func (a *attestation) read(v string) {
	v = strings.ToLower(strings.TrimSpace(v))
	switch rest, passed := strings.CutPrefix(v, "tn-validation-passed"); {
	case passed:
		a.verstat, a.level = "passed", levelOf(strings.TrimPrefix(rest, "-"))
	case strings.HasPrefix(v, "tn-validation-failed"):
		a.verstat = "failed" // what a failed signature claims is worth nothing
	case v == "no-tn-validation":
		a.verstat = "none"
	}
}

func levelOf(v string) string {
	v = strings.ToUpper(strings.TrimSpace(v))
	if len(v) == 1 && strings.Contains("ABC", v) {
		return v
	}
	return ""
}

func telnyx(host string) bool {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	return host == "telnyx.com" || strings.HasSuffix(host, ".telnyx.com")
}

// passport is what the Identity header (RFC 8224, RFC 8225) claims.
type passport struct {
	Attest string `json:"attest"`
	Dest   struct {
		TN []string `json:"tn"`
	} `json:"dest"`
	Orig struct {
		TN string `json:"tn"`
	} `json:"orig"`
}

// claimed decodes an Identity header. Nothing is verified: it takes the
// certificate of whoever signed to know whether any of it is true.
func claimed(header string) (passport, bool) {
	token, _, _ := strings.Cut(header, ";")
	parts := strings.Split(strings.TrimSpace(token), ".")
	var out passport
	if len(parts) != 3 || parts[1] == "" || len(parts[1]) > 4096 {
		return out, false
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(text, &out) != nil {
		return passport{}, false
	}
	return out, true
}

// identities lists the Identity headers of a request, at most four.
func identities(r *leg.Request) []string {
	var out []string
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name(), "Identity") && len(out) < 4 {
			out = append(out, h.Value())
		}
	}
	return out
}

// attestTags are the facts about the caller's number.
func attestTags(tags ringbid.TagMap, r *leg.Request) {
	a := attested(r)
	setTag(tags, "attestation", a.level)
	setTag(tags, "verstat", a.verstat)
	setTag(tags, "origid", a.origin)
	for _, h := range identities(r) {
		if p, ok := claimed(h); ok {
			setTag(tags, "attestation_claimed", levelOf(p.Attest))
		}
	}
}
