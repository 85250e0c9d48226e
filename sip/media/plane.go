package media

import "errors"

// Plane owns the port pool and the media threads.
type Plane struct{}

// Open starts the media threads and returns when they run. Sockets are bound
// when a stream is made.
func Open(c Config) (*Plane, error) { return nil, errors.New("media plane: not available") }

// Close ends every stream, with an RTCP BYE, and waits for the threads. It may
// be called twice.
func (p *Plane) Close() error { return nil }

// NewStream binds a pair of ports and returns the stream on them. Its events
// go to events, which may be shared by several streams and may be nil; an event
// is dropped and counted when the channel is full. It returns ErrNoPorts
// (wrapped) when the pool is empty, ErrClosed after Close.
func (p *Plane) NewStream(events chan<- Event) (*Stream, error) { return nil, ErrClosed }

// Load returns how many streams are open and how many the port range could
// carry. Resting ports count as neither.
func (p *Plane) Load() (open, capacity int) { return 0, 0 }
