package leg

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// plainRequest is a request that passes; edits make it wrong.
func plainRequest(method string, edits ...string) string {
	text := method + " sip:bob@127.0.0.1 SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK" + randomHex(6) + ";rport\r\n" +
		"Max-Forwards: 70\r\n" +
		"From: <sip:ann@127.0.0.1>;tag=f\r\n" +
		"To: <sip:bob@127.0.0.1>\r\n" +
		"Call-ID: " + randomHex(6) + "\r\n" +
		"CSeq: 1 " + method + "\r\n" +
		"Contact: <sip:ann@127.0.0.1:5999>\r\n" +
		"Content-Length: 0\r\n\r\n"
	for i := 0; i+1 < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			panic("edit does not match: " + edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

// oddity is a message on the wire and the status it must get; 0 is silence.
type oddity struct {
	name  string
	text  string
	code  int
	extra string // part of the response
}

// legal are messages that look odd and must be served.
func legal() []oddity {
	return []oddity{
		{"plain", plainRequest("INVITE"), 404, ""},
		{"leading crlf", "\r\n\r\n" + plainRequest("OPTIONS"), 200, ""},
		{"compact names", plainRequest("INVITE", "Via:", "v:", "From:", "f:", "To:", "T :", "Call-ID:", "i:", "Contact:", "m:", "Content-Length:", "l:"), 404, ""},
		{"folded", plainRequest("INVITE", "From: <sip:ann@127.0.0.1>;tag=f", "From:\r\n  \"A\"\r\n\t<sip:ann@127.0.0.1>\r\n ;tag=f"), 404, ""},
		{"blanks around via", plainRequest("INVITE", "Via: SIP/2.0/UDP 127.0.0.1:5999;branch=", "Via:  SIP  / 2.0\r\n /UDP\r\n    127.0.0.1:5999 ; Branch = "), 404, ""},
		{"blanks around tag", plainRequest("INVITE", ";tag=f", " ; TAG = f"), 404, ""},
		{"two vias on a line", plainRequest("INVITE", ";rport", ";rport, SIP/2.0/TCP h2;branch=z9hG4bK2, SIP/2.0/UDP h3"), 404, ""},
		{"wide cseq", plainRequest("INVITE", "1 INVITE", "1 \t  INVITE"), 404, ""},
		{"odd cseq zeros", plainRequest("INVITE", "1 INVITE", "0009 INVITE"), 404, ""},
		{"lower version", plainRequest("INVITE", "SIP/2.0\r\nVia", "sip/2.0\r\nVia"), 404, ""},
		{"tel uri", plainRequest("INVITE", "sip:bob@127.0.0.1 SIP", "tel:+18005550199 SIP"), 404, ""},
		{"escaped user", plainRequest("INVITE", "sip:bob@", "sip:b%6Fb;x=1?y@"), 404, ""},
		{"quoted comma and bracket", plainRequest("INVITE", "From: <", "From: \"A, <b> \\\" c\" <"), 404, ""},
		{"same length twice", plainRequest("INVITE", "Content-Length: 0\r\n", "Content-Length: 0\r\nl: 0\r\n"), 404, ""},
		{"unknown method", plainRequest("!interesting-Method0123456789_*+`.%indeed'~"), 405, "Allow: " + allowed},
		{"lower method", plainRequest("invite"), 405, ""},
		{"datagram with more behind", plainRequest("OPTIONS") + "garbage", 200, ""},
	}
}

// broken are messages whose headers cannot be used.
func broken() []oddity {
	return []oddity{
		{"no from", plainRequest("INVITE", "From: <sip:ann@127.0.0.1>;tag=f\r\n", ""), 400, "Missing From"},
		{"no to", plainRequest("INVITE", "To: <sip:bob@127.0.0.1>\r\n", ""), 400, "Missing To"},
		{"no call id", plainRequest("INVITE", "Call-ID:", "X-ID:"), 400, "Missing Call-ID"},
		{"no cseq", plainRequest("INVITE", "CSeq:", "X-CSeq:"), 400, "Missing CSeq"},
		{"no via", plainRequest("INVITE", "Via:", "X-Via:"), 0, ""},
		{"empty call id", strings.Replace(plainRequest("INVITE"), "Call-ID: ", "Call-ID: \r\nX-: ", 1), 400, ""},
		{"cseq of another method", plainRequest("OPTIONS", "1 OPTIONS", "1 INVITE"), 400, "Bad CSeq"},
		{"cseq beyond 31 bits", plainRequest("INVITE", "1 INVITE", "36893488147419103232 INVITE"), 400, "Bad CSeq"},
		{"cseq alone", plainRequest("INVITE", "1 INVITE", "INVITE"), 400, "Bad CSeq"},
		{"two from", plainRequest("INVITE", "To:", "From: <sip:x@y>;tag=2\r\nTo:"), 400, ""},
		{"two to", plainRequest("INVITE", "Call-ID", "t: <sip:x@y>\r\nCall-ID"), 400, ""},
		{"two call ids", plainRequest("INVITE", "CSeq", "i: other\r\nCSeq"), 400, ""},
		{"two lengths", plainRequest("INVITE", "Content-Length: 0\r\n", "Content-Length: 0\r\nContent-Length: 5\r\n"), 400, ""},
		{"negative length", plainRequest("INVITE", "Content-Length: 0", "Content-Length: -999"), 400, "Bad Content-Length"},
		{"length beyond the datagram", plainRequest("INVITE", "Content-Length: 0", "Content-Length: 9999"), 400, ""},
		{"length is text", plainRequest("INVITE", "Content-Length: 0", "Content-Length: zero"), 400, ""},
		{"no colon", plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards 70"), 400, ""},
		{"name is no token", plainRequest("INVITE", "Max-Forwards: 70", "Max Forwards: 70"), 400, ""},
		{"open quote", plainRequest("INVITE", "To: <", "To: \"Mr. J. User <"), 400, "Bad Address"},
		{"open bracket", plainRequest("INVITE", "To: <sip:bob@127.0.0.1>", "To: <sip:bob@127.0.0.1"), 400, "Bad Address"},
		{"blank in brackets", plainRequest("INVITE", "To: <sip:bob@127.0.0.1>", "To: < sip:bob@127.0.0.1>"), 400, "Bad Address"},
		{"comma in a plain name", plainRequest("INVITE", "To: <", "To: Bell, Alexander <"), 400, "Bad Address"},
		{"bad via", plainRequest("INVITE", "SIP/2.0/UDP 127", "nonsense 127"), 400, "Bad Via"},
	}
}

// unserved are messages that ask for what is not there, or are no SIP.
func unserved() []oddity {
	return []oddity{
		{"version 7", plainRequest("OPTIONS", "SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505, ""},
		{"scheme", plainRequest("INVITE", "sip:bob@127.0.0.1 SIP", "nobodyKnowsThisScheme:totallyopaquecontent SIP"), 416, ""},
		{"no scheme", plainRequest("INVITE", "sip:bob@127.0.0.1 SIP", "bob SIP"), 400, ""},
		{"uri in brackets", plainRequest("INVITE", "sip:bob@127.0.0.1 SIP", "<sip:bob@127.0.0.1> SIP"), 400, ""},
		{"uri with blank", plainRequest("INVITE", "sip:bob@127.0.0.1 SIP", "sip:bob@127.0.0.1; lr SIP"), 400, ""},
		{"wide request line", plainRequest("INVITE", "INVITE sip", "INVITE  sip"), 400, ""},
		{"blank after version", plainRequest("OPTIONS", "SIP/2.0\r\nVia", "SIP/2.0 \r\nVia"), 400, ""},
		{"uri with headers", plainRequest("INVITE", "sip:bob@127.0.0.1 SIP", "sip:bob@127.0.0.1?Route=%3Csip:x%3E SIP"), 400, ""},
		{"to is no uri", plainRequest("INVITE", "To: <sip:bob@127.0.0.1>", "To: bob"), 400, "Bad Address"},
		{"to is no uri in brackets", plainRequest("INVITE", "To: <sip:bob@127.0.0.1>", "To: <bob>"), 400, "Bad Address"},
		{"tag in the name only", plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: 0", "To: <sip:bob", "To: <sip:stage;tag=1"), 483, ""},
		{"odd contact", plainRequest("INVITE", "Contact: <sip:ann@127.0.0.1:5999>", "Contact: <a>"), 404, ""},
		{"odd record-route", plainRequest("INVITE", "Contact:", "Record-Route: <>\r\nContact:"), 404, ""},
		{"too many hops", plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: 0"), 483, ""},
		{"hops in text", plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: many"), 400, ""},
		{"hops beyond 255", plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: 300"), 400, ""},
		{"require", plainRequest("INVITE", "CSeq", "Require: 100rel, foo\r\nRequire: bar\r\nCSeq"), 420, "Unsupported: foo, bar"},
		{"body type", plainRequest("INVITE", "Content-Length: 0\r\n\r\n", "Content-Type: application/unknown\r\nContent-Length: 2\r\n\r\nhi"), 415, "Accept: application/sdp"},
		{"bare lf", strings.ReplaceAll(plainRequest("OPTIONS"), "\r\n", "\n"), 0, ""},
		{"no end", strings.TrimSuffix(plainRequest("OPTIONS"), "\r\n"), 0, ""},
		{"stray response", "SIP/2.0 200 OK\r\n\r\n", 0, ""},
		{"response with a big code", "SIP/2.0 4294967301 better not break\r\n" + plainRequest("X")[40:], 0, ""},
		{"bad ack", plainRequest("ACK", "Max-Forwards: 70", "Max-Forwards: many"), 0, ""},
		{"nul", "\x00\x00\x00\x00", 0, ""},
		{"text", "hello", 0, ""},
		{"http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, ""},
		{"longest line", plainRequest("OPTIONS", "Max-Forwards", "X: "+strings.Repeat("x", maxHeaderLine)+"\r\nMax-Forwards"), 0, ""},
		{"many headers", plainRequest("OPTIONS", "Max-Forwards", strings.Repeat("X: y\r\n", maxHeaders)+"Max-Forwards"), 0, ""},
	}
}

// TestMalformedRequestsAreAnswered sends what RFC 4475 section 3 teaches to
// send, one fault at a time, over the socket.
func TestMalformedRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.OnInvite = func(l *Leg) { l.Reject(404, "") }
	})
	tests := slices.Concat(legal(), broken(), unserved())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, r.udp)
			p.send(tt.text)
			if tt.code == 0 {
				p.send(plainRequest("OPTIONS", "Max-Forwards", "X-Last: 1\r\nMax-Forwards"))
				m := p.next("answer to what comes after", func(m msg) bool { return m.code() > 0 })
				if m.code() != 200 {
					t.Errorf("answered with %s", m.start)
				}
				p.silence(testT1, func(m msg) bool { return m.code() > 0 })
				return
			}
			m := p.next("final response", func(m msg) bool { return m.code() >= 200 })
			whole := m.start + "\n" + strings.Join(m.headers, "\n")
			if m.code() != tt.code || !strings.Contains(whole, tt.extra) {
				t.Errorf("want %d %q, got\n%s", tt.code, tt.extra, whole)
			}
			if to := m.get("To"); to != "" && param(to, "tag") == "" {
				t.Errorf("no To-tag in %q", to)
			}
			if len(whole) > 2*len(tt.text)+400 {
				t.Errorf("%d bytes answered with %d", len(tt.text), len(whole))
			}
		})
	}
}

func TestRefusalIsTheSameForARetransmission(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	text := plainRequest("INVITE", "Max-Forwards: 70", "Max-Forwards: 0")
	p.send(text)
	p.send(text)
	first, second := p.response(483, "INVITE"), p.response(483, "INVITE")
	if first.get("To") != second.get("To") {
		t.Errorf("%q and %q", first.get("To"), second.get("To"))
	}
	if via := first.get("Via"); param(via, "received") != "127.0.0.1" || param(via, "rport") != fmt.Sprint(p.at.Port()) {
		t.Errorf("Via %q", via)
	}
}

func TestAdmitComesFirst(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	r := newRig(t, func(c *Config) {
		c.Admit = func(network string, src netip.AddrPort, data []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, network+" "+string(data[:7]))
			return string(data[:7]) == "OPTIONS"
		}
	})
	p := newPeer(t, r.udp)
	p.send(plainRequest("INVITE"))
	p.send("garbage of an unknown source")
	p.send(plainRequest("OPTIONS"))
	m := p.next("a response", func(m msg) bool { return m.code() > 0 })
	mu.Lock()
	defer mu.Unlock()
	if m.code() != 200 || len(seen) != 3 || seen[0] != "udp INVITE " {
		t.Errorf("%s after %q", m.start, seen)
	}
}

// bomb is a datagram of 31 KB whose parameters take sipgo 50 ms.
func bomb(where string) string {
	params := strings.Repeat(";a", 31<<10/2)
	return plainRequest("OPTIONS", where, where+params)
}

func TestParameterBombIsDropped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPeer(t, r.udp)
	for _, where := range []string{"sip:bob@127.0.0.1", "UDP 127.0.0.1:5999", "tag=f"} {
		p.send(bomb(where))
		short := plainRequest("OPTIONS", where, where+strings.Repeat(";a", 900)) // within the size limit
		p.send(short)
	}
	p.send(plainRequest("OPTIONS"))
	p.response(200, "OPTIONS")
	p.silence(3*testT1, func(m msg) bool { return m.code() > 0 })
}

func TestPanicInAdmitIsContained(t *testing.T) {
	t.Parallel()
	first := true
	r := newRig(t, func(c *Config) {
		c.Admit = func(string, netip.AddrPort, []byte) bool {
			if first {
				first = false
				panic("boom")
			}
			return true
		}
	})
	p := newPeer(t, r.udp)
	p.send(plainRequest("OPTIONS"))
	p.send(plainRequest("OPTIONS"))
	p.response(200, "OPTIONS")
}

func BenchmarkInspect(b *testing.B) {
	u := &uac{p: &peer{network: "udp", at: netip.MustParseAddrPort("127.0.0.1:5060")}, id: "x", tag: "t",
		to: "<sip:+18005550199@127.0.0.1>", target: "sip:+18005550199@127.0.0.1", branch: "z9hG4bKx"}
	invite := u.text("INVITE", 1, "z9hG4bKx", testSDP)
	inputs := []struct{ name, text string }{
		{"invite", invite},
		{"rewritten", strings.Replace(invite, "Via: SIP/2.0/UDP ", "Via: SIP / 2.0 / UDP  ", 1)},
		{"bomb31KB", bomb("UDP 127.0.0.1:5999")},
		{"bomb16KB", bomb("tag=f")[:maxMessage]},
		{"bombURI", plainRequest("OPTIONS", "sip:bob@127.0.0.1", "sip:bob@127.0.0.1"+strings.Repeat(";a", 900))},
	}
	for _, in := range inputs {
		b.Run(in.name, func(b *testing.B) {
			data := []byte(in.text)
			var m raw
			b.ReportAllocs()
			for b.Loop() {
				inspect(data, &m)
			}
		})
	}
}

// BenchmarkWorstPassing parses the worst header lines that the limits let
// through, to show that the limits are tight enough.
func BenchmarkWorstPassing(b *testing.B) {
	params := strings.Repeat(";a", maxSeparators-8)
	text := plainRequest("INVITE", ";rport", params, "tag=f", "tag=f"+params, "127.0.0.1:5999>", "127.0.0.1:5999>"+params)
	for b.Loop() {
		var m raw
		v := inspect([]byte(text), &m)
		if v.data == nil {
			b.Fatal(v)
		}
		if _, err := m.understand(v.data); err != nil {
			b.Fatal(err)
		}
	}
}

// tortures are the messages that the interop rows send.
func tortures(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../interop/testdata/torture/*.sip")
	if err != nil || len(files) == 0 {
		t.Fatalf("no torture messages: %v", err)
	}
	out := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = strings.NewReplacer("\n", "\r\n", "PEER", "127.0.0.1:5999", "PORT", "5999", "UNIQUE", "x").Replace(string(text))
	}
	return out
}

// BenchmarkTorture inspects and parses each torture message; the slowest one
// says how much a message may cost.
func BenchmarkTorture(b *testing.B) {
	for name, text := range tortures(b) {
		b.Run(name, func(b *testing.B) {
			data := []byte(text)
			var m raw
			for b.Loop() {
				if v := inspect(data, &m); v.data != nil {
					_, _ = m.understand(v.data)
				}
			}
		})
	}
}

func FuzzInspect(f *testing.F) {
	f.Add([]byte(plainRequest("INVITE")))
	f.Add([]byte(plainRequest("INVITE", "From: <", "From:\r\n \"a\\\"\"\r\n\t<", ";rport", " ; Rport, SIP / 2.0 / TCP x : 1;branch=z9hG4bK1")))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nf: <a:b>\r\nt: c\r\ni: d\r\nCSeq: 1 INVITE\r\n\r\n"))
	f.Add([]byte(plainRequest("OPTIONS", "Content-Length: 0", "Content-Length: 3")))
	for _, text := range tortures(f) {
		f.Add([]byte(text))
	}
	src := netip.MustParseAddrPort("127.0.0.1:5060")
	f.Fuzz(func(t *testing.T, data []byte) {
		var m raw
		start := time.Now()
		v := inspect(data, &m)
		switch {
		case v.code != 0:
			out := refusal(&m, src, v)
			if why := new(raw).scan(out); why != "" {
				t.Fatalf("refusal is malformed (%s):\n%q", why, out)
			}
		case v.drop == "":
			a, err := m.understand(v.data)
			if err != nil {
				return // refused by the reader
			}
			if a.req != nil {
				r := requestOf(a.req, a.hs, "udp", src)
				for _, h := range r.Headers {
					if strings.ContainsAny(h.value, "\n") {
						t.Fatalf("line break in %s: %q", h.name, h.value)
					}
				}
			}
		}
		if d := time.Since(start); d > 500*time.Millisecond {
			t.Fatalf("%v for %d bytes", d, len(data))
		}
	})
}
