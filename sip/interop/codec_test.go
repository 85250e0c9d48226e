package interop

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
	"github.com/ringbid/ringbid/sip/siptest"
)

// The codecs a phone of ours may say.
var (
	pcmu = sdp.Codec{PT: 0, Name: "PCMU", Rate: 8000}
	pcma = sdp.Codec{PT: 8, Name: "PCMA", Rate: 8000}
	g722 = sdp.Codec{PT: 9, Name: "G722", Rate: 8000}
	opus = sdp.Codec{PT: 107, Name: "opus", Rate: 48000}
	cn   = sdp.Codec{PT: 13, Name: "CN", Rate: 8000}
)

func events(pt uint8) sdp.Codec { return sdp.Codec{PT: pt, Name: "telephone-event", Rate: 8000} }

// offers has a caller offer these codecs.
func offers(codecs ...sdp.Codec) func(*siptest.Line, *leg.DialConfig) {
	return func(x *siptest.Line, _ *leg.DialConfig) { x.Local.Codecs = codecs }
}

// takes lets a trunk take these codecs.
func takes(codecs ...string) func(*ringbid.Trunk) {
	return func(t *ringbid.Trunk) { t.Codecs = codecs }
}

// carrier changes the trunk calls come from.
func (r *rig) carrier(change ...func(*ringbid.Trunk)) {
	t := &ringbid.Trunk{Name: "carrier", From: []string{"127.0.0.1"}}
	for _, f := range change {
		f(t)
	}
	r.trunks.Put(t)
}

// pickUp lets the buyer's phone answer with these codecs.
func pickUp(t *testing.T, buyer *siptest.Phone, codecs ...sdp.Codec) *siptest.Line {
	t.Helper()
	line := siptest.Receive(t, "the buyer's line", buyer.Lines)
	line.Local.Codecs = codecs
	line.Answer()
	return line
}

// bothHear lets both hum and hear the other.
func bothHear(caller, buyer *siptest.Line) {
	caller.Hum(1100)
	buyer.Hum(900)
	buyer.Hears(1100)
	caller.Hears(900)
}

// wideSoftphone is a baresip that knows G.722 only and writes down what it hears.
func wideSoftphone(t *testing.T, user string) (*siptest.Softphone, func(hz float64)) {
	dir := t.TempDir()
	p := siptest.StartSoftphone(t, siptest.SoftphoneConfig{User: user, Codecs: "G722", Modules: []string{"g722", "sndfile"},
		Config: []string{"snd_path " + dir}})
	return p, func(hz float64) {
		t.Helper()
		siptest.Eventually(t, "the tone in what baresip decoded", func() bool {
			files, _ := filepath.Glob(filepath.Join(dir, "*dec.wav"))
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil || len(b) < 44+32000 {
					continue
				}
				// 16 bits, at 16 or 8 kHz: every second sample will do for a tone of below 4 kHz.
				step := 2 * int(binary.LittleEndian.Uint32(b[24:])) / 8000
				tail := b[44:][(len(b)-44-32000)&^3:]
				ulaw := make([]byte, 0, 8000)
				for i := 0; i+1 < len(tail); i += step {
					ulaw = append(ulaw, media.EncodeULaw(int16(uint16(tail[i])|uint16(tail[i+1])<<8)))
				}
				for at := 0; at+1600 <= len(ulaw); at += 400 {
					if media.TonePower(ulaw[at:at+1600], hz) > 0.8 {
						return true
					}
				}
			}
			return false
		})
	}
}

