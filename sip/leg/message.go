package leg

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	sipmsg "github.com/emiago/sipgo/sip"
)

// parseURI reads a sip: or tel: URI that we are going to write.
func parseURI(s string) (sipmsg.Uri, error) {
	var u sipmsg.Uri
	if cleanText(s) && !strings.ContainsAny(s, " <>\"") && len(s) <= 512 && sipmsg.ParseUri(s, &u) == nil && !u.Wildcard {
		switch {
		case u.Scheme == "tel" && u.Raw() != "":
			return u, nil
		case u.Scheme == "sip" && hostOK(strings.Trim(u.Host, "[]")):
			return u, nil
		}
	}
	return u, fmt.Errorf("%w: uri %.80q", ErrInput, s)
}

// makeURI builds sip:user@host with the user part escaped.
func makeURI(user, host string) (sipmsg.Uri, error) {
	return parseURI("sip:" + userPrefix(user) + host)
}

func userPrefix(user string) string {
	if user == "" {
		return ""
	}
	var b strings.Builder
	for i := range len(user) {
		c := user[i]
		// user = unreserved / user-unreserved, RFC 3261 section 25.1; a "%" is
		// taken as an escape that is already there.
		if tokenByte(c) && c != '`' || strings.IndexByte("&=+$,;?/()%", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString(Escape(string([]byte{c})))
		}
	}
	return b.String() + "@"
}

// quote makes a display name fit between the quotes that sipgo writes.
func quote(display string) string {
	if plainText(display) {
		return display
	}
	display = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, display)
	if len(display) > 128 {
		display = strings.ToValidUTF8(display[:128], "")
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(display)
}

// plainText reports whether quote would leave a text as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(s) <= 128
}

func unquote(display string) string {
	if plainText(display) {
		return strings.Trim(display, " ")
	}
	var b strings.Builder
	for i := 0; i < len(display); i++ {
		if display[i] == '\\' && i+1 < len(display) {
			i++
		}
		b.WriteByte(display[i])
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(b.String(), "")))
}

// userHost returns the user and host of a URI; a tel: number is the user.
func userHost(u *sipmsg.Uri) (user, host string) {
	if raw := u.Raw(); raw != "" {
		number, _, _ := strings.Cut(raw, ";")
		return number, ""
	}
	user, _, _ = strings.Cut(u.User, ";") // "+1…;phone-context=…"
	host = u.Host
	if u.Port > 0 {
		host += ":" + strconv.Itoa(u.Port)
	}
	return user, host
}

func party(display string, u *sipmsg.Uri, params sipmsg.HeaderParams) Party {
	p := Party{Display: unquote(display), URI: u.String()}
	p.User, p.Host = userHost(u)
	p.Tag, _ = params.Get("tag")
	p.Params = params.ToString(';')
	return p
}

func appendParties(out []Party, list string) []Party {
	for _, one := range splitList([]byte(list)) {
		if len(one) == 0 || len(out) == 16 {
			continue
		}
		var u sipmsg.Uri
		var params sipmsg.HeaderParams
		display, err := sipmsg.ParseAddressValue(string(one), &u, &params)
		if err == nil && !u.Wildcard {
			out = append(out, party(display, &u, params))
		}
	}
	return out
}

func requestOf(req *sipmsg.Request, hs []Header, network string, src netip.AddrPort) Request {
	from, to := req.From(), req.To()
	r := Request{
		Method: req.Method.String(), URI: req.Recipient.String(), Network: network, Source: src,
		CallID: req.CallID().Value(), MaxForwards: 70, Headers: hs,
		From:        party(from.DisplayName, &from.Address, from.Params),
		To:          party(to.DisplayName, &to.Address, to.Params),
		ContentType: contentType(req), SDP: sdpOf(req),
	}
	r.User, r.Host = userHost(&req.Recipient)
	r.Privacy, _ = lookup(r.Headers, "Privacy")
	r.Replaces = replacesOf(r.Headers)
	for _, h := range r.Headers {
		r.told(h)
	}
	if mf := req.MaxForwards(); mf != nil {
		r.MaxForwards = int(mf.Val())
	}
	return r
}

// told takes what a header says of the parties.
func (r *Request) told(h Header) {
	switch {
	case strings.EqualFold(h.name, "P-Asserted-Identity"):
		r.PAI = appendParties(r.PAI, h.value)
	case strings.EqualFold(h.name, "Remote-Party-ID"):
		r.RPID = appendParties(r.RPID, h.value)
	case strings.EqualFold(h.name, "Diversion"):
		r.Diversion = appendParties(r.Diversion, h.value)
	case strings.EqualFold(h.name, "History-Info"):
		r.History = appendParties(r.History, h.value)
	case strings.EqualFold(h.name, "User-to-User"):
		for _, one := range splitList([]byte(h.value)) {
			if len(one) > 0 && len(r.UserToUser) < 8 {
				r.UserToUser = append(r.UserToUser, string(one))
			}
		}
	}
}

