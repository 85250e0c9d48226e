package leg

import (
	"errors"
	"time"
)

// Kind says what happened to a leg.
type Kind int

// The kinds of events, in the order a call usually meets them.
const (
	Trying        Kind = iota + 1 // our INVITE got 100
	Ringing                       // our INVITE got 101 to 199 without SDP
	EarlyMedia                    // our INVITE got 101 to 199 with SDP
	Answered                      // our INVITE got 2xx, already acknowledged
	Failed                        // our INVITE failed: Code and Reason, or Code 0 and Err
	Acked                         // our 2xx was acknowledged, or a PRACK answers our offer; SDP is set after a late offer
	ReOffer                       // the peer offers anew and waits for Respond; SDP may be nil
	OfferDone                     // our Offer ended: SDP with a 2xx Code, or Code 300 and above
	InfoDigit                     // a digit by SIP INFO
	ReferReceived                 // the peer asks for a transfer and waits for AcceptRefer or RefuseRefer
	Cancelled                     // the caller gave up before we answered
	ByeReceived                   // the peer hung up
	Ended                         // the dialog was lost: no ACK, or a dead peer; Err says why
	AnswerSent                    // the 200 of an Answer that had to wait is out
	Terminated                    // last event of every leg, exactly once
)

// String returns the name of the kind.
func (k Kind) String() string {
	names := [...]string{"", "Trying", "Ringing", "EarlyMedia", "Answered", "Failed", "Acked", "ReOffer",
		"OfferDone", "InfoDigit", "ReferReceived", "Cancelled", "ByeReceived", "Ended", "AnswerSent", "Terminated"}
	if k < 1 || int(k) >= len(names) {
		return "Kind(?)"
	}
	return names[k]
}

// Event is what a call learns from Signal.Apply.
type Event struct {
	Kind    Kind
	Code    int      // SIP status, 0 when there was none
	Reason  string   // reason phrase, or the text of a Reason header on BYE and CANCEL
	Q850    int      // cause of a Q.850 Reason header (RFC 3326), 0 when absent
	Dialog  string   // the peer's tag: which early dialog of a forked INVITE is meant
	SDP     []byte   // body when it is application/sdp
	Headers []Header // every header of the message, as received
	Digit   byte     // InfoDigit only: 0-9, *, #, A-D
	Refer   *Refer   // ReferReceived only
	At      time.Time
	Err     error
}

// Why a leg failed or ended without a status from the peer.
var (
	ErrUnreachable = errors.New("target unreachable")                 // the name does not resolve or the socket refuses
	ErrTimeout     = errors.New("no response in time")                // not even a 100
	ErrTransport   = errors.New("transport broke")                    // a write failed
	ErrNoAnswer    = errors.New("no answer in time")                  // DialConfig.NoAnswer elapsed
	ErrNoAck       = errors.New("2xx not acknowledged")               // 64*T1 without ACK
	ErrPeerGone    = errors.New("dialog unknown to peer")             // 481, 408 or silence on a re-INVITE
	ErrNoPrack     = errors.New("reliable response not acknowledged") // 64*T1 without PRACK
	ErrExpired     = errors.New("session expired")                    // nobody refreshed it (RFC 4028)
	ErrShutdown    = errors.New("stack closed")
	ErrInput       = errors.New("invalid dial parameters")
)

// Cause is why we end a leg. It becomes Reason headers (RFC 3326) on CANCEL,
// BYE and final responses.
type Cause struct {
	Code int    // SIP status; also the final response of an unanswered inbound leg, 480 when 0
	Text string // short, for people
	Q850 int    // ITU-T Q.850 cause, 0 for none
}
