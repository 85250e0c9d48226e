package leg

import (
	"context"
	"errors"
)

// Stack owns the sockets and knows every leg.
type Stack struct{}

// Listen binds every listener and starts serving. It returns an error when an
// address is not explicit or its port is taken; then nothing stays bound.
func Listen(c Config) (*Stack, error) { return nil, errors.New("leg: not started") }

// Addrs returns the listeners with their real ports, in the order of Config.
func (s *Stack) Addrs() []Listener { return nil }

// Dial starts an outbound call and returns at once. Everything else, invalid
// parameters included, arrives as a Signal in d.Mailbox.
func (s *Stack) Dial(d DialConfig) *Leg { return &Leg{} }

// Adopt takes over every leg bound to mailbox that is not Terminated: the
// stack ends it and sees it off. It happens by itself when OnInvite returns.
func (s *Stack) Adopt(mailbox chan<- Signal) {}

// Close refuses new calls with 503, ends what is left, waits for the legs
// until ctx is done and closes the sockets. It may be called twice.
func (s *Stack) Close(ctx context.Context) error { return nil }
