package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// lifecycle is a stack of named steps that end what was started, last in first
// out. A step that fails does not keep the others from running; a start that
// fails half way unwinds the same stack.
type lifecycle struct {
	log   *slog.Logger
	steps []step
}

type step struct {
	name string
	stop func(context.Context) error
}

// onStop adds a step.
func (l *lifecycle) onStop(name string, stop func(context.Context) error) {
	l.steps = append(l.steps, step{name, stop})
}

// stop runs the steps, each with what is left of the whole time, and returns
// their errors joined. Calling it again does nothing.
func (l *lifecycle) stop(ctx context.Context) error {
	steps := l.steps
	l.steps = nil
	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		began := time.Now()
		err := steps[i].stop(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", steps[i].name, err))
		}
		l.log.Debug("stopped", "step", steps[i].name, "took", time.Since(began), "error", err)
	}
	return errors.Join(errs...)
}
