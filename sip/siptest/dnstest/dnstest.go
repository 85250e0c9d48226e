// Package dnstest is a DNS server for tests, over UDP and TCP on loopback. It
// knows what it was told and nothing else.
package dnstest

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Zone is a running server.
type Zone struct {
	Addr string // "ip:port"

	t      testing.TB
	mu     sync.Mutex
	ttl    uint32
	silent bool
	by     map[string][]dnsmessage.Resource
	n      int
}

// Serve starts a server.
func Serve(t testing.TB) *Zone {
	t.Helper()
	z := &Zone{t: t, ttl: 300, by: map[string][]dnsmessage.Resource{}}
	udp, tcp := both(t)
	z.Addr = udp.LocalAddr().String()
	var wg sync.WaitGroup
	wg.Go(func() { z.serveUDP(udp) })
	wg.Go(func() { z.serveTCP(tcp) })
	t.Cleanup(func() { udp.Close(); tcp.Close(); wg.Wait() })
	return z
}

// both opens one port for datagrams and for streams. A port that is free for the
// one may be in use for the other, then the next is tried.
func both(t testing.TB) (*net.UDPConn, net.Listener) {
	t.Helper()
	var last error
	for range 50 {
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
		last = err
	}
	t.Fatal("no port for datagrams and streams: ", last)
	return nil, nil
}

// Asked is how many queries came.
func (z *Zone) Asked() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.n
}

// Keep sets the time to live of every record, in seconds; it is 300 before.
func (z *Zone) Keep(ttl uint32) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.ttl = ttl
}

// Hush has the server answer nothing any more.
func (z *Zone) Hush() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.silent = true
}

// A adds an IPv4 address.
func (z *Zone) A(name, addr string) {
	z.add(name, dnsmessage.TypeA, &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()})
}

// AAAA adds an IPv6 address.
func (z *Zone) AAAA(name, addr string) {
	z.add(name, dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(addr).As16()})
}

// SRV adds a host of a service; the target "." says that there is none.
func (z *Zone) SRV(name string, priority, weight, port uint16, target string) {
	z.add(name, dnsmessage.TypeSRV, &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: z.name(target)})
}

// NAPTR adds a record of RFC 3403.
func (z *Zone) NAPTR(name string, order, preference uint16, flags, services, replacement string) {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, order), preference)
	for _, s := range []string{flags, services, ""} {
		b = append(append(b, byte(len(s))), s...)
	}
	for label := range strings.SplitSeq(replacement, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	const kind = dnsmessage.Type(35)
	z.add(name, kind, &dnsmessage.UnknownResource{Type: kind, Data: append(b, 0)})
}

func (z *Zone) name(s string) dnsmessage.Name {
	n, err := dnsmessage.NewName(strings.TrimSuffix(s, ".") + ".")
	if err != nil {
		z.t.Fatal(err)
	}
	return n
}

func (z *Zone) add(name string, kind dnsmessage.Type, body dnsmessage.ResourceBody) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.by[name] = append(z.by[name], dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: z.name(name), Type: kind, Class: dnsmessage.ClassINET}, Body: body})
}

func (z *Zone) serveUDP(c *net.UDPConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if b := z.answer(buf[:n], 512); b != nil {
			_, _ = c.WriteToUDPAddrPort(b, from) // asked again when lost
		}
	}
}

func (z *Zone) serveTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err == nil {
			q := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, q); err == nil {
				if b := z.answer(q, 1<<16-1); b != nil {
					_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
				}
			}
		}
		c.Close()
	}
}

func (z *Zone) answer(query []byte, most int) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.n++
	var m dnsmessage.Message
	if z.silent || m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	name := strings.TrimSuffix(q.Name.String(), ".")
	for _, r := range z.by[name] {
		if r.Header.Type == q.Type {
			r.Header.TTL = z.ttl
			out.Answers = append(out.Answers, r)
		}
	}
	if len(z.by[name]) == 0 {
		out.RCode = dnsmessage.RCodeNameError
	}
	b, err := out.Pack()
	if err == nil && len(b) > most {
		out.Answers, out.Truncated = nil, true
		b, err = out.Pack()
	}
	if err != nil {
		return nil
	}
	return b
}
