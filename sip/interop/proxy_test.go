package interop

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
	"github.com/ringbid/ringbid/sip/siptest/certtest"
)

// proxyModules are what every kamailio here needs.
const proxyModules = `
loadmodule "textops.so"
loadmodule "sl.so"
loadmodule "siputils.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "tm.so"
loadmodule "rr.so"
`

// inboundProxy is a kamailio that hands calls to next and stays in their dialogs.
func inboundProxy(t *testing.T, head, next string) (*kamailio, string) {
	t.Helper()
	at := siptest.Loopback(siptest.FreePort(t))
	return startKamailio(t, fmt.Sprintf(`
listen=udp:%[1]s
listen=tcp:%[1]s
`+head+proxyModules+`
request_route {
	xlog("L_ERR", "SEEN $rm from=$si:$sp route=$hdr(Route)\n");
	if (has_totag()) {
		if (!loose_route()) { xlog("L_ERR", "LOST $rm\n"); sl_send_reply("404", "No Route"); exit; }
		t_relay();
		exit;
	}
	if (is_method("CANCEL")) { t_relay(); exit; }
	record_route();
	$du = "sip:%[2]s";
	t_relay();
}
`, at, next), at), at
}

func TestThroughProxies(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 12", "a call in through a proxy: our BYE follows its Record-Route", "kamailio", func(t *testing.T, r *rig) {
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr))
		k, at := inboundProxy(t, "", r.addr)
		caller := r.phone().Call(at, "+18005550100").Talk()
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		caller.Hum(1100)
		line.Hears(1100)
		siptest.Eventually(t, "the caller's ACK by the proxy", func() bool { return k.Output.Lines("SEEN ACK ") == 1 })
		line.HangUp()
		x := siptest.Receive(t, "the call", calls)
		if x.Attempt.Verdict != ringbid.VerdictAnswered {
			t.Errorf("%+v", x.Attempt)
		}
		caller.Over()
		siptest.Eventually(t, "our BYE with the route set in the proxy's log", func() bool {
			return k.Output.Lines("SEEN BYE from="+r.addr+" route=<sip:"+at) == 1
		})
		if k.Output.Lines("LOST") != 0 {
			t.Error("a request came without its route")
		}
		r.idle()
	})
	prove(t, "RFC 5246, 5922", "a call in over TLS from a proxy that checks our certificate", "kamailio", func(t *testing.T, r *rig) {
		ca, buyer := certtest.New(t), r.phone()
		secured(t, r, ca)
		calls := r.bridge(r.target(buyer.Addr))
		_, at := inboundProxy(t, tlsClient(t, ca), r.at("tls")+";transport=tls")
		r.bridged(r.phone().Call(at, "+18005550100").Talk, buyer, calls)
	})
	prove(t, "RFC 5923", "the caller's TLS connection is gone: our BYE makes another, its name checked", "kamailio", func(t *testing.T, r *rig) {
		ca, buyer := certtest.New(t), r.phone()
		secured(t, r, ca)
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, TLS: ringbid.TrunkTLS{Name: "proxy.test", CA: ca.PEM}})
		calls := r.bridge(r.target(buyer.Addr))
		by, cut := cable(t, r.at("tls")) // the ACK does not come by it
		k, at := inboundProxy(t, tlsClient(t, ca), by+";transport=tls")
		caller := r.phone().Call(at, "+18005550100").Talk()
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		siptest.Eventually(t, "the bridge", func() bool { return len(r.events.Of(ringbid.EventBridged)) == 1 })
		siptest.Eventually(t, "the caller's ACK by the proxy", func() bool { return k.Output.Lines("SEEN ACK ") == 1 })
		for _, end := range cut() {
			siptest.Eventually(t, "the connection to be closed here too", func() bool { return !taken(end) })
		}
		line.HangUp()
		verdict(t, calls, ringbid.VerdictAnswered)
		caller.Over()
		siptest.Eventually(t, "our BYE in the proxy's log", func() bool { return k.Output.Lines("SEEN BYE from=127.0.0.1:") == 1 })
		r.idle()
	})
	prove(t, "RFC 5246, 5922", "a proxy that does not trust our certificate does not call", "kamailio", func(t *testing.T, r *rig) {
		secured(t, r, certtest.New(t))
		calls := r.bridge(r.target(r.phone().Addr))
		k, at := inboundProxy(t, tlsClient(t, certtest.New(t)), r.at("tls")+";transport=tls")
		caller := r.phone().Call(at, "+18005550100")
		siptest.Eventually(t, "the proxy's complaint", func() bool { return k.Output.Lines("certificate verify failed") > 0 })
		if len(calls) != 0 || r.s.Active() != 0 {
			t.Error("the call came")
		}
		caller.HangUp()
	})
	for network, scheme := range map[string]string{"ws": "tcp", "wss": "tls"} {
		for _, ends := range []string{"we hang up", "the buyer hangs up"} {
			prove(t, "RFC 7118", "call out over "+network+" to a proxy; "+ends, "kamailio", func(t *testing.T, r *rig) {
				ca, buyer := certtest.New(t), r.phone()
				head := ""
				if network == "wss" {
					head = tlsServer(ca.Issue("sbc.carrier.test"))
				}
				k, at := webSocketProxy(t, head, scheme, buyer.Addr)
				calls := r.bridge(r.target(at, func(x *ringbid.Trunk) {
					x.Transport, x.TLS = network, ringbid.TrunkTLS{Name: "sbc.carrier.test", CA: ca.PEM}
				}))
				caller := r.phone().Call(r.addr, "+18005550100").Talk()
				line := siptest.Receive(t, "the buyer's line", buyer.Lines)
				line.Answer()
				siptest.Eventually(t, "our ACK by the proxy", func() bool { return k.Output.Lines("SEEN ACK proto="+network) == 1 })
				if ends == "we hang up" {
					caller.HangUp()
					line.Want(leg.ByeReceived)
				} else {
					line.HangUp()
					caller.Over()
				}
				verdict(t, calls, ringbid.VerdictAnswered)
				r.idle()
			})
		}
	}
	prove(t, "RFC 3327", "REGISTER through a proxy with Path: the registrar's calls come back that way", "kamailio, kamailio", func(t *testing.T, r *rig) {
		edge, registrar := siptest.Loopback(siptest.FreePort(t)), siptest.Loopback(siptest.FreePort(t))
		k := startKamailio(t, fmt.Sprintf(`
listen=udp:%[1]s
listen=tcp:%[1]s
`+proxyModules+`
loadmodule "path.so"
request_route {
	xlog("L_ERR", "SEEN $rm from=$si:$sp\n");
	if (is_method("REGISTER")) {
		add_path();
		$du = "sip:%[2]s";
		t_relay();
		exit;
	}
	if (loose_route() && has_totag()) { t_relay(); exit; }
	if (is_method("INVITE")) { record_route(); }
	t_relay();
}
`, edge, registrar), edge)
		startKamailio(t, fmt.Sprintf(`
listen=udp:%[1]s
listen=tcp:%[1]s
`+proxyModules+`
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 2)
modparam("usrloc", "db_mode", 0)
request_route {
	if (is_method("REGISTER")) { save("location"); exit; }
	if (has_totag()) { loose_route(); t_relay(); exit; }
	if (is_method("CANCEL")) { t_relay(); exit; }
	record_route();
	if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
	t_relay();
}
`, registrar), registrar)
		r.list()
		buyer := r.phone()
		r.trunks.Put(&ringbid.Trunk{Name: "office", Address: registrar, Proxy: edge, Health: "off", Register: ringbid.Registration{User: "ring"}})
		calls := r.bridge(r.target(buyer.Addr, func(x *ringbid.Trunk) { x.Health = "off" }))
		siptest.Eventually(t, "registered", func() bool { return r.state("office").Registered })
		caller := r.phone().Call(registrar, "ring").Talk()
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		siptest.Eventually(t, "the caller's ACK by the edge", func() bool { return k.Output.Lines("SEEN ACK from="+registrar) == 1 })
		line.HangUp()
		siptest.Receive(t, "the call", calls)
		caller.Over()
		for _, line := range []string{"SEEN INVITE from=" + registrar, "SEEN BYE from=" + r.addr} {
			siptest.Eventually(t, "the edge to log "+line, func() bool { return k.Output.Lines(line) == 1 })
		}
		r.idle()
	})
}

