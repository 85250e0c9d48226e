package leg

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sipmsg "github.com/emiago/sipgo/sip"
)

// FuzzArrival holds what is read of a message before it is parsed against what
// comes of it, and that against what sipgo's own parser makes: a call's INVITE has
// to be found again.
func FuzzArrival(f *testing.F) {
	f.Add([]byte(plainRequest("INVITE")))
	f.Add([]byte(plainRequest("INVITE", "From: <sip:ann@127.0.0.1>;tag=f", "f:\r\n \"a;tag=x\" <sip:ann@127.0.0.1;tag=y>;x=\"q;\" ; Tag = f", "CSeq: 1", "CSeq: 007")))
	f.Add([]byte(plainRequest("INVITE", "To: <sip:bob@127.0.0.1>", "To: sip:bob@127.0.0.1;tag=a;tag=b", "Max-Forwards", "Authorization: Digest a=\"b\r\n c\"\r\nMax-Forwards")))
	p := sipmsg.NewParser()
	src := netip.MustParseAddrPort("127.0.0.1:5060")
	f.Fuzz(func(t *testing.T, data []byte) {
		var m raw
		v := inspect(data, &m)
		if v.data == nil {
			return
		}
		s := &Stack{dialogs: map[string]*Leg{}, merges: map[string]txKey{}}
		a := s.arrived("udp", src, &m)
		a.URI()
		for _, name := range []string{"From", "To", "User-Agent", "Authorization"} {
			for _, value := range a.Headers(name) {
				if strings.ContainsAny(value, "\r\n") {
					t.Fatalf("line break in %s %q", name, value)
				}
			}
		}
		method, mergeBefore := a.Method, m.mergeKey()
		got, err := m.understand(v.data)
		req := got.req
		if theirs, e := p.ParseSIP(v.data); err == nil && e == nil && req != nil {
			if one, two := text(req), text(theirs); one != two {
				t.Fatalf("understood as\n%q, by sipgo as\n%q", one, two)
			}
		}
		if err != nil || req == nil {
			return
		}
		if method != string(req.Method) {
			t.Fatalf("method %q, parsed %q", method, req.Method)
		}
		if tag, _ := req.To().Params.Get("tag"); tag != "" && !a.Tagged {
			t.Fatalf("the tag of %q is not seen before parsing", a.Header("To"))
		}
		tag, _ := req.From().Params.Get("tag")
		if ours, theirs := mergeBefore, mergeKeyOf(req.CallID().Value(), tag, req.CSeq().SeqNo); ours != theirs {
			t.Fatalf("call %q, parsed %q", ours, theirs)
		}
	})
}

// text is what we look at of a request.
func text(m sipmsg.Message) string {
	req := m.(*sipmsg.Request)
	out := []string{req.StartLine()}
	for _, h := range req.Headers() {
		switch h.(type) {
		case *sipmsg.ViaHeader, *sipmsg.FromHeader, *sipmsg.ToHeader, *sipmsg.CallIDHeader, *sipmsg.CSeqHeader, *sipmsg.ContactHeader,
			*sipmsg.RouteHeader, *sipmsg.RecordRouteHeader, *sipmsg.MaxForwardsHeader:
			out = append(out, h.Name()+": "+h.Value())
		}
	}
	return strings.Join(append(out, string(req.Body())), "|")
}

// chunks is a connection that brings its bytes in pieces of one size.
type chunks struct {
	net.Conn
	left []byte
	size int
	sent bytes.Buffer
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.size)], c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *chunks) Write(p []byte) (int, error)      { return c.sent.Write(p) }
func (c *chunks) Close() error                     { return nil }
func (c *chunks) SetReadDeadline(time.Time) error  { return nil }
func (c *chunks) SetWriteDeadline(time.Time) error { return nil }

