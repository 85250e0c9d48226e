package ringbid

import "time"

// Event is one thing that happened during a call. Events are best effort for
// the screens while the call runs; the same list is stored with the call.
type Event struct {
	Call string    `json:"call"`
	Seq  int       `json:"seq"` // from 1 within the call
	At   time.Time `json:"at"`
	Kind EventKind `json:"kind"`
	// Leg, Node and Bid name what it is about, where there is such a thing.
	Leg  string `json:"leg,omitempty"`
	Node string `json:"node,omitempty"`
	Bid  string `json:"bid,omitempty"`
	Text string `json:"text,omitempty"` // a sentence for people
	// Data holds the particulars; keys are lower_snake.
	Data map[string]string `json:"data,omitempty"`
}

// EventKind says what happened.
type EventKind string

// The kinds of event.
const (
	EventReceived  EventKind = "call.received" // data: number, caller, trunk, campaign, publisher
	EventAnswered  EventKind = "call.answered"
	EventRejected  EventKind = "call.rejected" // data: code, status
	EventStep      EventKind = "flow.step"     // node entered; data: type
	EventAnswer    EventKind = "flow.answer"   // data: tag, digits
	EventTag       EventKind = "flow.tag"      // data: name to value
	EventDigit     EventKind = "call.digit"    // data: digit
	EventOpened    EventKind = "auction.opened"
	EventPing      EventKind = "auction.ping"   // bid
	EventBid       EventKind = "auction.bid"    // bid; data: state, amount, reason, ms
	EventClosed    EventKind = "auction.closed" // data: why, best, amount
	EventDial      EventKind = "leg.dial"       // leg; data: target, buyer, price; of a transfer: to
	EventRinging   EventKind = "leg.ringing"    // leg; data: target, buyer
	EventLegAnswer EventKind = "leg.answered"   // leg
	EventLegEnd    EventKind = "leg.ended"      // leg; data: verdict, status, by
	EventBridged   EventKind = "call.bridged"   // leg
	EventHold      EventKind = "call.hold"      // leg; data: on
	EventForced    EventKind = "call.forced"    // data: target, by
	EventWatched   EventKind = "call.watched"   // data: by, mode
	EventTransfer  EventKind = "call.transfer"  // leg who asked; data: kind, to, verdict ("" when it begins), status
	EventPop       EventKind = "pop.sent"       // data: agents
	EventEnded     EventKind = "call.ended"     // data: by, code, outcome
	EventSettled   EventKind = "call.settled"   // data: revenue, payout, currency
	EventTrunkDown EventKind = "trunk.down"     // of no call; data: trunk, status
	EventTrunkUp   EventKind = "trunk.up"       // of no call; data: trunk, status
	EventRecorded  EventKind = "call.recorded"  // data: ms, bytes
)

// MaxEvents bounds how many events are kept with one call.
const MaxEvents = 1000
