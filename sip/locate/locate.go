package locate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Limits of what is kept and returned.
const (
	maxHosts  = 8 // of one domain
	maxKept   = 1024
	shortest  = time.Second // a TTL of 0 would have every call ask
	longest   = time.Hour
	forSystem = 30 * time.Second // what the system says carries no TTL
	forNone   = 10 * time.Second // that there are no such records
)

// Locator looks domains up.
type Locator struct {
	own     bool // asks other servers than the system does
	servers []string
	system  *net.Resolver
	now     func() time.Time
	pick    func(int) int // a number below n, for weights

	mu   sync.Mutex
	kept map[string]found
}

type found struct {
	records []dnsmessage.Resource
	addrs   []netip.Addr
	err     error
	until   time.Time
}

// New makes a Locator that asks the DNS servers, "ip:port"; none means those of
// the system.
func New(servers ...string) *Locator {
	own := len(servers) > 0
	if !own {
		servers = systemServers("/etc/resolv.conf")
	}
	return &Locator{own: own, servers: servers, system: net.DefaultResolver, now: time.Now, pick: rand.IntN, kept: map[string]found{}}
}

// Fixed returns the addresses of host at the port, IPv4 first: what is done for
// an address with a port (RFC 3263 section 4.2).
func (l *Locator) Fixed(ctx context.Context, host string, port int) ([]netip.AddrPort, error) {
	look := l.bySystem
	if _, err := netip.ParseAddr(host); err == nil || l.own {
		look = l.addresses
	}
	addrs, err := look(ctx, host)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, a := range addrs {
		out = append(out, netip.AddrPortFrom(a, uint16(port)))
	}
	return out[:min(len(out), maxHosts)], nil
}

// Servers returns where a domain is served over the network ("udp", "tcp",
// "tls", "ws" or "wss"), in the order to try; port is the one to use when the
// domain has no SRV records. The order of hosts of one priority differs from
// call to call by their weights (RFC 2782).
func (l *Locator) Servers(ctx context.Context, network, domain string, port int) ([]netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(domain); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(addr, uint16(port))}, nil
	}
	if !strings.Contains(strings.TrimSuffix(domain, "."), ".") {
		return l.Fixed(ctx, domain, port)
	}
	hosts, err := l.hosts(ctx, network, domain)
	if errors.Is(err, errNone) {
		return l.Fixed(ctx, domain, port)
	}
	if err != nil {
		if out, other := l.Fixed(ctx, domain, port); other == nil {
			return out, nil
		}
		return nil, err
	}
	var out []netip.AddrPort
	for _, h := range hosts {
		addrs, err := l.addresses(ctx, h.name)
		if err != nil {
			continue // one host may be gone; the others count
		}
		for _, a := range addrs {
			if ap := netip.AddrPortFrom(a, h.port); len(out) < maxHosts && !slices.Contains(out, ap) {
				out = append(out, ap)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no host of its SRV records has an address", domain)
	}
	return out, nil
}

// host is one SRV record.
type host struct {
	name             string
	port             uint16
	priority, weight uint16
}

func (l *Locator) hosts(ctx context.Context, network, domain string) ([]host, error) {
	names := []string{srvName(network, domain)}
	if records, err := l.records(ctx, domain, typeNAPTR); err == nil {
		var list []naptr
		for _, r := range records {
			if u, ok := r.Body.(*dnsmessage.UnknownResource); ok {
				if n, ok := parseNAPTR(u.Data); ok {
					list = append(list, n)
				}
			}
		}
		if c := chosen(list, network); len(c) > 0 {
			names = c[:min(len(c), 2)]
		}
	}
	last := errNone
	for _, name := range names {
		records, err := l.records(ctx, name, dnsmessage.TypeSRV)
		if err != nil {
			last = err
			continue
		}
		if out := l.order(records); len(out) > 0 {
			return out, nil
		}
		return nil, fmt.Errorf("%s: the service is decidedly not available", domain) // a target of "."
	}
	return nil, last
}

// order sorts SRV records by priority and draws by weight within one.
func (l *Locator) order(records []dnsmessage.Resource) []host {
	var left []host
	for _, r := range records {
		if s, ok := r.Body.(*dnsmessage.SRVResource); ok && s.Target.String() != "." && s.Port != 0 {
			left = append(left, host{strings.TrimSuffix(s.Target.String(), "."), s.Port, s.Priority, s.Weight})
		}
	}
	slices.SortStableFunc(left, func(a, b host) int {
		if a.priority != b.priority {
			return int(a.priority) - int(b.priority)
		}
		return min(int(a.weight), 1) - min(int(b.weight), 1) // weight 0 first: it is drawn least
	})
	var out []host
	for len(left) > 0 {
		n, sum := 0, 0
		for n < len(left) && left[n].priority == left[0].priority {
			sum += int(left[n].weight)
			n++
		}
		i, draw := 0, l.pick(sum+1)
		for run := int(left[0].weight); run < draw; run += int(left[i].weight) {
			i++
		}
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return out
}

// addresses returns those of a host, IPv4 first.
func (l *Locator) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{addr}, nil
	}
	var out []netip.Addr
	if strings.Contains(strings.TrimSuffix(name, "."), ".") {
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA} {
			records, err := l.records(ctx, name, kind)
			if err != nil {
				continue
			}
			for _, r := range records {
				switch b := r.Body.(type) {
				case *dnsmessage.AResource:
					out = append(out, netip.AddrFrom4(b.A))
				case *dnsmessage.AAAAResource:
					out = append(out, netip.AddrFrom16(b.AAAA))
				}
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return l.bySystem(ctx, name)
}

// bySystem asks the system, which knows a hosts file and search domains.
func (l *Locator) bySystem(ctx context.Context, name string) ([]netip.Addr, error) {
	key := "system " + name
	if f, ok := l.cached(key); ok {
		return f.addrs, f.err
	}
	list, err := l.system.LookupNetIP(ctx, "ip", name)
	var out []netip.Addr
	for _, a := range list {
		if a = a.Unmap(); a.Is4() {
			out = append(out, a)
		}
	}
	for _, a := range list {
		if a = a.Unmap(); !a.Is4() {
			out = append(out, a)
		}
	}
	if err == nil && len(out) == 0 {
		err = errNone
	}
	if err != nil {
		err = fmt.Errorf("look up %s: %w", name, err)
		l.keep(key, found{err: err}, forNone)
		return nil, err
	}
	l.keep(key, found{addrs: out}, forSystem)
	return out, nil
}

// records asks for the records of a name, or remembers them.
func (l *Locator) records(ctx context.Context, name string, kind dnsmessage.Type) ([]dnsmessage.Resource, error) {
	key := kind.String() + " " + strings.ToLower(name)
	if f, ok := l.cached(key); ok {
		return f.records, f.err
	}
	records, ttl, err := l.ask(ctx, name, kind)
	if err != nil && ctx.Err() != nil {
		return nil, err // says nothing of the name
	}
	if err != nil {
		ttl = forNone
	}
	l.keep(key, found{records: records, err: err}, ttl)
	return records, err
}

func (l *Locator) cached(key string) (found, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.kept[key]
	return f, ok && l.now().Before(f.until)
}

func (l *Locator) keep(key string, f found, ttl time.Duration) {
	f.until = l.now().Add(max(shortest, min(ttl, longest)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.kept) >= maxKept {
		clear(l.kept)
	}
	l.kept[key] = f
}
