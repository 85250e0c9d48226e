// Package interop proves the telephone edge against foreign peers: each row of
// its table is one case of one RFC, played by sipp, baresip, kamailio or, where
// none of them can do it, by a peer that sends the bytes a test spells out.
//
// It holds tests only. Run with -v they print the table of RFC, case, peer and
// result, the same that `make interop` prints.
package interop
