package interop

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/siptest"
)

// TestKeysAndSpeech has sipp on both sides: keys out of a capture or by INFO,
// speech out of files, music in between, audio both ways, all of it on the tap.
func TestKeysAndSpeech(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, caller, buyer string
		back                float64 // what the caller hears of the buyer
		args                []string
	}{
		{"caller keys by events and speaks, buyer speaks", "uac_keys.xml", "uas_speaks.xml", 900, nil},
		{"caller keys by events and speaks, buyer echoes", "uac_keys.xml", "uas_echo.xml", 1100, []string{"-rtp_echo"}},
		{"caller keys by INFO and speaks, buyer speaks", "uac_keys_info.xml", "uas_speaks.xml", 900, nil},
	} {
		prove(t, "RFC 4733, 6086", tt.name, "sipp, sipp", func(t *testing.T, r *rig) {
			if tt.caller == "uac_keys.xml" && os.Geteuid() != 0 {
				t.Skip("sipp needs a raw socket to play keys out of a capture")
			}
			buyer := r.sipp(tt.buyer, tt.args...)
			tap, target := r.tap(), r.target(buyer.Addr)
			digits, calls := make(chan string, 1), make(chan talked, 1)
			r.serve(func(ctx context.Context, c *sip.Call) {
				var x talked
				_ = c.Answer(ctx, true)
				s, err := c.Gather(ctx, ringbid.Gather{Prompt: ringbid.Audio(siptest.Tone(500, time.Second)), Min: 5, Max: 5})
				if err != nil {
					t.Error(err)
				}
				digits <- s
				x.Attempt = c.Dial(ctx, dialOf(c, target))
				x.Talk = c.Bridge(ctx, 0)
				x.Legs = c.Legs()
				calls <- x
			})
			caller := siptest.StartSipp(t, filepath.Join("testdata", "sipp", tt.caller), 1100, "-s", "+18005550100", r.addr)
			if s := siptest.Receive(t, "the digits", digits); s != "90210" {
				t.Errorf("digits %q", s)
			}
			tap.Hears(t, media.Rx, 1100)
			tap.Hears(t, media.Tx, tt.back)
			caller.Passes()
			buyer.Passes()
			x := siptest.Receive(t, "the call", calls)
			if x.Attempt.Verdict != ringbid.VerdictAnswered || x.Attempt.RingMS == 0 || x.Talk.EndedBy != "caller" || x.Talk.MS < 1000 {
				t.Errorf("%+v, %+v", x.Attempt, x.Talk)
			}
			for _, l := range x.Legs {
				if l.Media.PacketsIn < 50 || l.Media.PacketsOut < 50 || l.Media.Lost != 0 {
					t.Errorf("%s: %+v", l.Side, l.Media)
				}
			}
			r.idle()
		})
	}
	prove(t, "RFC 3261", "caller gives up before the answer", "sipp", func(t *testing.T, r *rig) {
		r.serve(func(ctx context.Context, _ *sip.Call) { <-ctx.Done() })
		r.sipp("uac_gives_up.xml", "-s", "+18005550100", r.addr).Passes()
		r.idle()
	})
}
