package bench

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// The load of the set-up figure.
const (
	callsPerSecond = 100
	setupWindow    = 3 * time.Second
	// datagrams is how many a bridged call takes in, and as many go out:
	// INVITE, ACK, BYE from the caller; 100, 180, 200 and 200 from the buyer.
	datagrams = 7
	message   = 600 // bytes, about what they measure
)

// setup measures processor time for a call from INVITE to the last BYE, both
// legs, four sockets opened and closed, against the same datagrams and sockets
// with nothing looked at.
func setup(ctx context.Context, o Options) ([]Figure, error) {
	var values, floors []float64
	failed := 0
	for range o.Rounds {
		f, err := echoRound(ctx, o)
		if err != nil {
			return nil, err
		}
		v, bad, err := setupRound(ctx, o)
		if err != nil {
			return nil, err
		}
		floors, values, failed = append(floors, f), append(values, v), failed+bad
	}
	f := figure("call set-up and tear-down", "CPU-ms", values, floors)
	f.Note = fmt.Sprintf("%d calls/s, INVITE to BYE through both legs, RTP sockets opened; floor: as many datagrams and sockets, nothing parsed; %d calls failed", callsPerSecond, failed)
	return []Figure{f}, nil
}

// setupRound returns CPU-ms per call and how many calls failed.
func setupRound(ctx context.Context, o Options) (ms float64, failed int, err error) {
	var bridged atomic.Int64
	stack, err := leg.Listen(leg.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}},
		OnInvite:  func(l *leg.Leg) { serveBuyer(l, &bridged) },
	})
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = stack.Close(bounded)
	}()
	c, err := startChild(ctx, o, "setup", job{To: stack.Addrs()[0].Addr})
	if err != nil {
		return 0, 0, err
	}
	defer c.stop()
	if bad := placeCalls(ctx, stack, c.addrs[0], 20); bad > 0 { // warm-up
		return 0, bad, fmt.Errorf("%d of 20 calls failed", bad)
	}
	before, err := c.cpu()
	if err != nil {
		return 0, 0, err
	}
	n := int(setupWindow.Seconds() * callsPerSecond)
	bridged.Store(0)
	placeCalls(ctx, stack, c.addrs[0], n)
	failed = n - int(bridged.Load())
	after, err := c.cpu()
	if err != nil || failed == n {
		return 0, failed, fmt.Errorf("%d of %d calls failed: %w", failed, n, cmpErr(err, context.DeadlineExceeded))
	}
	return (after - before) * 1000 / float64(n-failed), failed, nil
}

// placeCalls places n calls at the rate and returns how many were not bridged.
func placeCalls(ctx context.Context, stack *leg.Stack, to string, n int) int {
	var failed atomic.Int64
	var calls sync.WaitGroup
	pace := time.NewTicker(time.Second / callsPerSecond)
	defer pace.Stop()
	for i := range n {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return n
		}
		calls.Go(func() {
			if !placeCall(ctx, stack, to, i) {
				failed.Add(1)
			}
		})
	}
	calls.Wait()
	return int(failed.Load())
}

// talk is how long a caller stays once answered: long enough for the buyer's leg
// to be set up, many times over.
const talk = 150 * time.Millisecond

// placeCall is one caller. It reports whether it was answered.
func placeCall(ctx context.Context, stack *leg.Stack, to string, i int) bool {
	mailbox := make(chan leg.Signal, 32)
	l := stack.Dial(leg.DialConfig{
		Mailbox: mailbox, Network: "udp", Target: to, URI: "sip:+18005550100@" + to,
		From: leg.Party{User: "+1310555" + strconv.Itoa(1000+i%9000)}, SDP: plainOffer(),
	})
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	answered := false
	leave := make(<-chan time.Time)
	for {
		select {
		case <-leave:
			l.End(leg.Cause{Code: 200, Q850: 16})
		case s := <-mailbox:
			ev, ok := s.Apply()
			if !ok {
				continue
			}
			switch ev.Kind {
			case leg.Answered:
				answered = true
				leave = time.After(talk)
			case leg.Terminated:
				return answered
			}
		case <-limit.C:
			stack.Adopt(mailbox)
			return false
		case <-ctx.Done():
			stack.Adopt(mailbox)
			return false
		}
	}
}

