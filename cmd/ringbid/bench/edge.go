package bench

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/recording"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// edgeChild is the telephone edge with the shortest of handlers: answer, ask for
// keys where the job wants them, dial, bridge.
func edgeChild(j job) ([]string, func(), error) {
	Tune()
	plane, err := media.Open(media.Config{Bind: serverIP, PortMin: portMin, PortMax: portMax, Rest: time.Second})
	if err != nil {
		return nil, nil, err
	}
	cfg := sip.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: net.JoinHostPort(serverIP.String(), "0")}}, Plane: plane, MaxCalls: j.Limit,
		Trunks:  oneTrunk{&ringbid.Trunk{Name: "peer", From: []string{callerIP.String()}, Address: j.To}},
		Handler: straight{keys: j.Keys, record: j.Record != "", through: j.Through},
	}
	end := func() { _ = plane.Close() }
	if j.Record != "" {
		rec, err := recording.Open(recording.Config{Dir: j.Record})
		if err != nil {
			end()
			return nil, nil, err
		}
		cfg.Tap = recordings{rec}
		end = func() { _ = plane.Close(); _ = rec.Close(context.Background()) }
	}
	srv, err := sip.New(cfg)
	if err != nil {
		end()
		return nil, nil, err
	}
	return []string{srv.Addrs()[0].Addr}, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Close(ctx)
		end()
	}, nil
}

// oneTrunk is the trunk of both sides.
type oneTrunk struct{ t *ringbid.Trunk }

func (o oneTrunk) From(netip.Addr) (*ringbid.Trunk, bool) { return o.t, true }
func (o oneTrunk) Named(string) (*ringbid.Trunk, bool)    { return o.t, true }
func (o oneTrunk) At(string, int) (*ringbid.Trunk, bool)  { return nil, false }

// recordings opens a file for each call.
type recordings struct{ *recording.Recorder }

func (r recordings) Open(inv ringbid.Invite) (sip.Sink, error) {
	f, err := r.Start(inv)
	if err != nil {
		return nil, err
	}
	return sealing{f}, nil
}

// sealing finishes the file when its call ends.
type sealing struct{ *recording.File }

func (s sealing) Close() {
	s.File.Close()
	go func() { // the hash is not the call's to wait for
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = s.Seal(ctx)
	}()
}

// straight is the handler.
type straight struct {
	keys    int
	record  bool
	through bool // the caller is answered when the buyer is
}

func (s straight) Serve(ctx context.Context, c *sip.Call) {
	if !s.through && c.Answer(ctx, s.record) != nil {
		return
	}
	if s.keys > 0 {
		if got, err := c.Gather(ctx, ringbid.Gather{Min: s.keys, Max: s.keys}); err != nil || len(got) != s.keys {
			return
		}
	}
	at := c.Dial(ctx, ringbid.Dial{
		Target: &ringbid.Target{Name: "buyer", Trunk: "peer", User: "buyer"}, Award: ringbid.Award{User: "buyer"},
		RingTimeout: 10 * time.Second, Caller: c.Invite().Caller,
	})
	if at.Verdict == ringbid.VerdictAnswered && c.Answer(ctx, s.record) == nil {
		c.Bridge(ctx, time.Hour)
	}
}

// forwardChild is the floor of calls: each datagram goes on to the other side as
// it is, and four sockets are opened at the INVITE of a call and closed at its
// BYE. Nothing is parsed.
func forwardChild(j job) ([]string, func(), error) {
	buyers, err := netip.ParseAddrPort(j.To)
	if err != nil {
		return nil, nil, err
	}
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: serverIP.AsSlice()})
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		forward(s, buyers)
	}()
	return []string{s.LocalAddr().String()}, func() { _ = s.Close(); <-done }, nil
}

func forward(s *net.UDPConn, buyers netip.AddrPort) {
	buf := make([]byte, 8192)
	var caller netip.AddrPort
	var open []*net.UDPConn
	for {
		n, from, err := s.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if from.Addr().Unmap() == buyers.Addr() {
			_, _ = s.WriteToUDPAddrPort(buf[:n], caller)
			continue
		}
		caller = from
		switch {
		case n > 0 && buf[0] == 'I':
			for range 4 {
				if rtp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: serverIP.AsSlice()}); err == nil {
					open = append(open, rtp)
				}
			}
		case n > 0 && buf[0] == 'B' && len(open) >= 4:
			for _, rtp := range open[:4] {
				_ = rtp.Close()
			}
			open = open[4:]
		}
		_, _ = s.WriteToUDPAddrPort(buf[:n], buyers)
	}
}
