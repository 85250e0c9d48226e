package ringbid

import "slices"

// Extension is a telephone behind a trunk.
type Extension struct {
	Trunk string `json:"trunk"`
	User  string `json:"user"` // a number or SIP user
}

// What a supervisor does at a live call.
const (
	SuperviseOff     = "off"     // leaves it
	SuperviseListen  = "listen"  // hears both parties, is heard by nobody
	SuperviseWhisper = "whisper" // is heard by the agent only
	SuperviseBarge   = "barge"   // is heard by both
)

// Supervision is a supervisor's order about a live call.
type Supervision struct {
	By    string    // the user's name
	Phone Extension // rings for the first order about a call
	Mode  string    // SuperviseOff, -Listen, -Whisper or -Barge
}

// SuperviseMode reports whether s is one of the modes.
func SuperviseMode(s string) bool {
	return slices.Contains([]string{SuperviseOff, SuperviseListen, SuperviseWhisper, SuperviseBarge}, s)
}
