// Package media is the packet plane: it opens RTP ports, receives, relays,
// plays, records through taps and reports, for G.711 voice and RFC 4733 keys.
//
// It knows no SIP, no SDP and no call. The signalling side hands it a [Params]
// after every offer/answer and reads an [Event] when something happened; it
// never sees a packet. The package refuses to transcode anything but µ-law to
// A-law, to mix but for a supervisor, to buffer for jitter (the far ends do
// that) and to send or accept a packet for an address nobody signalled.
//
// A [Plane] owns the port pool and one or more shards. A shard is one locked
// OS thread that alone touches the state of its streams: it waits in epoll,
// relays a packet the moment it arrives, and every millisecond turns a wheel of
// twenty slots, so that each stream is served every 20 ms: prompt or silence
// frame, digit, time-outs, RTCP. A [Stream] is a handle; its methods put
// commands into a lock-free queue and return. Streams that are bridged live on
// the same shard; the bridge moves one of them when needed. Nothing on the
// packet path allocates, locks, logs or uses a channel.
//
// The sockets are Linux sockets; no other system is served.
package media
