package connector

import (
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Class is what an exchange came to; a verdict is made of it.
type Class string

// The classes.
const (
	// ClassAccepted: the partner took it.
	ClassAccepted Class = "accepted"
	// ClassRejected: the partner read it and does not want it.
	ClassRejected Class = "rejected"
	// ClassAuth: the partner does not know us, even with a fresh token.
	ClassAuth Class = "auth"
	// ClassThrottled: the partner asks to come again later.
	ClassThrottled Class = "throttled"
	// ClassServer: the partner says it broke.
	ClassServer Class = "server_error"
	// ClassAmbiguous: it was sent, and whether it was taken cannot be told.
	ClassAmbiguous Class = "ambiguous"
	// ClassNeverSent: not a byte of it left us; trying again may help.
	ClassNeverSent Class = "never_sent"
	// ClassUnsound: it could not be made from this lead and this configuration;
	// nothing left us, and trying again does not help.
	ClassUnsound Class = "unsound"
)

// Classes returns all classes, for tables.
func Classes() []Class {
	return []Class{
		ClassNeverSent, ClassAmbiguous, ClassThrottled, ClassServer, ClassAuth, ClassRejected, ClassAccepted, ClassUnsound,
	}
}

// Further codes of an outcome; those of an Error come too.
const (
	CodeMapping       Code = "mapping"        // the map does not take the lead
	CodeToken         Code = "token"          // no token to act with
	CodeStatus        Code = "status"         // the status decided
	CodeRule          Code = "rule"           // the success rule said no
	CodeWebPage       Code = "web_page"       // a page for people instead of an answer
	CodeNotUnderstood Code = "not_understood" // not of the kind it should be
	CodeContradiction Code = "contradiction"  // says a thing twice, differently
	CodeAsked         Code = "asked_to_wait"  // the retry rule
)

// Outcome is what came of an exchange.
type Outcome struct {
	Class Class `json:"class"`
	Code  Code  `json:"code,omitempty"` // "" where accepted
	Sent  Sent  `json:"sent"`
	// Reason is a phrase for people: the partner's, else ours.
	Reason string `json:"reason,omitempty"`
	ID     string `json:"id,omitempty"` // the partner's
	// Price is exact; nil where none was given or it could not be read, which
	// Note then says.
	Price *ringbid.Money `json:"price,omitempty"`
	Note  string         `json:"note,omitempty"`
	// Unconfirmed: accepted, as far as this partner ever says.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
	// Declined: rejected because the partner does not want it, not because something
	// is wrong with it.
	Declined bool `json:"declined,omitempty"`
	// RetryAfter is how long the partner asks us to wait; 0 where it does not say.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Status     int           `json:"status,omitempty"` // of HTTP; 0 without an answer
	Took       time.Duration `json:"took"`
	// Request and Response are copies without secrets, 16 KB at most.
	Request  string `json:"request,omitempty"`
	Response string `json:"response,omitempty"`
	// Mapped explains the fields; its problems are why an outcome is Unsound.
	Mapped mapping.Result `json:"mapped,omitzero"`
}
