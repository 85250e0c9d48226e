package delivery

import (
	"context"
	"log/slog"
)

// quieter passes on what the queue library warns of, and its news only where
// debugging is asked for: it counts its jobs every five seconds.
type quieter struct{ slog.Handler }

// Enabled reports whether a record of the level is wanted.
func (h quieter) Enabled(ctx context.Context, level slog.Level) bool {
	if level == slog.LevelInfo {
		level = slog.LevelDebug
	}
	return h.Handler.Enabled(ctx, level)
}

// WithAttrs stays quiet.
func (h quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{h.Handler.WithAttrs(attrs)}
}

// WithGroup stays quiet.
func (h quieter) WithGroup(name string) slog.Handler { return quieter{h.Handler.WithGroup(name)} }
