package sip

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// find returns where calls on the trunk go, in the order to try: its proxy or
// its address, looked up as RFC 3263 says when there is no port.
func (s *Server) find(ctx context.Context, t *ringbid.Trunk) ([]netip.AddrPort, error) {
	if t.Proxy != "" {
		host, port, err := t.ProxyHostPort()
		if err != nil {
			return nil, err
		}
		return s.findHost(ctx, t, t.Proxy, host, port)
	}
	host, port, err := t.HostPort()
	if err != nil {
		return nil, err
	}
	return s.findHost(ctx, t, t.Address, host, port)
}

func (s *Server) findHost(ctx context.Context, t *ringbid.Trunk, address, host string, port int) ([]netip.AddrPort, error) {
	if ringbid.FixedPort(address) {
		return s.locate.Fixed(ctx, host, port)
	}
	return s.locate.Servers(ctx, t.Network(), host, port)
}

// routesOf is the preset Route of a trunk: its proxy.
func routesOf(t *ringbid.Trunk) []string {
	host, port, err := t.ProxyHostPort()
	if t.Proxy == "" || err != nil {
		return nil
	}
	uri := "sip:" + hostPort(host, port) + ";lr"
	if network := t.Network(); network != "udp" {
		uri = "sip:" + hostPort(host, port) + ";transport=" + network + ";lr"
	}
	return []string{uri}
}

// domainOf is how the trunk's address is written in a URI: without the port
// where there is none.
func domainOf(t *ringbid.Trunk, host string, port int) string {
	if _, err := netip.ParseAddr(host); err == nil || ringbid.FixedPort(t.Address) {
		return hostPort(host, port)
	}
	return host
}

func hostPort(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// elsewhere reports whether another host of the trunk may do better: this one
// did not answer, could not be reached, or said that it is busy (RFC 3263
// section 4.3). An INVITE that was given up stays with the stack, which cancels
// it or says BYE when an answer comes late: nobody rings twice.
func elsewhere(ev leg.Event) bool {
	return ev.Code == 503 || ev.Code == 0 &&
		(errors.Is(ev.Err, leg.ErrTimeout) || errors.Is(ev.Err, leg.ErrUnreachable) || errors.Is(ev.Err, leg.ErrTransport))
}

// Bounds of how long a 503 takes a trunk out.
const (
	shortestPause = time.Second
	longestPause  = 10 * time.Minute
)

// pauseOf reads Retry-After (RFC 3261 section 20.33); 0 when there is none.
func pauseOf(hs []leg.Header) time.Duration {
	for _, h := range hs {
		if !strings.EqualFold(h.Name(), "Retry-After") {
			continue
		}
		v, _, _ := strings.Cut(h.Value(), ";")
		v, _, _ = strings.Cut(v, "(")
		n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
		if err != nil || n == 0 {
			return 0
		}
		return max(shortestPause, min(time.Duration(n)*time.Second, longestPause))
	}
	return 0
}
