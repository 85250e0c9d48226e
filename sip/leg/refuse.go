package leg

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
)

// refusal writes a final response to a request that gets no transaction,
// without keeping state (RFC 3261 section 8.2.7): a retransmission gets the
// same answer, To-tag included.
func refusal(m *raw, src netip.AddrPort, v verdict) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", v.code, v.text)
	first := true
	for i := range m.n {
		h := &m.headers[i]
		value := unfold(h.value)
		switch h.id {
		case fVia:
			if first {
				value = received(value, src)
				first = false
			}
			fmt.Fprintf(&b, "Via: %s\r\n", value)
		case fFrom:
			fmt.Fprintf(&b, "From: %s\r\n", value)
		case fTo:
			fmt.Fprintf(&b, "To: %s%s\r\n", value, tagFor(m, value))
		case fCallID:
			fmt.Fprintf(&b, "Call-ID: %s\r\n", value)
		case fCSeq:
			fmt.Fprintf(&b, "CSeq: %s\r\n", value)
		}
	}
	if v.extra != "" {
		fmt.Fprintf(&b, "%s\r\n", v.extra)
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	return b.Bytes()
}

// received marks the top Via with where the request came from (RFC 3581
// section 4). The first entry of a comma list is the top one.
func received(via []byte, src netip.AddrPort) []byte {
	list := splitList(via)
	top := list[0]
	port := []byte(";rport")
	if i := bytes.Index(top, port); i >= 0 && (len(top) == i+len(port) || top[i+len(port)] == ';') {
		rest := append([]byte{}, top[i+len(port):]...)
		top = strconv.AppendUint(append(append([]byte{}, top[:i]...), ";rport="...), uint64(src.Port()), 10)
		top = append(top, rest...)
	}
	top = append(append([]byte{}, top...), ";received="+src.Addr().String()...)
	for _, other := range list[1:] {
		top = append(append(top, ", "...), other...)
	}
	return top
}

func hasTag(to []byte) bool { return tagOf(to) != "" }

func tagFor(m *raw, to []byte) string {
	if hasTag(to) {
		return ""
	}
	h := fnv.New64a()
	for _, id := range []field{fVia, fFrom, fCallID, fCSeq} {
		v, _ := m.first(id)
		h.Write(v)
	}
	return fmt.Sprintf(";tag=r%016x", h.Sum64())
}
