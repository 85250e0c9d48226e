package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ringbid/ringbid/sim/load"
)

// keyCount is how many keys a caller is asked for.
const keyCount = 5

// keys measures the time from the packet that brings a caller's last key until
// the buyer's INVITE is out; the auction has been decided before.
func keys(ctx context.Context, o Options) ([]Figure, error) {
	r, err := contest(ctx, o.Rounds, contender{"ringbid", func(ctx context.Context) (sample, error) { return keysRound(ctx, o) }})
	if err != nil {
		return nil, err
	}
	return []Figure{
		r.figure("last key in → INVITE out p50", "ms", "ringbid", "p50", "", "").atMost(0.2).
			noted("%d calls, %d keys each as RFC 4733 events; from the first packet of the last one; auction already closed", o.sizes().keyed, keyCount),
		r.figure("last key in → INVITE out p99", "ms", "ringbid", "p99", "", ""),
	}, nil
}

func keysRound(ctx context.Context, o Options) (sample, error) {
	h, err := openHouse(ctx, o, 1, false, job{Keys: keyCount})
	if err != nil {
		return nil, err
	}
	defer h.close()
	bounded, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	n := o.sizes().keyed
	var took load.Times
	var errs error
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			d, err := keyedCall(bounded, h.phones)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = err
				return
			}
			took = append(took, d)
		})
		pause(bounded, 100*time.Millisecond)
	}
	all.Wait()
	if len(took) < n {
		return nil, fmt.Errorf("%d of %d calls failed: %w", n-len(took), n, errs)
	}
	return sample{"p50": ms(took.Quantile(.5)), "p99": ms(took.Quantile(.99))}, nil
}

// keyedCall is one caller who presses keys.
func keyedCall(ctx context.Context, p *load.Phones) (time.Duration, error) {
	mouth, err := net.ListenUDP("udp4", &net.UDPAddr{IP: callerIP.AsSlice()})
	if err != nil {
		return 0, err
	}
	defer mouth.Close()
	c, err := p.PlaceFrom(mouth.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		return 0, err
	}
	if status := c.Answered(ctx); status != 200 {
		return 0, fmt.Errorf("answered %d", status)
	}
	var last time.Time
	seq := uint16(0)
	for key := range keyCount {
		for i := range 6 { // a tone of 60 ms, its end three times (RFC 4733 section 2.5.1.4)
			pause(ctx, 20*time.Millisecond)
			seq++
			b := keyPacket(seq, uint32(key+1)*1600, byte(key+1), uint16(160*min(3, i+1)), i >= 3)
			if i == 0 {
				last = time.Now()
			}
			if _, err := mouth.WriteToUDPAddrPort(b, c.Audio()); err != nil {
				return 0, err
			}
		}
	}
	if !c.Bridged(ctx) {
		return 0, fmt.Errorf("not bridged: %w", ctx.Err())
	}
	pause(ctx, talk)
	c.HangUp(ctx)
	return c.Offered().Sub(last), nil
}

// keyPacket is one packet of a telephone-event.
func keyPacket(seq uint16, ts uint32, key byte, duration uint16, end bool) []byte {
	b := make([]byte, 16)
	b[0], b[1] = 0x80, 101
	if duration == 160 {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], 0xCA11)
	b[12], b[13] = key, 10
	if end {
		b[13] |= 0x80
	}
	binary.BigEndian.PutUint16(b[14:], duration)
	return b
}