// FuzzStream cuts one stream in two ways: the messages must be the same.
func FuzzStream(f *testing.F) {
	f.Add([]byte("\r\n\r\n"+plainRequest("OPTIONS")+plainRequest("OPTIONS", "SIP/2.0\r\nVia", "SIP/3.0\r\nVia")+"\r\n"+plainRequest("INVITE")), 7)
	f.Add([]byte(plainRequest("INVITE", "Content-Length: 0\r\n\r\n", "l: 4\r\n\r\n\r\n\r\n")+"\r\n\r\nX"), 1)
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\nf: <a:b>\r\nt: c\r\ni: d\r\nCSeq: 1 INVITE\r\nContent-Length: 00\r\n\r\n"), 3)
	read := func(data []byte, size int) (messages []string, sent string) {
		c := &chunks{left: data, size: size}
		g := &guard{Conn: c, s: &Stack{}, in: &inlet{open: map[*guard]struct{}{}}, since: time.Now(), src: netip.MustParseAddrPort("127.0.0.1:5060")}
		for {
			msg, err := g.receive()
			if err != nil {
				g.s.wg.Wait() // for what is written
				return messages, c.sent.String()
			}
			messages = append(messages, string(msg))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if len(data) > 3*maxMessage {
			return
		}
		once, answers := read(data, len(data)+1)
		pieces, again := read(data, 1+(size&0xff))
		if strings.Join(once, "|") != strings.Join(pieces, "|") || answers != again {
			t.Fatalf("%d messages at once, %d in pieces; answered %q and %q", len(once), len(pieces), answers, again)
		}
	})
}

// FuzzBody looks for a session description in any body of any type.
func FuzzBody(f *testing.F) {
	f.Add("application/sdp", []byte(testSDP))
	f.Add(`multipart/mixed;boundary="b"`, []byte("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: Application/SDP ;x=y\r\n\r\n"+testSDP+"\r\n--b--\r\n"))
	f.Add("multipart/mixed; boundary=b", []byte("--b\r\n\r\n--b\r\n--b\n\n--b--"))
	f.Add("multipart/related; boundary="+strings.Repeat("b", 80), bytes.Repeat([]byte("--b\r\n"), 500))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		if len(body) > maxMessage || len(kind) > maxHeaderLine {
			return
		}
		req := sipmsg.NewRequest(sipmsg.INVITE, sipmsg.Uri{})
		req.AppendHeader(sipmsg.NewHeader("Content-Type", kind))
		req.SetBody(body)
		if out := sdpOf(req); len(out) > len(body) {
			t.Fatalf("%d bytes out of %d", len(out), len(body))
		}
		digitOf("application/dtmf-relay", body)
		if d, ok := digitOf("application/dtmf", body); ok && !strings.ContainsRune("0123456789ABCD*#", rune(d)) {
			t.Fatalf("digit %q", d)
		}
	})
}

// FuzzValues reads header values that sipgo leaves alone.
func FuzzValues(f *testing.F) {
	f.Add(`SIP;cause=486;text="busy; \"very\"", Q.850 ; cause = 17`)
	f.Add(`Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=SHA-256, stale=TRUE`)
	f.Add(`"A, \"B\"" <sip:+1800;x=y@h:5060;transport=tcp>;privacy=full;tag=1, <tel:+1800;ext=2>`)
	f.Add("<sip:a@b>, , <>;;;=,\"")
	f.Fuzz(func(t *testing.T, v string) {
		if len(v) > maxHeaderLine || strings.ContainsAny(v, "\r\n") {
			return
		}
		ev := Event{Headers: []Header{{"Reason", v}}}
		ev.readReasons()
		if ev.Q850 < 0 || ev.Q850 > 999 || !utf8.ValidString(ev.Reason) {
			t.Fatalf("%+v", ev)
		}
		if w := reasonValue("Q.850", ev.Q850, ev.Reason); cleanText(v) {
			if _, cause, _ := readReason(w); cause != ev.Q850 {
				t.Fatalf("wrote %q, read cause %d", w, cause)
			}
		}
		readChallenge(v)
		if uri, _, err := ReadAddress(v); err == nil {
			if host, port, ok := HostPort(uri); ok && (host == "" || port < 0 || port > 65535) {
				t.Fatalf("%q: host %q, port %d", uri, host, port)
			}
		}
		for _, one := range appendParties(nil, v) {
			if !utf8.ValidString(one.Display) {
				t.Fatalf("display name %q", one.Display)
			}
		}
		tagOf([]byte(v))
		received([]byte(v), netip.MustParseAddrPort("[2001:db8::1]:5060"))
	})
}
