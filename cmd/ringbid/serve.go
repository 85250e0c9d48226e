package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// hangupGrace is how long BYEs and flushes may take once calls are hung up.
const hangupGrace = 20 * time.Second

// serveCommand runs the platform until it is told to stop.
func serveCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take calls",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, flush, err := newLogger(c.LogLevel)
			if err != nil {
				return err
			}
			defer flush()
			signals := notifyStop()
			defer signal.Stop(signals)
			a, err := start(cmd.Context(), c, log)
			if err != nil {
				return err
			}
			a.announce()
			return a.serveUntil(signals)
		},
	}
	c.flags(cmd.Flags())
	return cmd
}

func notifyStop() chan os.Signal {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGTERM, os.Interrupt)
	return ch
}

// serveUntil waits for the first signal, drains, and stops. A second signal,
// or the end of the drain time, hangs up what is left.
func (a *app) serveUntil(signals <-chan os.Signal) error {
	sig := <-signals
	a.log.Info("draining", "signal", sig.String(), "calls", a.sip.Active(), "limit", a.cfg.Drain.String())
	a.drain(signals)
	ctx, cancel := context.WithTimeout(context.Background(), hangupGrace+10*time.Second)
	defer cancel()
	err := a.life.stop(ctx)
	if err != nil {
		return fmt.Errorf("stopped, but not cleanly: %w", err)
	}
	a.log.Info("stopped")
	return nil
}

// drain refuses new calls and waits for the live ones.
func (a *app) drain(signals <-chan os.Signal) {
	a.draining.Store(true)
	if a.stopTraffic != nil {
		a.stopTraffic()
	}
	a.sip.Drain()
	limit := time.NewTimer(a.cfg.Drain)
	defer limit.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	told := time.Now()
	for a.busy() {
		select {
		case <-signals:
			a.hangupAll("second signal")
			return
		case <-limit.C:
			a.hangupAll("drain time over")
			return
		case <-look.C:
			if time.Since(told) > 10*time.Second {
				told = time.Now()
				calls := a.sip.Calls()
				a.log.Info("waiting for calls", "calls", len(calls), "sample", calls[:min(3, len(calls))])
			}
		}
	}
}

// newLogger writes JSON lines to standard error. flush is to be called before the
// program ends.
func newLogger(level string) (log *slog.Logger, flush func(), err error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		return nil, nil, fmt.Errorf("--log-level %q is not debug, info, warn or error", level)
	}
	p := newLogPipe(os.Stderr)
	return slog.New(slog.NewJSONHandler(p, &slog.HandlerOptions{Level: l})), p.flush, nil
}
