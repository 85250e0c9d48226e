package leg

import (
	"bytes"
	"io"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// maxAuth bounds how often one request is sent with credentials: once for a
// proxy, once for the server, once more for a stale nonce.
const maxAuth = 3

// authorise answers a 401 or 407 and reports whether it did. Credentials go to
// the dialled target and to nobody else.
func (l *Leg) authorise(res *sipmsg.Response, t trial) bool {
	name, ask := "Authorization", "www-authenticate"
	switch res.StatusCode {
	case 401:
	case 407:
		name, ask = "Proxy-Authorization", "proxy-authenticate"
	default:
		return false
	}
	c := &l.out.cfg
	dest := l.peer
	if c.Username == "" || t.req.Destination() != dest.to.String() {
		return false
	}
	chal, stale := challenge(res.GetHeaders(ask))
	again := len(t.req.GetHeaders(name)) > 0
	if chal == nil || again && !stale || t.auth >= maxAuth {
		return false
	}
	body := t.req.Body()
	cred, err := digest.Digest(chal, digest.Options{
		Method: t.req.Method.String(), URI: t.req.Recipient.String(),
		Username: c.Username, Password: c.Password, Count: 1,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	})
	if err != nil {
		return false
	}
	req := t.req.Clone()
	for req.RemoveHeader("Via") || req.RemoveHeader(name) {
	}
	branch := sipmsg.GenerateBranchN(24)
	req.PrependHeader(l.s.via(dest, branch))
	l.d.seq++
	req.CSeq().SeqNo = l.d.seq
	req.AppendHeader(sipmsg.NewHeader(name, cred.String()))
	address(req, dest)
	switch t.purpose {
	case forCall:
		l.out.branch = branch
		l.st = calling
		l.arm(tFirst, 8*l.s.t1)
	case forNotify:
		l.ref.branch = branch
	case forOffer:
		l.offer.branch = branch
		l.arm(tOffer, 64*l.s.t1)
	}
	l.request(req, branch, dest, trial{purpose: t.purpose, auth: t.auth + 1})
	return true
}

// challenge picks the strongest challenge we can answer (RFC 8760).
func challenge(hs []sipmsg.Header) (best *digest.Challenge, stale bool) {
	for _, h := range hs {
		if !digest.IsDigest(h.Value()) {
			continue
		}
		c, err := digest.ParseChallenge(h.Value())
		if err != nil || !digest.CanDigest(c) {
			continue
		}
		stale = stale || c.Stale
		if best == nil || strings.HasPrefix(strings.ToUpper(c.Algorithm), "SHA") &&
			!strings.HasPrefix(strings.ToUpper(best.Algorithm), "SHA") {
			best = c
		}
	}
	return best, stale
}