func longName(name string) string {
	if len(name) != 1 {
		return name
	}
	switch strings.ToLower(name) {
	case "k":
		return "Supported"
	case "x":
		return "Session-Expires"
	case "r":
		return "Refer-To"
	case "b":
		return "Referred-By"
	case "s":
		return "Subject"
	case "e":
		return "Content-Encoding"
	case "o":
		return "Event"
	case "u":
		return "Allow-Events"
	case "y":
		return "Identity"
	}
	return name
}

// contentType returns the media type in lower case without parameters.
func contentType(m sipmsg.Message) string {
	kind, _, _ := strings.Cut(fullType(m), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// fullType returns the Content-Type as it is.
func fullType(m sipmsg.Message) string {
	if list := values(m, "Content-Type", ""); len(list) > 0 {
		return list[0]
	}
	return ""
}

// sdpOf returns the session description of a message, also out of a multipart
// body (RFC 5621), or nil.
func sdpOf(m sipmsg.Message) []byte {
	body := m.Body()
	if len(body) == 0 {
		return nil
	}
	kind := contentType(m)
	if kind == "application/sdp" {
		return body
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return nil
	}
	_, params, err := mime.ParseMediaType(fullType(m))
	if err != nil || params["boundary"] == "" {
		return nil
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for range 8 {
		part, err := r.NextRawPart()
		if err != nil {
			return nil
		}
		kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
		if strings.EqualFold(strings.TrimSpace(kind), "application/sdp") {
			sdp, err := io.ReadAll(part)
			if err != nil {
				return nil
			}
			return sdp
		}
	}
	return nil
}

func toTag(res *sipmsg.Response) string {
	tag, _ := res.To().Params.Get("tag")
	return tag
}

func responseEvent(k Kind, res *sipmsg.Response, hs []Header) Event {
	ev := Event{Headers: hs}
	ev.readReasons() // for the Q.850 cause; the status line says the rest
	ev.Kind, ev.Code, ev.Reason, ev.SDP = k, res.StatusCode, res.Reason, sdpOf(res)
	return ev
}

func requestEvent(k Kind, req *sipmsg.Request, hs []Header) Event {
	ev := Event{Kind: k, SDP: sdpOf(req), Headers: hs}
	ev.readReasons()
	return ev
}

// readReasons takes what the Reason headers (RFC 3326) say.
func (ev *Event) readReasons() {
	for _, h := range ev.Headers {
		if !strings.EqualFold(h.name, "Reason") {
			continue
		}
		for _, one := range splitList([]byte(h.value)) {
			protocol, cause, text := readReason(string(one))
			switch {
			case strings.EqualFold(protocol, "SIP"):
				ev.Code = cause
			case strings.EqualFold(protocol, "Q.850"):
				ev.Q850 = cause
			}
			if ev.Reason == "" {
				ev.Reason = text
			}
		}
	}
}

func readReason(v string) (protocol string, cause int, text string) {
	parts := splitOutside([]byte(v), ';')
	protocol = string(parts[0])
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(string(p), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "cause":
			if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err == nil && n < 1000 {
				cause = int(n)
			}
		case "text":
			text = unquote(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return protocol, cause, text
}

func reasonValue(protocol string, cause int, text string) string {
	v := protocol + ";cause=" + strconv.Itoa(cause)
	if text = quote(text); text != "" {
		v += `;text="` + text + `"`
	}
	return v
}

func appendHeaders(m sipmsg.Message, hs []Header) {
	for _, h := range hs {
		if h.name != "" {
			m.AppendHeader(sipmsg.NewHeader(h.name, h.value))
		}
	}
}

func setSDP(m sipmsg.Message, body []byte) {
	if len(body) > 0 {
		m.AppendHeader(sipmsg.NewHeader("Content-Type", "application/sdp"))
	}
	m.SetBody(body)
}

// usableTarget reports whether a Contact can be a Request-URI.
func usableTarget(u *sipmsg.Uri) bool {
	return !u.Wildcard && (u.Scheme == "sip" || u.Scheme == "sips") && u.Host != ""
}

var phrases = map[int]string{
	180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress", 200: "OK", 202: "Accepted",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
	415: "Unsupported Media Type", 420: "Bad Extension", 422: "Session Interval Too Small", 433: "Anonymity Disallowed", // RFC 5079
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 483: "Too Many Hops", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable", 504: "Server Time-out", 600: "Busy Everywhere",
	603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}

// reasonFor is the usual phrase of a status (RFC 3261 section 21).
func reasonFor(code int) string {
	if p := phrases[code]; p != "" {
		return p
	}
	switch code / 100 {
	case 1:
		return "Progress"
	case 2:
		return "OK"
	case 3:
		return "Moved"
	case 4:
		return "Request Failure"
	case 5:
		return "Server Failure"
	}
	return "Global Failure"
}
