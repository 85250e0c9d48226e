package locate

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ringbid/ringbid/sip/siptest/dnstest"
)

func TestServers(t *testing.T) {
	t.Parallel()
	zone := dnstest.Serve(t)
	zone.A("sbc1.carrier.test", "10.0.0.1")
	zone.A("sbc2.carrier.test", "10.0.0.2")
	zone.AAAA("sbc2.carrier.test", "2001:db8::2")
	zone.A("plain.test", "10.0.0.9")
	zone.SRV("_sip._udp.carrier.test", 20, 0, 5070, "sbc2.carrier.test")
	zone.SRV("_sip._udp.carrier.test", 10, 0, 5060, "sbc1.carrier.test")
	zone.SRV("_sips._tcp.carrier.test", 10, 0, 5061, "sbc2.carrier.test")
	zone.NAPTR("naptr.test", 20, 10, "s", "SIP+D2U", "_sip._udp.carrier.test")
	zone.NAPTR("naptr.test", 10, 10, "s", "SIPS+D2T", "_sips._tcp.carrier.test")
	zone.SRV("_sip._udp.closed.test", 0, 0, 0, ".")
	zone.SRV("_sip._udp.half.test", 10, 0, 5060, "gone.test")
	zone.SRV("_sip._udp.half.test", 20, 0, 5080, "sbc1.carrier.test")
	for _, c := range []struct{ network, domain, want string }{
		{"udp", "carrier.test", "10.0.0.1:5060 10.0.0.2:5070 [2001:db8::2]:5070"},
		{"tls", "carrier.test", "10.0.0.2:5061 [2001:db8::2]:5061"},
		{"udp", "naptr.test", "10.0.0.1:5060 10.0.0.2:5070 [2001:db8::2]:5070"},
		{"tls", "naptr.test", "10.0.0.2:5061 [2001:db8::2]:5061"},
		{"udp", "plain.test", "10.0.0.9:5062"}, // no SRV
		{"udp", "closed.test", ""},
		{"udp", "half.test", "10.0.0.1:5080"}, // one host is gone
		{"udp", "10.1.2.3", "10.1.2.3:5062"},
		{"udp", "nobody.test", ""},
	} {
		got, err := New(zone.Addr).Servers(t.Context(), c.network, c.domain, 5062)
		var text string
		for i, a := range got {
			if i > 0 {
				text += " "
			}
			text += a.String()
		}
		if text != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s over %s: %q %v, want %q", c.domain, c.network, text, err, c.want)
		}
	}
}

func TestWeightsShareTheCalls(t *testing.T) {
	t.Parallel()
	zone := dnstest.Serve(t)
	for _, h := range []struct {
		name   string
		weight uint16
	}{{"10.0.0.1", 0}, {"10.0.0.2", 30}, {"10.0.0.3", 70}} {
		zone.A("h"+h.name, h.name)
		zone.SRV("_sip._udp.carrier.test", 10, h.weight, 5060, "h"+h.name)
	}
	l := New(zone.Addr)
	first := map[netip.Addr]int{}
	for range 2000 {
		got, err := l.Servers(t.Context(), "udp", "carrier.test", 5060)
		if err != nil || len(got) != 3 {
			t.Fatalf("%v %v", got, err)
		}
		first[got[0].Addr()]++
	}
	two, three := first[netip.MustParseAddr("10.0.0.2")], first[netip.MustParseAddr("10.0.0.3")]
	if two < 480 || two > 720 || three < 1280 || three > 1520 {
		t.Errorf("weights 0, 30, 70 came first %v", first)
	}
	if n := zone.Asked(); n > 10 {
		t.Errorf("%d queries for one domain", n)
	}
}

func TestAnswersAreKeptForTheirTime(t *testing.T) {
	t.Parallel()
	zone := dnstest.Serve(t)
	zone.Keep(60)
	zone.A("sbc.test", "10.0.0.1")
	l := New(zone.Addr)
	now := time.Now()
	l.now = func() time.Time { return now }
	look := func() int {
		if _, err := l.Servers(t.Context(), "udp", "sbc.test", 5060); err != nil {
			t.Fatal(err)
		}
		return zone.Asked()
	}
	n := look()
	if again := look(); again != n {
		t.Errorf("%d further queries within the time to live", again-n)
	}
	now = now.Add(61 * time.Second)
	if later := look(); later == n {
		t.Error("an answer is kept beyond its time to live")
	}
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	dead, zone := dnstest.Serve(t), dnstest.Serve(t)
	dead.Hush()
	zone.A("sbc.test", "10.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := New(dead.Addr, zone.Addr).Fixed(ctx, "sbc.test", 5060)
	if err != nil || len(got) != 1 {
		t.Errorf("%v %v", got, err)
	}
}

func TestLongAnswersComeByTCP(t *testing.T) {
	t.Parallel()
	zone := dnstest.Serve(t)
	for i := range 30 {
		zone.SRV("_sip._udp.wide.test", uint16(i), 0, 5060, "a-host-with-quite-a-long-name-for-a-record.wide.test")
	}
	zone.A("a-host-with-quite-a-long-name-for-a-record.wide.test", "10.0.0.7")
	got, err := New(zone.Addr).Servers(t.Context(), "udp", "wide.test", 5060)
	if err != nil || !slices.Equal(got, []netip.AddrPort{netip.MustParseAddrPort("10.0.0.7:5060")}) {
		t.Errorf("%v %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	name, _ := dnsmessage.NewName("a.test.")
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 1, Response: true},
		Questions: []dnsmessage.Question{{Name: name, Type: typeNAPTR, Class: dnsmessage.ClassINET}},
		Answers: []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name, Type: typeNAPTR, Class: dnsmessage.ClassINET},
			Body: &dnsmessage.UnknownResource{Type: typeNAPTR, Data: []byte("\x00\x01\x00\x02\x01s\x07SIP+D2U\x00\x01a\x04test\x00")}}}}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		records, _, _, err := read(b, 1, "a.test", typeNAPTR)
		if errors.Is(err, errNone) && len(records) > 0 {
			t.Error("records and none")
		}
		for _, r := range records {
			u, ok := r.Body.(*dnsmessage.UnknownResource)
			if !ok {
				continue
			}
			if n, ok := parseNAPTR(u.Data); ok && (n.order != binary.BigEndian.Uint16(u.Data) || len(n.replacement) > 253) {
				t.Errorf("%+v", n)
			}
		}
	})
}
