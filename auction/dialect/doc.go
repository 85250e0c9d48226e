// Package dialect speaks other people's bidding formats, in both directions:
// as the one who asks ([Ringba], an auction.Bidder) and as the one who is asked
// ([DecodeRequest] and [EncodeBid], with which a simulated or real buyer
// answers).
//
// The Ringba format is JSON or XML over HTTP. The path of the address decides
// the format of the answer (.json, .xml), the Content-Type that of the question.
// Names are matched without regard to case, and values may be strings or
// numbers. An HTTP status never means that a bid was made: that takes an
// identifier, a destination, an amount and time left.
//
// The package does not rank, does not judge whether a price is sensible, and
// does not keep bids.
package dialect
