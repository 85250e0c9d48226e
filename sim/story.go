package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid/sip/media"
)

// Story is what a caller went through. Times in MS are milliseconds since the
// INVITE, -1 for what did not happen.
type Story struct {
	From    string    `json:"from"`
	To      string    `json:"to"`
	Via     string    `json:"via"`
	CallID  string    `json:"sip_call_id"`
	Started time.Time `json:"started"`

	Answered bool   `json:"answered"`
	Status   int    `json:"status"` // final answer to the INVITE, 0 for none
	Reason   string `json:"reason,omitempty"`
	// Heard says that the buyer's tone came back: the call was bridged.
	Heard   bool   `json:"heard"`
	Sent    string `json:"digits,omitempty"` // keys pressed
	EndedBy string `json:"ended_by"`         // "caller", "platform" or "" for a call that was refused
	EndText string `json:"end_text,omitempty"`

	RingMS     int64 `json:"ring_ms"`      // first 18x
	AnswerMS   int64 `json:"answer_ms"`    // 200
	DigitsMS   int64 `json:"digits_ms"`    // the last key was sent
	HeardMS    int64 `json:"heard_ms"`     // the buyer's tone was certain
	HeardForMS int64 `json:"heard_for_ms"` // how long it was there
	EndMS      int64 `json:"end_ms"`

	PacketsSent     uint64  `json:"packets_sent"`
	PacketsReceived uint64  `json:"packets_received"`
	Lost            int64   `json:"packets_lost"`
	JitterMS        float64 `json:"jitter_ms"`

	Lines []Line `json:"lines"`
}

// Line is one moment of a story.
type Line struct {
	MS   int64  `json:"ms"`
	Text string `json:"text"`
}

// Bridged reports whether the call was answered and the buyer was heard.
func (s Story) Bridged() bool { return s.Answered && s.Heard }

// String tells the story, a line for each moment.
func (s Story) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s calls %s via %s\n", s.From, s.To, s.Via)
	for _, l := range s.Lines {
		fmt.Fprintf(&b, "%8.3f s  %s\n", float64(l.MS)/1000, l.Text)
	}
	fmt.Fprintf(&b, "%d packets sent, %d received, %d lost, jitter %.1f ms\n", s.PacketsSent, s.PacketsReceived, s.Lost, s.JitterMS)
	return b.String()
}

func newStory(c Caller, callID string) Story {
	return Story{
		From: c.From, To: c.To, Via: c.Via, CallID: callID, Started: time.Now(),
		RingMS: -1, AnswerMS: -1, DigitsMS: -1, HeardMS: -1, EndMS: -1,
	}
}

// tell adds a line and returns its time.
func (s *Story) tell(format string, args ...any) int64 {
	ms := time.Since(s.Started).Milliseconds()
	s.Lines = append(s.Lines, Line{ms, fmt.Sprintf(format, args...)})
	return ms
}

func (s *Story) count(m media.Stats) {
	s.PacketsSent, s.PacketsReceived, s.Lost = m.Sent, m.Received, max(0, m.Lost)
	s.JitterMS = float64(m.Jitter.Microseconds()) / 1000
}
