package sip

import (
	"context"
	"net/netip"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// route is the way that a leg of ours takes: its trunk and the hosts of that,
// one after the other (RFC 3263). Buyers, transfers and supervisors are called
// by it.
type route struct {
	trunk *ringbid.Trunk
	host  string // of the trunk's address, for the Request-URI
	port  int
	addr  netip.Addr       // where the leg goes
	to    netip.AddrPort   // addr with the port that was looked up; invalid for port
	hops  []netip.AddrPort // further hosts of the trunk
}

// take chooses the trunk, or says why nobody can be called by it.
func (r *route) take(c *Call, name string) (v ringbid.Verdict, text string) {
	trunk, ok := c.s.cfg.Trunks.Named(name)
	if !ok || trunk.Address == "" {
		return ringbid.VerdictLocal, "trunk " + name + " has no address to call"
	}
	host, port, err := trunk.HostPort()
	if err != nil {
		return ringbid.VerdictLocal, err.Error()
	}
	*r = route{trunk: trunk, host: host, port: port}
	if text := c.s.watch.down(trunk.Name); text != "" {
		return ringbid.VerdictUnreachable, text
	}
	return "", ""
}

// search finds the hosts of the trunk and runs found, with what is amiss, on the
// owner: at once for an address, within lookUpLimit for a name.
func (r *route) search(c *Call, found func(amiss string)) {
	if hop, ok := c.s.watch.serviceHop(r.trunk); ok { // RFC 3608 section 6.2
		r.turn([]netip.AddrPort{hop})
		found("")
		return
	}
	if addr, err := netip.ParseAddr(r.host); err == nil && r.trunk.Proxy == "" {
		r.addr = addr
		found("")
		return
	}
	trunk := r.trunk
	c.goAside(func() {
		ctx, cancel := context.WithTimeout(c.ctx, lookUpLimit)
		defer cancel()
		hops, err := c.s.find(ctx, trunk)
		c.do(func() {
			if err != nil || len(hops) == 0 {
				found("host " + r.host + " is not known")
				return
			}
			r.turn(hops)
			found("")
		})
	})
}

func (r *route) turn(hops []netip.AddrPort) {
	r.to, r.addr, r.hops = hops[0], hops[0].Addr(), hops[1:]
}

// further reports whether a leg that failed so may be tried at another host, and
// turns there. A trunk whose last host wants to be left alone is.
func (r *route) further(c *Call, ev leg.Event) bool {
	if elsewhere(ev) && len(r.hops) > 0 {
		r.turn(r.hops)
		return true
	}
	if ev.Code == 503 {
		c.s.watch.pause(r.trunk.Name, pauseOf(ev.Headers))
	}
	return false
}
