package leg

import (
	"bytes"
	"strconv"
)

// passed returns the message for sipgo's parser: as it is when it is plain,
// rewritten when it is folded or uses blanks, case and comma lists in a way
// that is legal (RFC 3261 sections 7.3.1 and 25.1) but beyond sipgo.
func passed(data []byte, m *raw) verdict {
	plain := !m.folded
	for i := 0; i < m.n && plain; i++ {
		h := &m.headers[i]
		switch h.id {
		case fVia:
			plain = viaPlain(h.value)
		case fFrom, fTo:
			plain = addressPlain(h.value)
		case fCSeq:
			plain = bytes.Count(h.value, []byte(" ")) == 1 && bytes.IndexByte(h.value, '\t') < 0
		}
	}
	if plain && bytes.HasSuffix(m.start, []byte("SIP/2.0")) || plain && bytes.HasPrefix(m.start, []byte("SIP/2.0 ")) {
		return verdict{data: data}
	}
	out, ok := rewrite(m)
	if !ok {
		if asciiFold(m.start[:4], "sip/") {
			return dropped("bad_response")
		}
		return refused(400, "Bad Via")
	}
	return verdict{data: out}
}

func viaPlain(v []byte) bool {
	return bytes.HasPrefix(v, []byte("SIP/2.0/")) && bytes.Count(v, []byte(" ")) == 1 &&
		!bytes.ContainsAny(v, "\t,\"") && bytes.Contains(v, []byte(";branch="))
}

// addressPlain looks at the parameters behind the address only.
func addressPlain(v []byte) bool {
	p := v[bytes.LastIndexByte(v, '>')+1:]
	if len(p) == len(v) && bytes.IndexByte(p, ';') < 0 {
		return true
	}
	return !bytes.ContainsAny(p, " \t\"") && !bytes.ContainsAny(names(p), "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// names keeps the ";name" parts of a parameter list, without values.
func names(p []byte) []byte {
	if bytes.Contains(p, []byte(";tag=")) {
		return nil // the only parameter that sipgo and we look for
	}
	return p
}

func rewrite(m *raw) ([]byte, bool) {
	out := make([]byte, 0, maxMessage/4)
	start := m.start
	if asciiFold(start[:4], "sip/") {
		out = append(append(out, "SIP/2.0"...), start[7:]...)
	} else {
		out = append(append(out, start[:len(start)-7]...), "SIP/2.0"...)
	}
	out = append(out, "\r\n"...)
	body := m.body
	if n, given := length(m); given {
		body = body[:n]
	}
	for i := range m.n {
		h := &m.headers[i]
		value := unfold(h.value)
		switch h.id {
		case fLength:
			continue
		case fVia:
			for _, one := range splitList(value) {
				via, ok := plainVia(one)
				if !ok {
					return nil, false
				}
				out = header(out, []byte("Via"), via)
			}
			continue
		case fFrom, fTo:
			value = plainAddress(value)
		case fCSeq:
			value = bytes.Join(bytes.Fields(value), []byte(" "))
		}
		out = header(out, h.name, value)
	}
	out = header(out, []byte("Content-Length"), strconv.AppendInt(nil, int64(len(body)), 10))
	out = append(out, "\r\n"...)
	return append(out, body...), true
}

func header(out, name, value []byte) []byte {
	out = append(append(out, name...), ": "...)
	return append(append(out, value...), "\r\n"...)
}

// unfold joins folded lines with one space.
func unfold(v []byte) []byte {
	if bytes.IndexByte(v, '\r') < 0 {
		return v
	}
	var out []byte
	for line := range bytes.SplitSeq(v, []byte("\r\n")) {
		if line = trim(line); len(line) > 0 {
			if out != nil {
				out = append(out, ' ')
			}
			out = append(out, line...)
		}
	}
	return out
}

// splitList splits a comma list outside quotes and angle brackets.
func splitList(v []byte) [][]byte {
	return splitOutside(v, ',')
}

func splitOutside(v []byte, sep byte) [][]byte {
	var out [][]byte
	for more := true; more; {
		var one []byte
		one, v, more = cutOutside(v, sep)
		out = append(out, one)
	}
	return out
}

// cutOutside cuts at the first separator outside quotes and angle brackets.
func cutOutside(v []byte, sep byte) (one, rest []byte, found bool) {
	quoted, angle := false, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle: // as addressOK reads it
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == sep && !angle:
			return trim(v[:i]), v[i+1:], true
		}
	}
	return trim(v), nil, false
}

// plainVia writes "SIP / 2.0 / UDP host : port ; Branch = x" without blanks.
func plainVia(v []byte) ([]byte, bool) {
	name, rest, ok1 := bytes.Cut(v, []byte("/"))
	version, rest, ok2 := bytes.Cut(rest, []byte("/"))
	rest = bytes.TrimLeft(rest, " \t")
	i := bytes.IndexAny(rest, " \t")
	if !ok1 || !ok2 || i < 1 || !asciiFold(trim(name), "sip") || string(trim(version)) != "2.0" {
		return nil, false
	}
	transport := rest[:i]
	parts := splitOutside(rest[i:], ';')
	host := bytes.Join(bytes.Fields(parts[0]), nil)
	if len(host) == 0 || !tokenBytes(transport) {
		return nil, false
	}
	out := append([]byte("SIP/2.0/"), transport...)
	out = append(append(out, ' '), host...)
	return appendParams(out, parts[1:]), true
}

// plainAddress removes blanks around the parameters behind the address and
// writes their names in lower case.
func plainAddress(v []byte) []byte {
	end := bytes.LastIndexByte(v, '>') + 1
	if end == 0 {
		if end = bytes.IndexByte(v, ';'); end < 0 {
			return v
		}
	}
	out := append([]byte{}, trim(v[:end])...)
	parts := splitOutside(v[end:], ';')
	return appendParams(out, parts[1:])
}

func appendParams(out []byte, params [][]byte) []byte {
	for _, p := range params {
		name, value, ok := bytes.Cut(p, []byte("="))
		if name = trim(name); len(name) == 0 {
			continue
		}
		out = append(append(out, ';'), bytes.ToLower(name)...)
		if ok {
			out = append(append(out, '='), trim(value)...)
		}
	}
	return out
}
