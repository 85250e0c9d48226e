package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/sim/load"
	"github.com/ringbid/ringbid/sip/media"
)

// relay measures processor time per relayed packet, bare and recorded, against
// the cheapest loop that does the same kernel work, and against rtpengine.
func relay(ctx context.Context, o Options) ([]Figure, error) {
	threads := map[string]string{}
	r, err := contest(ctx, o.Rounds,
		relayFloor(o, o.Calls, threads),
		relayOurs(o, "ringbid", o.Calls, job{}, threads),
		relayOurs(o, "recorded", o.Calls, job{Record: "yes"}, threads),
		relayPeer(o, "rtpengine", o.Calls, false, threads),
		relayPeer(o, "rtpengine pcap", o.Calls, true, threads))
	if err != nil {
		return nil, err
	}
	const unit = "CPU-µs"
	peer := r.figure("relayed packet, rtpengine in user space", unit, "rtpengine", "cpu", "floor", "cpu")
	peerRecorded := r.figure("relayed packet, rtpengine, pcap", unit, "rtpengine pcap", "cpu", "floor", "cpu")
	if peer.Absent != "" {
		peerRecorded.Absent = peer.Absent
	}
	return []Figure{
		r.figure("relayed packet", unit, "ringbid", "cpu", "floor", "cpu").withinFloor(1.15).
			noted("%d calls, 50 packets/s each way; floor: own epoll, connected sockets, recv + send, same priority; not back: %d of ours, %d recorded, %d of the floor; threads: %v",
				o.Calls, r.sum("ringbid", "missing"), r.sum("recorded", "missing"), r.sum("floor", "missing"), threads),
		r.figure("relayed packet, both sides recorded", unit, "recorded", "cpu", "floor", "cpu").withinFloor(1.25),
		r.figure("recorded ÷ not recorded", unit, "recorded", "cpu", "ringbid", "cpu").withinFloor(1.10),
		peer, peerRecorded,
	}, nil
}

// latency measures the time a packet is on its way through the relay, woken for
// each packet and looking once a millisecond.
func latency(ctx context.Context, o Options) ([]Figure, error) {
	threads := map[string]string{}
	n := o.sizes().latency
	r, err := contest(ctx, o.Rounds,
		relayFloor(o, n, threads),
		relayOurs(o, "ringbid", n, job{}, threads),
		relayOurs(o, "poll", n, job{Poll: true}, threads),
		relayPeer(o, "rtpengine", n, false, threads))
	if err != nil {
		return nil, err
	}
	figure := func(title, who, what string) Figure { return r.figure(title, "ms", who, what, "floor", what) }
	return []Figure{
		figure("relay latency p50", "ringbid", "p50").atMost(0.10).
			noted("%d calls, from just before the send to the arrival in the far socket; woken for each packet; generator late: %d times", n, r.sum("ringbid", "late")),
		figure("relay latency p99", "ringbid", "p99").atMost(0.22),
		figure("relay latency p99.9", "ringbid", "p999"),
		figure("relay latency p50, --rtp-poll", "poll", "p50").atMost(1),
		figure("relay latency p99, --rtp-poll", "poll", "p99"),
		r.figure("relayed packet, woken for each", "CPU-µs", "ringbid", "cpu", "floor", "cpu"),
		r.figure("relayed packet, --rtp-poll", "CPU-µs", "poll", "cpu", "floor", "cpu"),
		figure("relay latency p50, rtpengine", "rtpengine", "p50"),
		figure("relay latency p99, rtpengine", "rtpengine", "p99"),
	}, nil
}

func relayFloor(o Options, calls int, threads map[string]string) contender {
	return relayContender(o, "floor", calls, threads, func(ctx context.Context, v *load.Voice, _ string) ([]int, func(), error) {
		return relayThrough(ctx, o, "relay-floor", job{Calls: calls}, v)
	})
}

func relayOurs(o Options, name string, calls int, j job, threads map[string]string) contender {
	return relayContender(o, name, calls, threads, func(ctx context.Context, v *load.Voice, dir string) ([]int, func(), error) {
		j.Calls = calls
		if j.Record != "" {
			j.Record = dir
		}
		return relayThrough(ctx, o, "relay", j, v)
	})
}

