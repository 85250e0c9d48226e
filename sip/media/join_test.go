package media

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// However streams of several threads are joined and parted at once, the last
// word holds, and every stream can be closed.
func TestJoinAcrossShardsUnderStress(t *testing.T) {
	t.Parallel()
	p := openPlane(t, func(c *Config) { c.Shards = 4 })
	var streams []*Stream
	var peers []*party
	for range 8 {
		s, _ := openStream(t, p)
		peer := newParty(t, p.config.Bind)
		s.Apply(both(peer))
		s.Tap(new(recorder))
		streams, peers = append(streams, s), append(peers, peer)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range 300 {
				i, j := random.IntN(8), random.IntN(8)
				switch random.IntN(6) {
				case 0:
					streams[i].Unbridge()
				case 1:
					streams[i].Stats()
				case 2:
					streams[i].Play(Tone(nil, 0, 0, 1, 0), false)
				case 3:
					streams[i].Apply(both(peers[i]))
				default:
					streams[i].Bridge(streams[j])
				}
			}
		})
	}
	wg.Wait()
	for _, s := range streams {
		s.Stats()
	}
	for i := 0; i < 8; i += 2 {
		streams[i].Bridge(streams[i+1])
	}
	for i := 0; i < 8; i += 2 {
		a, b := peers[i], peers[i+1]
		mark := byte(10 + i)
		eventually(t, "both directions of a pair", func() bool {
			a.voice(streams[i], 0, mark)
			b.voice(streams[i+1], 0, mark+1)
			return slices.Contains(marks(b.all(), 0), mark) && slices.Contains(marks(a.all(), 0), mark+1)
		})
	}
	for i, peer := range peers {
		for _, h := range peer.all() {
			if m := h.payload[0]; m != 0xFF && m != byte(10+i^1) {
				t.Fatalf("peer %d hears %d", i, m)
			}
		}
	}
	for _, s := range streams {
		s.Close()
	}
	for _, s := range streams {
		ended(t, s)
	}
	if open, _ := p.Load(); open != 0 {
		t.Errorf("%d streams open", open)
	}
}

// A command given behind a bridge across threads takes effect behind it.
func TestUnbridgeOvertakesNoBridge(t *testing.T) {
	t.Parallel()
	p := openPlane(t, func(c *Config) { c.Shards, c.PortMax = 2, c.PortMin+399 }) // more ports than are needed: others hold some
	for range 50 {
		a, _ := openStream(t, p)
		b, _ := openStream(t, p)
		a.Bridge(b)
		a.Unbridge()
		a.Stats()
		b.Stats()
		joined := make(chan bool, 2)
		for range 3 { // what is under way between the threads has arrived by then
			a.Stats()
			b.Stats()
		}
		a.post(func(_ *shard, st *session) { joined <- st.peer != nil })
		b.post(func(_ *shard, st *session) { joined <- st.peer != nil })
		if first, second := <-joined, <-joined; first || second {
			t.Fatal("bridged although Unbridge came last")
		}
		a.Close()
		b.Close()
	}
}
