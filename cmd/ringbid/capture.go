package main

import (
	"context"
	"io"
	"path/filepath"

	"github.com/ringbid/ringbid/sip/capture"
	"github.com/ringbid/ringbid/sip/leg"
)

// captures are the files of this node and what goes to a Homer server.
type captures struct {
	*capture.Book
	homer *capture.Exporter // nil when none is named
}

// Trace hands a message to both.
func (c captures) Trace(e leg.TraceEntry) {
	c.Book.Trace(e)
	if c.homer != nil {
		c.homer.Trace(e)
	}
}

func (a *app) startCaptures(context.Context) error {
	book, err := capture.OpenBook(capture.Config{
		Dir: filepath.Join(a.cfg.Data, "captures"), What: a.cfg.Capture, Keep: a.cfg.CaptureKeep, Logger: a.log, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.captures.Book = book
	a.life.onStop("captures", func(context.Context) error { return book.Close() })
	if a.cfg.Homer == "" {
		return nil
	}
	homer, err := capture.NewExporter(capture.ExporterConfig{
		Addr: a.cfg.Homer, Key: a.cfg.HomerKey, Node: a.node, Registerer: a.reg,
	})
	if err != nil {
		return err
	}
	a.captures.homer = homer
	a.life.onStop("homer", func(context.Context) error { return homer.Close() })
	return nil
}

// openCapture returns what went over the wire in a call.
func (a *app) openCapture(call string) (io.ReadSeekCloser, error) { return a.captures.Open(call) }
