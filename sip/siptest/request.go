package siptest

import (
	"fmt"
	"strings"
	"time"
)

// Request writes a request for +18005550100 at the address to. All of a wire are
// of one call; tag is the far party's once it is known, "" before. A body is SDP;
// more is whole header lines. A CANCEL is of the INVITE written last.
func (w *Wire) Request(method, to, tag string, cseq int, body string, more ...string) string {
	w.n++
	if tag != "" {
		tag = ";tag=" + tag
	}
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	branch := fmt.Sprintf("z9hG4bK%d%s", w.n, strings.ToLower(method))
	if method == "CANCEL" {
		branch = fmt.Sprintf("z9hG4bK%dinvite", w.n-1)
	}
	return fmt.Sprintf("%s sip:+18005550100@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+14155550123@%s>;tag=caller\r\nTo: <sip:+18005550100@%s>%s\r\nCall-ID: call-of-%s\r\nCSeq: %d %s\r\n"+
		"Contact: <sip:%s>\r\n%s%sContent-Length: %d\r\n\r\n%s", method, to, w.Addr(), branch, w.Addr(), to, tag,
		w.Addr(), cseq, method, w.Addr(), kind, strings.Join(more, ""), len(body), body)
}

// Fresh writes a request for the number, of a call of its own, as a caller would
// who never called before.
func (w *Wire) Fresh(method, to, number string, more ...string) string {
	m := w.Request(method, to, "", 1, "", more...)
	return strings.NewReplacer("+18005550100", number, "Call-ID: ", fmt.Sprintf("Call-ID: %d-", w.n)).Replace(m)
}

// Insist sends a request, again as a caller does, until the 200 to it comes,
// and returns how long that took.
func (w *Wire) Insist(to, m string) time.Duration {
	w.t.Helper()
	began := time.Now()
	for try := time.Second / 2; time.Since(began) < Patience; try *= 2 {
		w.Send(to, m)
		for end := time.Now().Add(try); time.Now().Before(end); {
			if res := w.Read(time.Until(end)); strings.HasPrefix(res, "SIP/2.0 200") && Header(res, "CSeq") == Header(m, "CSeq") {
				return time.Since(began)
			}
		}
	}
	w.t.Fatalf("no 200 to %s", Header(m, "CSeq"))
	return 0
}
