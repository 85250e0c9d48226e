package leg

import (
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// ladder keeps the last messages of a leg, for as long as its call lives: in
// few bytes.
type ladder struct {
	mu   sync.Mutex
	list []rung
}

// rung is a TraceEntry without what the leg knows and what only Config.Trace
// gets.
type rung struct {
	at      time.Time
	peer    netip.AddrPort
	network string
	summary string
	method  string
	seq     uint32
	bytes   int32
	sent    bool
}

const (
	ladderSize = 200
	// ladderFirst is room for a call that is answered and hung up.
	ladderFirst = 6
)

func (d *ladder) add(r rung) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch len(d.list) {
	case 0:
		d.list = make([]rung, 0, ladderFirst)
	case ladderSize:
		d.list = append(d.list[:0], d.list[1:]...)
	}
	d.list = append(d.list, r)
}

func (d *ladder) entries(callID string) []TraceEntry {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]TraceEntry, 0, len(d.list))
	for _, r := range d.list {
		out = append(out, r.entry(callID))
	}
	return out
}

func (r rung) entry(callID string) TraceEntry {
	e := TraceEntry{At: r.at, CallID: callID, Network: r.network, Peer: r.peer, Sent: r.sent, Summary: r.summary, Bytes: int(r.bytes)}
	if r.method != "" {
		e.CSeq = strconv.FormatUint(uint64(r.seq), 10) + " " + r.method
	}
	return e
}
