package leg

import "net/netip"

// Leg is one dialog with one peer. Every method is for the owner only; after
// Terminated they do nothing.
type Leg struct {
	invite Request
}

// Bind sets the owner's mailbox of an inbound leg. It is the first thing to
// do in OnInvite; what arrived before is delivered then.
func (l *Leg) Bind(mailbox chan<- Signal) {}

// Progress sends a provisional response, 101 to 199, with an optional answer.
func (l *Leg) Progress(code int, reason string, sdp []byte, h ...Header) {}

// Answer sends 200 and repeats it until the ACK comes; without one in 64*T1
// the leg says BYE and reports Ended.
func (l *Leg) Answer(sdp []byte, h ...Header) {}

// Reject sends a final response, 300 to 699, and ends the leg.
func (l *Leg) Reject(code int, reason string, h ...Header) {}

// Offer sends a re-INVITE with sdp once the dialog is free to. Glare (491) is
// retried inside; the end is an OfferDone event.
func (l *Leg) Offer(sdp []byte) {}

// Respond answers the pending ReOffer: 2xx with sdp, or a refusal without.
func (l *Leg) Respond(code int, sdp []byte) {}

// End ends the leg with CANCEL, BYE or a final response, whichever fits its
// state. The leg lives on until Terminated. A second End does nothing.
func (l *Leg) End(c Cause) {}

// Source returns the address the peer sends from, or that we dialled.
func (l *Leg) Source() netip.AddrPort { return netip.AddrPort{} }

// Network returns "udp" or "tcp".
func (l *Leg) Network() string { return "" }

// CallID returns the Call-ID of the dialog.
func (l *Leg) CallID() string { return "" }

// Inbound reports whether the peer called us.
func (l *Leg) Inbound() bool { return false }

// Invite returns the INVITE of an inbound leg, the zero Request otherwise.
func (l *Leg) Invite() Request { return l.invite }

// Messages returns the last 200 messages of the leg, oldest first.
func (l *Leg) Messages() []TraceEntry { return nil }
