package leg

import (
	"bytes"
	"net/netip"
	"strings"
	"time"
)

// Arrival is a message that passed the inspection and is not parsed yet.
type Arrival struct {
	Network string
	Source  netip.AddrPort
	Method  string // of a request, "" for a response
	// Known says that the message belongs to a dialog or call of this stack, or
	// is a response: it has to pass however many new calls come.
	Known bool
	// Tagged says that a request means a dialog; that may be made up.
	Tagged bool

	m *raw
}

// URI returns the Request-URI as it came, "" for a response.
func (a *Arrival) URI() string {
	f := bytes.Split(a.m.start, []byte(" "))
	if a.Method == "" || len(f) < 2 {
		return ""
	}
	return string(f[1])
}

// Header returns the first value of a header by its long name, unfolded, or "".
func (a *Arrival) Header(name string) string {
	if all := a.Headers(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Headers returns the values of a header by its long name, unfolded.
func (a *Arrival) Headers(name string) (out []string) {
	id := fieldOf([]byte(name))
	for i := range a.m.n {
		h := &a.m.headers[i]
		if id != fOther && h.id == id || id == fOther && h.id == fOther && strings.EqualFold(string(h.name), name) {
			out = append(out, string(unfold(h.value)))
		}
	}
	return out
}

// Ruling says what becomes of an Arrival. The zero Ruling lets it pass.
type Ruling struct {
	Drop bool // no answer at all

	// Code, when not 0, refuses a request without keeping state: 300 to 699.
	Code    int
	Headers []Header // of the refusal

	// Delay holds the refusal back; so many are held at most, and beyond that
	// it goes out at once, or not at all where it is Expendable.
	Delay      time.Duration
	Expendable bool

	// Mark is kept with the leg that an INVITE makes, see Leg.Mark.
	Mark any
}

// arrived describes a message for Screen.
func (s *Stack) arrived(network string, src netip.AddrPort, m *raw) *Arrival {
	a := &Arrival{Network: network, Source: src, m: m}
	if asciiFold(m.start[:min(4, len(m.start))], "sip/") {
		a.Known = true
		return a
	}
	method, _, _ := bytes.Cut(m.start, []byte(" "))
	a.Method = methodName(method)
	to, _ := m.first(fTo)
	callID, _ := m.first(fCallID)
	tag := tagOf(unfold(to))
	a.Tagged = tag != ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.dialogs[tag]; l != nil {
		a.Known = l.callID == string(callID)
		return a
	}
	_, a.Known = s.merges[m.mergeKey()]
	return a
}

// methodName is the method as a string, of which most need no memory.
func methodName(b []byte) string {
	switch string(b) {
	case "INVITE":
		return "INVITE"
	case "ACK":
		return "ACK"
	case "BYE":
		return "BYE"
	case "CANCEL":
		return "CANCEL"
	case "OPTIONS":
		return "OPTIONS"
	}
	return string(b)
}

// mergeKey is that of the request to come, as far as it can be told before
// parsing.
func (m *raw) mergeKey() string {
	if m.merge == "" {
		callID, _ := m.first(fCallID)
		from, _ := m.first(fFrom)
		n, _, _ := cseqOf(m)
		m.merge = mergeKeyOf(string(callID), tagOf(unfold(from)), uint32(n))
	}
	return m.merge
}

// tagOf returns the tag of a From or To value, or "".
func tagOf(v []byte) string {
	for _, v, more := cutOutside(v, ';'); more; {
		var p []byte
		p, v, more = cutOutside(v, ';')
		if name, value, ok := bytes.Cut(p, []byte("=")); ok && asciiFold(trim(name), "tag") {
			return string(trim(value))
		}
	}
	return ""
}
