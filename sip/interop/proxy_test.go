package interop

import (
	"fmt"
	"testing"

	"github.com/ringbid/ringbid"
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
		if n := k.Output.Lines("SEEN BYE from=" + r.addr + " route=<sip:" + at); n != 1 {
			t.Errorf("%d BYEs of ours with the route set", n)
		}
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
		r.trunks.put(&ringbid.Trunk{Name: "office", Address: registrar, Proxy: edge, Health: "off", Register: ringbid.Registration{User: "ring"}})
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
			if k.Output.Lines(line) != 1 {
				t.Errorf("the edge did not log %q", line)
			}
		}
		r.idle()
	})
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
