package leg

import (
	"bytes"
	"strconv"
	"strings"
)

// verdict is what inspect decided about a message.
type verdict struct {
	drop  string // why it is dropped in silence; empty when it is not
	code  int    // status to refuse with before parsing; 0 when it may pass
	text  string // reason phrase of the refusal
	extra string // header line of the refusal, without CRLF
	data  []byte // what to parse when it passes; may be rewritten
}

func dropped(why string) verdict { return verdict{drop: why} }

func refused(code int, text string, extra ...string) verdict {
	return verdict{code: code, text: text, extra: strings.Join(extra, "")}
}

// inspect applies the structural rules of RFC 3261 section 8.2 that the
// parser leaves to its user, and rewrites what that reads too strictly. ACKs and
// responses are never refused, only dropped.
func inspect(data []byte, m *raw) verdict {
	for len(data) > 1 && data[0] == '\r' && data[1] == '\n' {
		data = data[2:]
	}
	if len(data) > maxMessage {
		return dropped("size")
	}
	if why := m.scan(data); why != "" {
		return dropped(why)
	}
	if len(m.start) > 4 && asciiFold(m.start[:4], "sip/") {
		return inspectResponse(data, m)
	}
	v := inspectRequest(data, m)
	if v.code != 0 && bytes.HasPrefix(m.start, []byte("ACK ")) {
		return dropped("bad_ack")
	}
	if _, ok := m.first(fVia); v.code != 0 && !ok {
		return dropped("no_via")
	}
	return v
}

func inspectResponse(data []byte, m *raw) verdict {
	f := bytes.SplitN(m.start, []byte(" "), 3)
	if m.bad || len(f) != 3 || !asciiFold(f[0], "sip/2.0") || len(f[1]) != 3 || f[1][0] < '1' || f[1][0] > '6' {
		return dropped("bad_response")
	}
	if missing(m) != "" || !single(m) {
		return dropped("bad_response")
	}
	if _, _, ok := cseqOf(m); !ok || !lengthOK(m) || !addressesOK(m) {
		return dropped("bad_response")
	}
	return passed(data, m)
}

func inspectRequest(data []byte, m *raw) verdict {
	f := bytes.Split(m.start, []byte(" "))
	last := f[len(f)-1]
	if len(f) < 3 || !tokenBytes(f[0]) {
		return dropped("start_line")
	}
	if !asciiFold(last[:min(4, len(last))], "sip/") {
		if len(last) == 0 { // trailing space
			return refused(400, "Malformed Request-Line")
		}
		return dropped("start_line")
	}
	if !asciiFold(last, "sip/2.0") {
		return refused(505, "Version Not Supported")
	}
	if len(f) != 3 || m.bad {
		return refused(400, "Malformed Request")
	}
	if name := missing(m); name != "" {
		return refused(400, "Missing "+name)
	}
	if !single(m) {
		return refused(400, "Repeated Header")
	}
	if _, method, ok := cseqOf(m); !ok || !bytes.Equal(method, f[0]) {
		return refused(400, "Bad CSeq")
	}
	if !lengthOK(m) {
		return refused(400, "Bad Content-Length")
	}
	if !addressesOK(m) {
		return refused(400, "Bad Address")
	}
	if upper := strings.ToUpper(string(f[0])); upper != string(f[0]) && knownMethod(upper) {
		// Methods are case-sensitive (RFC 3261 section 7.1); sipgo is not.
		return refused(405, "Method Not Allowed", "Allow: "+allowed)
	}
	if v := checkURI(f[1]); v.code != 0 {
		return v
	}
	if v := checkForwards(f[0], m); v.code != 0 {
		return v
	}
	if v := checkRequire(f[0], m); v.code != 0 {
		return v
	}
	if v := checkType(f[0], m); v.code != 0 {
		return v
	}
	return passed(data, m)
}

func knownMethod(m string) bool {
	switch m {
	case "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "REFER", "PRACK", "UPDATE", "NOTIFY", "SUBSCRIBE":
		return true
	}
	return false
}

// missing returns the name of the first mandatory header that is not there.
func missing(m *raw) string {
	names := [...]struct {
		id   field
		name string
	}{{fVia, "Via"}, {fFrom, "From"}, {fTo, "To"}, {fCallID, "Call-ID"}, {fCSeq, "CSeq"}}
	for _, n := range names {
		if m.at[n.id] == 0 {
			return n.name
		}
	}
	return ""
}

// single reports whether the headers that must be unique are. Content-Length
// may be repeated with one value.
func single(m *raw) bool {
	for i := range m.n {
		h := &m.headers[i]
		switch h.id {
		case fFrom, fTo, fCallID, fCSeq, fForwards, fLength:
			if j := int(m.at[h.id]) - 1; j != i && (h.id != fLength || !bytes.Equal(m.headers[j].value, h.value)) {
				return false
			}
		}
	}
	return true
}

func cseqOf(m *raw) (n uint64, method []byte, ok bool) {
	v, _ := m.first(fCSeq)
	i := bytes.IndexAny(v, " \t\r\n")
	if i < 0 {
		return 0, nil, false
	}
	if method = bytes.TrimSpace(v[i:]); !tokenBytes(method) {
		return 0, nil, false
	}
	n, err := strconv.ParseUint(string(v[:i]), 10, 31)
	return n, method, err == nil
}

