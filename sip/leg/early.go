package leg

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// maxForks bounds how many dialogs one INVITE may make us keep.
const maxForks = 16

// early is a dialog that a provisional response to our INVITE made; a forked
// INVITE makes several (RFC 3261 section 12.1).
type early struct {
	d      dialog
	sdp    []byte // the peer's last description
	rseq   uint32 // of the last reliable response, 0 when none came
	agreed bool   // offer and answer are exchanged: the answer came reliably
	held   *held  // an offer of the peer that its owner has to answer
}

// earlyOf returns the early dialog of a provisional response and keeps its
// target current; nil when the response makes none.
func (l *Leg) earlyOf(res *sipmsg.Response) *early {
	tag := toTag(res)
	if tag == "" || res.StatusCode == 100 {
		return nil
	}
	e := l.out.early[tag]
	if e == nil {
		if len(l.out.early) >= maxForks {
			return nil
		}
		e = &early{d: l.dialogFrom(res)}
		l.out.early[tag] = e
		return e
	}
	l.retarget(&e.d, res.Contact())
	if len(e.d.routes) == 0 {
		e.d.routes = routesOf(res)
	}
	return e
}

// settle makes the early dialog of a 2xx the dialog: what it counted goes on.
func (e *early) settle(l *Leg, d *dialog) {
	d.seq = max(d.seq, e.d.seq)
	d.remoteSeq = max(d.remoteSeq, e.d.remoteSeq)
	for _, t := range l.trials {
		if t.d == &e.d {
			t.d = &l.d
		}
	}
}

// retarget follows the Contact of a target refresh (RFC 3261 section 12.2).
func (l *Leg) retarget(d *dialog, c *sipmsg.ContactHeader) {
	if c != nil && usableTarget(&c.Address) {
		d.target = *c.Address.Clone()
	}
}

// routesOf is the route set of a response: its Record-Route backwards.
func routesOf(res *sipmsg.Response) []sipmsg.Uri {
	var out []sipmsg.Uri
	hs := res.Headers()
	for i := len(hs) - 1; i >= 0; i-- {
		if r, ok := hs[i].(*sipmsg.RecordRouteHeader); ok {
			out = append(out, *r.Address.Clone())
		}
	}
	return out
}
