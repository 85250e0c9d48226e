package leg

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Refer is a transfer that the peer asks for (RFC 3515): its call shall go on
// with somebody else.
type Refer struct {
	Scheme string // "sip" or "tel"
	User   string // unescaped; the number of a tel: URI
	Host   string // without the port, lower case; empty for tel:
	Port   int    // 0 when there is none

	// Replaces names the dialog that the new call takes the place of (RFC 5589
	// section 7), nil for a blind transfer.
	Replaces *DialogID
	By       Party // Referred-By (RFC 3892), the zero Party when absent
	Silent   bool  // the peer wants to hear no more of it (RFC 4488)
}

// maxReferTo is the most bytes a Refer-To value may have.
const maxReferTo = 2048

// Why a REFER is refused before the owner hears of it.
var (
	errReferTo     = errors.New("bad Refer-To")
	errReferScheme = errors.New("scheme not supported")
	errReferMethod = errors.New("method not supported")
)

// parseReferTo reads the value of a Refer-To header: one address, in brackets or
// bare, for an INVITE. Of the headers in the URI only Replaces is taken.
func parseReferTo(v string) (Refer, error) {
	if len(v) > maxReferTo || !cleanText(v) {
		return Refer{}, errReferTo
	}
	uri := strings.TrimSpace(v)
	if i := strings.LastIndexByte(uri, '<'); i >= 0 {
		inner, _, closed := strings.Cut(uri[i+1:], ">")
		if !closed {
			return Refer{}, errReferTo
		}
		uri = inner
	}
	base, headers, _ := strings.Cut(uri, "?")
	if strings.ContainsAny(base, " <>\"") {
		return Refer{}, errReferTo
	}
	var u sipmsg.Uri
	if err := sipmsg.ParseUri(base, &u); err != nil || u.Wildcard {
		return Refer{}, errReferTo
	}
	r := Refer{Scheme: strings.ToLower(u.Scheme), Port: u.Port, Host: strings.ToLower(strings.Trim(u.Host, "[]"))}
	switch {
	case r.Scheme == "tel" && u.Raw() != "":
		r.Host, r.Port = "", 0
	case r.Scheme == "sip" && hostOK(r.Host) && u.Port >= 0 && u.Port <= 65535:
	case r.Scheme == "sip":
		return Refer{}, errReferTo
	default:
		return Refer{}, errReferScheme
	}
	if method, ok := u.UriParams.Get("method"); ok && method != "INVITE" {
		return Refer{}, errReferMethod
	}
	user, _ := userHost(&u)
	user, err := url.PathUnescape(user)
	if err != nil || !cleanText(user) || len(user) > 255 {
		return Refer{}, errReferTo
	}
	r.User = user
	return r, r.takeHeaders(headers)
}

// takeHeaders finds Replaces among the headers of the URI (RFC 3261 section
// 19.1.1).
func (r *Refer) takeHeaders(headers string) error {
	for h := range strings.SplitSeq(headers, "&") {
		name, value, _ := strings.Cut(h, "=")
		name, err := url.PathUnescape(name)
		if err != nil || !strings.EqualFold(name, "Replaces") {
			continue
		}
		if value, err = url.PathUnescape(value); err != nil || r.Replaces != nil {
			return errReferTo
		}
		d, err := parseReplaces(value)
		if err != nil {
			return fmt.Errorf("%w: %w", errReferTo, err)
		}
		r.Replaces = &d
	}
	return nil
}

// referOf reads a REFER. Two Refer-To headers are as bad as none (RFC 3515
// section 2.4.1).
func referOf(hs []Header) (Refer, error) {
	var to []string
	var by []Party
	silent := false
	for _, h := range hs {
		switch strings.ToLower(h.name) {
		case "refer-to":
			for _, one := range splitList([]byte(h.value)) {
				to = append(to, string(one))
			}
		case "referred-by":
			by = appendParties(by, h.value)
		case "refer-sub":
			v, _, _ := strings.Cut(h.value, ";")
			silent = strings.EqualFold(strings.TrimSpace(v), "false")
		}
	}
	if len(to) != 1 {
		return Refer{}, errReferTo
	}
	r, err := parseReferTo(to[0])
	if err != nil {
		return Refer{}, err
	}
	r.Silent = silent
	if len(by) > 0 {
		r.By = by[0]
	}
	return r, nil
}

// onRefer takes a REFER in the dialog. The owner answers it with AcceptRefer or
// RefuseRefer.
func (l *Leg) onRefer(m message) (Event, bool) {
	switch {
	case l.st == leaving || l.ended:
		l.answerTicket(m.t, 481, "Call/Transaction Does Not Exist", nil)
		return Event{}, false
	case l.st != confirmed && l.st != accepted:
		l.answerTicket(m.t, 500, "Server Internal Error", nil, Header{"Retry-After", strconv.Itoa(rand.IntN(11))})
		return Event{}, false
	case l.ref.asked != nil || l.ref.active:
		l.answerTicket(m.t, 491, "Request Pending", nil)
		return Event{}, false
	}
	r, err := referOf(m.hs)
	switch {
	case errors.Is(err, errReferScheme):
		l.answerTicket(m.t, 416, "Unsupported URI Scheme", nil)
	case errors.Is(err, errReferMethod):
		l.answerTicket(m.t, 501, "Not Implemented", nil)
	case err != nil:
		l.answerTicket(m.t, 400, "Bad Refer-To", nil)
	default:
		l.ref = referral{asked: m.t, id: strconv.FormatUint(uint64(m.req.CSeq().SeqNo), 10), silent: r.Silent}
		ev := requestEvent(ReferReceived, m.req, m.hs)
		ev.Refer = &r
		return ev, true
	}
	return Event{}, false
}

// RefuseRefer answers the REFER that waits with a final response, 300 to 699.
func (l *Leg) RefuseRefer(code int, reason string, h ...Header) {
	t := l.ref.asked
	if l.gone.Load() || t == nil || code < 300 || code > 699 {
		return
	}
	l.ref = referral{}
	l.answerTicket(t, code, reason, nil, h...)
}

// AcceptRefer answers the REFER that waits with 202 and tells the peer with a
// first NOTIFY that we are trying, unless it wants to hear nothing. What becomes
// of it is told with NotifyRefer.
func (l *Leg) AcceptRefer() {
	t := l.ref.asked
	if l.gone.Load() || t == nil {
		return
	}
	l.ref.asked = nil
	contact := l.s.contact(l.peer)
	hs := []Header{{"Contact", "<" + contact.Address.String() + ">"}}
	if l.ref.silent {
		hs = append(hs, Header{"Refer-Sub", "false"}) // RFC 4488 section 4
	}
	l.answerTicket(t, 202, "Accepted", nil, hs...)
	if !l.ref.silent {
		l.subscribe()
	}
}