// serveBuyer rings, answers and counts the calls that were acknowledged.
func serveBuyer(l *leg.Leg, bridged *atomic.Int64) {
	mailbox := make(chan leg.Signal, 32)
	l.Bind(mailbox)
	l.Progress(180, "Ringing", nil)
	l.Answer(plainOffer())
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		select {
		case s := <-mailbox:
			ev, ok := s.Apply()
			if ok && ev.Kind == leg.Acked {
				bridged.Add(1)
			}
			if ok && ev.Kind == leg.Terminated {
				return
			}
		case <-limit.C:
			return
		}
	}
}

// plainOffer is a description of somebody who never sends a packet.
func plainOffer() []byte {
	return []byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n")
}

// setupChild is the telephone edge with the shortest of handlers.
func setupChild(j job) ([]string, func(), error) {
	Tune()
	plane, err := media.Open(media.Config{Bind: netip.MustParseAddr("127.0.0.1"), PortMin: 10_000, PortMax: 31_999, Rest: time.Second})
	if err != nil {
		return nil, nil, err
	}
	srv, err := sip.New(sip.Config{
		Listeners: []leg.Listener{{Network: "udp", Addr: "127.0.0.1:0"}}, Plane: plane,
		Trunks: oneTrunk{&ringbid.Trunk{Name: "peer", From: []string{"127.0.0.1"}, Address: j.To}}, Handler: straight{},
	})
	if err != nil {
		_ = plane.Close()
		return nil, nil, err
	}
	return []string{srv.Addrs()[0].Addr}, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Close(ctx)
		_ = plane.Close()
	}, nil
}

// oneTrunk is the trunk of both sides.
type oneTrunk struct{ t *ringbid.Trunk }

func (o oneTrunk) From(netip.Addr) (*ringbid.Trunk, bool) { return o.t, true }
func (o oneTrunk) Named(string) (*ringbid.Trunk, bool)    { return o.t, true }

// straight answers, dials the one target and bridges.
type straight struct{}

func (straight) Serve(ctx context.Context, c *sip.Call) {
	if c.Answer(ctx, false) != nil {
		return
	}
	at := c.Dial(ctx, ringbid.Dial{
		Target: &ringbid.Target{Name: "buyer", Trunk: "peer", User: "buyer"}, Award: ringbid.Award{User: "buyer"},
		RingTimeout: 10 * time.Second, Caller: c.Invite().Caller,
	})
	if at.Verdict == ringbid.VerdictAnswered {
		c.Bridge(ctx, time.Minute)
	}
}

// echoRound returns CPU-ms for the datagrams and sockets of one call.
func echoRound(ctx context.Context, o Options) (float64, error) {
	c, err := startChild(ctx, o, "setup-floor", job{})
	if err != nil {
		return 0, err
	}
	defer c.stop()
	conn, err := net.Dial("udp4", c.addrs[0])
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	buf := make([]byte, message)
	n := int(setupWindow.Seconds() * callsPerSecond)
	before, err := c.cpu()
	if err != nil {
		return 0, err
	}
	pace := time.NewTicker(time.Second / callsPerSecond)
	defer pace.Stop()
	for range n {
		<-pace.C
		for i := range datagrams {
			buf[0] = byte(i)
			if _, err := conn.Write(buf); err != nil {
				return 0, err
			}
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := conn.Read(buf); err != nil {
				return 0, err
			}
		}
	}
	after, err := c.cpu()
	return (after - before) * 1000 / float64(n), err
}

// echoChild answers each datagram with one of its size, and opens and closes
// four sockets at the first of each call.
func echoChild(job) ([]string, func(), error) {
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := s.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if buf[0] == 0 {
				for range 4 {
					if rtp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err == nil {
						_ = rtp.Close()
					}
				}
			}
			_, _ = s.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	return []string{s.LocalAddr().String()}, func() { _ = s.Close(); <-done }, nil
}
