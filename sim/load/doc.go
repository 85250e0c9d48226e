// Package load is the measuring end of many calls at once: [Voice] is their
// audio, [Phones] their signalling, and the rest reads what a process used.
//
// It exists for measurements, so it costs little and says what it saw: how many
// packets went out and came back, which counters are missing, how long each was
// on its way, and whether it was late itself. The index of the sender, a counter
// and the time of sending ride inside the G.711 payload and survive a relay, a
// recorder and a conversion of the law; the time of arrival is the kernel's, so
// that a busy generator does not make the other side look slow.
//
// It refuses to behave: nothing is retransmitted, nothing is negotiated, a
// message is looked at only as far as the next one needs it. For people who
// behave see package sim.
//
// [Rtpengine] and [Kamailio] run the two peers that a Debian system has, for
// the same work in the same run.
package load
