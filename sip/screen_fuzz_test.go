package sip

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// FuzzScreen sends any datagram from a carrier, from somebody on an open trunk
// and from a stranger who may be challenged, through the whole server. Nothing
// may panic, and a call is always taken afterwards.
func FuzzScreen(f *testing.F) {
	text := func(method, more string) string {
		return method + " sip:+18005550199@h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1;rport\r\nFrom: <sip:a@b>;tag=1\r\n" +
			"To: <sip:+18005550199@h>\r\nCall-ID: c\r\nCSeq: 1 " + method + "\r\n" + more + "Content-Length: 0\r\n\r\n"
	}
	f.Add([]byte(text("INVITE", "")))
	f.Add([]byte(text("INVITE", "Authorization: Digest username=\"pbx\", realm=\"ringbid\", nonce=\"AAAA\", uri=\"sip:x\", response=\"0\", qop=auth, nc=00000001, cnonce=\"x\"\r\n")))
	f.Add([]byte(text("OPTIONS", "User-Agent: friendly-scanner\r\n")))
	f.Add([]byte(text("REGISTER", "Expires: 3600\r\n")))
	f.Add([]byte("SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"))
	book := siptest.NewBook()
	book.Put(&ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}, CallsPerSecond: 5})
	book.Put(&ringbid.Trunk{Name: "open", From: []string{"127.0.0.0/9"}})
	book.Put(&ringbid.Trunk{Name: "office", Accept: ringbid.Account{Username: "pbx", Password: "correct horse"}})
	log := &siptest.Output{} // of panics
	s, err := New(Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}}, Trunks: book, Plane: siptest.OpenPlane(f, 500), T1: testT1, PerSource: 1e6,
		Handler: handlerFunc(func(ctx context.Context, c *Call) { _ = c.Hangup(ctx, ringbid.Reason{SIP: 486}) }),
		Ours:    func(n ringbid.Phone) bool { return n == "+18005550100" }, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = s.Close(ctx) // calls may be left
	})
	at := s.Addrs()[0].Addr
	var from [3]*siptest.Wire
	for i, ip := range []string{"127.0.0.1", "127.0.0.2", "127.128.0.3"} {
		from[i] = siptest.NewWire(f, ip)
	}
	last := siptest.NewWire(f, "127.0.0.1")
	seq := 0
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 60000 {
			return
		}
		last.For(t)
		for _, w := range from {
			w.For(t)
			w.SendRaw(at, string(data))
		}
		seq++
		ask := last.Request("OPTIONS", at, "", seq, "")
		last.Send(at, ask)
		for m := last.Read(siptest.Patience); siptest.Header(m, "CSeq") != siptest.Header(ask, "CSeq"); m = last.Read(siptest.Patience) {
			if m == "" {
				t.Fatal("the server is silent")
			}
		}
		if text := log.String(); text != "" {
			t.Fatal(text)
		}
	})
}
