package interop

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
	"github.com/ringbid/ringbid/sip/siptest/certtest"
	"github.com/ringbid/ringbid/sip/siptest/dnstest"
)

// secured gives the rig tls, ws and wss listeners with a certificate for
// 127.0.0.1.
func secured(t *testing.T, r *rig, ca *certtest.Authority) {
	t.Helper()
	pair := ca.Issue("127.0.0.1")
	keys, err := leg.LoadKeys(pair.CertFile, pair.KeyFile, ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Keys = keys
	for _, n := range []string{"tls", "ws", "wss"} {
		r.cfg.Listeners = append(r.cfg.Listeners, leg.Listener{Network: n, Addr: "127.0.0.1:0"})
	}
}

// at returns the rig's address of a network.
func (r *rig) at(network string) string {
	for _, l := range r.s.Addrs() {
		if l.Network == network {
			return l.Addr
		}
	}
	r.t.Fatalf("no %s listener", network)
	return ""
}

// list has the server watch the trunks of the book.
func (r *rig) list() {
	r.cfg.List = func() []*ringbid.Trunk { return slices.Collect(maps.Values(r.trunks.All())) }
}

// state returns how a trunk is.
func (r *rig) state(name string) ringbid.TrunkState {
	for _, s := range r.s.TrunkStates() {
		if s.Trunk == name {
			return s
		}
	}
	return ringbid.TrunkState{}
}

// tlsProxy is a kamailio that speaks TLS and hands every request to next.
func tlsProxy(t *testing.T, pair certtest.Pair, next, transport string) (addr string) {
	t.Helper()
	udp, tlsPort := siptest.FreePort(t), siptest.FreePort(t)
	addr = siptest.Loopback(tlsPort)
	startKamailio(t, fmt.Sprintf(`
enable_tls=yes
listen=udp:127.0.0.1:%d
listen=tls:%s
loadmodule "tls.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "private_key", %q)
modparam("tls", "certificate", %q)
request_route {
	if (is_method("OPTIONS") && !has_totag()) { sl_send_reply("200", "OK"); exit; }
	if (has_totag()) { loose_route(); t_relay(); exit; }
	record_route();
	$du = "sip:%s;transport=%s";
	t_relay();
}
`, udp, addr, pair.KeyFile, pair.CertFile, next, transport), addr)
	return addr
}

func TestReachTLS(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 5246, 5922", "call out over TLS through a proxy, name checked", "kamailio", func(t *testing.T, r *rig) {
		ca, buyer := certtest.New(t), r.phone()
		proxy := tlsProxy(t, ca.Issue("sbc.carrier.test"), buyer.Addr, "udp")
		calls := r.bridge(r.target(proxy, func(x *ringbid.Trunk) {
			x.Transport, x.TLS = "tls", ringbid.TrunkTLS{Name: "sbc.carrier.test", CA: ca.PEM}
		}))
		r.bridged(r.phone().Call(r.addr, "+18005550100").Talk, buyer, calls)
	})
	for name, pair := range map[string]func(*certtest.Authority) certtest.Pair{
		"certificate of another name is refused": func(ca *certtest.Authority) certtest.Pair { return ca.Issue("other.test") },
		"expired certificate is refused":         func(ca *certtest.Authority) certtest.Pair { return ca.Expired("sbc.carrier.test") },
	} {
		prove(t, "RFC 5246, 5922", name, "kamailio", func(t *testing.T, r *rig) {
			ca, buyer := certtest.New(t), r.phone()
			proxy := tlsProxy(t, pair(ca), buyer.Addr, "udp")
			calls := r.bridge(r.target(proxy, func(x *ringbid.Trunk) {
				x.Transport, x.TLS = "tls", ringbid.TrunkTLS{Name: "sbc.carrier.test", CA: ca.PEM}
			}))
			caller := r.phone().Call(r.addr, "+18005550100").Talk()
			if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictUnreachable {
				t.Errorf("%+v", x.Attempt)
			}
			caller.Over()
			r.idle()
		})
	}
	prove(t, "RFC 8446", "client certificate of a carrier: taken, refused without", "raw", func(t *testing.T, r *rig) {
		ca, buyer := certtest.New(t), r.phone()
		secured(t, r, ca)
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, TLS: ringbid.TrunkTLS{Peer: "sbc.carrier.test"}})
		calls := r.bridge(r.target(buyer.Addr))
		show := func(names ...string) func(*siptest.Line, *leg.DialConfig) {
			pair := certtest.Pair{}
			if len(names) > 0 {
				pair = ca.Issue(names...)
			}
			want, err := leg.NewClient("127.0.0.1", ca.PEM, pair.Cert, pair.Key)
			if err != nil {
				t.Fatal(err)
			}
			return func(_ *siptest.Line, d *leg.DialConfig) { d.Network, d.TLS = "tls", want }
		}
		for _, refused := range []*siptest.Line{
			r.phone().Call(r.at("tls"), "+18005550100", show()),
			r.phone().Call(r.at("tls"), "+18005550100", show("other.test")),
			r.phone().Call(r.addr, "+18005550100"),
		} {
			if ev := refused.Want(leg.Failed); ev.Code != 403 {
				t.Errorf("got %+v", ev)
			}
		}
		r.bridged(r.phone().Call(r.at("tls"), "+18005550100", show("sbc.carrier.test")).Talk, buyer, calls)
	})
	for _, network := range []string{"ws", "wss"} {
		prove(t, "RFC 7118", "call in over "+network, "raw", func(t *testing.T, r *rig) {
			ca, buyer := certtest.New(t), r.phone()
			secured(t, r, ca)
			calls := r.bridge(r.target(buyer.Addr))
			want, err := leg.NewClient("127.0.0.1", ca.PEM, "", "")
			if err != nil {
				t.Fatal(err)
			}
			r.bridged(r.phone().Call(r.at(network), "+18005550100", func(_ *siptest.Line, d *leg.DialConfig) {
				d.Network, d.TLS = network, want
			}).Talk, buyer, calls)
		})
	}
}