// webSocketProxy is a kamailio that takes WebSocket connections and hands calls
// to next by UDP.
func webSocketProxy(t *testing.T, head, scheme, next string) (*kamailio, string) {
	t.Helper()
	udp, at := siptest.Loopback(siptest.FreePort(t)), siptest.Loopback(siptest.FreePort(t))
	return startKamailio(t, fmt.Sprintf(`
listen=udp:%[1]s
listen=%[3]s:%[2]s
tcp_accept_no_cl=yes
`+head+proxyModules+`
loadmodule "xhttp.so"
loadmodule "nathelper.so"
loadmodule "websocket.so"
event_route[xhttp:request] {
	if ($hdr(Upgrade) =~ "websocket" && $hdr(Sec-WebSocket-Protocol) =~ "sip") { ws_handle_handshake(); exit; }
	xhttp_reply("404", "Not Found", "", "");
}
request_route {
	xlog("L_ERR", "SEEN $rm proto=$proto\n");
	if (has_totag()) {
		if (!loose_route()) { sl_send_reply("404", "No Route"); exit; }
		handle_ruri_alias();
		t_relay();
		exit;
	}
	if (is_method("CANCEL")) { t_relay(); exit; }
	record_route();
	if ($proto =~ "ws") { add_contact_alias(); }
	$du = "sip:%[4]s";
	t_relay();
}
`, udp, at, scheme, next), at), at
}

