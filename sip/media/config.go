package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Errors of the plane.
var (
	// ErrNoPorts says that every RTP port is in use or resting.
	ErrNoPorts = errors.New("no rtp port free")
	// ErrClosed says that the plane has been closed.
	ErrClosed = errors.New("media plane closed")
)

// Config describes a plane.
type Config struct {
	// Bind is the local address of all sockets. It may be unspecified
	// (0.0.0.0) if Advertise names the address peers can reach. Peers of the
	// other address family are neither sent to nor heard.
	Bind netip.Addr
	// Advertise is the address for the SDP; zero = Bind.
	Advertise netip.Addr
	// PortMin and PortMax bound the ports, both included. RTP takes even
	// ports, RTCP the odd ones above them. The range should lie outside
	// net.ipv4.ip_local_port_range.
	PortMin, PortMax int
	// Shards is the number of media threads; 0 = 1, enough for about 150,000 packets/s.
	Shards int
	// Rest is how long a closed port stays unused, so that a new call never
	// hears an old peer; 0 = 30 s.
	Rest time.Duration
	// Poll lets the threads look for packets once a millisecond instead of
	// waking for each: less CPU at many hundred calls, up to 1 ms more delay.
	Poll bool
	// Logger receives what concerns the plane as a whole; nil = discard.
	Logger *slog.Logger
	// Registerer takes the metrics; nil = none.
	Registerer prometheus.Registerer
}

// withDefaults returns the config completed, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	c.Bind, c.Advertise = c.Bind.Unmap().WithZone(""), c.Advertise.Unmap().WithZone("")
	if !c.Bind.IsValid() {
		return c, errors.New("media plane: no address to bind to")
	}
	if !c.Advertise.IsValid() {
		c.Advertise = c.Bind
	}
	if c.Advertise.IsUnspecified() {
		return c, fmt.Errorf("media plane: %v cannot be advertised: set the address peers reach", c.Advertise)
	}
	if c.PortMin < 1 || c.PortMax > 65535 || c.PortMin > c.PortMax {
		return c, fmt.Errorf("media plane: rtp ports %d-%d are not a range within 1-65535", c.PortMin, c.PortMax)
	}
	if c.Shards < 0 || c.Shards > 64 {
		return c, fmt.Errorf("media plane: %d shards is not within 0-64", c.Shards)
	}
	c.Shards = max(1, c.Shards)
	if c.Rest <= 0 {
		c.Rest = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
