package media

import (
	"net/netip"
	"time"
)

// Stats is what one stream counted since it was opened.
type Stats struct {
	Local   netip.AddrPort // advertised RTP address
	Remote  netip.AddrPort // where packets go now; zero before Params named a peer
	Latched bool           // a source has been accepted and is heard exclusively
	Sealed  Suite          // how what we send is protected now; "" = not
	Opened  Suite          // how what the peer sends is protected; "" = not

	Received      uint64        // RTP packets accepted from the peer
	ReceivedBytes uint64        // their payload bytes
	Sent          uint64        // RTP packets sent to the peer
	SentBytes     uint64        // their payload bytes
	Lost          int64         // packets missing by sequence number (RFC 3550 A.3); duplicates can make it negative
	LostRuns      uint64        // runs of consecutive missing packets; one filled in late still counts
	Jitter        time.Duration // interarrival jitter (RFC 3550 A.8), now
	JitterMean    time.Duration // the mean of it over all packets
	JitterMax     time.Duration // the highest it was
	LateDrops     uint64        // packets that came too late to be relayed, from before a source switch
	First, Last   time.Time     // arrival of the first and the last accepted packet; zero if none

	WrongSource  uint64 // packets from addresses that are not the peer; once latched the kernel drops them uncounted
	WrongPayload uint64 // packets with a payload type that was not agreed
	Malformed    uint64 // datagrams that are not RTP
	Forged       uint64 // SRTP and SRTCP packets with a wrong tag
	Replayed     uint64 // SRTP and SRTCP packets that had been there, or are too old to tell
	SendErrors   uint64 // packets the kernel refused to send
	EventsLost   uint64 // events dropped because the receiver's channel was full
	Digits       uint64 // keys pressed by the peer

	RTCPReceived  uint64        // valid RTCP packets of the peer
	RTCPMalformed uint64        // RTCP datagrams dropped as unreadable
	PeerLost      int64         // packets the peer misses of ours, from its last report
	PeerFraction  float64       // share the peer lost since its report before that, 0..1
	PeerJitter    time.Duration // jitter the peer sees
	PeerReports   uint64        // reports the peer made about us
	PeerOf        uint64        // packets we had sent when the last of them came
	PeerJitterSum time.Duration // of all reports
	PeerJitterMax time.Duration // the highest of them
	RTT           time.Duration // round trip from the last report that allowed to compute it; 0 = unknown
	RTTMax        time.Duration // the longest
}

// tally is the part of Stats that a session counts apart from its halves.
type tally struct {
	LateDrops, WrongSource, WrongPayload, Malformed, SendErrors, EventsLost, Digits uint64

	RTCPReceived, RTCPMalformed, PeerReports, PeerOf      uint64
	PeerLost                                              int64
	PeerFraction                                          float64
	PeerJitter, PeerJitterSum, PeerJitterMax, RTT, RTTMax time.Duration
}

func (t *tally) stats() Stats {
	return Stats{
		LateDrops: t.LateDrops, WrongSource: t.WrongSource, WrongPayload: t.WrongPayload, Malformed: t.Malformed,
		SendErrors: t.SendErrors, EventsLost: t.EventsLost, Digits: t.Digits,
		RTCPReceived: t.RTCPReceived, RTCPMalformed: t.RTCPMalformed, PeerReports: t.PeerReports, PeerOf: t.PeerOf,
		PeerLost: t.PeerLost, PeerFraction: t.PeerFraction, PeerJitter: t.PeerJitter, PeerJitterSum: t.PeerJitterSum,
		PeerJitterMax: t.PeerJitterMax, RTT: t.RTT, RTTMax: t.RTTMax,
	}
}
