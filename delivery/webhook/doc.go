// Package webhook reads what a partner calls back with: that a lead was
// contacted, sold, returned.
//
// A Scheme says how the partner proves that it is the partner: a signature over
// the body in one of the common forms, or a token. Verify holds a request against
// it, in constant time, under every secret that is valid at the moment, so that
// secrets can be changed without a gap; a signature that covers a time is good
// for a while only. Sign makes the headers Verify wants, for simulators and tests.
//
// Rules say where in the body the partner writes what, and which of its words
// mean which of ours. Read makes events of a JSON object, an array of them, or a
// form. Nothing is guessed: a word nobody knows, a time without a zone, an amount
// that is no plain decimal, a key that stands there twice and differs are Invalid
// errors that name the field, because an event that is understood wrongly moves
// money.
//
// Everything is a pure function of its arguments. The package does not listen,
// keep, look up a lead or tell repeats apart; for the last it gives each event an
// id that a repeat of it has too.
package webhook
