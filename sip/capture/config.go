package capture

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What is kept of a call.
const (
	Off       = "off"
	Signaling = "signaling" // SIP messages
	Headers   = "headers"   // and the header of each RTP packet
)

// The defaults of Config.
const (
	DefaultKeep  = 7 * 24 * time.Hour
	DefaultLimit = 2 << 30
)

// Config is what a Book needs. Dir is required.
type Config struct {
	Dir   string // folder of the captures; made when it is not there
	What  string // Off, Signaling or Headers (default)
	Keep  time.Duration
	Limit int64 // bytes of all captures; the oldest go first. 0 means 2 GiB

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil registers nothing
}

func (c *Config) check() error {
	if c.What == "" {
		c.What = Headers
	}
	if c.What != Off && c.What != Signaling && c.What != Headers {
		return fmt.Errorf("capture %q is not %s, %s or %s", c.What, Off, Signaling, Headers)
	}
	if c.Keep <= 0 {
		c.Keep = DefaultKeep
	}
	if c.Limit <= 0 {
		c.Limit = DefaultLimit
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
