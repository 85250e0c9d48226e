package leg

import (
	"net/netip"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// allowed is the Allow header: what a peer may send us.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY"

// dialog is the state of RFC 3261 section 12.
type dialog struct {
	local     sipmsg.FromHeader // From of our requests, with our tag
	remote    sipmsg.ToHeader   // To of our requests, with the peer's tag once known
	target    sipmsg.Uri        // the peer's Contact
	routes    []sipmsg.Uri      // frozen when the dialog is made
	seq       uint32            // last CSeq we used
	remoteSeq uint32            // last CSeq the peer used, 0 when none
}

func (d *dialog) remoteTag() string {
	tag, _ := d.remote.Params.Get("tag")
	return tag
}

// compose makes the next request of the dialog, without a body.
func (l *Leg) compose(method sipmsg.RequestMethod, d *dialog) (*sipmsg.Request, string, destination) {
	d.seq++
	dest := l.peer
	if d.remoteTag() != "" {
		dest = l.destinationOf(d)
	}
	req, branch := l.build(method, d, d.seq, dest)
	return req, branch, dest
}

// build makes a request of the dialog to dest, without a body, and returns its
// branch. seq is given because an ACK carries the number of its INVITE.
func (l *Leg) build(method sipmsg.RequestMethod, d *dialog, seq uint32, dest destination) (*sipmsg.Request, string) {
	target, routes := d.target, d.routes
	if len(routes) > 0 {
		if _, loose := routes[0].UriParams.Get("lr"); !loose { // RFC 3261 section 12.2.1.1
			target, routes = routes[0], append(append([]sipmsg.Uri{}, routes[1:]...), d.target)
		}
	}
	req := sipmsg.NewRequest(method, target)
	branch := sipmsg.GenerateBranchN(24)
	req.AppendHeader(l.s.via(dest, branch))
	forwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&forwards)
	for _, r := range routes {
		req.AppendHeader(&sipmsg.RouteHeader{Address: r})
	}
	from, to := d.local, d.remote
	from.Params, to.Params = from.Params.Clone(), to.Params.Clone()
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	id := sipmsg.CallIDHeader(l.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: seq, MethodName: method})
	if l.s.cfg.UserAgent != "" {
		req.AppendHeader(sipmsg.NewHeader("User-Agent", l.s.cfg.UserAgent))
	}
	return req, branch
}

// via is our entry for a request that leaves by d.
func (s *Stack) via(d destination, branch string) *sipmsg.ViaHeader {
	v := &sipmsg.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0",
		Transport: sipmsg.NetworkToUpper(d.network), Host: s.host(d), Port: int(d.local.Port())}
	v.Params.Add("branch", branch)
	v.Params.Add("rport", "")
	return v
}

func (s *Stack) host(d destination) string {
	if name, ok := s.names[d.local.Addr()]; ok {
		return name
	}
	return HostFor(s.cfg.Advertise, d.local.Addr())
}

// HostFor returns what stands for us in a URI or a Via: the advertised name or
// address, or local where there is none or it is of the other family. IPv6 is
// in brackets (RFC 3261 section 25.1).
func HostFor(advertise string, local netip.Addr) string {
	at, err := netip.ParseAddr(strings.Trim(advertise, "[]"))
	switch {
	case advertise != "" && err != nil:
		return advertise
	case advertise == "" || at.Unmap().Is4() != local.Unmap().Is4():
		at = local
	}
	if at = at.Unmap(); at.Is4() {
		return at.String()
	}
	return "[" + at.String() + "]"
}

// contact is where the peer reaches us in this dialog.
func (s *Stack) contact(d destination) *sipmsg.ContactHeader {
	c := &sipmsg.ContactHeader{Address: sipmsg.Uri{Scheme: "sip", Host: s.host(d), Port: int(d.local.Port())}}
	if d.network != "udp" {
		c.Address.UriParams.Add("transport", d.network)
	}
	return c
}

// destinationOf follows the route set or the target when they are addresses.
// Names a peer wrote are not looked up, and peers behind a NAT or on a stream
// are reached where they speak from.
func (l *Leg) destinationOf(d *dialog) destination {
	if streamed(l.peer.network) && l.s.streamTo(l.peer) != nil {
		return l.peer
	}
	uri := d.target
	if len(d.routes) > 0 {
		uri = d.routes[0]
	}
	addr, err := netip.ParseAddr(strings.Trim(uri.Host, "[]"))
	if err != nil || !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() {
		return l.peer
	}
	addr = addr.Unmap()
	if addr.IsPrivate() && !l.peer.to.Addr().IsPrivate() && !l.peer.to.Addr().IsLoopback() {
		return l.peer
	}
	if addr.Is4() != l.peer.to.Addr().Is4() {
		return l.peer
	}
	port := uri.Port
	if port == 0 {
		port = DefaultPort(l.peer.network)
	}
	if port > 65535 || port < 0 {
		return l.peer
	}
	return destination{network: l.peer.network, to: netip.AddrPortFrom(addr, uint16(port)), local: l.peer.local, tls: l.wanted(addr)}
}

