package media

import (
	"cmp"
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
	// Bind6 is a second address, IPv6 beside an IPv4 Bind, for streams whose
	// peers are reached over IPv6; zero = none. It takes the same ports.
	Bind6 netip.Addr
	// Advertise6 is the address for the SDP of those; zero = Bind6.
	Advertise6 netip.Addr
	// DSCP marks every packet sent (RFC 2474), 1 to 63; 0 = 46, expedited
	// forwarding (RFC 4594 section 4.1), -1 = no mark.
	DSCP int
	// PortMin and PortMax bound the ports, both included. RTP takes even
	// ports, RTCP the odd ones above them. The range should lie outside
	// net.ipv4.ip_local_port_range.
	PortMin, PortMax int
	// Shards is the number of media threads; 0 = 1, enough for about 150,000 packets/s.
	Shards int
	// Rest is how long a closed port stays unused, so that a new call never
	// hears an old peer; 0 = 30 s. The sockets of up to 1,024 pairs stay open,
	// and hear nobody, until the port is used again, or a minute longer.
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
	if err := c.second(); err != nil {
		return c, err
	}
	if c.DSCP < -1 || c.DSCP > 63 {
		return c, fmt.Errorf("media plane: dscp %d is not within 0-63", c.DSCP)
	}
	c.DSCP = max(0, cmp.Or(c.DSCP, expeditedForwarding))
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

// expeditedForwarding is the mark of voice.
const expeditedForwarding = 46

// second completes the second address.
func (c *Config) second() error {
	c.Bind6, c.Advertise6 = c.Bind6.WithZone(""), c.Advertise6.WithZone("")
	switch {
	case !c.Bind6.IsValid() && !c.Advertise6.IsValid():
		return nil
	case !c.Bind.Is4() || !c.Bind6.Is6() || c.Bind6.Is4In6():
		return fmt.Errorf("media plane: %v and %v are not an IPv4 and an IPv6 address to bind to", c.Bind, c.Bind6)
	}
	if !c.Advertise6.IsValid() {
		c.Advertise6 = c.Bind6
	}
	if c.Advertise6.IsUnspecified() || !c.Advertise6.Is6() || c.Advertise6.Is4In6() {
		return fmt.Errorf("media plane: %v cannot be advertised for IPv6", c.Advertise6)
	}
	return nil
}
