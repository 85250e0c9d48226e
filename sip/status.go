package sip

import (
	"errors"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// Reason codes this package gives. They are stable: reports count them.
const (
	codeCallerHungUp = "caller_hung_up"
	codeCancelled    = "cancelled" // the caller gave up before the answer
	codeBuyerHungUp  = "buyer_hung_up"
	codeNormal       = "normal"
	codeMaxDuration  = "max_duration"
	codeRTPTimeout   = "rtp_timeout"
	codeNoAck        = "no_ack"
	codeNoPrack      = "no_prack"
	codeExpired      = "session_expired"
	codeLost         = "dialog_lost"
	codeShutdown     = "shutdown"
	codeFault        = "internal_error"
	codeNoAnswer     = "no_answer"
	codeNotAccepted  = "not_accepted"
	codeElsewhere    = "call_over"
	codeTaken        = "completed_elsewhere" // another place of the target took the call
	codeVoicemail    = "voicemail"
	codeBadOffer     = "bad_sdp"
	codeCodec        = "no_common_codec"
	codeSecurity     = "no_common_security"
	codeOverCapacity = "over_capacity"
	codeNodeRate     = "node_rate"
	codeTrunkFull    = "trunk_full"
	codeTrunkRate    = "trunk_rate"
	codeNoPorts      = "no_rtp_ports"
	codeDraining     = "draining"
	codeStranger     = "unknown_source"
	codeCertificate  = "no_certificate"
	codeLoop         = "too_many_hops"

	codeTransferred      = "transferred"
	codeTransferFailed   = "transfer_failed"
	codeTransferPending  = "transfer_pending"
	codeNoTransfers      = "transfers_refused"
	codeTooManyTransfers = "too_many_transfers"
	codeNotPermitted     = "transfer_not_permitted"
	codeForeignHost      = "transfer_to_foreign_host"
	codeNoTalk           = "no_talk_to_transfer"
	codeNoPickup         = "nothing_to_take_over"
)

// reasons is the one table of what an end means: the status before the answer,
// the cause of ITU-T Q.850 in a Reason header (RFC 3326), and whose doing it
// is.
func reasons(code string) ringbid.Reason {
	switch code {
	case codeCallerHungUp:
		return ringbid.Reason{Text: "caller hung up", Fault: ringbid.FaultNone, SIP: 487, Q850: 16}
	case codeCancelled:
		return ringbid.Reason{Text: "caller gave up", Fault: ringbid.FaultNone, SIP: 487, Q850: 16}
	case codeBuyerHungUp:
		return ringbid.Reason{Text: "buyer hung up", Fault: ringbid.FaultNone, SIP: 480, Q850: 16}
	case codeNormal:
		return ringbid.Reason{Text: "call ended", Fault: ringbid.FaultNone, SIP: 480, Q850: 16}
	case codeMaxDuration:
		return ringbid.Reason{Text: "longest time reached", Fault: ringbid.FaultNone, SIP: 480, Q850: 16}
	case codeRTPTimeout:
		return ringbid.Reason{Text: "RTP timeout", Fault: ringbid.FaultCaller, SIP: 480, Q850: 41}
	case codeNoAck:
		return ringbid.Reason{Text: "answer not acknowledged", Fault: ringbid.FaultTrunk, SIP: 408, Q850: 102}
	case codeNoPrack:
		return ringbid.Reason{Text: "provisional response not acknowledged", Fault: ringbid.FaultTrunk, SIP: 504, Q850: 102}
	case codeExpired:
		return ringbid.Reason{Text: "session expired", Fault: ringbid.FaultTrunk, SIP: 408, Q850: 102}
	case codeLost:
		return ringbid.Reason{Text: "dialog lost", Fault: ringbid.FaultTrunk, SIP: 481, Q850: 41}
	case codeShutdown:
		return ringbid.Reason{Text: "server stops", Fault: ringbid.FaultOurs, SIP: 503, Q850: 41}
	case codeFault:
		return ringbid.Reason{Text: "internal error", Fault: ringbid.FaultOurs, SIP: 500, Q850: 41}
	case codeNoAnswer:
		return ringbid.Reason{Text: "no answer", Fault: ringbid.FaultBuyer, SIP: 487, Q850: 19}
	case codeNotAccepted:
		return ringbid.Reason{Text: "not accepted", Fault: ringbid.FaultBuyer, SIP: 480, Q850: 16}
	case codeElsewhere:
		return ringbid.Reason{Text: "call is over", Fault: ringbid.FaultNone, SIP: 487, Q850: 16}
	case codeTaken: // RFC 3326 section 2
		return ringbid.Reason{Text: "Call completed elsewhere", Fault: ringbid.FaultNone, SIP: 200, Q850: 26}
	case codeVoicemail:
		return ringbid.Reason{Text: "no person answered", Fault: ringbid.FaultBuyer, SIP: 480, Q850: 16}
	case codeBadOffer:
		return ringbid.Reason{Text: "session description not understood", Fault: ringbid.FaultTrunk, SIP: 400, Q850: 111}
	case codeCodec:
		return ringbid.Reason{Text: "no common codec", Fault: ringbid.FaultTrunk, SIP: 488, Q850: 88}
	case codeSecurity:
		return ringbid.Reason{Text: "no common media security", Fault: ringbid.FaultTrunk, SIP: 488, Q850: 88}
	case codeOverCapacity:
		return ringbid.Reason{Text: "all lines busy", Fault: ringbid.FaultOurs, SIP: 503, Q850: 42}
	case codeNodeRate:
		return ringbid.Reason{Text: "too many calls a second on this node", Fault: ringbid.FaultOurs, SIP: 503, Q850: 42}
	case codeTrunkFull:
		return ringbid.Reason{Text: "trunk is full", Fault: ringbid.FaultTrunk, SIP: 503, Q850: 42}
	case codeTrunkRate:
		return ringbid.Reason{Text: "too many calls a second", Fault: ringbid.FaultTrunk, SIP: 503, Q850: 42}
	case codeNoPorts:
		return ringbid.Reason{Text: "no audio port free", Fault: ringbid.FaultOurs, SIP: 503, Q850: 34}
	case codeDraining:
		return ringbid.Reason{Text: "server drains", Fault: ringbid.FaultOurs, SIP: 503, Q850: 42}
	case codeTransferred:
		return ringbid.Reason{Text: "transferred", Fault: ringbid.FaultNone, SIP: 480, Q850: 16}
	case codeTransferFailed:
		return ringbid.Reason{Text: "agent gone, transfer failed", Fault: ringbid.FaultBuyer, SIP: 480, Q850: 16}
	case codeTransferPending:
		return ringbid.Reason{Text: "a transfer is under way", Fault: ringbid.FaultBuyer, SIP: 491}
	case codeNoTransfers:
		return ringbid.Reason{Text: "transfers are not allowed", Fault: ringbid.FaultBuyer, SIP: 603}
	case codeTooManyTransfers:
		return ringbid.Reason{Text: "too many transfers", Fault: ringbid.FaultBuyer, SIP: 403}
	case codeNotPermitted:
		return ringbid.Reason{Text: "transfers to there are not allowed", Fault: ringbid.FaultBuyer, SIP: 403}
	case codeForeignHost:
		return ringbid.Reason{Text: "transfers to that host are not allowed", Fault: ringbid.FaultBuyer, SIP: 403}
	case codeNoTalk:
		return ringbid.Reason{Text: "not the agent of a talk", Fault: ringbid.FaultBuyer, SIP: 403}
	case codeNoPickup:
		return ringbid.Reason{Text: "nothing to take over", Fault: ringbid.FaultBuyer, SIP: 481}
	case codeCertificate:
		return ringbid.Reason{Text: "certificate of the trunk missing", Fault: ringbid.FaultTrunk, SIP: 403, Q850: 21}
	case codeStranger:
		return ringbid.Reason{Text: "source has no trunk", Fault: ringbid.FaultConfig, SIP: 403, Q850: 21}
	case codeLoop:
		return ringbid.Reason{Text: "too many hops", Fault: ringbid.FaultTrunk, SIP: 483, Q850: 25}
	}
	return ringbid.Reason{}
}

// reason returns the table's entry for a code of this package.
func reason(code string) ringbid.Reason {
	r := reasons(code)
	r.Code = code
	return r
}

// complete fills what a handler left out of its reason.
func complete(r ringbid.Reason) ringbid.Reason {
	if r.Code == "" && r.SIP == 0 && r.Q850 == 0 {
		r.Code = codeNormal
	}
	known := reasons(r.Code)
	if r.Text == "" {
		r.Text = known.Text
	}
	if r.Fault == "" {
		r.Fault = known.Fault
	}
	if r.SIP < 300 || r.SIP > 699 {
		r.SIP = known.SIP
	}
	if r.SIP == 0 {
		r.SIP = 480
	}
	if r.Q850 == 0 && known.Q850 != 0 {
		r.Q850 = known.Q850
	}
	if r.Q850 == 0 {
		r.Q850 = q850(r.SIP)
	}
	return r
}

// cause writes a reason as a leg wants it. answered says that the status no
// longer tells the peer anything: a BYE carries the Q.850 cause alone.
func cause(r ringbid.Reason, answered bool) leg.Cause {
	r = complete(r)
	c := leg.Cause{Code: r.SIP, Text: r.Text, Q850: r.Q850}
	if answered && c.Code >= 300 {
		c.Code = 0
	}
	return c
}

// q850 returns the cause for a status (RFC 3398 section 8.2.6.1 read
// backwards).
func q850(status int) int {
	switch status {
	case 400, 401, 402, 403, 407, 603:
		return 21 // call rejected
	case 404, 485, 604:
		return 1 // unallocated number
	case 405, 501:
		return 63
	case 406, 415, 488, 606:
		return 88 // incompatible destination
	case 408, 504:
		return 102 // recovery on timer expiry
	case 410:
		return 22 // number changed
	case 433:
		return 24 // call rejected due to anonymous call rejection, RFC 5079
	case 480, 430:
		return 20 // subscriber absent; 18 says the same of a phone that rings
	case 482, 483:
		return 25 // exchange routing error
	case 484:
		return 28
	case 486, 600:
		return 17 // user busy
	case 487:
		return 16
	case 502:
		return 38
	case 503:
		return 42 // switching equipment congestion
	}
	if status >= 500 {
		return 41 // temporary failure
	}
	return 31 // normal, unspecified
}

// verdictOf reads a final status of a buyer.
func verdictOf(status int) ringbid.Verdict {
	switch status {
	case 486, 600:
		return ringbid.VerdictBusy
	case 408, 480, 487:
		return ringbid.VerdictNoAnswer
	case 488, 415, 606:
		return ringbid.VerdictFailed
	}
	switch {
	case status >= 200 && status < 300:
		return ringbid.VerdictAnswered
	case status >= 500 && status < 600:
		return ringbid.VerdictFailed
	}
	return ringbid.VerdictRefused // a 3xx too, where its trunk does not follow it
}

// verdictOfError reads why a leg failed without a status.
func verdictOfError(err error) ringbid.Verdict {
	switch {
	case errors.Is(err, leg.ErrNoAnswer):
		return ringbid.VerdictNoAnswer
	case errors.Is(err, leg.ErrInput), errors.Is(err, leg.ErrShutdown):
		return ringbid.VerdictLocal
	}
	return ringbid.VerdictUnreachable
}

// refusalOf reads why a call could not get audio.
func refusalOf(err error) ringbid.Reason {
	switch {
	case errors.Is(err, media.ErrNoPorts), errors.Is(err, media.ErrClosed):
		return reason(codeNoPorts)
	case errors.Is(err, sdp.ErrMalformed), errors.Is(err, sdp.ErrTooLarge):
		return reason(codeBadOffer)
	case errors.Is(err, sdp.ErrNoCodec), errors.Is(err, sdp.ErrNoAudio), errors.Is(err, sdp.ErrProfile), errors.Is(err, sdp.ErrHost):
		r := reason(codeCodec)
		r.Text = err.Error()
		return r
	case errors.Is(err, sdp.ErrCrypto), errors.Is(err, sdp.ErrPlain):
		r := reason(codeSecurity)
		r.Text = err.Error()
		return r
	}
	return reason(codeFault)
}

// warning returns the Warning text (RFC 3261 section 20.43) for an offer we
// cannot take.
func warning(err error) (code int, text string) {
	switch {
	case errors.Is(err, sdp.ErrNoCodec):
		return 305, "Incompatible media format"
	case errors.Is(err, sdp.ErrNoAudio):
		return 304, "Media type not available"
	case errors.Is(err, sdp.ErrProfile), errors.Is(err, sdp.ErrCrypto), errors.Is(err, sdp.ErrPlain):
		return 302, "Incompatible transport protocol"
	case errors.Is(err, sdp.ErrHost):
		return 301, "Incompatible network address formats"
	}
	return 399, "Session description not understood"
}
