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
func inviteOf(r *leg.Request, trunk *ringbid.Trunk, now time.Time) ringbid.Invite {
	inv := ringbid.Invite{
		CallID: ringbid.NewID(), SIPCallID: r.CallID, Trunk: trunk.Name, Source: r.Source.String(),
		Received: now, Tags: ringbid.TagMap{},
	}
	if inv.Number = phoneOf(leg.Party{User: r.User, URI: r.URI}); inv.Number == "" {
		inv.Number = phoneOf(r.To)
	}
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

// signalledTags keeps what the carrier or publisher says about the call.
func signalledTags(tags ringbid.TagMap, r *leg.Request) {
	userTags(tags, r.UserToUser)
	if len(r.Diversion) > 0 {
		setTag(tags, "diversion", r.Diversion[0].User)
	}
	attestTags(tags, r)
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

// userTags keeps RFC 7433 data, the first as user_to_user and up to three more
// with a number behind.
func userTags(tags ringbid.TagMap, values []string) {
	for i, v := range values[:min(len(values), 4)] {
		name := "user_to_user"
		if i > 0 {
			name += "_" + itoa(i+1)
		}
		data, purpose := userToUser(v)
		setTag(tags, name, data)
		setTag(tags, name+"_purpose", purpose)
	}
}

// userToUser reads RFC 7433 data. Hex, which is also what data without an
// encoding is in, becomes the text that it is, if it is one.
func userToUser(v string) (data, purpose string) {
	data, params, _ := strings.Cut(v, ";")
	if data = strings.TrimSpace(data); strings.HasPrefix(data, `"`) {
		if end := strings.IndexByte(v[1:], '"'); end >= 0 { // quoted, with a semicolon perhaps
			data, params = v[1:1+end], v[2+end:]
		}
		data = strings.Trim(data, `"`)
	}
	encoding := "hex"
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "encoding":
			encoding = strings.ToLower(value)
		case "purpose":
			purpose = strings.ToLower(value)
		}
	}
	if b, err := hex.DecodeString(data); encoding == "hex" && err == nil && readable(string(b)) {
		return string(b), purpose
	}
	return data, purpose
}

func readable(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
