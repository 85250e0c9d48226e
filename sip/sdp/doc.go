// Package sdp reads and writes session descriptions (RFC 8866) and decides
// offers and answers (RFC 3264) for one audio stream.
//
// It is pure: no sockets, no clocks, no goroutines. Parse turns a body into a
// Session, Offer and Answer write bodies for a Local description, Accept reads
// the answer to our own offer. Answer and Accept both end in an Agreed, which
// is all the media plane needs to know.
//
// SRTP is keyed by a=crypto lines (RFC 4568), which a Local must ask for. It
// refuses to negotiate what the product does not carry: DTLS-SRTP, video, codecs
// of another clock than 8 kHz (Opus), names instead of addresses in c= lines,
// and T.38. Refused streams are answered with port 0 in their place, so the
// order of m= lines never changes.
package sdp
