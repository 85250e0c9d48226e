package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
)

// rest is how long the ports of a party stay unused; parties come and go.
const rest = 2 * time.Second

// CarrierConfig describes a carrier. The zero value is one on 127.0.0.1.
type CarrierConfig struct {
	// Addr is where it calls from, "ip:port"; default "127.0.0.1:0". UDP and
	// TCP are both opened, TCP on a port of its own where Addr's is 0.
	Addr string
	// Ports bounds its RTP ports; default 30000 to 32767.
	Ports  [2]int
	Logger *slog.Logger // nil = discard
}

// Carrier places calls for its callers.
type Carrier struct {
	stack *leg.Stack
	plane *media.Plane
	log   *slog.Logger
	host  string
	room  *media.Clip

	mu     sync.Mutex
	voices map[float64]*media.Clip
}

// NewCarrier opens the carrier's sockets.
func NewCarrier(c CarrierConfig) (*Carrier, error) {
	stack, plane, err := open(c.Addr, c.Ports, leg.Config{UserAgent: "sim-carrier"})
	if err != nil {
		return nil, fmt.Errorf("open carrier: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	host := netip.MustParseAddrPort(stack.Addrs()[0].Addr).Addr().String()
	return &Carrier{stack: stack, plane: plane, log: c.Logger, host: host, room: room(), voices: map[float64]*media.Clip{}}, nil
}

// open binds what a group of parties needs.
func open(addr string, ports [2]int, c leg.Config) (*leg.Stack, *media.Plane, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, nil, err
	}
	plane, err := openPlane(at.Addr(), ports)
	if err != nil {
		return nil, nil, err
	}
	c.Listeners = []leg.Listener{{Network: "udp", Addr: addr}, {Network: "tcp", Addr: addr}}
	stack, err := leg.Listen(c)
	if err != nil {
		return nil, nil, errors.Join(err, plane.Close())
	}
	return stack, plane, nil
}

// Addr returns the UDP address calls come from.
func (c *Carrier) Addr() string { return c.stack.Addrs()[0].Addr }

// Close hangs up what is left and closes the sockets.
func (c *Carrier) Close(ctx context.Context) error {
	return errors.Join(c.stack.Close(ctx), c.plane.Close())
}

// voice returns the voice with the tone, made once.
func (c *Carrier) voice(tone float64) *media.Clip {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.voices[tone]
	if v == nil {
		v = voice(tone)
		c.voices[tone] = v
	}
	return v
}