func TestReachDNS(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3263", "SRV: a dead host is passed over, the next one rings once", "raw, own DNS", func(t *testing.T, r *rig) {
		zone, buyer := dnstest.Serve(t), r.phone()
		dead := siptest.NewWire(t, "127.0.0.1") // takes everything and says nothing
		zone.A("one.carrier.test", "127.0.0.1")
		zone.SRV("_sip._udp.carrier.test", 10, 0, portOf(t, dead.Addr()), "one.carrier.test")
		zone.SRV("_sip._udp.carrier.test", 20, 0, portOf(t, buyer.Addr), "one.carrier.test")
		r.cfg.DNS = []string{zone.Addr}
		calls := r.bridge(r.target("carrier.test"))
		x := r.bridged(r.phone().Call(r.addr, "+18005550100").Talk, buyer, calls)
		if len(x.Legs) != 3 {
			t.Errorf("%d legs, want the caller's and two", len(x.Legs))
		}
		if len(buyer.Lines) != 0 {
			t.Error("it rang again")
		}
	})
	prove(t, "RFC 3263", "SRV: every host dead is a verdict", "raw, own DNS", func(t *testing.T, r *rig) {
		zone := dnstest.Serve(t)
		zone.A("one.carrier.test", "127.0.0.1")
		for i := range 2 {
			zone.SRV("_sip._tcp.carrier.test", uint16(i), 0, uint16(siptest.FreePort(t)), "one.carrier.test")
		}
		r.cfg.DNS = []string{zone.Addr}
		calls := r.bridge(r.target("carrier.test", func(x *ringbid.Trunk) { x.Transport = "tcp" }))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictUnreachable || len(x.Legs) != 3 {
			t.Errorf("%+v %d legs", x.Attempt, len(x.Legs))
		}
		caller.Over()
		r.idle()
	})
}

func TestReachProxy(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 12", "through a proxy in front: preset Route, Record-Route followed", "kamailio", func(t *testing.T, r *rig) {
		at, buyer := siptest.Loopback(siptest.FreePort(t)), r.phone()
		k := startKamailio(t, fmt.Sprintf(`
listen=udp:%[1]s
listen=tcp:%[1]s
loadmodule "textops.so"
loadmodule "sl.so"
loadmodule "siputils.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "tm.so"
loadmodule "rr.so"
request_route {
	xlog("L_ERR", "SEEN $rm route=$hdr(Route)\n");
	if (loose_route() && has_totag()) { t_relay(); exit; }
	if (is_method("INVITE")) { record_route(); }
	t_relay();
}
`, at), at)
		calls := r.bridge(r.target(buyer.Addr, func(x *ringbid.Trunk) { x.Proxy = at }))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Answer()
		siptest.Eventually(t, "the ACK by the proxy", func() bool { return k.Output.Lines("SEEN ACK route=<sip:"+at) == 1 })
		caller.HangUp()
		siptest.Receive(t, "the call", calls)
		siptest.Eventually(t, "the BYE by the proxy", func() bool { return k.Output.Lines("SEEN BYE route=<sip:"+at) == 1 })
		r.idle()
	})
}

