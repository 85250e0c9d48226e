// Package siptest is what tests of the telephone edge call with: foreign
// parties as processes (sipp, baresip), a phone of our own, a peer that says
// exactly what it is told to, and ears that tell tones apart; and what tests of a
// server set it up and watch it with: a book of trunks, its events, its counters.
//
// Everything runs on loopback with real sockets, ends with the test, and waits
// for conditions instead of times. It knows nothing of what is tested: a test
// gives it addresses.
package siptest
