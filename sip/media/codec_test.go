package media

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// hum is n ms of a tone as bytes of a codec.
func hum(codec Codec, hz float64, ms int) []byte {
	ulaw := Tone([]float64{hz}, time.Minute, 0, time.Duration(ms)*time.Millisecond, 0.3).ULaw()
	switch codec {
	case PCMA:
		newLaws().convert(ulaw, PCMA)
	case G722:
		enc := newG722Encoder()
		for i, u := range ulaw {
			ulaw[i] = enc.encode(DecodeULaw(u))
		}
	}
	return ulaw
}

// asULaw decodes what was heard.
func asULaw(codec Codec, b []byte) []byte {
	b = slices.Clone(b)
	switch codec {
	case PCMA:
		newLaws().convert(b, PCMU)
	case G722:
		dec := newG722Decoder()
		for i, c := range b {
			b[i] = EncodeULaw(dec.decode(c))
		}
	}
	return b
}

// voices joins the payloads of a payload type.
func voices(got []heard, pt uint8) (out []byte) {
	for _, h := range got {
		if h.pt == pt {
			out = append(out, h.payload...)
		}
	}
	return out
}

func TestRelayConvertsBetweenCodecs(t *testing.T) {
	t.Parallel()
	all := []Codec{PCMU, PCMA, G722}
	for _, from := range all {
		for _, to := range all {
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				t.Parallel()
				b := newBridged(t)
				pa, pb := both(b.alice), both(b.buyer)
				pa.Codec, pb.Codec = from, to
				pa.RecvPT, pa.PT = 97, 98 // dynamic, and not the same both ways
				_ = b.a.Apply(pa)
				_ = b.b.Apply(pb)
				aTap, bTap := new(recorder), new(recorder)
				b.a.Tap(aTap)
				b.b.Tap(bTap)
				b.bridge()
				b.b.Stats()
				tone := hum(from, 1000, 600)
				pace(30, 20*time.Millisecond, func(i int) {
					b.alice.packet(b.a, 97, tone[i*160:(i+1)*160])
					b.alice.ts += 160
				})
				eventually(t, "the tone", func() bool { return len(voices(b.buyer.all(), uint8(to))) >= 28*160 })
				got := asULaw(to, voices(b.buyer.all(), uint8(to)))
				if share := TonePower(got[1600:3200], 1000); share < 0.98 {
					t.Errorf("the tone is %.3f of what is heard", share)
				}
				if from == to && !slices.Equal(voices(b.buyer.all(), uint8(to))[1600:3200], tone[1600:3200]) &&
					!containsRun(voices(b.buyer.all(), uint8(to)), tone[1600:2400]) {
					t.Error("what needs no conversion was changed")
				}
				for name, tap := range map[string]*recorder{"rx": aTap, "tx": bTap} {
					ch := Rx
					if name == "tx" {
						ch = Tx
					}
					var ulaw []byte
					for _, f := range tap.all() {
						if f.Ch == ch {
							ulaw = append(ulaw, f.Ulaw...)
						}
					}
					if len(ulaw) < 3200 || TonePower(ulaw[1600:3200], 1000) < 0.95 {
						t.Errorf("the tap hears no tone on %s (%d samples)", name, len(ulaw))
					}
				}
			})
		}
	}
}

