package leg

import "bytes"

// Limits of what is parsed at all. sipgo's parameter parsing is quadratic, so
// separators are bounded per line; a carrier INVITE has 1 to 3 KB and fewer
// than 20 of them on a line.
const (
	maxMessage    = 16 << 10
	maxStartLine  = 2 << 10
	maxHeaderLine = 4 << 10
	maxHeaders    = 120
	maxSeparators = 64
)

// field names a header the inspection looks at.
type field uint8

const (
	fOther field = iota
	fVia
	fFrom
	fTo
	fCallID
	fCSeq
	fContact
	fLength
	fType
	fForwards
	fRequire
	fRoute
	fRecordRoute
	fields
)

// rawHeader is one logical header line; value may hold folded lines.
type rawHeader struct {
	id          field
	name, value []byte
}

// raw is a message cut into lines without being understood. Its slices point
// into the datagram.
type raw struct {
	start   []byte
	body    []byte
	headers [maxHeaders]rawHeader
	n       int
	at      [fields]uint8 // one more than the index of the first header of that kind
	merge   string        // see mergeKey
	folded  bool
	bad     bool // a line is not a header: answerable with 400
}

// scan cuts data into m and returns why it must be dropped, or "". It looks at
// every byte once and allocates nothing.
func (m *raw) scan(data []byte) string {
	m.n, m.folded, m.bad, m.body, m.at, m.merge = 0, false, false, nil, [fields]uint8{}, ""
	line, rest, ok := cutLine(data)
	switch {
	case !ok:
		return "framing"
	case len(line) > maxStartLine || separators(line) > maxSeparators/2:
		return "start_line"
	}
	m.start = line
	for {
		line, after, ok := cutLine(rest)
		if !ok {
			return "framing"
		}
		if len(line) == 0 {
			m.body = after
			return ""
		}
		// A folded line belongs to the one before (RFC 3261 section 7.3.1).
		for len(after) > 0 && (after[0] == ' ' || after[0] == '\t') {
			cont, next, ok := cutLine(after)
			if !ok {
				return "framing"
			}
			line, after, m.folded = rest[:len(line)+2+len(cont)], next, true
		}
		if len(line) > maxHeaderLine || separators(line) > maxSeparators {
			return "header_line"
		}
		if m.n == maxHeaders {
			return "headers"
		}
		m.add(line)
		rest = after
	}
}

func (m *raw) add(line []byte) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t\r\n")
	if !ok || !tokenBytes(name) {
		m.bad = true
		return
	}
	id := fieldOf(name)
	m.headers[m.n] = rawHeader{id: id, name: name, value: trim(value)}
	if m.n++; m.at[id] == 0 {
		m.at[id] = uint8(m.n)
	}
}

// first returns the first header of that kind.
func (m *raw) first(id field) ([]byte, bool) {
	if i := m.at[id]; i > 0 {
		return m.headers[i-1].value, true
	}
	return nil, false
}

// cutLine splits at the next CRLF. A bare CR or LF makes it fail.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return nil, nil, false
	}
	line = b[:i-1]
	if bytes.IndexByte(line, '\r') >= 0 {
		return nil, nil, false
	}
	return line, b[i+1:], true
}

func separators(b []byte) int {
	return bytes.Count(b, []byte{';'}) + bytes.Count(b, []byte{'&'})
}

func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

func tokenBytes(b []byte) bool {
	for _, c := range b {
		if !tokenByte(c) {
			return false
		}
	}
	return len(b) > 0
}

// fieldOf maps a header name, long or compact (RFC 3261 section 7.3.3).
func fieldOf(name []byte) field {
	switch len(name) {
	case 1:
		switch name[0] | 0x20 {
		case 'v':
			return fVia
		case 'f':
			return fFrom
		case 't':
			return fTo
		case 'i':
			return fCallID
		case 'm':
			return fContact
		case 'l':
			return fLength
		case 'c':
			return fType
		}
	case 2:
		return ifFold(name, "to", fTo)
	case 3:
		return ifFold(name, "via", fVia)
	case 4:
		return max(ifFold(name, "from", fFrom), ifFold(name, "cseq", fCSeq))
	case 5:
		return ifFold(name, "route", fRoute)
	case 7:
		return max(ifFold(name, "call-id", fCallID), ifFold(name, "contact", fContact), ifFold(name, "require", fRequire))
	case 12:
		return max(ifFold(name, "max-forwards", fForwards), ifFold(name, "content-type", fType), ifFold(name, "record-route", fRecordRoute))
	case 14:
		return ifFold(name, "content-length", fLength)
	}
	return fOther
}

func ifFold(name []byte, want string, id field) field {
	if asciiFold(name, want) {
		return id
	}
	return fOther
}

// asciiFold compares b with a lower-case word, ignoring case.
func asciiFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
