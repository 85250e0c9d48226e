package media

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eventPacket is one packet of a scripted key press.
type eventPacket struct {
	ms       int64
	ssrc, ts uint32
	event    byte
	end      bool
	marker   bool
}

func pressed(script []eventPacket) string {
	var k keypad
	out := ""
	for _, e := range script {
		payload := []byte{e.event, 10, 0, 160}
		if e.end {
			payload[1] |= 0x80
		}
		if d, ok := k.press(rtpPacket{ssrc: e.ssrc, ts: e.ts, marker: e.marker}, payload, e.ms*tick); ok {
			out += string(d)
		}
	}
	return out
}

func TestKeypad(t *testing.T) {
	t.Parallel()
	long := []eventPacket{{ms: 0, ts: 100, event: 9, marker: true}}
	for seg := range uint32(3) { // 24 s in three segments
		for i := range int64(400) {
			long = append(long, eventPacket{ms: int64(seg)*8180 + i*20, ts: 100 + seg*65440, event: 9})
		}
	}
	long = append(long, eventPacket{ms: 24500, ts: 100 + 2*65440, event: 9, end: true})
	for name, c := range map[string]struct {
		script []eventPacket
		want   string
	}{
		"clean": {[]eventPacket{{0, 1, 100, 5, false, true}, {20, 1, 100, 5, false, false}, {40, 1, 100, 5, true, false}}, "5"},
		"three copies of each": {[]eventPacket{{0, 1, 100, 1, false, true}, {0, 1, 100, 1, false, true}, {1, 1, 100, 1, false, true},
			{20, 1, 100, 1, true, false}, {20, 1, 100, 1, true, false}, {20, 1, 100, 1, true, false}}, "1"},
		"no marker":      {[]eventPacket{{0, 1, 100, 0, false, false}, {40, 1, 100, 0, true, false}}, "0"},
		"ends lost":      {[]eventPacket{{0, 1, 100, 3, false, true}, {20, 1, 100, 3, false, false}, {200, 1, 1700, 3, false, true}}, "33"},
		"only ends":      {[]eventPacket{{0, 1, 100, 11, true, false}, {20, 1, 100, 11, true, false}, {40, 1, 100, 11, true, false}}, "#"},
		"a single end":   {[]eventPacket{{0, 1, 100, 15, true, false}}, "D"},
		"same key twice": {[]eventPacket{{0, 1, 100, 7, false, true}, {60, 1, 100, 7, true, false}, {160, 1, 1380, 7, false, true}, {200, 1, 1380, 7, true, false}}, "77"},
		"straggling end": {[]eventPacket{{0, 1, 100, 7, false, true}, {60, 1, 900, 8, false, true}, {61, 1, 100, 7, true, false}, {70, 1, 900, 8, true, false}}, "78"},
		"another source": {[]eventPacket{{0, 1, 100, 7, false, true}, {60, 2, 100, 7, false, true}}, "77"},
		"clock wraps":    {[]eventPacket{{0, 1, 0xFFFFFFF0, 10, true, true}, {60, 1, 1000, 12, true, true}}, "*A"},
		"flash ignored":  {[]eventPacket{{0, 1, 100, 16, false, true}, {20, 1, 100, 200, true, false}}, ""},
		"long press":     {long, "9"},
		"held 8 s, pressed again": {[]eventPacket{{0, 1, 100, 4, false, true}, {7000, 1, 100, 4, false, false},
			{8180, 1, 65540, 4, false, true}}, "44"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := pressed(c.script); got != c.want {
				t.Errorf("heard %q, want %q", got, c.want)
			}
		})
	}
}

func TestDiallerTiming(t *testing.T) {
	t.Parallel()
	var d dialler
	d.push("1?w d")
	if diff := cmp.Diff("1wD", string(d.queue)); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	got, done := "", 0
	for range 60 {
		c := "."
		if d.sounding() {
			b := d.payload(make([]byte, 4))
			if c = string(keys[b[0]]); b[1]&0x80 != 0 {
				c = "e"
			}
		}
		got += c
		if d.advance() {
			done++
		}
	}
	if want := "11111eee.." + "........................." + "DDDDDeee.." + "..............."; got != want {
		t.Errorf("ticks %q,\n want %q", got, want)
	}
	if done != 1 {
		t.Errorf("done %d times", done)
	}
	d.push(string(make([]byte, 10)) + "0000")
	for range 1000 {
		d.push("9")
	}
	if len(d.queue) != maxQueued {
		t.Errorf("%d keys queued, want %d", len(d.queue), maxQueued)
	}
}

// Whatever arrives: no panic, and never more presses than packets with a new key.
func FuzzKeypad(f *testing.F) {
	f.Add([]byte("\x01\x0a\x00\xa0\x00\x00\x01\x8a\x01\xe0\x00\x00\x02\x0a\x00\xa0\x10\x01"))
	f.Add([]byte("\x0b\x8a\x03\x20\xff\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var k keypad
		type key struct {
			ts    uint32
			event byte
		}
		last, presses, changes := key{}, 0, 0
		for at := int64(0); len(b) >= 6; b, at = b[6:], at+20*tick {
			p := rtpPacket{ssrc: 1, ts: uint32(b[4])<<8 | uint32(b[5])<<3}
			if now := (key{p.ts, b[0]}); now != last || changes == 0 {
				last = now
				changes++
			}
			d, ok := k.press(p, b[:4], at)
			if ok {
				presses++
				if keys[b[0]] != d {
					t.Fatalf("event %d heard as %c", b[0], d)
				}
			}
		}
		if presses > changes {
			t.Fatalf("%d presses from %d keys", presses, changes)
		}
		k.press(rtpPacket{}, b, 0)
	})
}
