// Package sim is the simulated world around the platform: a [Carrier] whose
// callers dial, listen, press keys and talk, [Buyers] who answer, are busy, let
// it ring or hang up, [Bidders] who name prices over HTTP or misbehave, and
// [Traffic] that keeps calls coming. The demo, the tests, the measurements and
// the checks against foreign equipment use it.
//
// Nothing in it is pretended: the parties speak SIP over real sockets, send
// real RTP in real time, press keys as RFC 4733 events, and answer real HTTP
// requests. Each side sends speech-like sound with a steady tone of its own in
// it and listens for the tone of the other side, so that "they heard each
// other" is a measurement.
//
// The world of data leads has its own people: [LeadTraffic] posts leads of
// believable consumers, [LeadBuyers] buy them, refuse them or misbehave in one of
// the ways of [LeadFaults], [Salesforce] and [HubSpot] are an org and an account
// to write to. What they were told and what they really kept is theirs to say
// afterwards, however their answers got lost: "sold once" is a measurement too.
//
// It knows the platform only from outside. It refuses to read its database, to
// share memory with it, and to be part of a production set-up.
//
// A [Story] tells what a caller went through; a [Visit] what a buyer saw. The
// user part a buyer is dialled under says how it behaves ([Behaviours]); the
// name in a bidder's URL does the same ([Biddings]), and in a lead buyer's
// ([LeadBuyings]). A [LeadStory] tells what became of a lead. A line is one
// party's end of the audio, an ear its measuring tap.
package sim
