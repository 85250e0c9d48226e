package sip

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

func TestUnknownSourcesGetSilence(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	scanner, flood := siptest.NewWire(t, "127.0.0.9"), siptest.NewWire(t, "127.0.0.10")
	caller := r.call(newPhone(t, nil), "+18005550100").Talk()
	for i := range 2000 {
		flood.Send(r.addr, fmt.Sprintf("OPTIONS sip:%d@%s SIP/2.0\r\n\r\n", i, r.addr))
		if i%100 == 0 {
			scanner.Send(r.addr, scanner.Request("INVITE", r.addr, "", i+1, g711))
		}
	}
	other := r.call(newPhone(t, nil), "+18005550100").Talk() // rightful calls go on
	other.HangUp()
	caller.HangUp()
	other.Want(leg.Terminated)
	if m := scanner.Read(50*time.Millisecond) + flood.Read(50*time.Millisecond); m != "" {
		t.Errorf("a stranger was answered:\n%s", m)
	}
	if n := r.log.Lines("unknown source"); n != 2 {
		t.Errorf("%d log lines for two sources", n)
	}
	if n := r.counts("ringbid_sip_filtered_total"); n["unknown_source"] < 100 {
		t.Errorf("filtered %v", n)
	}
}

// TestStrangersHoldNoConnections: places for streams are few, and a stranger
// must not sit on one in silence.
func TestStrangersHoldNoConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	to := r.s.Addrs()[1].Addr
	from := func(ip string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 5 * time.Second}
		conn, err := d.DialContext(t.Context(), "tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	if n, err := from("127.0.0.9").Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the stranger's connection was kept: %d bytes, %v", n, err)
	}
	if n := r.counts("ringbid_sip_filtered_total")["unknown_source"]; n != 1 {
		t.Errorf("%v strangers counted", n)
	}
	carrier := from("127.0.0.1")
	_, _ = carrier.Write([]byte("\r\n\r\n")) // RFC 5626 section 3.5.1
	if n, err := carrier.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Errorf("the carrier got %d bytes, %v", n, err)
	}
}

func TestNextCallIsUnharmed(t *testing.T) {
	t.Parallel()
	r := newRig(t, answerAndWait)
	w := siptest.NewWire(t, "127.0.0.1")
	good := w.Request("INVITE", r.addr, "", 1, g711)
	for _, bad := range []string{
		"", "\r\n\r\n\r\n", "INVITE", strings.Repeat("A", 60000), "\x00\x01\x02\x03", "INVITE sip:x SIP/2.0\r\n\r\n",
		strings.Replace(good, "Content-Length: ", "Content-Length: 9", 1), strings.Replace(good, "From:", "Frm:", 1),
		strings.Replace(good, ";rport", strings.Repeat(";a", 20000), 1), strings.Replace(good, "CSeq: 1 INVITE", "CSeq: 1 BYE", 1),
		strings.Replace(good, "v=0", "v=\x00", 1), "SIP/2.0 200 OK\r\n\r\n", "BYE sip:x SIP/2.0\r\nVia: y\r\n\r\n",
	} {
		w.SendRaw(r.addr, bad)
	}
	x := r.call(newPhone(t, nil), "+18005550100").Talk()
	x.HangUp()
	x.Want(leg.Terminated)
	if r.counts("ringbid_sip_handler_panics_total")[""] != 0 || r.counts("ringbid_sip_call_panics_total")[""] != 0 {
		t.Error("something panicked")
	}
}

func TestFilterForgets(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	log := &siptest.Output{}
	book := siptest.NewBook()
	f := newFilter(book, 3, newLog(log), nil)
	f.now = func() time.Time { return now }
	from := func(ip string) bool { return f.admit("udp", netip.MustParseAddrPort(ip+":5060"), []byte("x")) }
	for range 2 {
		if from("10.0.0.1") {
			t.Error("a stranger passed")
		}
	}
	if n := log.Lines("unknown source"); n != 1 {
		t.Errorf("told %d times of one stranger", n)
	}
	book.Put(&ringbid.Trunk{Name: "a", From: []string{"10.0.0.0/8"}})
	for i := range 14 {
		if from("10.0.0.1") != (i < 12) {
			t.Errorf("datagram %d of a second", i)
		}
	}
	now = now.Add(time.Second)
	if !from("10.0.0.1") {
		t.Error("a second later")
	}
	called := netip.MustParseAddr("192.0.2.1")
	f.expect(called)
	if !from("192.0.2.1") {
		t.Error("who was called may answer")
	}
	f.release(called)
	now = now.Add(lingerFor - time.Second)
	if !from("192.0.2.1") {
		t.Error("late messages pass")
	}
	now = now.Add(2 * time.Second)
	if from("192.0.2.1") {
		t.Error("the call is long over")
	}
	now = now.Add(time.Hour)
	from("10.9.9.9")
	if len(f.sources) != 1 || len(f.peers) != 0 || len(f.strangers) != 0 {
		t.Errorf("kept %d sources, %d peers, %d strangers", len(f.sources), len(f.peers), len(f.strangers))
	}
}

func TestFilterIsBounded(t *testing.T) {
	t.Parallel()
	book := siptest.NewBook(&ringbid.Trunk{Name: "a", From: []string{"10.0.0.0/8"}})
	f := newFilter(book, 3, newLog(&siptest.Output{}), nil)
	for i := range 20000 {
		f.admit("udp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060), []byte("x"))
		f.admit("udp", netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 5060), []byte("x"))
	}
	if len(f.sources) > maxSources+1 || len(f.strangers) > maxStrangers {
		t.Errorf("kept %d sources, %d strangers", len(f.sources), len(f.strangers))
	}
}
