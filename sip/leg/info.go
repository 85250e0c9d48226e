package leg

import sipmsg "github.com/emiago/sipgo/sip"

// maxKeys is how many keys may wait to be sent.
const maxKeys = 64

// keying is what waits to be sent by INFO.
type keying struct {
	branch string // set while one waits for its response
	next   []byte
}

// Key sends a key, one of 0-9 * # A-D, by INFO (RFC 6086 with the body that
// telephones use, application/dtmf-relay). Keys go one after the other, in the
// order given; a peer that refuses one is not told of it again. It does nothing
// outside of a confirmed dialog, or when 64 keys wait.
func (l *Leg) Key(k byte) {
	if _, ok := digitOf("application/dtmf", []byte{k}); !ok || l.gone.Load() || l.st != confirmed || l.ended || len(l.keying.next) >= maxKeys {
		return
	}
	l.keying.next = append(l.keying.next, k)
	l.sendKey()
}

func (l *Leg) sendKey() {
	if l.keying.branch != "" || len(l.keying.next) == 0 || l.st != confirmed || l.ended {
		return
	}
	k := l.keying.next[0]
	l.keying.next = l.keying.next[1:]
	req, branch, dest := l.compose(sipmsg.INFO, &l.d)
	req.AppendHeader(sipmsg.NewHeader("Content-Type", "application/dtmf-relay"))
	req.SetBody([]byte("Signal=" + string(rune(k)) + "\r\nDuration=120\r\n"))
	l.keying.branch = branch
	l.request(req, branch, dest, trial{purpose: forInfo})
}

// onInfoResponse goes on with the next key, whatever became of this one.
func (l *Leg) onInfoResponse(m message, t trial) {
	if m.branch != l.keying.branch || m.res.StatusCode < 200 || l.authorise(m.res, t) {
		return
	}
	l.forgetRequest(m.branch)
	l.keying.branch = ""
	l.sendKey()
}
