package leg

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxHeaderValue is the most bytes a header value may have, maxIdentity that of
// an Identity header (RFC 8224), which holds a signature.
const (
	maxHeaderValue = 1 << 10
	maxIdentity    = 4 << 10
)

// ErrHeader is why NewHeader and UserToUser refuse.
var ErrHeader = errors.New("header refused")

// Header is one SIP header that passed the door: no control characters, a
// token for a name, a bounded value.
type Header struct{ name, value string }

// Name returns the field name as it will be written.
func (h Header) Name() string { return h.name }

// Value returns the field value.
func (h Header) Value() string { return h.value }

// NewHeader makes a header to be sent. It refuses names that are not tokens
// (RFC 3261 section 25.1) or that the stack writes itself, and values above
// 1 KB (4 KB for Identity), with control characters (CR, LF and NUL among them) or not in UTF-8.
// Spaces around the value are removed.
func NewHeader(name, value string) (Header, error) {
	if !isToken(name) || len(name) > 64 {
		return Header{}, fmt.Errorf("%w: name %.64q", ErrHeader, name)
	}
	if ownHeader(name) {
		return Header{}, fmt.Errorf("%w: %s is written by the stack", ErrHeader, name)
	}
	most := maxHeaderValue
	if strings.EqualFold(name, "Identity") {
		most = maxIdentity
	}
	if len(value) > most {
		return Header{}, fmt.Errorf("%w: %s has %d bytes", ErrHeader, name, len(value))
	}
	if !cleanText(value) {
		return Header{}, fmt.Errorf("%w: control character in %s", ErrHeader, name)
	}
	return Header{name: name, value: strings.Trim(value, " ")}, nil
}

// ReceivedHeader is a header as a peer writes it, of any name and length, for
// those who read or play peers; what holds control characters is the zero Header,
// which is never sent.
func ReceivedHeader(name, value string) Header {
	if !isToken(name) || !cleanText(value) {
		return Header{}
	}
	return Header{name: name, value: value}
}

// cleanText reports whether s is UTF-8 without control characters.
func cleanText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}) < 0
}

// isToken reports whether s is a token of RFC 3261 section 25.1.
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return true
}

var inToken = func() (is [256]bool) {
	for c := range is {
		b := byte(c)
		is[c] = b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-.!%*_+`'~", b) >= 0
	}
	return is
}()

func tokenByte(c byte) bool { return inToken[c] }

// ownHeader reports whether the stack writes the header itself.
func ownHeader(name string) bool {
	switch strings.ToLower(name) {
	case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m",
		"content-length", "l", "content-type", "c", "content-encoding", "e", "max-forwards",
		"route", "record-route", "require", "proxy-require", "supported", "k", "allow",
		"replaces", "authorization", "proxy-authorization", "user-agent", "server":
		return true
	}
	return false
}

// Escape percent-encodes value for an X- header: the unreserved characters of
// RFC 3986 section 2.3 stay, every other byte becomes %XX.
func Escape(value string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(value))
	for i := range len(value) {
		c := value[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

// UserToUser makes a User-to-User header (RFC 7433) with data in hex. It
// refuses empty data and more than 128 octets.
func UserToUser(data []byte) (Header, error) {
	if len(data) == 0 || len(data) > 128 {
		return Header{}, fmt.Errorf("%w: user-to-user of %d octets", ErrHeader, len(data))
	}
	return Header{name: "User-to-User", value: fmt.Sprintf("%x;encoding=hex", data)}, nil
}

// lookup returns the first value of the named header.
func lookup(hs []Header, name string) (string, bool) {
	for _, h := range hs {
		if strings.EqualFold(h.name, name) {
			return h.value, true
		}
	}
	return "", false
}
