package media

import "net/netip"

// Stream is one RTP session with one peer. Its methods may be called from any
// goroutine and at any time, also after Close, when they do nothing; none waits
// for the network. Commands take effect in the order given, within about 1 ms.
type Stream struct{}

// Local returns the RTP address to put into the SDP; RTCP is one port above.
func (s *Stream) Local() netip.AddrPort { return netip.AddrPort{} }

// Apply sets what an offer/answer exchange agreed. It may be called again.
func (s *Stream) Apply(p Params) {}

// Bridge relays the audio and the keys of s and peer to each other until
// Unbridge, another Bridge or Close of either.
func (s *Stream) Bridge(peer *Stream) {}

// Unbridge ends the relay in both directions.
func (s *Stream) Unbridge() {}

// Play plays c to the peer.
func (s *Stream) Play(c *Clip, loop bool) PlayID { return 0 }

// Stop ends what plays, without PlayDone.
func (s *Stream) Stop() {}

// SendDigits queues keys to be sent.
func (s *Stream) SendDigits(digits string) {}

// Tap attaches t, nil detaches.
func (s *Stream) Tap(t Tap) {}

// Stats returns the counters.
func (s *Stream) Stats() Stats { return Stats{} }

// Close ends the stream.
func (s *Stream) Close() {}
