package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/sip/media"
)

// Times of one relay round.
const (
	settle = 1 * time.Second
	window = 4 * time.Second
)

// relay measures processor time per relayed packet, bare and recorded, against
// the cheapest loop that does the same kernel work.
func relay(ctx context.Context, o Options) ([]Figure, error) {
	var floors, plain, recorded, share []float64
	lost := int64(0)
	for range o.Rounds {
		var round [3]float64
		for i, role := range []string{"relay-floor", "relay", "recorded"} {
			us, missing, err := relayRound(ctx, o, role)
			if err != nil {
				return nil, err
			}
			round[i] = us
			if role != "relay-floor" {
				lost += missing
			}
		}
		floors, plain, recorded = append(floors, round[0]), append(plain, round[1]), append(recorded, round[2])
		share = append(share, round[1])
	}
	a := figure("relayed packet", "CPU-µs", plain, floors)
	a.Target = 1.15
	a.Note = fmt.Sprintf("%d calls, 50 packets/s each way; floor: own epoll, connected sockets, recv + send, same priority; %d packets not back in the window", o.Calls, lost)
	b := figure("relayed packet, recorded", "CPU-µs", recorded, floors)
	b.Target = 1.25
	c := figure("recorded ÷ not recorded", "CPU-µs", recorded, share)
	c.Target = 1.10
	return []Figure{a, b, c}, nil
}

// relayRound returns CPU-µs per packet and how many packets were missing.
func relayRound(ctx context.Context, o Options, role string) (us float64, missing int64, err error) {
	l, err := newLoad(o.Calls)
	if err != nil {
		return 0, 0, err
	}
	defer l.close()
	dir, err := os.MkdirTemp("", "ringbid-bench")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	c, err := startChild(ctx, o, role, job{Calls: o.Calls, Peers: l.addrs(), Dir: dir})
	if err != nil {
		return 0, 0, err
	}
	defer c.stop()
	if err := l.aim(c.addrs); err != nil {
		return 0, 0, err
	}
	var seq uint16
	l.run(ctx, settle, &seq)
	before, err := c.cpu()
	if err != nil {
		return 0, 0, err
	}
	sent, back := l.run(ctx, window, &seq)
	after, err := c.cpu()
	if err != nil {
		return 0, 0, err
	}
	if back == 0 {
		return 0, 0, fmt.Errorf("%s: %d packets went in and none came back", role, sent)
	}
	return (after - before) * 1e6 / float64(back), sent - back, nil
}

func relayChild(j job) ([]string, func(), error) { return planeChild(j, nil) }

// recordedChild relays and records both sides of every call to disk.
func recordedChild(j job) ([]string, func(), error) {
	rec, err := recording.Open(recording.Config{Dir: j.Dir})
	if err != nil {
		return nil, nil, err
	}
	addrs, end, err := planeChild(j, rec)
	if err != nil {
		return nil, nil, err
	}
	return addrs, func() { end(); _ = rec.Close(context.Background()) }, nil
}

// planeChild bridges j.Calls pairs of streams towards the parent's sockets.
func planeChild(j job, rec *recording.Recorder) ([]string, func(), error) {
	plane, err := media.Open(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), PortMin: 10_000, PortMax: 31_999, Rest: time.Second})
	if err != nil {
		return nil, nil, err
	}
	var addrs []string
	for i := range j.Calls {
		var pair [2]*media.Stream
		for side := range pair {
			s, err := plane.NewStream(nil)
			if err != nil {
				_ = plane.Close()
				return nil, nil, err
			}
			peer, err := netip.ParseAddrPort(j.Peers[2*i+side])
			if err != nil {
				_ = plane.Close()
				return nil, nil, err
			}
			s.Apply(media.Params{Remote: peer, Send: true, Recv: true, Codec: media.PCMU})
			pair[side] = s
			addrs = append(addrs, s.Local().String())
		}
		pair[0].Bridge(pair[1])
		if rec != nil {
			f, err := rec.Start(ringbid.Invite{CallID: ringbid.NewID(), Received: time.Now()})
			if err != nil {
				_ = plane.Close()
				return nil, nil, err
			}
			pair[0].Tap(f)
		}
	}
	return addrs, func() { _ = plane.Close() }, nil
}
