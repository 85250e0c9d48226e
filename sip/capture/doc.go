// Package capture keeps what went over the wire in a call, for the engineer who
// asks what the carrier really sent: each SIP message of every leg and, when
// asked to, the header of each RTP packet, as a pcap file that Wireshark opens.
// The same messages go to a Homer server as HEP version 3.
//
// # How the parts meet
//
// A Book has one goroutine. The telephone edge tells it of messages, calls and
// legs through a bounded queue that never waits; the media threads write RTP
// headers into a small ring of each stream, which the goroutine empties twice a
// second. It appends to one file per call and removes old files when they are
// too old or too many.
//
// # What it refuses to do
//
// It keeps no sound: of a media packet it has the twelve header bytes, the size
// and the addresses. Answers to digest challenges and the keys of SRTP are
// struck out before anything is written or sent. It delays nothing: what it
// cannot take it drops and counts.
//
// Messages are shown as datagrams whatever carried them, TLS included, so that
// every tool reads them; their text is as the parser understood it.
package capture
