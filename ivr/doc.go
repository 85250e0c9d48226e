// Package ivr takes one call from its arrival to its end: it decides whether
// the call is let in, runs the campaign's flow over it, sells it, has the buyer
// dialled and bridged, and returns everything that is known of it.
//
// It speaks no SIP and touches no sound: that is the [Call]'s business. It asks
// no bidder and keeps no slot: the [Market] does. It stores nothing; the
// caller of [Runner.Run] does, once, with the returned ringbid.Call.
//
// A [Runner] serves any number of calls at once; each runs on the goroutine
// that called Run and is a walk over the nodes of its flow. A flow is compiled
// once ([Check] compiles it for the editor) and kept until another version of
// it is published. Events go out through Config.Emit: call.received,
// flow.* and call.ended are told here, what happens on the wire is told by the
// call, what happens among the bidders by the market.
//
// However a call goes, it gets one outcome and one reason, and an auction that
// was opened is ended once.
package ivr
