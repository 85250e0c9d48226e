package ringbid

import "time"

// TrunkState is how a trunk is, as the node that says it sees it.
type TrunkState struct {
	Trunk string `json:"trunk"`
	// Up is false while the trunk does not answer; nobody is called by it then.
	Up    bool      `json:"up"`
	Since time.Time `json:"since"`
	// Status and Text are what it answered last, 0 for no answer; Asked is when.
	Status int       `json:"status,omitempty"`
	Text   string    `json:"text,omitempty"`
	Asked  time.Time `json:"asked,omitzero"`
	// BusyUntil is until when it asked not to be called.
	BusyUntil time.Time `json:"busy_until,omitzero"`
	// Registration is "registered", or why not; empty where none is asked for.
	Registration    string    `json:"registration,omitempty"`
	Registered      bool      `json:"registered,omitempty"`
	RegisteredUntil time.Time `json:"registered_until,omitzero"`
}
