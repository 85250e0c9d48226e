package connector

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/ringbid/ringbid"
)

// guard decides which addresses may be dialled.
type guard struct {
	hosts   map[string]bool // names the operator trusts, lower case
	allowed []netip.Prefix
	special []netip.Prefix
}

// specialNets are the blocks that do not belong to the public internet and that
// netip has no word for: IANA's special-purpose registries (RFC 6890) and the
// translation prefixes through which an IPv4 address can be reached.
const specialNets = `0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15
198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32
2002::/16 3fff::/20 fec0::/10`

// newGuard reads the operator's allow list: networks ("10.1.2.0/24"), addresses
// ("127.0.0.1") and host names ("bids.internal").
func newGuard(allow []string) (*guard, error) {
	g := &guard{hosts: map[string]bool{}}
	for _, s := range strings.Fields(specialNets) {
		g.special = append(g.special, netip.MustParsePrefix(s))
	}
	for _, s := range allow {
		s = strings.ToLower(strings.TrimSpace(s))
		if p, err := netip.ParsePrefix(s); err == nil {
			g.allowed = append(g.allowed, p.Masked())
			continue
		}
		if a, err := netip.ParseAddr(s); err == nil {
			a = a.Unmap()
			g.allowed = append(g.allowed, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		if !hostName(s) {
			return nil, ringbid.Errorf(ringbid.Invalid, "allowed host %.80q is not a network, an address or a host name", s)
		}
		g.hosts[s] = true
	}
	return g, nil
}

func hostName(s string) bool {
	return s != "" && len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// trusts reports whether the name itself was allowed, whatever it resolves to.
func (g *guard) trusts(host string) bool {
	return g.hosts[strings.ToLower(strings.TrimSuffix(host, "."))]
}

// admits reports whether the address may be dialled.
func (g *guard) admits(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range g.allowed {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range g.special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

var errBlocked = errors.New("address is private or special and not allowed")

// control is called by net.Dialer with the address it is about to connect to.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return errBlocked
	}
	a, err := netip.ParseAddr(host)
	if err != nil || !g.admits(a) {
		return errBlocked
	}
	return nil
}
