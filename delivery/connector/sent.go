package connector

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// Sent says how far a request came.
type Sent string

// How far a request came.
const (
	// SentNo: not a byte of it left us.
	SentNo Sent = "no"
	// SentMaybe: it left, and nothing came back; the partner may have it.
	SentMaybe Sent = "maybe"
	// SentAnswered: the partner began to answer.
	SentAnswered Sent = "answered"
)

// progress watches one exchange. It errs towards SentMaybe: what is in the
// kernel's hands counts as sent, and so does what another goroutine may still be
// handing over when we stop waiting.
type progress struct{ line, wrote, answered atomic.Bool }

func (p *progress) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { p.line.Store(true) },
		WroteHeaders:         func() { p.wrote.Store(true) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { p.wrote.Store(true) },
		GotFirstResponseByte: func() { p.answered.Store(true) },
	})
}

// sent says how far the request came. stopped says that it was us who ended it:
// once there was a line, it may be written at this very moment.
func (p *progress) sent(stopped bool) Sent {
	switch {
	case p.answered.Load():
		return SentAnswered
	case p.wrote.Load(), stopped && p.line.Load():
		return SentMaybe
	}
	return SentNo
}