// length returns Content-Length, or -1 when the header is missing or wrong.
func length(m *raw) (n int, given bool) {
	v, given := m.first(fLength)
	if !given {
		return -1, false
	}
	u, err := strconv.ParseUint(string(v), 10, 31)
	if err != nil {
		return -1, true
	}
	return int(u), true
}

func lengthOK(m *raw) bool {
	n, given := length(m)
	return !given || n >= 0 && n <= len(m.body)
}

// addressesOK refuses From, To and Contact values whose quotes or brackets do
// not close, and blanks inside brackets.
func addressesOK(m *raw) bool {
	for i := range m.n {
		switch m.headers[i].id {
		case fFrom, fTo, fContact:
			if !addressOK(m.headers[i].value, m.headers[i].id != fContact) {
				return false
			}
		case fCallID:
			if len(m.headers[i].value) == 0 {
				return false
			}
		}
	}
	return true
}

func addressOK(v []byte, alone bool) bool {
	quoted, angle, brackets := false, false, 0
	behind := false // a bracket, and no parameter yet
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case behind && (c == ';' || c == ',' && !alone):
			behind = false
		case behind && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return false
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			if angle {
				return false
			}
			angle = true
			brackets++
		case c == '>':
			if !angle {
				return false
			}
			angle, behind = false, true
		case angle && (c == ' ' || c == '\t' || c == '\r'):
			return false
		case c == ',' && !angle && alone && brackets == 0 && bytes.IndexByte(v, '<') >= 0:
			return false // an unquoted comma in a display name
		}
	}
	return len(v) > 0 && !quoted && !angle && (!alone || brackets < 2 && hasScheme(v, brackets == 1))
}

// hasScheme reports whether the address is a URI at all.
func hasScheme(v []byte, bracketed bool) bool {
	if bracketed {
		v = v[bytes.LastIndexByte(v, '<')+1:]
	}
	scheme, rest, ok := bytes.Cut(v, []byte(":"))
	if !ok || len(rest) == 0 || len(scheme) == 0 {
		return false
	}
	for _, c := range trim(scheme) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

func checkURI(uri []byte) verdict {
	scheme, rest, ok := bytes.Cut(uri, []byte(":"))
	switch {
	case !ok || len(rest) == 0 || !tokenBytes(scheme):
		return refused(400, "Bad Request-URI")
	case asciiFold(scheme, "tel"):
		return verdict{}
	case !asciiFold(scheme, "sip") && !asciiFold(scheme, "sips"):
		return refused(416, "Unsupported URI Scheme")
	}
	if i := bytes.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	if len(rest) == 0 || bytes.ContainsAny(rest, "?<>\"") || bareIPv6(rest) { // headers do not belong here, section 19.1.1
		return refused(400, "Bad Request-URI")
	}
	return verdict{}
}

// bareIPv6 reports whether the host is an IPv6 address without its brackets
// (RFC 5118 section 4.2).
func bareIPv6(hostport []byte) bool {
	host, _, _ := bytes.Cut(hostport, []byte(";"))
	return bytes.Count(host, []byte(":")) > 1 && host[0] != '['
}

func checkForwards(method []byte, m *raw) verdict {
	v, ok := m.first(fForwards)
	if !ok {
		return verdict{}
	}
	n, err := strconv.ParseUint(string(v), 10, 8)
	if err != nil {
		return refused(400, "Bad Max-Forwards")
	}
	to, _ := m.first(fTo)
	if n == 0 && string(method) == "INVITE" && !hasTag(to) {
		return refused(483, "Too Many Hops")
	}
	return verdict{}
}

// checkRequire refuses options that are not understood (RFC 3261 section 8.2.2.3).
func checkRequire(method []byte, m *raw) verdict {
	if s := string(method); s == "ACK" || s == "CANCEL" {
		return verdict{}
	}
	var tags []string
	for i := range m.n {
		if m.headers[i].id != fRequire {
			continue
		}
		for tag := range strings.SplitSeq(string(m.headers[i].value), ",") {
			if tag = strings.TrimSpace(tag); isToken(tag) && !understood(tag) {
				tags = append(tags, tag)
			}
		}
	}
	if tags == nil {
		return verdict{}
	}
	return refused(420, "Bad Extension", "Unsupported: ", strings.Join(tags, ", "))
}

// understood reports whether an option tag may be required of us.
func understood(tag string) bool {
	switch strings.ToLower(tag) {
	case "100rel", "timer", "replaces", "norefersub": // RFC 3262, 4028, 3891, 4488
		return true
	}
	return false
}

// checkType refuses INVITE bodies that cannot hold a session description.
func checkType(method []byte, m *raw) verdict {
	n, given := length(m)
	if string(method) != "INVITE" || given && n == 0 || len(m.body) == 0 {
		return verdict{}
	}
	v, _ := m.first(fType)
	kind, _, _ := bytes.Cut(v, []byte(";"))
	kind = bytes.ToLower(trim(kind))
	if string(kind) == "application/sdp" || bytes.HasPrefix(kind, []byte("multipart/")) {
		return verdict{}
	}
	return refused(415, "Unsupported Media Type", "Accept: application/sdp")
}
