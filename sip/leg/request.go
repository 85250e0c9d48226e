package leg

import (
	"net/netip"
	"strings"
)

// Party is an address of a message: From, To, P-Asserted-Identity and so on.
type Party struct {
	Display string // unquoted
	User    string // user part; the number of a tel: URI
	Host    string // host, with the port when it has one; empty for tel:
	URI     string // the whole URI as received; ignored in DialConfig
	Tag     string // From and To only; ignored in DialConfig
	Params  string // what stands behind the address, "party=calling;privacy=full"; ignored in DialConfig
}

// Param returns a parameter that stands behind the address, without quotes; its
// name is not case-sensitive.
func (p Party) Param(name string) (value string, ok bool) {
	for _, one := range splitOutside([]byte(p.Params), ';') {
		k, v, _ := strings.Cut(string(one), "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return unquote(strings.Trim(strings.TrimSpace(v), `"`)), true
		}
	}
	return "", false
}

// Parties reads the addresses of the named headers, at most 16; what is none is
// left out.
func Parties(hs []Header, name string) []Party {
	var out []Party
	for _, h := range hs {
		if strings.EqualFold(h.name, name) {
			out = appendParties(out, h.value)
		}
	}
	return out
}

// Request is an INVITE as it came in, in our own words. Slices and strings are
// the leg's own and must not be changed.
type Request struct {
	Method      string
	URI         string // Request-URI as received
	User, Host  string // of the Request-URI; User is the number of a tel: URI
	From, To    Party
	PAI         []Party // P-Asserted-Identity (RFC 3325), sip and tel entries
	RPID        []Party // Remote-Party-ID
	Diversion   []Party // RFC 5806, the most recent first
	History     []Party // History-Info (RFC 7044), the oldest first
	Privacy     string  // RFC 3323 value, empty when absent
	UserToUser  []string
	Replaces    *DialogID // RFC 3891, nil when absent
	MaxForwards int       // 70 when the header is missing
	Headers     []Header  // every header in order, compact names expanded
	ContentType string
	SDP         []byte   // nil when the body is not application/sdp
	Network     string   // "udp", "tcp", "tls", "ws" or "wss"
	Names       []string // of the client certificate, verified, lower case; nil without one
	Source      netip.AddrPort
	CallID      string
}

// Header returns the first value of the named header, ignoring case.
func (r *Request) Header(name string) (string, bool) { return lookup(r.Headers, name) }