func TestCodecs(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3551 G.722", "softphone with G.722 buys from a PCMU caller", "baresip", func(t *testing.T, r *rig) {
		agent, hears := wideSoftphone(t, "agent")
		calls := r.bridge(r.target(agent.Addr, takes("g722")))
		caller := r.phone().Call(r.addr, "+18005550100", offers(pcmu, events(101))).Talk()
		caller.Hum(1100)
		caller.Hears(900)
		hears(1100)
		caller.HangUp()
		x := siptest.Receive(t, "the call", calls)
		if len(x.Legs) < 2 || x.Legs[0].Codec != "pcmu" || x.Legs[1].Codec != "g722" {
			t.Errorf("%+v", x.Legs)
		}
	})
	prove(t, "RFC 3551 G.722", "softphone with G.722 calls, PCMU buyer", "baresip", func(t *testing.T, r *rig) {
		r.carrier(takes("g722", "pcmu"))
		ear := r.tap()
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr, takes("pcmu")))
		caller, hears := wideSoftphone(t, "+14155550123")
		caller.Say("dial", "sip:+18005550100@"+r.addr)
		hears(700) // the music of the wait
		line := pickUp(t, buyer, pcmu)
		line.Hum(1100)
		line.Hears(900)
		hears(1100)
		ear.Hears(t, media.Rx, 900)
		ear.Hears(t, media.Tx, 1100)
		caller.Say("hangup")
		siptest.Receive(t, "the call", calls)
	})
	prove(t, "RFC 3551 G.722", "relayed untouched between two who have it", "raw", func(t *testing.T, r *rig) {
		r.carrier(takes("pcmu", "g722"))
		buyer := r.phone()
		calls := r.bridge(r.target(buyer.Addr, takes("pcma", "g722")))
		caller := r.phone().Call(r.addr, "+18005550100", offers(g722)).Talk()
		line := pickUp(t, buyer, pcma, g722)
		bothHear(caller, line)
		if offer := string(line.Offer); !strings.Contains(offer, "RTP/AVP 9 8 101") {
			t.Errorf("the caller's codec does not come first in\n%s", offer)
		}
		caller.HangUp()
		if x := siptest.Receive(t, "the call", calls); x.Legs[1].Codec != "pcma" && x.Legs[1].Codec != "g722" {
			t.Errorf("%+v", x.Legs)
		}
	})
	for _, pair := range [][2]sdp.Codec{{g722, pcma}, {pcma, g722}, {pcmu, pcma}} {
		prove(t, "RFC 3264", fmt.Sprintf("no codec in common: %s caller, %s buyer", pair[0].Name, pair[1].Name), "raw", func(t *testing.T, r *rig) {
			all := takes("pcmu", "pcma", "g722")
			r.carrier(all)
			buyer := r.phone()
			r.bridge(r.target(buyer.Addr, all))
			caller := r.phone().Call(r.addr, "+18005550100", offers(pair[0])).Talk()
			bothHear(caller, pickUp(t, buyer, pair[1]))
		})
	}
	prove(t, "RFC 3264", "no usable codec is 488", "raw", func(t *testing.T, r *rig) {
		r.carrier(takes("g722"))
		r.serve(nil)
		for _, codecs := range [][]sdp.Codec{{opus}, {pcmu}, {events(101)}} {
			x := r.phone().Call(r.addr, "+18005550100", offers(codecs...))
			if ev := x.Want(leg.Failed); ev.Code != 488 {
				t.Errorf("%v: %+v", codecs, ev)
			}
		}
	})
	prove(t, "RFC 3264", "Opus first, G.711 second: the second is taken", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(opus, pcma)).Talk()
		bothHear(caller, pickUp(t, buyer, pcma))
	})
	prove(t, "RFC 3264", "codec change by re-INVITE", "raw", func(t *testing.T, r *rig) {
		r.carrier(takes("pcmu", "g722"))
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(pcmu)).Talk()
		line := pickUp(t, buyer, pcmu)
		bothHear(caller, line)
		caller.Reoffer(sdp.SendRecv, func(x *siptest.Line) { x.Local.Codecs = []sdp.Codec{g722} })
		caller.Hum(1500)
		line.Hears(1500)
		caller.Hears(900)
	})
	prove(t, "RFC 3551", "G.711 and events at dynamic payload types, different each way", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(sdp.Codec{PT: 110, Name: "PCMA", Rate: 8000}, events(98))).Talk()
		line := pickUp(t, buyer, pcma, events(101))
		bothHear(caller, line)
		keysArrive(t, caller, line, "17#")
		keysArrive(t, line, caller, "*D2")
	})
}

// keysArrive sends keys from one to the other, who hears each once.
func keysArrive(t *testing.T, from, to *siptest.Line, keys string) {
	t.Helper()
	from.Stream.Stop()
	from.Stream.SendDigits(keys)
	to.WantKeys(keys)
	limit := time.After(siptest.Patience)
	for {
		select {
		case ev := <-from.Sounds:
			if ev.Kind == media.DigitsSent {
				return
			}
		case <-limit:
			t.Fatal("the keys are not sent")
		}
	}
}

