package leg

import (
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// referExpires is how long a peer is told about the transfer it asked for. It is
// longer than anything may ring.
const referExpires = 5 * time.Minute

// referral is a REFER of the peer and the subscription it makes (RFC 3515
// section 2.4, RFC 6665). There is one at a time.
type referral struct {
	asked  *ticket // waits for the owner's decision
	id     string  // CSeq of the REFER
	silent bool
	active bool // the peer is to be told
	until  time.Time

	last   notice  // the latest news
	next   *notice // waits until the NOTIFY on its way is answered
	branch string  // of that NOTIFY
	ending bool    // the last one was sent
	bye    bool    // our BYE follows when that is answered
}

// notice is what a NOTIFY says.
type notice struct {
	code   int
	reason string
	end    string // why the subscription ends, "" when it goes on
}

// NotifyRefer tells the peer how the transfer it asked for goes: the status of
// the new call. A final status, 200 and above, is the last word. Nothing happens
// when the peer does not listen.
func (l *Leg) NotifyRefer(code int, reason string) {
	if code < 100 || code > 699 {
		return
	}
	if reason == "" || !cleanText(reason) || len(reason) > 64 {
		reason = reasonFor(code)
	}
	n := notice{code: code, reason: reason}
	if code >= 200 {
		n.end = "noresource"
	}
	l.news(n)
}

// subscribe starts to tell the peer.
func (l *Leg) subscribe() {
	l.ref.active, l.ref.until = true, time.Now().Add(referExpires)
	l.arm(tRefer, referExpires)
	l.NotifyRefer(100, "Trying")
}

// news sends a notice, or puts it by until the peer has answered the one before:
// only the latest matters.
func (l *Leg) news(n notice) {
	if l.gone.Load() || !l.ref.active || l.ref.ending || l.ref.next != nil && l.ref.next.end != "" {
		return
	}
	if n.end == "" && n == l.ref.last {
		return
	}
	l.ref.last, l.ref.next = n, &n
	l.notify()
}

// notify sends what waits.
func (l *Leg) notify() {
	n := l.ref.next
	if n == nil || l.ref.branch != "" {
		return
	}
	l.ref.next = nil
	req, branch, dest := l.compose(sipmsg.NOTIFY, &l.d)
	req.AppendHeader(l.s.contact(l.peer))
	req.AppendHeader(sipmsg.NewHeader("Event", "refer;id="+l.ref.id))
	state := "terminated;reason=" + n.end
	if n.end == "" {
		state = "active;expires=" + strconv.Itoa(int(max(0, time.Until(l.ref.until).Seconds())))
	}
	req.AppendHeader(sipmsg.NewHeader("Subscription-State", state))
	req.AppendHeader(sipmsg.NewHeader("Content-Type", "message/sipfrag;version=2.0"))
	req.SetBody([]byte("SIP/2.0 " + strconv.Itoa(n.code) + " " + n.reason + "\r\n")) // RFC 3420
	l.ref.branch, l.ref.ending = branch, n.end != ""
	l.request(req, branch, dest, trial{purpose: forNotify})
}

// onNotified takes the answer to a NOTIFY. A refusal ends the subscription, not
// the call (RFC 6665 section 4.2.2).
func (l *Leg) onNotified(m message, t trial) {
	code := m.res.StatusCode
	if m.branch != l.ref.branch || code < 200 || l.authorise(m.res, t) {
		return
	}
	l.ref.branch = ""
	l.forgetRequest(m.branch)
	if code >= 300 || l.ref.ending {
		l.unsubscribe()
		return
	}
	l.notify()
}

// forgetRequest forgets a request that was answered: a peer may have many sent.
func (l *Leg) forgetRequest(branch string) {
	delete(l.trials, branch)
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	delete(l.s.branches, branch)
	l.branches = slices.DeleteFunc(l.branches, func(b string) bool { return b == branch })
}

// unsubscribe ends the subscription, and what waited for that.
func (l *Leg) unsubscribe() {
	bye := l.ref.bye
	l.ref = referral{}
	l.disarm(tRefer)
	l.disarm(tNotify)
	switch {
	case l.st == subscribed:
		l.terminate()
	case bye && l.st == confirmed:
		l.bye()
	}
}

// parted is the peer's BYE: the leg ends, unless the peer is still told about its
// transfer; a BYE ends the call and not the subscription (RFC 5057 section 3.1).
func (l *Leg) parted() {
	if !l.ref.active {
		l.terminate()
		return
	}
	l.st = subscribed
	for _, k := range []timer{tAck, tOffer, tGlare, tNotify} {
		l.disarm(k)
	}
	if l.reoffer != nil {
		l.answerTicket(l.reoffer, 487, "Request Terminated", nil)
		l.reoffer = nil
	}
}

// farewell sees to it that the peer has the last word about its transfer before
// our BYE, and reports whether the BYE has to wait for that, 4*T1 at most.
func (l *Leg) farewell() bool {
	if !l.ref.active {
		return false
	}
	l.NotifyRefer(487, "")
	l.ref.bye = true
	l.arm(tNotify, 4*l.s.t1)
	return true
}

// onSubscription is the end of a subscription's time, or of the wait for its
// last NOTIFY.
func (l *Leg) onSubscription(k timer) {
	if k == tNotify {
		l.unsubscribe()
		return
	}
	l.news(notice{code: l.ref.last.code, reason: l.ref.last.reason, end: "timeout"})
}

// onNotify refuses news nobody asked for: we send no REFER and no SUBSCRIBE.
func (l *Leg) onNotify(m message) {
	if eventOf(m.hs) != "refer" {
		l.answerTicket(m.t, 489, "Bad Event", nil, Header{"Allow-Events", "refer"})
		return
	}
	l.answerTicket(m.t, 481, "Subscription Does Not Exist", nil)
}

// onSubscribe lets the peer ask how its transfer goes, or say that it wants to
// hear no more (RFC 3515 section 2.4.4).
func (l *Leg) onSubscribe(m message) {
	switch {
	case eventOf(m.hs) != "refer":
		l.answerTicket(m.t, 489, "Bad Event", nil, Header{"Allow-Events", "refer"})
		return
	case !l.ref.active:
		l.answerTicket(m.t, 481, "Subscription Does Not Exist", nil)
		return
	}
	left := int(max(0, time.Until(l.ref.until).Seconds()))
	expires, _ := lookup(m.hs, "Expires")
	if n, err := strconv.Atoi(strings.TrimSpace(expires)); err == nil && n >= 0 {
		left = min(left, n)
	}
	l.answerTicket(m.t, 200, "OK", nil, Header{"Expires", strconv.Itoa(left)})
	n := l.ref.last
	if left == 0 {
		n.end = "timeout"
	}
	l.ref.last = notice{} // to be said again
	l.news(n)
}

// eventOf returns the event package of a request in lower case.
func eventOf(hs []Header) string {
	v, _ := lookup(hs, "Event")
	name, _, _ := strings.Cut(v, ";")
	return strings.ToLower(strings.TrimSpace(name))
}
