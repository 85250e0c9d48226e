package leg

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid/sip/siptest/certtest"
)

// tlsRig is a stack that also listens on tls, ws and wss.
func tlsRig(t *testing.T, ca *certtest.Authority, pair certtest.Pair, change ...func(*Config)) *rig {
	t.Helper()
	keys, err := LoadKeys(pair.CertFile, pair.KeyFile, ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newRig(t, append([]func(*Config){func(c *Config) {
		c.Keys = keys
		c.Listeners = append(c.Listeners, Listener{"tls", "127.0.0.1:0"}, Listener{"ws", "127.0.0.1:0"}, Listener{"wss", "127.0.0.1:0"})
	}}, change...)...)
}

// at returns the address of the listener of a network.
func (r *rig) at(network string) string {
	for _, l := range r.s.Addrs() {
		if l.Network == network {
			return l.Addr
		}
	}
	r.t.Fatalf("no %s listener", network)
	return ""
}

func TestCallOverTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	r := tlsRig(t, ca, ca.Issue("127.0.0.1"))
	for name, c := range map[string]struct {
		shows []tls.Certificate
		names string
	}{
		"no certificate": {},
		"carrier's":      {shows: []tls.Certificate{ca.Issue("sip:Carrier.example", "sbc.carrier.example").TLS(t)}, names: "carrier.example sbc.carrier.example"},
	} {
		conn, err := tls.Dial("tcp", r.at("tls"), &tls.Config{RootCAs: ca.Pool(), Certificates: c.shows})
		if err != nil {
			t.Fatal(err)
		}
		p := tcpPeer(t, conn)
		p.network = "tls"
		u, call := answered(r, p)
		if call.leg.Network() != "tls" || call.leg.Source() != p.at {
			t.Errorf("%s %s", call.leg.Network(), call.leg.Source())
		}
		if got := strings.Join(call.leg.Invite().Names, " "); got != c.names {
			t.Errorf("%s: names %q, want %q", name, got, c.names)
		}
		if e := call.leg.Messages()[0]; e.Network != "tls" {
			t.Errorf("traced as %s", e.Network)
		}
		u.do("BYE", "")
		call.want(ByeReceived)
		call.want(Terminated)
	}
}