// cable passes connections on to addr until it is cut; cut returns its ends there.
func cable(t *testing.T, addr string) (at string, cut func() []net.Addr) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var ends []net.Conn
	cut = func() (there []net.Addr) {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range ends {
			c.Close()
			if c.RemoteAddr().String() == addr {
				there = append(there, c.LocalAddr())
			}
		}
		return there
	}
	t.Cleanup(func() { cut() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", addr)
			if err != nil {
				a.Close()
				continue
			}
			mu.Lock()
			ends = append(ends, a, b)
			mu.Unlock()
			go func() { _, _ = io.Copy(a, b) }()
			go func() { _, _ = io.Copy(b, a) }()
		}
	}()
	return l.Addr().String(), cut
}

// taken reports whether whoever took a connection from the address has not closed
// it.
func taken(from net.Addr) bool {
	text, _ := os.ReadFile("/proc/net/tcp")
	port := fmt.Sprintf(":%04X", from.(*net.TCPAddr).Port)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 && strings.HasSuffix(f[2], port) {
			return true
		}
	}
	return false
}

// tlsServer has a kamailio speak TLS with the certificate.
func tlsServer(pair certtest.Pair) string {
	return fmt.Sprintf(`
enable_tls=yes
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "private_key", %q)
modparam("tls", "certificate", %q)
`, pair.KeyFile, pair.CertFile)
}

// tlsClient has a kamailio speak TLS and believe the authority alone.
func tlsClient(t *testing.T, ca *certtest.Authority) string {
	t.Helper()
	own := ca.Issue("proxy.test")
	return fmt.Sprintf(`
enable_tls=yes
listen=tls:127.0.0.1:%d
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "private_key", %q)
modparam("tls", "certificate", %q)
modparam("tls", "ca_list", %q)
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
`, siptest.FreePort(t), own.KeyFile, own.CertFile, ca.File)
}
