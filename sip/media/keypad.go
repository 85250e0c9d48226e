package media

import (
	"encoding/binary"
	"time"
)

// keys are the digits in the order of their event codes (RFC 4733 section 3.2).
const keys = "0123456789*#ABCD"

// A press longer than one segment can say (0xFFFF samples, RFC 4733 section
// 2.5.1.3) goes on under a new timestamp, about that far from the first.
const (
	segmentMin = 60000
	segmentMax = 0x10000 + 5*frameSamples
)

// keypad recognises key presses among the event packets of one source. A press
// is one (SSRC, timestamp, event), reported by whichever of its packets comes
// first: markers and ends may be lost, all packets may be repeated.
type keypad struct {
	ssrc, ts uint32
	event    uint8
	begun    bool
	ended    bool
	last     int64
	apart    bool // it began before there was anybody to relay it to
}

// press reads an event payload and returns the digit if a press starts with it.
func (k *keypad) press(p rtpPacket, payload []byte, now int64) (digit byte, ok bool) {
	if len(payload) < 4 || int(payload[0]) >= len(keys) {
		return 0, false
	}
	event, end := payload[0], payload[1]&0x80 != 0
	if k.begun && p.ssrc == k.ssrc {
		ahead := int32(p.ts - k.ts)
		switch {
		case ahead == 0 && event == k.event:
			k.ended, k.last = k.ended || end, now
			return 0, false
		case ahead < 0 && ahead > -10*sampleRate:
			return 0, false // a straggler of an earlier press
		case event == k.event && !k.ended && ahead >= segmentMin && ahead <= segmentMax && now-k.last < int64(time.Second/2):
			k.ts, k.ended, k.last = p.ts, end, now
			return 0, false
		}
	}
	*k = keypad{ssrc: p.ssrc, ts: p.ts, event: event, begun: true, ended: end, last: now}
	return keys[event], true
}

// The timing of a key we send, in ticks of 20 ms: 120 ms tone, 80 ms gap. The
// last packet of the tone is repeated twice (RFC 4733 section 2.5.1.4).
const (
	toneTicks  = 6
	keyRepeats = 2
	keyTicks   = 10
	pauseTicks = 25 // 'w'
	maxQueued  = 256
)

// dialler sends keys: it says what to do in each tick.
type dialler struct {
	queue []byte
	tick  int
}

// push queues what can be sent of digits.
func (d *dialler) push(digits string) {
	for _, c := range []byte(digits) {
		if c >= 'a' && c <= 'd' {
			c -= 'a' - 'A'
		}
		if _, ok := eventOf(c); (ok || c == 'w' || c == 'W') && len(d.queue) < maxQueued {
			d.queue = append(d.queue, c)
		}
	}
}

// eventOf is the event code of a digit.
func eventOf(c byte) (uint8, bool) {
	for i := range len(keys) {
		if keys[i] == c {
			return uint8(i), true
		}
	}
	return 0, false
}

// sounding reports whether the present tick belongs to a key.
func (d *dialler) sounding() bool {
	if len(d.queue) == 0 {
		return false
	}
	_, key := eventOf(d.queue[0])
	return key && d.tick < toneTicks+keyRepeats
}

// payload writes the event of the present tick.
func (d *dialler) payload(b []byte) []byte {
	event, _ := eventOf(d.queue[0])
	flags := byte(10) // -10 dBm0
	if d.tick >= toneTicks-1 {
		flags |= 0x80
	}
	b[0], b[1] = event, flags
	binary.BigEndian.PutUint16(b[2:], uint16(frameSamples*min(toneTicks, d.tick+1)))
	return b[:4]
}

// advance ends the tick; it reports whether the queue became empty.
func (d *dialler) advance() (done bool) {
	if len(d.queue) == 0 {
		return false
	}
	d.tick++
	limit := keyTicks
	if _, key := eventOf(d.queue[0]); !key {
		limit = pauseTicks
	}
	if d.tick < limit {
		return false
	}
	d.tick = 0
	d.queue = d.queue[:copy(d.queue, d.queue[1:])]
	return len(d.queue) == 0
}