func relayPeer(o Options, name string, calls int, record bool, threads map[string]string) contender {
	return relayContender(o, name, calls, threads, func(ctx context.Context, v *load.Voice, dir string) ([]int, func(), error) {
		p, err := load.StartRtpengine(ctx, serverIP, portMin, portMax, dir)
		if err != nil {
			return nil, nil, err
		}
		for i := range calls {
			a, b, err := p.Bridge(i, v.Addr(2*i), v.Addr(2*i+1), record)
			if err == nil {
				err = aim(v, i, a, b)
			}
			if err != nil {
				p.Stop()
				return nil, nil, err
			}
		}
		return p.Pids(), p.Stop, nil
	})
}

func aim(v *load.Voice, call int, a, b netip.AddrPort) error {
	if err := v.Aim(2*call, a); err != nil {
		return err
	}
	return v.Aim(2*call+1, b)
}

// relayThrough starts a child and aims the voice at it.
func relayThrough(ctx context.Context, o Options, role string, j job, v *load.Voice) ([]int, func(), error) {
	for i := range v.Parties() {
		j.Peers = append(j.Peers, v.Addr(i).String())
	}
	c, err := startChild(ctx, o, role, j)
	if err != nil {
		return nil, nil, err
	}
	for i, a := range c.addrs {
		at, err := netip.ParseAddrPort(a)
		if err == nil {
			err = v.Aim(i, at)
		}
		if err != nil {
			c.stop()
			return nil, nil, err
		}
	}
	return []int{c.pid()}, c.stop, nil
}

// relayContender talks through what open starts for one window.
func relayContender(o Options, name string, calls int, threads map[string]string,
	open func(ctx context.Context, v *load.Voice, dir string) ([]int, func(), error)) contender {
	return contender{name, func(ctx context.Context) (sample, error) {
		v, err := load.NewVoice(callerIP, buyerIP, 2*calls)
		if err != nil {
			return nil, err
		}
		defer v.Close()
		dir, err := os.MkdirTemp("", "ringbid-bench")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		pids, stop, err := open(ctx, v, dir)
		if err != nil {
			return nil, err
		}
		defer stop()
		v.Run(ctx, o.sizes().settle)
		threads[name] = load.Scheduling(pids[0])
		return window(ctx, v, o.sizes().window, pids)
	}}
}

// window talks for a time and returns what that cost and took.
func window(ctx context.Context, v *load.Voice, d time.Duration, pids []int) (sample, error) {
	before, err := load.CPU(pids...)
	if err != nil {
		return nil, err
	}
	r := v.Run(ctx, d)
	after, err := load.CPU(pids...)
	if err != nil {
		return nil, err
	}
	if r.Back == 0 {
		return nil, fmt.Errorf("%d packets went in and none came back", r.Sent)
	}
	took := r.Latency()
	return sample{
		"cpu": float64((after - before).Nanoseconds()) / 1000 / float64(r.Back), "missing": float64(r.Lost + r.Queued),
		"late": float64(r.LateTicks), "p50": ms(took.Quantile(.5)), "p99": ms(took.Quantile(.99)), "p999": ms(took.Quantile(.999)),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// relayChild bridges j.Calls pairs of streams towards the parent's sockets, and
// records both sides of every call where it has a folder for that.
func relayChild(j job) ([]string, func(), error) {
	Tune()
	plane, err := media.Open(media.Config{Bind: serverIP, PortMin: portMin, PortMax: portMax, Rest: time.Second, Poll: j.Poll})
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = plane.Close() }
	var rec *recording.Recorder
	if j.Record != "" {
		if rec, err = recording.Open(recording.Config{Dir: j.Record}); err != nil {
			end()
			return nil, nil, err
		}
		end = func() { _ = plane.Close(); _ = rec.Close(context.Background()) }
	}
	addrs, err := bridges(plane, rec, j)
	if err != nil {
		end()
		return nil, nil, err
	}
	return addrs, end, nil
}

func bridges(plane *media.Plane, rec *recording.Recorder, j job) (addrs []string, err error) {
	for i := range j.Calls {
		var pair [2]*media.Stream
		for side := range pair {
			if pair[side], err = plane.NewStream(nil); err != nil {
				return nil, err
			}
			peer, err := netip.ParseAddrPort(j.Peers[2*i+side])
			if err != nil {
				return nil, err
			}
			pair[side].Apply(media.Params{Remote: peer, Send: true, Recv: true, Codec: media.PCMU, DTMF: 101})
			addrs = append(addrs, pair[side].Local().String())
		}
		pair[0].Bridge(pair[1])
		if rec != nil {
			f, err := rec.Start(ringbid.Invite{CallID: ringbid.NewID(), Received: time.Now()})
			if err != nil {
				return nil, err
			}
			pair[0].Tap(f)
		}
	}
	return addrs, nil
}
