package load

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// message is a SIP message, read as far as a call of ours needs it.
type message struct {
	method string // of a request
	status int    // of a response
	cseq   string // the method of the CSeq
	from   string // header lines, whole and in order
	to     string
	callID string
	target string // the URI in the Contact
	vias   []string
	routes []string // Record-Route
	cseqNo string
	body   []byte
}

// readMessage parses a datagram; false for what is no SIP message.
func readMessage(b []byte) (m message, ok bool) {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return m, false
	}
	m.body = body
	lines := strings.Split(string(head), "\r\n")
	first := strings.SplitN(lines[0], " ", 3)
	if len(first) < 3 {
		return m, false
	}
	if first[0] == "SIP/2.0" {
		m.status, _ = strconv.Atoi(first[1])
	} else {
		m.method = first[0]
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "via", "v":
			m.vias = append(m.vias, line)
		case "record-route":
			for r := range strings.SplitSeq(value, ",") {
				m.routes = append(m.routes, strings.TrimSpace(r))
			}
		case "from", "f":
			m.from = value
		case "to", "t":
			m.to = value
		case "call-id", "i":
			m.callID = value
		case "contact", "m":
			m.target = uriOf(value)
		case "cseq":
			m.cseqNo, m.cseq, _ = strings.Cut(value, " ")
			m.cseq = strings.TrimSpace(m.cseq)
		}
	}
	return m, m.callID != "" && m.cseq != ""
}

// uriOf takes the URI out of a name-addr.
func uriOf(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return uri
}

// index returns the number of the call that a From belongs to: the last five
// digits of its user part.
func (m *message) index() (int, bool) {
	uri := uriOf(m.from)
	_, user, _ := strings.Cut(uri, ":")
	user, _, ok := strings.Cut(user, "@")
	if !ok || len(user) < indexDigits {
		return 0, false
	}
	n, err := strconv.Atoi(user[len(user)-indexDigits:])
	return n, err == nil
}

const indexDigits = 5

// voiceAt returns where a description wants its audio.
func voiceAt(sdp []byte) (netip.AddrPort, bool) {
	var ip netip.Addr
	port := 0
	for line := range strings.SplitSeq(string(sdp), "\n") {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			ip, _ = netip.ParseAddr(rest)
		}
		if rest, ok := strings.CutPrefix(line, "m=audio "); ok {
			p, _, _ := strings.Cut(rest, " ")
			port, _ = strconv.Atoi(p)
		}
	}
	return netip.AddrPortFrom(ip, uint16(port)), ip.IsValid() && port > 0
}

// describe writes a description of somebody who speaks µ-law at an address.
func describe(at netip.AddrPort) string {
	ip, port := at.Addr().String(), strconv.Itoa(int(at.Port()))
	return "v=0\r\no=- 1 1 IN IP4 " + ip + "\r\ns=-\r\nc=IN IP4 " + ip + "\r\nt=0 0\r\nm=audio " + port +
		" RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
}

// withBody ends a message's head with its body.
func withBody(head, body string) []byte {
	if body != "" {
		head += "Content-Type: application/sdp\r\n"
	}
	return []byte(head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}
