package leg

import (
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// session is the session timer of a dialog (RFC 4028).
type session struct {
	want     time.Duration // what we ask for, 0 for none
	min      time.Duration // Min-SE of a 422 we got, 0 before
	interval time.Duration // what is agreed, 0 for no timer
	ours     bool          // we refresh
	pending  string        // branch of our UPDATE that refreshes
	retried  bool          // a 422 was followed
}

// sessionExpires is what a Session-Expires header says.
type sessionExpires struct {
	interval  time.Duration
	refresher string // "uac", "uas" or empty
}

// readSessionExpires parses a Session-Expires value (RFC 4028 section 4).
func readSessionExpires(v string) (sessionExpires, bool) {
	parts := splitOutside([]byte(v), ';')
	d, ok := deltaSeconds(string(parts[0]))
	if !ok || d == 0 {
		return sessionExpires{}, false
	}
	se := sessionExpires{interval: d}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(string(p), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "refresher") {
			continue
		}
		se.refresher = strings.ToLower(strings.TrimSpace(value))
		if se.refresher != "uac" && se.refresher != "uas" {
			return sessionExpires{}, false
		}
	}
	return se, true
}

// readMinSE parses a Min-SE value (RFC 4028 section 5).
func readMinSE(v string) (time.Duration, bool) {
	v, _, _ = strings.Cut(v, ";")
	return deltaSeconds(v)
}

// expiresOf reads the Session-Expires of a message; given says that there is
// one, ok that it can be understood.
func expiresOf(m sipmsg.Message) (se sessionExpires, given, ok bool) {
	list := values(m, "Session-Expires", "x")
	if len(list) == 0 {
		return se, false, true
	}
	se, ok = readSessionExpires(list[0])
	return se, true, ok && len(list) == 1
}

func minSEOf(m sipmsg.Message) time.Duration {
	for _, v := range values(m, "Min-SE", "") {
		if d, ok := readMinSE(v); ok {
			return d
		}
	}
	return 0
}

// shortSession refuses a request whose session interval cannot be understood
// or is too short for us (RFC 4028 section 9). code 0 means that it may go on.
func (l *Leg) shortSession(req *sipmsg.Request) (code int, hs []Header) {
	se, given, ok := expiresOf(req)
	switch {
	case !given || l.terms.interval() == 0:
		return 0, nil
	case !ok:
		return 400, nil
	case se.interval < l.s.minSE && supports(req, "timer"):
		return 422, []Header{{"Min-SE", seconds(l.s.minSE)}}
	}
	return 0, nil
}

// askSession puts our wish for a session timer into an INVITE or an UPDATE of
// the confirmed dialog (RFC 4028 sections 7.1 and 7.4).
func (l *Leg) askSession(req *sipmsg.Request) {
	n := &l.session
	interval, refresher := n.want, ""
	if l.st == confirmed {
		interval, refresher = n.interval, ";refresher=uas"
		if n.ours {
			refresher = ";refresher=uac"
		}
	}
	if interval == 0 {
		return
	}
	for req.RemoveHeader("Session-Expires") || req.RemoveHeader("Min-SE") {
	}
	req.AppendHeader(sipmsg.NewHeader("Session-Expires", seconds(interval)+refresher))
	if least := max(n.min, l.s.minSE); n.min > 0 || l.s.minSE != defaultMinSE {
		req.AppendHeader(sipmsg.NewHeader("Min-SE", seconds(least)))
	}
}

// grantSession decides about the session timer of a peer's INVITE or UPDATE
// and returns the headers of our 2xx. The timer starts with it.
func (l *Leg) grantSession(req *sipmsg.Request) []Header {
	n := &l.session
	se, given, ok := expiresOf(req)
	able := supports(req, "timer")
	want := l.terms.interval()
	if want == 0 || !ok || !given && !able {
		l.setSession(0, false)
		return nil
	}
	interval := min(want, maxSessionExpires)
	if n.interval > 0 {
		interval = n.interval
	}
	if given {
		interval = min(interval, se.interval)
	}
	interval = max(interval, minSEOf(req), l.s.minSE)
	refresher := "uas"
	switch {
	case !able: // a proxy asked for it: we have to refresh, table 2 of section 9
	case se.refresher != "":
		refresher = se.refresher
	case n.interval > 0 && !n.ours:
		refresher = "uac"
	}
	l.setSession(interval, refresher == "uas")
	hs := []Header{{"Session-Expires", seconds(interval) + ";refresher=" + refresher}}
	if able {
		hs = append(hs, Header{"Require", "timer"})
	}
	return hs
}