// containsRun reports whether want is in got as it is.
func containsRun(got, want []byte) bool {
	for i := 0; i+len(want) <= len(got); i++ {
		if slices.Equal(got[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

func TestPromptsInEveryCodecAndPacketTime(t *testing.T) {
	t.Parallel()
	for _, codec := range []Codec{PCMU, PCMA, G722} {
		for _, ms := range []int{10, 20, 30, 40, 50, 60} {
			t.Run(fmt.Sprintf("%v at %d ms", codec, ms), func(t *testing.T) {
				t.Parallel()
				p := openPlane(t)
				s, events := openStream(t, p)
				peer := newParty(t, p.config.Bind)
				params := both(peer)
				params.Codec, params.Ptime = codec, ms
				_ = s.Apply(params)
				tap := new(recorder)
				s.Tap(tap)
				clip := Tone([]float64{700}, time.Second, 0, 1010*time.Millisecond, 0.3)
				// The tail of a prompt that fills no packet is heard as well.
				id := s.Play(clip, false)
				if ev := await(t, events, PlayDone); ev.ID != id {
					t.Errorf("event %+v", ev)
				}
				eventually(t, "a second of the tone", func() bool {
					return frames(asULaw(codec, voices(peer.all(), uint8(codec))), 700) >= 46 // the encoder of G.722 takes three to settle
				})
				got := peer.all()
				full, jumps := 0, 0
				for i, h := range got {
					if len(h.payload) > ms*8 {
						t.Fatalf("a packet of %d bytes", len(h.payload))
					}
					if len(h.payload) == ms*8 {
						full++
					}
					if i == 0 {
						continue
					}
					step := int(h.ts - got[i-1].ts)
					if h.seq != got[i-1].seq+1 || step < len(got[i-1].payload) {
						t.Errorf("packet %d: seq %d after %d, ts +%d after %d samples", i, h.seq, got[i-1].seq, step, len(got[i-1].payload))
					}
					if step != len(got[i-1].payload) {
						jumps++ // the media thread stood still for a fifth of a second
					}
				}
				if full < 900/ms {
					t.Errorf("%d full packets of %d", full, len(got))
				}
				heard := slices.DeleteFunc(tap.all(), func(f tapped) bool { return f.Ch != Tx })
				for i := 1; i < len(heard); i++ {
					if heard[i].Pos != heard[i-1].Pos+160 {
						if jumps--; jumps < 0 {
							t.Errorf("the tap jumps from %d to %d", heard[i-1].Pos, heard[i].Pos)
						}
					}
				}
				if len(heard) < 51 {
					t.Errorf("the tap hears %d frames, want 51 or more", len(heard))
				}
			})
		}
	}
}

// frames counts the frames of 20 ms that are a tone and nothing else.
func frames(ulaw []byte, hz float64) (n int) {
	for ; len(ulaw) >= frameSamples; ulaw = ulaw[frameSamples:] {
		if TonePower(ulaw[:frameSamples], hz) > 0.95 {
			n++
		}
	}
	return n
}

// Packets keep their length unless the peer asked for one length only.
func TestRelayCutsPacketsAnew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to, max int // ms
		strict        bool
		want          int // ms
	}{
		{20, 20, 0, true, 20}, {10, 20, 0, true, 20}, {30, 20, 0, true, 20}, {60, 20, 0, true, 20},
		{20, 60, 0, true, 60}, {40, 30, 0, true, 30}, {60, 10, 0, true, 10}, {20, 50, 0, true, 50},
		{30, 20, 60, true, 30}, {60, 20, 40, true, 20}, {60, 20, 0, false, 60}, {10, 20, 0, false, 10},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			t.Parallel()
			b := newBridged(t)
			params := both(b.buyer)
			params.Ptime, params.MaxPtime, params.Strict = tt.to, tt.max, tt.strict
			_ = b.b.Apply(params)
			b.bridge()
			b.b.Stats()
			random := rand.New(rand.NewPCG(1, uint64(tt.from)))
			var sent []byte
			pace(600/tt.from, time.Duration(tt.from)*time.Millisecond, func(int) {
				frame := make([]byte, tt.from*8)
				for i := range frame {
					frame[i] = byte(random.IntN(255)) // never the byte of silence
				}
				sent = append(sent, frame...)
				b.alice.packet(b.a, 0, frame)
				b.alice.ts += uint32(len(frame))
			})
			eventually(t, "the audio", func() bool { return len(voices(b.buyer.all(), 0)) >= len(sent)-tt.want*8 })
			var got []byte
			var last heard
			for _, h := range b.buyer.all() {
				if len(h.payload) == 0 || slices.Max(h.payload) == 0xFF {
					continue // silence before the first packet
				}
				if len(h.payload) != tt.want*8 {
					t.Errorf("a packet of %d ms", len(h.payload)/8)
				}
				if len(got) > 0 && (h.seq != last.seq+1 || int(h.ts-last.ts) != len(last.payload)) {
					t.Errorf("seq %d after %d, ts +%d", h.seq, last.seq, h.ts-last.ts)
				}
				got, last = append(got, h.payload...), h
			}
			if !slices.Equal(got, sent[:min(len(got), len(sent))]) {
				t.Error("the audio was changed")
			}
		})
	}
}

func TestComfortNoise(t *testing.T) {
	t.Parallel()
	for _, cn := range []bool{true, false} {
		t.Run(fmt.Sprintf("buyer takes it: %v", cn), func(t *testing.T) {
			t.Parallel()
			b := newBridged(t)
			pa, pb := both(b.alice), both(b.buyer)
			pa.CN, pb.CN = true, cn
			pa.Timeout = 250 * time.Millisecond
			b.bridge()
			_ = b.a.Apply(pa)
			_ = b.b.Apply(pb)
			b.alice.talk(b.a, 3, 0x20)
			b.alice.packet(b.a, payloadCN, []byte{60})
			eventually(t, "the noise or our silence", func() bool {
				got := b.buyer.all()
				n, last := 0, got[len(got)-1]
				for _, h := range got {
					if h.pt == payloadCN {
						n++
					}
				}
				return cn && n == 1 || !cn && n == 0 && last.pt == 0 && last.payload[0] == 0xFF
			})
			digitsIn(b.aEv) // what a busy machine made of the talk
			if ev := await(t, b.aEv, Inactive); ev.Wait < 5*pa.Timeout {
				t.Errorf("inactive after %v, although the last packet was comfort noise", ev.Wait)
			}
			if cn {
				last := b.buyer.all()
				if last[len(last)-1].pt != payloadCN {
					t.Error("our silence follows comfort noise")
				}
			}
			checkSequence(t, b.buyer.all())
		})
	}
}

func checkSequence(t *testing.T, got []heard) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		if got[i].seq != got[i-1].seq+1 {
			t.Errorf("sequence %d after %d", got[i].seq, got[i-1].seq)
		}
	}
}