// wanted is what a peer at the address must show over TLS.
func (l *Leg) wanted(at netip.Addr) *Client {
	switch {
	case !secured(l.peer.network):
		return nil
	case l.peer.tls != nil:
		return l.peer.tls // it was dialled
	case l.terms.Back != nil:
		return l.terms.Back
	}
	c, err := NewClient(at.String(), "", "", "")
	if err != nil {
		return nil // refused by the handshake
	}
	return c
}

// request sends a request with a transaction and files it under its branch.
func (l *Leg) request(req *sipmsg.Request, branch string, d destination, t trial) {
	l.identify(req, d)
	l.s.mu.Lock()
	l.s.branches[branch] = l
	l.branches = append(l.branches, branch)
	l.s.mu.Unlock()
	if l.trials == nil {
		l.trials = map[string]*trial{}
	}
	t.req, t.dest, t.branch = req, d, branch
	t.acked, t.retry = false, nil
	if t.d == nil {
		t.d = &l.d
	}
	l.trials[branch] = &t
	data := render(req)
	if wide, ok := l.s.roomier(req, len(data), d); ok && !l.inbound && !l.terms.Fragments {
		l.widen(branch, wide)
		return
	}
	l.transact(req, data, d)
}

// purpose is why a request of ours was sent.
type purpose int

const (
	forCall    purpose = iota // the INVITE that makes the dialog
	forOffer                  // a re-INVITE, or an UPDATE with an offer
	forRefresh                // an UPDATE that refreshes the session
	forPrack                  // the PRACK of a reliable provisional response
	forBye                    // our BYE
	forGhost                  // the BYE of a dialog the call never wanted
	forNotify                 // how a transfer of the peer goes
	forInfo                   // a key
)

// trial is a request of ours that waits for its final response.
type trial struct {
	purpose purpose
	req     *sipmsg.Request
	dest    destination
	d       *dialog // whose numbers it counts on
	branch  string
	acked   bool     // its refusal is acknowledged
	retry   func()   // sends it again, once that is so
	auth    int      // how many challenges it was sent again for
	proved  []string // the realms among them
}

// trial finds a request by its branch.
func (l *Leg) trial(branch string) (trial, bool) {
	if t := l.trials[branch]; t != nil {
		return *t, true
	}
	return trial{}, false
}

// bye sends BYE and waits for the answer.
func (l *Leg) bye() {
	l.st = leaving
	for k := range timerKinds {
		l.disarm(k)
	}
	l.ref.active, l.ref.branch = false, ""
	if h := l.answers; h != nil && h.ack != nil { // the 2xx wants its ACK before
		l.answers = nil
		l.sendAck(h.key, h.ack)
	}
	if l.reoffer != nil {
		l.answerTicket(l.reoffer, 487, "Request Terminated", nil)
		l.reoffer = nil
	}
	req, branch, dest := l.compose(sipmsg.BYE, &l.d)
	appendHeaders(req, l.cause.headers())
	req.SetBody(nil)
	l.request(req, branch, dest, trial{purpose: forBye})
}

// lost ends a dialog that the peer does not know any more: ev is returned
// first, Ended follows by way of the inbox.
func (l *Leg) lost(ev Event) (Event, bool) {
	l.offer = offer{}
	l.next = nil
	if !l.ended {
		l.ended = true
		l.cause = Cause{Code: ev.Code, Text: "dialog lost"}
		l.in.post(message{input: inLost, err: ErrPeerGone})
		if l.st == confirmed {
			l.bye()
		}
	}
	return ev, true
}

// inResponse writes the cause for a response, which says the SIP part itself: of
// a Reason it may carry the Q.850 cause only (RFC 6432).
func (c Cause) inResponse() []Header {
	if c.Q850 == 0 {
		return nil
	}
	return Cause{Text: c.Text, Q850: c.Q850}.headers()
}

// headers writes the cause as Reason headers (RFC 3326).
func (c Cause) headers() []Header {
	var out []Header
	if c.Code > 0 || c.Text != "" && c.Q850 == 0 {
		code := c.Code
		if code == 0 {
			code = 200
		}
		out = append(out, Header{"Reason", reasonValue("SIP", code, c.Text)})
	}
	if c.Q850 > 0 {
		out = append(out, Header{"Reason", reasonValue("Q.850", c.Q850, c.Text)})
	}
	return out
}
