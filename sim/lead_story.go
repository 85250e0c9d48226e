package sim

import (
	"fmt"
	"time"
)

// LeadStory is what became of a lead that was posted.
type LeadStory struct {
	Source     string // the URL of the LeadSource
	ExternalID string // the publisher's own id of the lead
	Fields     map[string]string
	// Twice says that the person came before, Again that the lead did, under the
	// same id. Bad says that a value is not sound.
	Twice, Again, Bad bool

	// PingStatus and PingID are of the ping, where there was one. A ping that was
	// not accepted is the end of the story, and Answer is its answer.
	PingStatus int
	PingID     string

	Status int            // of the post; 0 where there was none, or no answer
	Answer map[string]any // nil where it is no JSON object
	Err    error          // why there is no whole answer
	At     time.Time
	Took   time.Duration
}

// Accepted reports whether the platform said that it took the lead.
func (s LeadStory) Accepted() bool { return s.Status != 0 && s.Answer["status"] == "accepted" }

// String tells the story in a line, without saying who the person is.
func (s LeadStory) String() string {
	return fmt.Sprintf("%s to %s: ping %d, post %d, %v after %s", s.ExternalID, s.Source, s.PingStatus, s.Status, s.Answer["status"], s.Took.Round(time.Millisecond))
}
