package sip

import (
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// scanners are words in the User-Agent of programs that search the net for
// telephone systems and for passwords. A program that hides leaves no such
// word; it is found by what it does.
var scanners = []string{
	"friendly-scanner", "friendly-request", "sipvicious", // SIPVicious and its copies
	"sundayddr",                           // worm that spread SIPVicious
	"sipsak",                              // probes and floods
	"sipcli",                              // command-line caller, used for toll fraud
	"vaxsipuseragent",                     // kit of password guessers
	"pplsip",                              // password guesser
	"zoiper rev.1812",                     // a guesser's mask
	"sip-scan", "sipscan", "smap", "iwar", // map networks
	"siparmyknife", "sipbomber", "mr.sip", // attack kits
}

// scanner says by which sign a request that begins something is known for a
// scanner's, or "".
func scanner(a *leg.Arrival) string {
	ua := strings.ToLower(a.Header("User-Agent"))
	for _, word := range scanners {
		if strings.Contains(ua, word) {
			return word
		}
	}
	from := strings.ToLower(a.Header("From"))
	switch {
	case strings.Contains(from, "sipvicious"):
		return "sipvicious"
	case strings.Contains(from, "@1.1.1.1"): // SIPVicious writes it where it has no address
		return "from 1.1.1.1"
	}
	// SIPVicious and what was made of it ask 100 in the name of 100.
	if addressUser(from) == "100" && addressUser(a.Header("To")) == "100" {
		return "100 to 100"
	}
	return ""
}

// numberOf returns which number a request is for, in the order in which inviteOf
// looks.
func numberOf(a *leg.Arrival) ringbid.Phone {
	uri, to := a.URI(), a.Header("To")
	if n := phoneOf(leg.Party{User: userOf(uri), URI: uri}); n != "" {
		return n
	}
	return phoneOf(leg.Party{User: addressUser(to), URI: to})
}

// addressUser returns the user of a From or To value.
func addressUser(v string) string {
	if i := strings.LastIndexByte(v, '<'); i >= 0 {
		v, _, _ = strings.Cut(v[i+1:], ">")
	}
	return userOf(strings.TrimSpace(v))
}

// userOf returns the user of a URI, of a tel: URI its number.
func userOf(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return ""
	}
	if strings.EqualFold(scheme, "tel") {
		number, _, _ := strings.Cut(rest, ";")
		return number
	}
	i := strings.LastIndexByte(rest, '@')
	if i < 0 {
		return ""
	}
	user, _, _ := strings.Cut(rest[:i], ";")
	user, _, _ = strings.Cut(user, ":") // a password
	return user
}