func TestReachHealth(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261", "OPTIONS: trunk goes down, nobody is dialled, and is up again", "raw", func(t *testing.T, r *rig) {
		carrier := siptest.NewWire(t, "127.0.0.1")
		r.list()
		calls := r.bridge(r.target(carrier.Addr(), func(x *ringbid.Trunk) { x.Health = "300ms" }))
		carrier.Reply(carrier.Next("OPTIONS "), "200 OK", "") // from here on it is missed
		siptest.Eventually(t, "the trunk is down", func() bool { s := r.state("buyers"); return s.Trunk != "" && !s.Up })
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictUnreachable || len(x.Legs) != 1 {
			t.Errorf("%+v, %d legs", x.Attempt, len(x.Legs))
		}
		caller.Over()
		r.idle()
		siptest.Eventually(t, "the trunk is up", func() bool {
			carrier.Reply(carrier.Next("OPTIONS "), "405 Method Not Allowed", "")
			return r.state("buyers").Up
		})
		if len(r.events.Of(ringbid.EventTrunkDown)) != 1 || len(r.events.Of(ringbid.EventTrunkUp)) != 1 {
			t.Error("the changes were not told once each")
		}
		if n := r.log.Lines("trunk is down"); n != 1 {
			t.Errorf("%d log lines", n)
		}
	})
	prove(t, "RFC 3261", "OPTIONS: a carrier who never answers any is called all the same", "raw", func(t *testing.T, r *rig) {
		mute := siptest.NewWire(t, "127.0.0.1")
		r.list()
		calls := r.bridge(r.target(mute.Addr(), func(x *ringbid.Trunk) { x.Health = "100ms" }))
		for range 5 {
			mute.Next("OPTIONS ")
		}
		if s := r.state("buyers"); !s.Up {
			t.Errorf("%+v", s)
		}
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		mute.Reply(mute.Next("INVITE "), "486 Busy Here", "")
		if x := siptest.Receive(t, "the call", calls); x.Attempt.Verdict != ringbid.VerdictBusy {
			t.Errorf("%+v", x.Attempt)
		}
		caller.Over()
		r.idle()
	})
}

func TestReachRegister(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3261 10", "registers with a challenge, takes the registrar's calls, unregisters", "kamailio", func(t *testing.T, r *rig) {
		port := siptest.FreePort(t)
		at := siptest.Loopback(port)
		k := startKamailio(t, fmt.Sprintf(`
listen=udp:%[1]s
listen=tcp:%[1]s
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 3600)
request_route {
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("$td", "secret-word", "0")) { www_challenge("$td", "1"); exit; }
		xlog("L_ERR", "BOUND cseq=$cs expires=$hdr(Expires)\n");
		save("location");
		exit;
	}
	sl_send_reply("200", "OK");
}
`, at), at)
		r.list()
		r.target(at, func(x *ringbid.Trunk) {
			x.Health, x.Username, x.Password = "off", "ring", "secret-word"
			x.Register = ringbid.Registration{User: "ring"}
		})
		r.trunks.Put(&ringbid.Trunk{Name: "carrier", From: []string{"192.0.2.1"}})
		calls := r.bridge(&ringbid.Target{Name: "acme-line", Trunk: "nowhere", User: "agent"})
		siptest.Eventually(t, "registered", func() bool { return r.state("buyers").Registered })
		caller := r.phone().Call(r.addr, "+18005550100").Talk() // from the registrar's address
		siptest.Receive(t, "the call", calls)
		caller.Over()
		r.idle()
		r.stop()
		siptest.Eventually(t, "unregistered", func() bool { return k.Output.Lines("expires=0") == 1 })
	})
}

// bridged has the buyer answer and hang up.
func (r *rig) bridged(talk func() *siptest.Line, buyer *siptest.Phone, calls <-chan talked) talked {
	r.t.Helper()
	came := make(chan *siptest.Line, 1)
	go func() { came <- talk() }()
	line := siptest.Receive(r.t, "the buyer's line", buyer.Lines)
	line.Answer()
	caller := siptest.Receive(r.t, "the caller", came)
	line.HangUp()
	x := siptest.Receive(r.t, "the call", calls)
	if x.Attempt.Verdict != ringbid.VerdictAnswered {
		r.t.Errorf("%+v", x.Attempt)
	}
	caller.Over()
	r.idle()
	return x
}

func portOf(t *testing.T, addr string) uint16 {
	t.Helper()
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return ap.Port()
}

// stop closes the server.
func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.s.Close(ctx); err != nil {
		r.t.Errorf("close: %v", err)
	}
}
