package webhook

import (
	"slices"
	"time"

	"github.com/ringbid/ringbid"
)

// What a partner may say became of a lead.
const (
	Contacted   = "contacted"
	Appointment = "appointment"
	Quoted      = "quoted"
	Converted   = "converted"
	Invalid     = "invalid"
	Returned    = "returned"
	Duplicate   = "duplicate"
	NoContact   = "no_contact"
)

// Statuses returns all statuses, for lists.
func Statuses() []string {
	return []string{Contacted, Appointment, Quoted, Converted, Invalid, Returned, Duplicate, NoContact}
}

// Event is one thing that became of a lead.
type Event struct {
	// ID is the same in a repeat of the event; it is unique within one partner.
	ID string
	// LeadID is ours, BuyerLeadID the partner's own; one of them is there.
	LeadID      string
	BuyerLeadID string
	Status      string    // one of Statuses
	At          time.Time // when it happened, else when it was signed; zero where neither is known
	Version     int64     // 0 where the partner counts none
	Amount      *ringbid.Money
	Note        string // 2000 letters at most
	Raw         string // the event as it came, 16 KB at most
}

// words are what partners commonly write, folded.
func words() map[string][]string {
	return map[string][]string{
		Contacted: {
			"contact_made", "reached", "connected", "spoke", "spoken", "spoke_with", "talked", "answered",
		},
		Appointment: {
			"appt", "appointment_set", "appt_set", "appointment_scheduled", "appointment_booked", "scheduled", "booked", "meeting_set", "meeting_scheduled",
		},
		Quoted:    {"quote", "quote_sent", "quote_given", "proposal", "proposal_sent", "estimate_sent"},
		Converted: {"conversion", "sold", "sale", "won", "closed_won", "funded", "enrolled", "policy_sold", "policy_bound", "purchased", "customer"},
		Invalid: {
			"bad", "bad_lead", "bad_number", "wrong_number", "disconnected", "disconnected_number", "not_valid", "bogus", "fake",
		},
		Returned:  {"return", "return_requested", "refund", "refunded", "refund_requested", "credit_requested"},
		Duplicate: {"dupe", "dup", "duplicate_lead", "duplicated", "already_exists"},
		NoContact: {
			"not_contacted", "no_answer", "unreachable", "unable_to_contact", "unable_to_reach", "could_not_reach", "voicemail", "left_voicemail", "left_message",
		},
	}
}

// commonWord returns our status for a folded word, or "".
func commonWord(word string) string {
	for status, all := range words() {
		if word == status || slices.Contains(all, word) {
			return status
		}
	}
	return ""
}