// takeSession reads the outcome out of a 2xx to our INVITE or UPDATE. Without
// Session-Expires there is no timer any more (RFC 4028 section 7.2).
func (l *Leg) takeSession(res *sipmsg.Response) {
	se, given, ok := expiresOf(res)
	if !given || !ok || l.terms.interval() == 0 {
		l.setSession(0, false)
		return
	}
	l.session.retried = false
	l.setSession(max(se.interval, l.s.minSE), se.refresher != "uas")
}

// setSession starts the timer again, or ends it with 0.
func (l *Leg) setSession(interval time.Duration, ours bool) {
	n := &l.session
	n.interval, n.ours = min(interval, maxSessionExpires), ours
	l.disarm(tRefresh)
	l.disarm(tExpire)
	if n.interval == 0 {
		return
	}
	if ours {
		l.arm(tRefresh, n.interval/2)
	}
	l.arm(tExpire, n.interval-min(32*time.Second, n.interval/3))
}

// refresh tells the peer that the call lives: by UPDATE if it takes that, else
// by the last description again (RFC 4028 section 7.4).
func (l *Leg) refresh() {
	n := &l.session
	if l.st != confirmed || l.ended || n.interval == 0 || n.pending != "" {
		return
	}
	if !l.peerUpdates {
		if l.next == nil && l.offer.branch == "" && l.ours != nil {
			l.next, l.renews = l.ours, true
			l.kick()
		}
		return // an offer on its way refreshes just as well
	}
	req, branch, dest := l.compose(sipmsg.UPDATE, &l.d)
	req.AppendHeader(l.s.contact(l.peer))
	l.announce(req)
	l.askSession(req)
	req.SetBody(nil)
	n.pending = branch
	l.request(req, branch, dest, trial{purpose: forRefresh})
}

// onRefreshResponse takes the answer to our UPDATE without a body.
func (l *Leg) onRefreshResponse(m message, t trial) (Event, bool) {
	n, code := &l.session, m.res.StatusCode
	if code < 200 || m.branch != n.pending || l.st != confirmed {
		return Event{}, false
	}
	if l.authorise(m.res, t) || code == 422 && l.lengthen(m.res, t) {
		return Event{}, false
	}
	n.pending = ""
	l.forgetRequest(m.branch)
	switch {
	case code < 300:
		l.remember(m.res)
		l.retarget(&l.d, m.res.Contact())
		l.takeSession(m.res)
	case code == 481 || code == 408:
		return l.vanish()
	case code == 405 || code == 501:
		l.peerUpdates = false
		l.refresh()
	default:
		l.refreshSoon()
	}
	return Event{}, false
}

// refreshSoon tries a refresh again that the peer refused, until the session
// expires.
func (l *Leg) refreshSoon() {
	if n := &l.session; n.ours && n.interval > 0 {
		l.arm(tRefresh, max(n.interval/16, l.s.t1))
	}
}

// lengthen sends a request again with the interval the peer needs at least,
// once (RFC 4028 section 7.3).
func (l *Leg) lengthen(res *sipmsg.Response, t trial) bool {
	n, least := &l.session, minSEOf(res)
	if n.retried || least == 0 || least > maxSessionExpires || n.want == 0 {
		return false
	}
	n.retried = true
	n.min = max(n.min, least)
	n.want = max(n.want, least)
	n.interval = max(n.interval, least)
	if l.st != confirmed {
		n.interval = 0
	}
	return l.again(t, l.askSession)
}

// vanish ends a dialog that the peer does not know any more.
func (l *Leg) vanish() (Event, bool) {
	if l.ended {
		return Event{}, false
	}
	l.ended, l.cause = true, Cause{Code: 481, Text: "dialog lost"}
	l.bye()
	return Event{Kind: Ended, Err: ErrPeerGone}, true
}

// onExpired ends a session that nobody refreshed (RFC 4028 section 10).
func (l *Leg) onExpired() (Event, bool) {
	if l.ended || l.st != confirmed {
		return Event{}, false
	}
	l.ended, l.cause = true, Cause{Code: 408, Text: "session expired", Q850: 102}
	l.bye()
	return Event{Kind: Ended, Err: ErrExpired}, true
}
