package sip

import (
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// identity is who a call to a buyer claims to come from.
type identity struct {
	from    leg.Party
	pai     string // P-Asserted-Identity (RFC 3325), empty when withheld
	privacy bool
}

// identityOf presents the caller to a buyer. A withheld number stays withheld:
// From is anonymous (RFC 3323 section 4.1), and only a trusted trunk is told the
// number, as what we assert (RFC 3325 section 7).
func identityOf(d *ringbid.Dial, withheld ringbid.Phone, trunk *ringbid.Trunk, host string) identity {
	if d.Caller == "" {
		who := identity{
			from:    leg.Party{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"},
			privacy: true,
		}
		if trunk.Trusted && withheld != "" {
			who.pai = "sip:" + string(withheld) + "@" + host
		}
		return who
	}
	return identity{
		from: leg.Party{Display: plain(d.CallerName), User: string(d.Caller)},
		pai:  "sip:" + string(d.Caller) + "@" + host,
	}
}

// callerOf takes From, then P-Asserted-Identity, then Remote-Party-ID. Calls
// come from configured trunks only, so that what they assert is believed.
func callerOf(r *leg.Request) ringbid.Phone {
	if p := phoneOf(r.From); p != "" {
		return p
	}
	for _, list := range [][]leg.Party{r.PAI, r.RPID} {
		for _, p := range list {
			if n := phoneOf(p); n != "" {
				return n
			}
		}
	}
	return ""
}

// withheld reports whether the caller asked for privacy: by Privacy (RFC 3323
// section 4.2), or as carriers did before it.
func withheld(r *leg.Request) bool {
	for v := range strings.FieldsFuncSeq(strings.ToLower(r.Privacy), func(c rune) bool { return c == ';' || c == ',' || c == ' ' }) {
		if v == "id" || v == "user" || v == "header" {
			return true
		}
	}
	for _, p := range r.RPID {
		if v, _ := p.Param("privacy"); strings.EqualFold(v, "full") || strings.EqualFold(v, "uri") {
			return true
		}
	}
	return false
}

// phoneOf reads the number of an address: a tel: URI (RFC 3966), or the user of
// a sip: URI, with or without user=phone, escaped or with a phone-context of
// digits in front of a local number. "" is not a number.
func phoneOf(p leg.Party) ringbid.Phone {
	user := p.User
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	if context := inURI(p.URI, "phone-context"); strings.HasPrefix(context, "+") && !strings.HasPrefix(user, "+") {
		user = context + user
	}
	n, err := ringbid.ParsePhone(user)
	if err != nil {
		return ""
	}
	return n
}

// inURI returns a parameter of a URI, of its user part or behind the host; some
// write it at the one place and some at the other.
func inURI(uri, name string) string {
	uri, _, _ = strings.Cut(uri, "?")
	for i := strings.IndexByte(uri, ';'); i >= 0; i = strings.IndexByte(uri, ';') {
		uri = uri[i+1:]
		end := strings.IndexAny(uri, ";@>")
		if end < 0 {
			end = len(uri)
		}
		k, v, _ := strings.Cut(uri[:end], "=")
		if strings.EqualFold(k, name) {
			if plain, err := url.PathUnescape(v); err == nil {
				return plain
			}
			return v
		}
	}
	return ""
}
