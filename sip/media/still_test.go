package media

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// still is an engine without sockets: packets are put into the shard's buffer
// and what is sent is kept.
type still struct{ sent func(b []byte) }

func (still) arm(int) error                          { return nil }
func (still) disarm(int)                             {}
func (still) recv(int, []byte) (int, netip.AddrPort) { return -1, netip.AddrPort{} }
func (s still) send(_ int, b []byte, _ *sockaddr) bool {
	if s.sent != nil {
		s.sent(b)
	}
	return true
}
func (still) wait(int64) []int { return nil }
func (still) now() int64       { return 0 }
func (still) wake()            {}
func (still) close()           {}

// stillShard is a shard whose clock the test moves, and two bridged sessions.
func stillShard(a, b Params, sent func([]byte)) (sh *shard, from, to *session) {
	l := newLaws()
	p := &Plane{laws: l, metrics: &metrics{}, tones: newTones(l), start: time.Now(), encode: make(chan *Clip, 4)}
	sh = &shard{plane: p, eng: still{sent}, laws: p.laws, count: &p.metrics.counters, now: tick, random: rand.New(rand.NewPCG(1, 2))}
	session1 := func(params Params, port uint16) *session {
		s := &Stream{plane: p}
		s.state = session{s: s, out: sender{ssrc: uint32(port), seq: 100, ts: 1000}}
		st := &s.state
		st.params = params.normal()
		st.adopt(Params{})
		st.to = newSockaddr(netip.MustParseAddrPort("127.0.0.1:9"))
		return st
	}
	from, to = session1(a, 1), session1(b, 2)
	from.peer, to.peer = to, from
	from.reroute()
	return sh, from, to
}

// arrive lets a packet of the peer arrive.
func arrive(sh *shard, st *session, p rtpPacket, payload []byte) {
	p.from, p.to = rtpHeaderLen, rtpHeaderLen+len(payload)
	putRTP(sh.buf[:], p)
	copy(sh.buf[rtpHeaderLen:], payload)
	st.accepted(sh, p, st.kinds[p.pt])
}

// everyWay runs f for all pairs of codecs, with and without packets being cut anew.
func everyWay(f func(name string, a, b Params)) {
	for _, from := range []Codec{PCMU, PCMA, G722} {
		for _, to := range []Codec{PCMU, PCMA, G722} {
			for _, ms := range []int{20, 30} {
				f(fmt.Sprintf("%v to %v at %d ms", from, to, ms),
					Params{Codec: from, Send: true, Recv: true, Detect: true},
					Params{Codec: to, Send: true, Recv: true, Ptime: ms, Strict: true})
			}
		}
	}
}

func relayOne(sh *shard, st *session, p *rtpPacket, payload []byte) {
	arrive(sh, st, *p, payload)
	p.seq++
	p.ts += frameSamples
	sh.now += 20 * tick
}

// Not parallel: it counts allocations.
func TestConversionAllocatesNothing(t *testing.T) {
	everyWay(func(name string, a, b Params) {
		sh, from, to := stillShard(a, b, nil)
		from.tap, to.tap = new(counting), new(counting)
		from.attend()
		to.attend()
		p, payload := rtpPacket{pt: uint8(a.Codec), ssrc: 7}, hum(a.Codec, 1000, 20)
		if n := testing.AllocsPerRun(500, func() { relayOne(sh, from, &p, payload) }); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
	})
	sh, from, _ := stillShard(Params{Codec: G722, Send: true, Recv: true, Ptime: 30}, Params{}, nil)
	from.peer = nil
	clip := Tone([]float64{500}, time.Second, 0, time.Second, 0.3)
	clip.encode(sh.laws.settled)
	from.player = player{clip: clip, loop: true}
	due := tick
	if n := testing.AllocsPerRun(500, func() { from.serve(sh, due); due += 20 * tick; sh.now = due }); n != 0 {
		t.Errorf("a prompt: %v allocations a frame", n)
	}
}

type counting struct{ frames int }

func (c *counting) Frame(Channel, int64, []byte) { c.frames++ }

func BenchmarkConvert(b *testing.B) {
	everyWay(func(name string, x, y Params) {
		for _, detect := range []bool{false, true} {
			x.Detect = detect
			b.Run(fmt.Sprintf("%s/detect=%v", name, detect), func(b *testing.B) {
				b.ReportAllocs()
				sh, from, _ := stillShard(x, y, nil)
				p, payload := rtpPacket{pt: uint8(x.Codec), ssrc: 7}, hum(x.Codec, 1000, 20)
				for b.Loop() {
					relayOne(sh, from, &p, payload)
				}
			})
		}
	})
}
