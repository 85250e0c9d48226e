// Package ringbid holds the nouns of the platform: what an operator would say
// aloud about a call, a campaign, a buyer, a bid and the money between them.
//
// It knows how to tell a sound document from an unsound one, how to add money
// without losing a cent, how to read a phone number, and which reason a call
// ended for. It does not talk SIP, run flows, ask bidders, store rows or draw
// pages: the packages beside it do, each importing this one and seldom one
// another. It imports the standard library only.
//
// The documents (Trunk, Number, Campaign, Flow, Buyer, Target, Bidder,
// Publisher, Prompt, User) are what an operator writes; a [Book] is a checked,
// immutable set of them that the live parts read. A [Call] is what is known of
// one call when it is over; an [Event] is one thing that happened during it.
package ringbid
