// Package leg runs SIP dialogs: one Leg is one dialog with one peer, driven as
// a state machine over transactions of its own. Of sipgo the parser and the types
// of messages and headers are used. Its dialogs lose answered calls when CANCEL
// crosses 200 and acknowledge the wrong fork; its transports and transactions
// need several goroutines for each message, which re-orders them and costs more
// than all the rest of a call's set-up.
//
// # How the parts meet
//
// A Stack owns the sockets. Bytes pass the inspection (shape, sizes, the
// structural rules of RFC 3261 section 8.2) before sipgo parses them; what is
// wrong is answered or dropped there. Then Config.Screen rules: a message passes,
// is dropped, or is refused now or later without state but for a memory of
// answers, which retransmissions get again. Parsed messages go through their
// transaction (RFC 3261 section 17, RFC 6026) to their Leg in the socket's reader,
// so a Leg sees them in the order of the wire.
//
// A Leg has one owner, which runs the call. Messages, timers and transaction
// errors reach the owner as Signals; the owner runs Signal.Apply, one at a time,
// which advances the dialog, answers what is the dialog's own business and returns
// what the call should know. There is no lock around the dialog state. An owner
// takes a signal on whatever goroutine brings it (package turn), or reads a
// Mailbox:
//
//	for s := range mailbox {
//		if ev, ok := s.Apply(); ok {
//			// decide, call methods of any leg of this call
//		}
//	}
//
// For an inbound call Config.OnInvite runs on a goroutine of its own. When it
// returns, the stack adopts every leg of that owner that is not Terminated, ends
// it and sees it off; after Leg.Detach it waits to be told that the call is over.
//
// # What it refuses to do
//
// It follows no redirects, sends no REFER and decides about none (its owner
// does), queues no reliable response that came before its turn, sends no
// request to a host name that a peer put into Contact or Record-Route, and lets
// no header through that did not pass NewHeader.
package leg
