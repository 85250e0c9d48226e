package localpg

import (
	"context"
	"errors"
	"log/slog"
)

type Config struct {
	Dir    string
	Fsync  bool
	Logger *slog.Logger
}
type Cluster struct{}

func Start(ctx context.Context, c Config) (*Cluster, error) { return nil, errors.New("unbuilt") }
func (c *Cluster) DSN() string                              { return "" }
func (c *Cluster) Stop(ctx context.Context) error           { return nil }
