package sip

import (
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// maxContacts bounds how many contacts of one redirect are looked at.
const maxContacts = 10

// contact is where a redirect sends the call.
type contact struct {
	user string
	host string // with port as written; empty for a tel: URI, "" keeps the trunk
	q    float64
}

// contactsOf reads the contacts of a 3xx, the most wanted first (RFC 3261
// section 8.1.3.4). What is not an address or has no user is left out.
func contactsOf(hs []leg.Header) []contact {
	var out []contact
	for _, p := range leg.Parties(hs, "Contact") {
		scheme, _, _ := strings.Cut(strings.ToLower(p.URI), ":")
		user := p.User
		if plain, err := url.PathUnescape(user); err == nil {
			user = plain
		}
		if len(out) == maxContacts || scheme != "sip" && scheme != "tel" || !ringbid.SIPUser(user) {
			continue
		}
		c := contact{user: user, host: p.Host, q: 1}
		if v, ok := p.Param("q"); ok {
			q, err := strconv.ParseFloat(v, 64)
			if c.q = q; err != nil || !(q >= 0 && q <= 1) {
				c.q = 0
			}
		}
		if scheme == "tel" {
			n := phoneOf(p)
			if n == "" {
				continue
			}
			c.user, c.host = string(n), ""
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b contact) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	return out
}

// visit remembers where the place is called, and on its first call how many
// redirects its trunk allows.
func (p *place) visit() {
	if p.seen == nil {
		p.seen, p.allowed = map[string]bool{}, min(p.trunk.FollowRedirects, 5)
	}
	p.seen[strings.ToLower(p.user+"@"+p.within)] = true
}

// moved follows a redirect, or goes on to the next contact of an earlier one. It
// reports false when there is nowhere to go. A 6xx is meant for every contact.
func (p *place) moved(c *Call, ev leg.Event) bool {
	if p.allowed == 0 || ev.Code >= 600 || ev.Code < 300 {
		return false
	}
	if ev.Code < 400 {
		p.redirected = append(p.redirected, diverted{user: p.user, host: p.host, status: ev.Code})
		p.next = append(contactsOf(ev.Headers), p.next...)
		p.next = p.next[:min(len(p.next), maxContacts)]
	}
	for len(p.next) > 0 && p.allowed > 0 {
		to := p.next[0]
		p.next = p.next[1:]
		trunk, ok := p.behind(c, to.host)
		if !ok {
			c.log.Info("redirect to a host of no trunk not followed", slog.String("leg", p.s.report.ID))
			continue
		}
		if p.seen[strings.ToLower(to.user+"@"+trunk)] {
			c.log.Info("redirect in a circle not followed", slog.String("leg", p.s.report.ID))
			continue
		}
		p.allowed--
		p.hangUp(c, verdictOf(ev.Code), byBuyer, ringbid.Reason{Text: ev.Reason, SIP: ev.Code, Q850: ev.Q850})
		p.within, p.user = trunk, to.user
		p.s, p.again, p.plain, p.stage = nil, false, false, dialCalling
		p.start(c)
		return true
	}
	return false
}

// behind names the trunk behind a contact's host: the one that redirects, or
// another one that calls go out to. No name is looked up for a peer.
func (p *place) behind(c *Call, hostport string) (string, bool) {
	if hostport == "" {
		return p.within, true
	}
	host, port := strings.Trim(hostport, "[]"), 5060
	if h, text, err := net.SplitHostPort(hostport); err == nil {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return "", false
		}
		host, port = h, int(n)
	}
	if port == p.port && (strings.EqualFold(host, p.host) || host == p.addr.String()) {
		return p.within, true
	}
	if t, ok := c.s.cfg.Trunks.At(host, port); ok {
		return t.Name, true
	}
	return "", false
}
