// Package locate finds the servers of a SIP domain as RFC 3263 says: NAPTR for
// the transport, SRV for the hosts with their priorities and weights, A and
// AAAA for the addresses. Answers are kept for their time to live.
//
// It refuses to look up what nobody configured, to follow chains without end
// and to read answers of any size: a query takes 2 s and an answer 4 KiB at
// most. Hosts without DNS (the hosts file, one-word names) are left to the
// system.
package locate