func TestPacketTimes(t *testing.T) {
	t.Parallel()
	for _, ms := range []int{10, 30, 40, 60} {
		prove(t, "RFC 4566 ptime", fmt.Sprintf("caller with %d ms, buyer with 20 ms", ms), "raw", func(t *testing.T, r *rig) {
			ear := r.tap()
			buyer := r.phone()
			r.bridge(r.target(buyer.Addr))
			caller := r.phone().Call(r.addr, "+18005550100", func(x *siptest.Line, _ *leg.DialConfig) { x.Local.Ptime = ms }, offers(pcmu, events(101)))
			caller.PacketTime = ms
			caller.Talk()
			line := pickUp(t, buyer, pcmu, events(101))
			bothHear(caller, line)
			ear.Hears(t, media.Rx, 1100)
			ear.Hears(t, media.Tx, 900)
			keysArrive(t, caller, line, "159")
		})
	}
}

func TestComfortNoise(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 3389", "comfort noise is agreed with a caller who has it", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(pcmu, cn))
		answer := caller.Want(leg.Answered)
		if !strings.Contains(string(answer.SDP), "RTP/AVP 0 13") {
			t.Errorf("answer without comfort noise:\n%s", answer.SDP)
		}
		caller.Join(answer.SDP)
		line := pickUp(t, buyer, pcmu, cn)
		if !strings.Contains(string(line.Offer), " 13") {
			t.Errorf("offer without comfort noise:\n%s", line.Offer)
		}
		bothHear(caller, line)
	})
}

func TestKeysByTones(t *testing.T) {
	t.Parallel()
	tones := func(x *siptest.Line, _ *leg.DialConfig) { x.Tones = true }
	prove(t, "ITU-T Q.24", "tones in the audio are keys for the flow and for a buyer with events", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(pcmu), tones).Talk()
		line := pickUp(t, buyer, pcmu, events(101))
		bothHear(caller, line)
		keysArrive(t, caller, line, "0248*")
		keysArrive(t, line, caller, "1357#")
	})
	prove(t, "ITU-T Q.24", "tones through G.722", "raw", func(t *testing.T, r *rig) {
		r.carrier(takes("g722"))
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(g722), tones).Talk()
		line := pickUp(t, buyer, pcmu, events(101))
		bothHear(caller, line)
		keysArrive(t, caller, line, "159D")
		keysArrive(t, line, caller, "0#")
	})
	prove(t, "ITU-T Q.24", "both by tones: the audio carries them", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.phone().Call(r.addr, "+18005550100", offers(pcmu), tones).Talk()
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Tones = true
		line.Local.Codecs = []sdp.Codec{pcmu}
		line.Answer()
		bothHear(caller, line)
		keysArrive(t, caller, line, "7788")
	})
}

func TestKeysByInfo(t *testing.T) {
	t.Parallel()
	prove(t, "RFC 6086", "keys by INFO, both bodies, become events at the buyer", "sipp", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.sipp("uac_info.xml", "-s", "+18005550100", r.addr)
		line := pickUp(t, buyer, pcmu, events(101))
		line.WantKeys("5#A")
		caller.Passes()
	})
	prove(t, "RFC 6086", "keys by INFO become tones at a buyer without events", "sipp", func(t *testing.T, r *rig) {
		buyer := r.phone()
		r.bridge(r.target(buyer.Addr))
		caller := r.sipp("uac_info.xml", "-s", "+18005550100", r.addr)
		line := siptest.Receive(t, "the buyer's line", buyer.Lines)
		line.Tones = true
		line.Local.Codecs = []sdp.Codec{pcmu}
		line.Answer()
		line.WantKeys("5#A")
		caller.Passes()
	})
	prove(t, "RFC 6086", "events become INFO on a trunk of that kind, and post-dial keys too", "raw", func(t *testing.T, r *rig) {
		buyer := r.phone()
		target := r.target(buyer.Addr, func(t *ringbid.Trunk) { t.DTMF = ringbid.DTMFInfo })
		target.SendDigits = "1w2"
		r.bridge(target)
		caller := r.phone().Call(r.addr, "+18005550100", offers(pcmu, events(101))).Talk()
		line := pickUp(t, buyer, pcmu)
		if strings.Contains(string(line.Offer), "telephone-event") {
			t.Errorf("events are offered:\n%s", line.Offer)
		}
		info := func(keys string) {
			t.Helper()
			for _, k := range []byte(keys) {
				if ev := line.Want(leg.InfoDigit); ev.Digit != k {
					t.Errorf("key %c, want %c", ev.Digit, k)
				}
			}
		}
		info("12")
		bothHear(caller, line)
		caller.Stream.Stop()
		caller.Stream.SendDigits("90#")
		info("90#")
	})
}