func TestClientCertificateOfAStrangeAuthority(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	r := tlsRig(t, ca, ca.Issue("127.0.0.1"))
	for name, pair := range map[string]certtest.Pair{"strange": certtest.New(t).Issue("carrier.example"), "expired": ca.Expired("carrier.example")} {
		conn, err := tls.Dial("tcp", r.at("tls"), &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{pair.TLS(t)}})
		if err == nil { // TLS 1.3 tells the client with the first read
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		var alert tls.AlertError
		if !errors.As(err, &alert) && !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// tlsServer accepts connections as a carrier that shows the pair.
func tlsServer(t *testing.T, pair certtest.Pair, change ...func(*tls.Config)) net.Listener {
	t.Helper()
	c := &tls.Config{Certificates: []tls.Certificate{pair.TLS(t)}}
	for _, f := range change {
		f(c)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestDialOverTLS(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	own := ca.Issue("us.example")
	r := tlsRig(t, ca, own)
	l := tlsServer(t, ca.Issue("sip:carrier.example"), func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool() })
	want, err := NewClient("carrier.example", ca.PEM, "", "")
	if err != nil {
		t.Fatal(err)
	}
	at := &peer{network: "tls", at: addrPort(l.Addr())}
	for range 2 { // the second call finds the connection
		c := r.dial(at, func(d *DialConfig) { d.TLS = want })
		if at.tcp == nil {
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			at = tcpPeer(t, conn)
			at.network, at.at = "tls", addrPort(l.Addr())
		}
		inv := at.request("INVITE")
		if !strings.HasPrefix(inv.get("Via"), "SIP/2.0/TLS "+r.at("tls")) || !strings.Contains(inv.get("Contact"), "transport=tls") {
			t.Errorf("Via %s Contact %s", inv.get("Via"), inv.get("Contact"))
		}
		at.answer(inv, 200, "b1", testSDP)
		c.want(Answered)
		at.request("ACK")
		c.on(func(l *Leg) { l.End(Cause{}) })
		at.answer(at.request("BYE"), 200, "", "")
		c.want(Terminated)
	}
}

func TestDialOverTLSChecksThePeer(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	r := newRig(t)
	for name, c := range map[string]struct {
		pair certtest.Pair
		ok   bool
	}{
		"domain":                     {ca.Issue("carrier.example"), true},
		"sip domain":                 {ca.Issue("sip:carrier.example"), true},
		"wildcard":                   {ca.Issue("*.example"), true},
		"another domain":             {ca.Issue("carrier.example.evil"), false},
		"address instead":            {ca.Issue("127.0.0.1"), false},
		"sip domain goes before DNS": {ca.Issue("sip:other.example", "carrier.example"), false},
		"sip user":                   {ca.Issue("sip:carrier.example@other.example"), false},
		"expired":                    {ca.Expired("carrier.example"), false},
		"strange authority":          {certtest.New(t).Issue("carrier.example"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := NewClient("carrier.example", ca.PEM, "", "")
			if err != nil {
				t.Fatal(err)
			}
			l := tlsServer(t, c.pair)
			at := &peer{network: "tls", at: addrPort(l.Addr())}
			accepted := make(chan net.Conn, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					_ = conn.(*tls.Conn).Handshake() // the client decides
				}
				accepted <- conn
			}()
			call := r.dial(at, func(d *DialConfig) { d.TLS = want })
			if c.ok {
				p := tcpPeer(t, <-accepted)
				p.answer(p.request("INVITE"), 486, "b1", "")
				if ev := call.want(Failed); ev.Code != 486 {
					t.Errorf("got %+v", ev)
				}
			} else if ev := call.want(Failed); !errors.Is(ev.Err, ErrUnreachable) {
				t.Errorf("got %+v", ev)
			}
			call.want(Terminated)
		})
	}
}

func TestHandshakesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	ca := certtest.New(t)
	r := tlsRig(t, ca, ca.Issue("127.0.0.1"))
	for range 10 { // connects and says nothing
		conn, err := net.Dial("tcp", r.at("wss"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	conn, err := tls.Dial("tcp", r.at("wss"), &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	slow, err := net.Dial("tcp", r.at("tls"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	_ = slow.SetReadDeadline(time.Now().Add(handshakeLimit + patience))
	if _, err := slow.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a silent handshake is never given up")
	}
}

func TestKeysAreReadAgain(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	first, second := ca.Issue("first.example", "127.0.0.1"), ca.Issue("second.example", "127.0.0.1")
	r := tlsRig(t, ca, first)
	shown := func() string {
		conn, err := tls.Dial("tcp", r.at("tls"), &tls.Config{RootCAs: ca.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	if got := shown(); got != "first.example" {
		t.Errorf("shows %s", got)
	}
	if err := os.WriteFile(first.CertFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "first.example" {
		t.Errorf("nonsense in the file: shows %s", got)
	}
	first.Replace(t, second)
	waitFor(t, "the new certificate is shown", func() bool { return shown() == "second.example" })
}

func TestKeysAndClientsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	a, b := ca.Issue("a.example"), ca.Issue("b.example")
	if _, err := LoadKeys(a.CertFile, b.KeyFile, "", nil); err == nil {
		t.Error("the key of another certificate is taken")
	}
	if _, err := LoadKeys(a.CertFile, a.KeyFile, a.KeyFile, nil); err == nil {
		t.Error("a file without certificates is taken for authorities")
	}
	if _, err := LoadKeys("/nowhere", a.KeyFile, "", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, c := range [][4]string{{""}, {"a", "x"}, {"a", "", a.Cert, ""}, {"a", "", a.Cert, b.Key}} {
		if _, err := NewClient(c[0], c[1], c[2], c[3]); !errors.Is(err, ErrInput) {
			t.Errorf("%.20q: got %v", c, err)
		}
	}
	if _, err := Listen(Config{Listeners: []Listener{{"tls", "127.0.0.1:0"}}}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
}

func TestCallerWhoseConnectionIsGoneIsConnectedToByName(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t)
	for name, c := range map[string]struct {
		shows string
		ok    bool
	}{"its name": {"sbc.carrier.example", true}, "another name": {"other.example", false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			back, err := NewClient("sbc.carrier.example", ca.PEM, "", "")
			if err != nil {
				t.Fatal(err)
			}
			r := tlsRig(t, ca, ca.Issue("127.0.0.1"), func(c *Config) { c.Terms = func(*Leg) Terms { return Terms{Back: back} } })
			l := tlsServer(t, ca.Issue(c.shows))
			conn, err := tls.Dial("tcp", r.at("tls"), &tls.Config{RootCAs: ca.Pool()})
			if err != nil {
				t.Fatal(err)
			}
			p := tcpPeer(t, conn)
			p.network, p.at = "tls", addrPort(l.Addr()) // what its Contact says
			_, call := answered(r, p)
			conn.Close()
			from := addrPort(conn.LocalAddr())
			waitFor(t, "the connection to be forgotten", func() bool { return r.s.inletOf("tls", r.tcp).find(from, "") == nil })
			accepted := make(chan net.Conn, 1)
			go func() {
				conn, err := l.Accept()
				if err == nil {
					_ = conn.(*tls.Conn).Handshake() // the client decides
				}
				accepted <- conn
			}()
			call.on(func(l *Leg) { l.End(Cause{}) })
			again := tcpPeer(t, <-accepted)
			if c.ok {
				again.answer(again.request("BYE"), 200, "", "")
			} else {
				again.closed()
			}
			call.want(Terminated)
		})
	}
}
