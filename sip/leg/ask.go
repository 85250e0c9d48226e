package leg

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// maxRoutes bounds the Route headers of a request we write.
const maxRoutes = 8

// Question is a request outside of any dialog.
type Question struct {
	Method  string // "OPTIONS" or "REGISTER"
	Network string // as in DialConfig
	Target  string // "host:port"
	TLS     *Client
	URI     string   // Request-URI
	Routes  []string // URIs of a Route set, the nearest first; at most 8
	User    string   // user part of From, To and Contact; may be empty
	Domain  string   // host part of From and To; empty means that of URI

	// CallID, Tag and Seq make later requests follow earlier ones: a Call-ID and
	// tag are generated when empty. Seq is the last CSeq used.
	CallID, Tag string
	Seq         uint32

	Supported          string // an option tag, empty for none
	Headers            []Header
	Username, Password string // answer a challenge
}

// Reply is the final response to a Question.
type Reply struct {
	Code    int
	Reason  string
	Headers []Header
	Contact string // the URI we gave as ours
	Seq     uint32 // the last CSeq used, also with an error
}

// Header returns the first value of the named header, ignoring case.
func (r Reply) Header(name string) (string, bool) { return lookup(r.Headers, name) }

// Ask sends a request and waits for its final response, challenges answered. The
// error is ErrTimeout after 64*T1 or when ctx ends, or what a leg fails with.
func (s *Stack) Ask(ctx context.Context, q Question) (Reply, error) {
	if q.Network == "" {
		q.Network = "udp"
	}
	r := Reply{Seq: q.Seq}
	dest, err := s.resolve(ctx, q.Network, q.Target, q.TLS)
	if err != nil {
		return r, err
	}
	if dest, err = s.ported(ctx, dest); err != nil {
		return r, err
	}
	if q.CallID == "" {
		q.CallID = randomHex(16)
	}
	if q.Tag == "" {
		q.Tag = randomHex(8)
	}
	var proofs []proof
	for range maxAuth {
		r.Seq++
		req, contact, err := s.question(q, dest, r.Seq, proofs)
		if err != nil {
			return r, err
		}
		r.Contact = contact
		out := s.exchange(ctx, req, dest)
		res := out.res
		if out.err != nil {
			return r, out.err
		}
		r.Code, r.Reason, r.Headers = res.StatusCode, res.Reason, out.hs
		if res.StatusCode != 401 && res.StatusCode != 407 || q.Username == "" {
			return r, nil
		}
		next := challenges(res)
		if len(next) == 0 || refusedProof(proofs, next) {
			return r, nil
		}
		for _, p := range next {
			proofs = slices.DeleteFunc(proofs, func(old proof) bool { return old.header == p.header && old.chal.Realm == p.chal.Realm })
			proofs = append(proofs, p)
		}
	}
	return r, nil
}

// refusedProof reports that the password is wrong: a realm asks again and does
// not say that the nonce was stale.
func refusedProof(had, asked []proof) bool {
	for _, p := range asked {
		for _, old := range had {
			if old.header == p.header && old.chal.Realm == p.chal.Realm && !p.chal.Stale {
				return true
			}
		}
	}
	return false
}

// question writes the request.
func (s *Stack) question(q Question, dest destination, seq uint32, proofs []proof) (*sipmsg.Request, string, error) {
	target, err := parseURI(q.URI)
	if err != nil {
		return nil, "", err
	}
	domain := q.Domain
	if domain == "" {
		_, domain = userHost(&target)
	}
	who, err := makeURI(q.User, domain)
	if err != nil {
		return nil, "", err
	}
	if len(q.Routes) > maxRoutes {
		return nil, "", fmt.Errorf("%w: %d routes", ErrInput, len(q.Routes))
	}
	req := sipmsg.NewRequest(sipmsg.RequestMethod(q.Method), target)
	req.AppendHeader(s.via(dest, sipmsg.GenerateBranchN(24)))
	forwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&forwards)
	for _, r := range q.Routes {
		u, err := parseURI(r)
		if err != nil {
			return nil, "", err
		}
		req.AppendHeader(&sipmsg.RouteHeader{Address: u})
	}
	from := &sipmsg.FromHeader{Address: who}
	from.Params.Add("tag", q.Tag)
	req.AppendHeader(from)
	req.AppendHeader(&sipmsg.ToHeader{Address: who})
	id := sipmsg.CallIDHeader(q.CallID)
	req.AppendHeader(&id)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: seq, MethodName: req.Method})
	contact := s.contact(dest)
	contact.Address.User = q.User
	req.AppendHeader(contact)
	if s.cfg.UserAgent != "" {
		req.AppendHeader(sipmsg.NewHeader("User-Agent", s.cfg.UserAgent))
	}
	if isToken(q.Supported) {
		req.AppendHeader(sipmsg.NewHeader("Supported", q.Supported))
	}
	appendHeaders(req, q.Headers)
	for i := range proofs {
		p := &proofs[i]
		p.count++
		cred, err := digest.Digest(p.chal, digest.Options{
			Method: q.Method, URI: req.Recipient.String(), Username: q.Username, Password: q.Password, Count: p.count,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(nil)), nil },
		})
		if err == nil {
			req.AppendHeader(sipmsg.NewHeader(p.header, cred.String()))
		}
	}
	req.SetBody(nil)
	return req, contact.Address.String(), nil
}

// SplitValues returns the members of a header that is a list, such as
// Service-Route, over all its lines.
func SplitValues(hs []Header, name string) []string {
	var out []string
	for _, h := range hs {
		if !strings.EqualFold(h.name, name) {
			continue
		}
		for _, one := range splitList([]byte(h.value)) {
			if len(one) > 0 && len(out) < maxRoutes {
				out = append(out, string(one))
			}
		}
	}
	return out
}

// HostPort returns the host of a sip: URI, without brackets, and its port, 0
// where it has none.
func HostPort(uri string) (host string, port int, ok bool) {
	u, err := parseURI(uri)
	if err != nil || u.Scheme != "sip" || u.Port < 0 || u.Port > 65535 {
		return "", 0, false
	}
	return strings.Trim(u.Host, "[]"), u.Port, true
}

// ReadAddress takes the URI and the header parameters out of "<uri>;a=b".
func ReadAddress(value string) (uri string, params map[string]string, err error) {
	var u sipmsg.Uri
	var list sipmsg.HeaderParams
	if _, err := sipmsg.ParseAddressValue(value, &u, &list); err != nil || u.Wildcard {
		return "", nil, fmt.Errorf("%w: address %.80q", ErrInput, value)
	}
	params = map[string]string{}
	for _, p := range list {
		params[strings.ToLower(p.K)] = p.V
	}
	return u.String(), params, nil
}
