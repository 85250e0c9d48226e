package sim

import (
	"strings"
	"time"
)

// Behaviour is how a buyer takes a call.
type Behaviour struct {
	// Ring is how long it rings first; 0 = no ringing.
	Ring time.Duration
	// Reject is the final status given instead of an answer; 0 = it answers.
	Reject int
	Reason string // phrase beside Reject
	// Forever rings until the caller gives up.
	Forever bool
	// Talk is how long the buyer stays; 0 = until the other side hangs up.
	Talk time.Duration
	// HoldAt puts the caller on hold that long after the answer, for HoldFor;
	// 0 = never.
	HoldAt, HoldFor time.Duration
	// Keys are pressed one second after the answer.
	Keys string
	// Mute answers and sends no audio.
	Mute bool
}

// Behaviours returns how buyers behave by the user they are dialled under, with
// ring as how long it usually rings. What follows a dot in the user, such as
// the bid in "answer.RTB1", makes no difference; a number answers.
//
//	answer   rings and answers
//	busy     486 at once
//	decline  rings shortly, then 603; also "refuse"
//	noanswer rings for ever
//	slow     rings four times as long, then answers
//	brief    answers and hangs up after a second
//	hold     answers, and holds the caller in between
//	accept   answers and presses 1
//	mute     answers and sends no audio
//	closed   480 at once
//	broken   500 at once
func Behaviours(ring time.Duration) map[string]Behaviour {
	return map[string]Behaviour{
		"answer":   {Ring: ring},
		"busy":     {Reject: 486, Reason: "Busy Here"},
		"decline":  {Ring: ring / 2, Reject: 603, Reason: "Decline"},
		"refuse":   {Ring: ring / 2, Reject: 603, Reason: "Decline"},
		"noanswer": {Forever: true},
		"slow":     {Ring: 4 * ring},
		"brief":    {Ring: ring, Talk: time.Second},
		"hold":     {Ring: ring, HoldAt: 2 * time.Second, HoldFor: 2 * time.Second},
		"accept":   {Ring: ring, Keys: "1"},
		"mute":     {Ring: ring, Mute: true},
		"closed":   {Reject: 480, Reason: "Temporarily Unavailable"},
		"broken":   {Reject: 500, Reason: "Server Internal Error"},
	}
}

// behaviour returns how the user behaves; an unknown one is not found.
func behaviour(all map[string]Behaviour, user string) Behaviour {
	name, _, _ := strings.Cut(user, ".")
	if b, ok := all[strings.ToLower(name)]; ok {
		return b
	}
	if strings.Trim(name, "+0123456789") == "" && name != "" {
		return all["answer"]
	}
	return Behaviour{Reject: 404, Reason: "Not Found"}
}
