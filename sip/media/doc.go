// Package media is the packet plane: it opens RTP ports, receives, relays,
// plays, records through taps and reports, for G.711 and G.722 voice and for
// keys, as RFC 4733 events or as tones.
//
// It knows no SIP, no SDP and no call. The signalling side hands it a [Params]
// after every offer/answer and reads an [Event] when something happened; it
// never sees a packet. The package converts between the codecs it has only where
// two peers have none in common. It refuses Opus: its clock of 48 kHz, its
// variable frames and its price per packet would be on every path, and there is
// no encoder in Go that is kept well enough to carry calls. It refuses to mix
// but for a supervisor, to hold up what is relayed for the sake of jitter (the
// far ends do that; only recorders and listeners get packets in order) and to
// send or accept a packet for an address nobody signalled.
//
// A [Plane] owns the port pool and one or more shards. A shard is one locked
// OS thread that alone touches the state of its streams: it waits in epoll,
// relays a packet the moment it arrives, and every millisecond turns a wheel of
// twenty slots, so that each stream is served every 20 ms: prompt or silence
// frame, digit, time-outs, RTCP. A [Stream] is a handle; its methods put
// commands into a lock-free queue and return, without waking the thread: it looks
// there before each packet and each turn. Streams that are bridged live on
// the same shard; the bridge moves one of them when needed. Nothing on the
// packet path allocates, locks, logs or uses a channel.
//
// The sockets are Linux sockets; no other system is served.
package media
