package leg

import (
	"bytes"
	"io"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

const (
	// maxAuth bounds how often one request is sent again for a challenge: for
	// proxies, for the server, for a stale nonce.
	maxAuth = 4
	// maxProofs bounds the protection spaces of one dialog.
	maxProofs = 8
)

// proof is a challenge of the peer that we know the answer to; it is answered
// ahead in every further request of the dialog (RFC 3261 section 22.3, RFC
// 7616 section 3.4.5).
type proof struct {
	header string // Authorization or Proxy-Authorization
	chal   *digest.Challenge
	count  int // uses of the nonce
}

// authorise answers a 401 or 407 and reports whether it did. Credentials go to
// the dialled target and to nobody else.
func (l *Leg) authorise(res *sipmsg.Response, t trial) bool {
	if res.StatusCode != 401 && res.StatusCode != 407 || l.terms.Username == "" ||
		t.dest.to != l.peer.to || t.auth >= maxAuth {
		return false
	}
	asked := challenges(res)
	if len(asked) == 0 {
		return false
	}
	for _, p := range asked {
		realm := p.header + " " + p.chal.Realm
		known := slices.Contains(t.proved, realm)
		if known && !p.chal.Stale {
			return false // the password is wrong
		}
		if !known {
			t.proved = append(slices.Clip(t.proved), realm)
		}
		l.learnProof(p)
	}
	t.auth++
	return l.again(t, nil)
}

// learnProof keeps a challenge in the place of the last one of its realm.
func (l *Leg) learnProof(p proof) {
	for i, old := range l.proofs {
		if old.header == p.header && old.chal.Realm == p.chal.Realm {
			l.proofs[i] = p
			return
		}
	}
	if len(l.proofs) < maxProofs {
		l.proofs = append(l.proofs, p)
	}
}

// identify puts our credentials into a request, of which only the addresses
// may change any more.
func (l *Leg) identify(req *sipmsg.Request, dest destination) {
	if dest.to != l.peer.to || l.terms.Username == "" {
		return
	}
	body := req.Body()
	for i := range l.proofs {
		p := &l.proofs[i]
		p.count++
		cred, err := digest.Digest(p.chal, digest.Options{
			Method: req.Method.String(), URI: req.Recipient.String(),
			Username: l.terms.Username, Password: l.terms.Password, Count: p.count,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		})
		if err == nil {
			req.AppendHeader(sipmsg.NewHeader(p.header, cred.String()))
		}
	}
}

// challenges returns the strongest challenge of each realm that we can answer
// (RFC 8760 section 2.4); a proxy that forked sends those of all branches.
func challenges(res *sipmsg.Response) []proof {
	var out []proof
	for _, kind := range []struct{ ask, answer string }{
		{"Proxy-Authenticate", "Proxy-Authorization"}, {"WWW-Authenticate", "Authorization"},
	} {
		for _, v := range values(res, kind.ask, "") {
			c, ok := readChallenge(v)
			if !ok {
				continue
			}
			i := slices.IndexFunc(out, func(p proof) bool { return p.header == kind.answer && p.chal.Realm == c.Realm })
			switch {
			case i < 0 && len(out) < maxProofs:
				out = append(out, proof{header: kind.answer, chal: c})
			case i >= 0 && strongDigest(c) && !strongDigest(out[i].chal):
				out[i].chal = c
			}
		}
	}
	return out
}

// readChallenge reads a digest challenge that we can answer.
func readChallenge(v string) (*digest.Challenge, bool) {
	if !digest.IsDigest(v) {
		return nil, false
	}
	c, err := digest.ParseChallenge(v)
	if err != nil || c.Nonce == "" || !cleanText(v) {
		return nil, false
	}
	for i := range c.QOP {
		c.QOP[i] = strings.TrimSpace(c.QOP[i])
	}
	return c, digest.CanDigest(c)
}

func strongDigest(c *digest.Challenge) bool {
	return strings.HasPrefix(strings.ToUpper(c.Algorithm), "SHA")
}

// again sends a request of ours once more as a new transaction, with its
// credentials renewed and changed as told. An INVITE waits until the refusal of
// the last one is acknowledged: some peers take nothing else before.
func (l *Leg) again(t trial, change func(*sipmsg.Request)) bool {
	if l.st == done && t.purpose != forGhost {
		return false
	}
	if now, _ := l.trial(t.branch); t.req.IsInvite() && !now.acked {
		t.retry = func() { l.resend(t, change) }
		l.trials[t.branch] = &t
		return true
	}
	l.resend(t, change)
	return true
}

// onRefused sends an INVITE again that waited for its ACK.
func (l *Leg) onRefused(branch string) {
	t, ok := l.trial(branch)
	if !ok {
		return
	}
	retry := t.retry
	t.acked, t.retry = true, nil
	l.trials[branch] = &t
	switch {
	case retry == nil || l.st == done:
	case t.purpose == forCall && l.out.cancelling: // given up meanwhile
		l.out.final = true
		l.terminate()
	case t.purpose == forOffer && l.st != confirmed:
	default:
		retry()
	}
}

func (l *Leg) resend(t trial, change func(*sipmsg.Request)) {
	req := t.req.Clone()
	for req.RemoveHeader("Via") || req.RemoveHeader("Authorization") || req.RemoveHeader("Proxy-Authorization") {
	}
	branch := sipmsg.GenerateBranchN(24)
	req.PrependHeader(l.s.via(t.dest, branch))
	t.d.seq++
	req.CSeq().SeqNo = t.d.seq
	if change != nil {
		change(req)
	}
	switch t.purpose {
	case forCall:
		l.out.branch = branch
		l.out.early = map[string]*early{} // the dialogs of the refused INVITE are gone
		l.st = calling
		l.arm(tFirst, 8*l.s.t1)
	case forOffer:
		l.offer.branch = branch
		l.arm(tOffer, 64*l.s.t1)
	case forNotify:
		l.ref.branch = branch
	case forInfo:
		l.keying.branch = branch
	case forRefresh:
		l.session.pending = branch
	}
	l.request(req, branch, t.dest, t)
}

// credentialsOf keeps what an ACK takes over from its INVITE; nil when that is
// nothing.
func credentialsOf(invite *sipmsg.Request) *sipmsg.Request {
	if invite == nil || invite.GetHeader("Authorization") == nil && invite.GetHeader("Proxy-Authorization") == nil {
		return nil
	}
	out := sipmsg.NewRequest(sipmsg.INVITE, invite.Recipient)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		sipmsg.CopyHeaders(name, invite, out)
	}
	return out
}
