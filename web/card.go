package web

import (
	"time"

	"github.com/ringbid/ringbid"
)

// Stage is where a live call stands.
type Stage string

// The stages, in the order a call goes through them. A call never goes back.
const (
	StageFlow    Stage = "flow"
	StageAuction Stage = "auction"
	StageRinging Stage = "ringing"
	StageTalking Stage = "talking"
	StageEnded   Stage = "ended"
)

// Card is one call on the board.
type Card struct {
	Call      string        `json:"call"`
	Seq       int           `json:"seq"` // last event taken in
	Stage     Stage         `json:"stage"`
	Since     time.Time     `json:"since"` // when it came into the stage
	Received  time.Time     `json:"received"`
	Number    ringbid.Phone `json:"number,omitempty"`
	Caller    ringbid.Phone `json:"caller,omitempty"`
	Campaign  string        `json:"campaign,omitempty"`
	Publisher string        `json:"publisher,omitempty"`
	Trunk     string        `json:"trunk,omitempty"`
	Best      string        `json:"best,omitempty"`   // who bids most so far
	Amount    string        `json:"amount,omitempty"` // and how much
	Buyer     string        `json:"buyer,omitempty"`  // who is dialled or talks
	Target    string        `json:"target,omitempty"`
	Watch     string        `json:"watch,omitempty"` // which supervisor does what
	Outcome   string        `json:"outcome,omitempty"`
	Text      string        `json:"text,omitempty"` // what it does, or how it ended
}

// Masked returns the card without the caller's whole number.
func (c Card) Masked() Card {
	c.Caller = ringbid.Phone(c.Caller.Mask())
	return c
}
