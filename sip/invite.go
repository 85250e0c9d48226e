package sip

import (
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// maxSignalled is how many facts are taken from one INVITE.
const maxSignalled = 32

var tagForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// inviteOf reads an INVITE into our words.
func inviteOf(r leg.Request, trunk *ringbid.Trunk, now time.Time) ringbid.Invite {
	inv := ringbid.Invite{
		CallID: ringbid.NewID(), SIPCallID: r.CallID, Trunk: trunk.Name, Source: r.Source.String(),
		Received: now, Tags: ringbid.TagMap{},
	}
	inv.Number = firstPhone(r.User, r.To.User)
	if inv.Number == "" && r.User != "" {
		setTag(inv.Tags, "dialed", r.User)
	}
	if !withheld(r) {
		inv.Caller = callerOf(r)
		inv.CallerName = plain(r.From.Display)
	}
	signalledTags(inv.Tags, r)
	return inv
}

// firstPhone returns the first of the users that is a number.
func firstPhone(users ...string) ringbid.Phone {
	for _, u := range users {
		if p, err := ringbid.ParsePhone(u); err == nil {
			return p
		}
	}
	return ""
}

// callerOf takes From, then P-Asserted-Identity, then Remote-Party-ID. Calls
// come from configured trunks only, so that what they assert is believed.
func callerOf(r leg.Request) ringbid.Phone {
	users := []string{r.From.User}
	for _, p := range r.PAI {
		users = append(users, p.User)
	}
	for _, p := range r.RPID {
		users = append(users, p.User)
	}
	return firstPhone(users...)
}

// withheld reports whether the caller asked for privacy (RFC 3323 section 4.2).
func withheld(r leg.Request) bool {
	for v := range strings.FieldsFuncSeq(strings.ToLower(r.Privacy), func(c rune) bool { return c == ';' || c == ',' || c == ' ' }) {
		if v == "id" || v == "user" || v == "header" {
			return true
		}
	}
	for _, p := range r.RPID {
		if strings.Contains(strings.ToLower(p.URI), "privacy=full") {
			return true
		}
	}
	return false
}

// signalledTags keeps what the carrier or publisher says about the call.
func signalledTags(tags ringbid.TagMap, r leg.Request) {
	if len(r.UserToUser) > 0 {
		setTag(tags, "user_to_user", userToUser(r.UserToUser[0]))
	}
	if len(r.Diversion) > 0 {
		setTag(tags, "diversion", r.Diversion[0].User)
	}
	if a := attestation(r); a != "" {
		setTag(tags, "attestation", a)
	}
	for _, h := range r.Headers {
		name := strings.ToLower(strings.ReplaceAll(h.Name(), "-", "_"))
		if !strings.HasPrefix(name, "x_") || len(tags) >= maxSignalled {
			continue
		}
		v := h.Value()
		if plain, err := url.PathUnescape(v); err == nil {
			v = plain
		}
		setTag(tags, name, v)
	}
}

// setTag keeps a fact that has the form of one; the first value wins.
func setTag(tags ringbid.TagMap, name, value string) {
	if value == "" || len(name) > ringbid.MaxTagName || len(value) > ringbid.MaxTagValue || !tagForm.MatchString(name) || !readable(value) {
		return
	}
	if _, ok := tags[name]; !ok {
		tags[name] = value
	}
}

// userToUser reads RFC 7433 data: hex that is text becomes the text.
func userToUser(v string) string {
	data, _, _ := strings.Cut(v, ";")
	data = strings.Trim(strings.TrimSpace(data), `"`)
	if b, err := hex.DecodeString(data); err == nil && readable(string(b)) {
		return string(b)
	}
	return data
}

// attestation returns how the originating carrier vouches for the caller: A, B
// or C (RFC 8588), as the terminating carrier passes it on.
func attestation(r leg.Request) string {
	if v, ok := r.Header("P-Attestation-Indicator"); ok && len(v) == 1 && strings.Contains("ABC", strings.ToUpper(v)) {
		return strings.ToUpper(v)
	}
	uris := []string{r.From.URI}
	for _, p := range r.PAI {
		uris = append(uris, p.URI)
	}
	for _, uri := range uris {
		_, v, ok := strings.Cut(strings.ToLower(uri), "verstat=tn-validation-passed-")
		if ok && v != "" && strings.Contains("abc", v[:1]) {
			return strings.ToUpper(v[:1])
		}
	}
	return ""
}

func readable(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
