package interop

import (
	"bytes"
	"io"
	"testing"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/capture"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/siptest"
)

// TestCaptures looks into the file that a call leaves behind.
func TestCaptures(t *testing.T) {
	t.Parallel()
	prove(t, "operations", "capture of a call out over TCP that nobody listens on", "sipp", func(t *testing.T, r *rig) {
		book, err := capture.OpenBook(capture.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = book.Close() })
		r.cfg.Capture = book
		r.cfg.Listeners = []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}}
		buyer := r.sipp("uas_busy.xml", "-t", "t1")
		calls := r.bridge(r.target(buyer.Addr, func(x *ringbid.Trunk) { x.Transport = "tcp" }))
		caller := r.phone().Call(r.addr, "+18005550100").Talk()
		x := siptest.Receive(t, "the call", calls)
		caller.Over()
		buyer.Passes()
		r.idle()
		events := r.events.Of(ringbid.EventDial)
		if len(events) != 1 || x.Attempt.Verdict != ringbid.VerdictBusy {
			t.Fatalf("%+v, %+v", events, x.Attempt)
		}
		siptest.Eventually(t, "both legs in the capture", func() bool {
			f, err := book.Open(events[0].Call)
			if err != nil {
				return false
			}
			defer f.Close()
			data, _ := io.ReadAll(f)
			for _, l := range x.Legs {
				if !bytes.Contains(data, []byte("Call-ID: "+l.SIPCallID+"\r\n")) {
					return false
				}
			}
			return bytes.Contains(data, []byte("486 Busy Here"))
		})
	})
}
