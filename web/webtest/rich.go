package webtest

import (
	"time"

	"github.com/ringbid/ringbid"
)

// RichID is the call in which everything happens.
const RichID = "019a0000-0000-7000-8000-000000000001"

// clock gives moments of a call, in milliseconds from its start.
type clock time.Time

func (c clock) at(ms int64) time.Time   { return time.Time(c).Add(time.Duration(ms) * time.Millisecond) }
func (c clock) ptr(ms int64) *time.Time { t := c.at(ms); return &t }

// rich is a call with five bidders of which one is busy, one slow, one declines
// and one is closed; the second one dialled takes it and talks for three
// minutes.
func rich(start time.Time) ringbid.Call {
	t := clock(start)
	c := ringbid.Call{
		ID: RichID, Node: "node-a", State: ringbid.StateEnded, Trunk: "carrier", SIPCallID: "a84b4c76e66710@192.0.2.10", Number: "+18005550100", Caller: "+13105550142",
		CallerName: "MARTINEZ ANA", Campaign: "auto-insurance", Publisher: "brightleads", Flow: "auto", FlowVersion: 7,
		Received: start, Answered: t.ptr(210), Connected: t.ptr(16_840), Ended: t.ptr(209_320),
		Outcome: ringbid.OutcomeBridged, Reason: ringbid.Reason{Code: "buyer_hung_up", Text: "the buyer hung up", SIP: 200, Q850: 16}, EndedBy: "buyer",
		Tags:    ringbid.TagMap{"zip": "90210", "state": "CA", "city": "Beverly Hills", "kind": "1", "attestation": "A", "region": "west"},
		Consent: &ringbid.Consent{Policy: "announce", State: "CA", Prompt: "recorded", At: t.at(260), Through: true},
		Buyer:   "keystone-insurance", Target: "keystone-agents", ConnectedMS: 192_480,
		Sale:      ringbid.Sale{Currency: "USD", Price: dollars(38), Revenue: dollars(38), Payout: dollars(24.7), Converted: true, Rule: "paid: connected 192.5 s, needs 30.0 s; publisher earns 65 % of revenue"},
		Recording: &ringbid.Recording{ID: "019a0000-0000-7000-8000-0000000000r1", Path: "2026/11/23/019a.wav", Started: t.at(210), MS: 209_110, Bytes: 3_345_818, Channels: 2, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
	}
	c.Steps = []ringbid.Step{
		{Node: "welcome", Type: ringbid.NodeDisclose, At: t.at(260), MS: 3410, Edge: "hours"},
		{Node: "hours", Type: ringbid.NodeHours, At: t.at(3672), MS: 1, Edge: "open"},
		{Node: "open", Type: ringbid.NodeAuction, At: t.at(3674), MS: 1, Edge: "kind"},
		{Node: "kind", Type: ringbid.NodeMenu, At: t.at(3676), MS: 2480, Answer: "1", Tries: 1, Edge: "zip"},
		{Node: "zip", Type: ringbid.NodeGather, At: t.at(6160), MS: 4300, Answer: "90210", Tries: 2, Edge: "region"},
		{Node: "west", Type: ringbid.NodeSet, At: t.at(10_462), MS: 1, Edge: "thanks"},
		{Node: "thanks", Type: ringbid.NodePlay, At: t.at(10_464), MS: 1900, Edge: "connect"},
		{Node: "connect", Type: ringbid.NodeDial, At: t.at(12_366), MS: 196_900},
	}
	c.Auction = richAuction(t, c.Tags)
	c.Legs = richLegs(t)
	c.Events = richEvents(t)
	return c
}

func richAuction(t clock, facts ringbid.TagMap) *ringbid.Auction {
	return &ringbid.Auction{
		ID: "019a0000-0000-7000-8000-0000000000a1", CallID: RichID, Campaign: "auto-insurance", Seed: 8_417_203_551, Opened: t.at(3674), Closed: t.ptr(11_520), CloseWhy: "cannot be beaten",
		Floor: dollars(10), Facts: facts, Winner: "keystone", Overtime: 840, Attempts: 2,
		Bids: []ringbid.Bid{
			{ID: "b1", Name: "apex", Target: "lakeside-best", Buyer: "lakeside", State: ringbid.BidTried, Reason: "busy (486)", Code: "busy", Amount: dollars(41), Priority: 10, Weight: 100, Rank: 1, BidID: "AP-77120", Pinged: t.ptr(10_470), Replied: t.ptr(10_655), Expires: t.ptr(25_655), Status: 200,
				Request: "GET https://bids.apex.example/v1/ping.json?CID=%2B13105550142&zipcode=90210", Reply: `{"bidId":"AP-77120","bidAmount":41.00,"expireInSeconds":15}`},
			{ID: "b2", Name: "keystone", Target: "keystone-agents", Buyer: "keystone-insurance", State: ringbid.BidWon, Amount: dollars(38), Priority: 10, Weight: 100, Rank: 2, BidID: "K-20931", User: "18885550142", Pinged: t.ptr(10_470), Replied: t.ptr(10_684), Expires: t.ptr(40_684), Status: 200,
				Request: "GET https://bids.keystone.example/v1/ping.json?CID=%2B13105550142&zipcode=90210", Reply: `{"bidId":"K-20931","bidAmount":38.00,"expireInSeconds":30,"phoneNumber":"18885550142"}`},
			{ID: "b3", Name: "northwind-auto", Target: "northwind-auto", Buyer: "northwind", State: ringbid.BidStanding, Amount: dollars(22), Priority: 5, Weight: 100, Rank: 3, Static: true},
			{ID: "b4", Name: "orchard", Target: "orchard-agents", Buyer: "orchard-mutual", State: ringbid.BidLate, Reason: "still thinking when the auction could not be beaten any more", Priority: 10, Weight: 100, Pinged: t.ptr(10_471)},
			{ID: "b5", Name: "redwood", Target: "redwood-agents", Buyer: "redwood-direct", State: ringbid.BidDeclined, Reason: "no coverage for this ZIP", Code: "1004", Priority: 10, Weight: 100, Pinged: t.ptr(10_471), Replied: t.ptr(10_560), Status: 200, Reply: `{"rejectReason":"1004","message":"no coverage"}`},
			{ID: "b6", Name: "summit-auto", Target: "summit-auto", Buyer: "summit", State: ringbid.BidIneligible, Reason: "closed until Mon 09:00 (buyer’s time)", Code: "closed", Amount: 0, Priority: 10, Weight: 100, Static: true},
		},
	}
}

func richLegs(t clock) []ringbid.Leg {
	msg := func(ms int64, sent bool, text, cseq string, size int) ringbid.Message {
		return ringbid.Message{At: t.at(ms), Sent: sent, Text: text, CSeq: cseq, Size: size}
	}
	return []ringbid.Leg{
		{ID: "l0", Side: "caller", Name: "caller", Trunk: "carrier", Peer: "192.0.2.10:5060", Started: t.at(0), Answered: t.ptr(210), Ended: t.ptr(209_330), Status: 200, EndedBy: "ringbid", Codec: "PCMU",
			Media: ringbid.Media{Local: "203.0.113.5:20014", Remote: "192.0.2.10:31002", PacketsIn: 10_451, PacketsOut: 10_455, Lost: 7, JitterMS: 2.4, Digits: 6, RoundTripMS: 38,
				In:  ringbid.Quality{Packets: 10_458, Lost: 7, LossPercent: 0.07, JitterMS: 2.1, JitterMaxMS: 8.7, MOS: 4.38},
				Out: ringbid.Quality{Packets: 10_400, Lost: 208, LossPercent: 2, JitterMS: 6.3, JitterMaxMS: 21.5, MOS: 3.82}},
			Messages: []ringbid.Message{msg(0, false, "INVITE", "1 INVITE", 1184), msg(1, true, "100 Trying", "1 INVITE", 312), msg(205, true, "200 OK", "1 INVITE", 894), msg(244, false, "ACK", "1 ACK", 402), msg(209_322, true, "BYE", "2 BYE", 460), msg(209_360, false, "200 OK", "2 BYE", 310)}},
		{ID: "l1", Side: "buyer", Name: "apex", Target: "lakeside-best", Trunk: "exchange", Peer: "198.51.100.7:5060", Started: t.at(12_370), Ended: t.ptr(12_512), Status: 486, Verdict: ringbid.VerdictBusy, Reason: "Busy Here", EndedBy: "buyer",
			Messages: []ringbid.Message{msg(12_370, true, "INVITE", "1 INVITE", 1302), msg(12_391, false, "100 Trying", "1 INVITE", 290), msg(12_508, false, "486 Busy Here", "1 INVITE", 330), msg(12_509, true, "ACK", "1 ACK", 380)}},
		{ID: "l2", Side: "buyer", Name: "keystone", Target: "keystone-agents", Trunk: "exchange", Peer: "198.51.100.7:5060", Started: t.at(12_530), Ringing: t.ptr(12_940), Answered: t.ptr(16_840), Ended: t.ptr(209_320), Status: 200, Verdict: ringbid.VerdictAnswered, EndedBy: "buyer", Codec: "PCMU",
			Media: ringbid.Media{Local: "203.0.113.5:20018", Remote: "198.51.100.7:18230", PacketsIn: 9_622, PacketsOut: 9_630, Lost: 2, JitterMS: 1.1, RoundTripMS: 22, SRTP: "AES_CM_128_HMAC_SHA1_80",
				In: ringbid.Quality{Packets: 9_624, Lost: 2, LossPercent: 0.02, JitterMS: 1.2, JitterMaxMS: 3.4, MOS: 4.39}},
			Messages: []ringbid.Message{msg(12_530, true, "INVITE", "1 INVITE", 1310), msg(12_552, false, "100 Trying", "1 INVITE", 290), msg(12_940, false, "180 Ringing", "1 INVITE", 320), msg(16_838, false, "200 OK", "1 INVITE", 870), msg(16_839, true, "ACK", "1 ACK", 402), msg(209_318, false, "BYE", "2 BYE", 440), msg(209_319, true, "200 OK", "2 BYE", 300)}},
	}
}

func richEvents(t clock) []ringbid.Event {
	list := []ringbid.Event{
		{At: t.at(0), Kind: ringbid.EventReceived, Text: "call came in on carrier", Data: map[string]string{"number": "+18005550100", "caller": "+13105550142", "trunk": "carrier", "campaign": "auto-insurance", "publisher": "brightleads"}},
		{At: t.at(210), Kind: ringbid.EventAnswered},
		{At: t.at(260), Kind: ringbid.EventStep, Node: "welcome"},
		{At: t.at(3674), Kind: ringbid.EventOpened},
		{At: t.at(6156), Kind: ringbid.EventAnswer, Node: "kind", Data: map[string]string{"tag": "kind", "digits": "1"}},
		{At: t.at(10_460), Kind: ringbid.EventAnswer, Node: "zip", Data: map[string]string{"tag": "zip", "digits": "90210"}},
		{At: t.at(10_470), Kind: ringbid.EventPing, Bid: "keystone"},
		{At: t.at(10_655), Kind: ringbid.EventBid, Bid: "apex", Data: map[string]string{"state": "bid", "amount": "41.00", "ms": "185"}},
		{At: t.at(10_684), Kind: ringbid.EventBid, Bid: "keystone", Data: map[string]string{"state": "bid", "amount": "38.00", "ms": "214"}},
		{At: t.at(11_520), Kind: ringbid.EventClosed, Data: map[string]string{"why": "cannot be beaten", "best": "apex", "amount": "41.00"}},
		{At: t.at(12_370), Kind: ringbid.EventDial, Leg: "l1", Data: map[string]string{"target": "lakeside-best", "buyer": "lakeside", "price": "41.00"}},
		{At: t.at(12_512), Kind: ringbid.EventLegEnd, Leg: "l1", Data: map[string]string{"verdict": "busy", "status": "486"}},
		{At: t.at(12_530), Kind: ringbid.EventDial, Leg: "l2", Data: map[string]string{"target": "keystone-agents", "buyer": "keystone-insurance", "price": "38.00"}},
		{At: t.at(12_940), Kind: ringbid.EventRinging, Leg: "l2"},
		{At: t.at(12_950), Kind: ringbid.EventPop, Text: "screen pop sent to agent", Data: map[string]string{"agents": "agent"}},
		{At: t.at(16_840), Kind: ringbid.EventBridged, Leg: "l2"},
		{At: t.at(209_320), Kind: ringbid.EventEnded, Text: "the buyer hung up", Data: map[string]string{"by": "buyer", "code": "buyer_hung_up", "outcome": "bridged"}},
		{At: t.at(209_352), Kind: ringbid.EventSettled, Data: map[string]string{"revenue": "38.00", "payout": "24.70", "currency": "USD"}},
	}
	for i := range list {
		list[i].Call, list[i].Seq = RichID, i+1
	}
	return list
}
