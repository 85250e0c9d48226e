package media

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// line is what matters of a numbered packet, relative to the first.
type line struct {
	Seq    int
	TS     int
	Marker bool
}

// numbering records a sender's output relative to its start.
type numbering struct {
	s     sender
	lines []line
	late  int
}

func newNumbering() *numbering {
	return &numbering{s: sender{ssrc: 1, seq: 65534, ts: 0xFFFFFF00}} // both wrap soon
}

func (n *numbering) note(p rtpPacket) {
	n.lines = append(n.lines, line{int(int16(p.seq - 65534)), int(int32(p.ts - 0xFFFFFF00)), p.marker})
}

func (n *numbering) own(src source, ms int64) { n.note(n.s.next(src, ms*tick)) }

func (n *numbering) relay(ssrc uint32, seq uint16, ts uint32, ms int64) {
	p, ok := n.s.relay(rtpPacket{ssrc: ssrc, seq: seq, ts: ts, from: 12, to: 172}, true, ms*tick)
	if !ok {
		n.late++
		return
	}
	n.note(p)
}

func TestSenderContinuesOverSources(t *testing.T) {
	t.Parallel()
	n := newNumbering()
	n.own(fromSilence, 0)
	n.own(fromSilence, 20)
	n.own(fromClip, 40)
	n.own(fromClip, 60)
	n.relay(7, 100, 5000, 85) // a buyer
	n.relay(7, 101, 5160, 105)
	n.relay(7, 103, 5480, 145)    // one lost
	n.relay(7, 102, 5320, 146)    // found again
	n.relay(7, 104, 13480, 1145)  // after a second of DTX
	n.relay(8, 9, 999, 1165)      // another source
	n.relay(8, 8, 839, 1166)      // from before the switch
	n.own(fromSilence, 1180)      // five ms short of a frame
	n.own(fromSilence, 1200)      //
	n.own(fromClip, 5200)         // after a stall of four seconds
	n.relay(8, 500, 999999, 5220) // the same source again
	want := []line{
		{1, 0, true}, {2, 160, false},
		{3, 320, true}, {4, 480, false},
		{5, 680, true}, {6, 840, false}, {8, 1160, false}, {7, 1000, false}, {9, 9160, false},
		{10, 9320, true},
		{11, 9480, true}, {12, 9640, false},
		{13, 9640 + 4000*8 - 5*8, true},
		{14, 9640 + 4020*8 - 5*8, true},
	}
	if diff := cmp.Diff(want, n.lines); diff != "" {
		t.Errorf("numbering (-want +got):\n%s", diff)
	}
	if n.late != 1 {
		t.Errorf("%d packets too late, want 1", n.late)
	}
}

func TestSenderSurvivesSourceRestart(t *testing.T) {
	t.Parallel()
	n := newNumbering()
	n.relay(7, 30000, 0, 0)
	n.relay(7, 30001, 160, 20)
	n.relay(7, 5, 320, 40) // one odd packet could be anything
	n.relay(7, 6, 480, 60) // two in a row are a restart
	n.relay(7, 7, 640, 80)
	n.relay(7, 8, 640+1<<20, 100) // a clock that jumps two minutes
	n.relay(7, 9, 800+1<<20, 120)
	n.relay(7, 9000, 960+1<<20, 140)
	want := []line{{1, 0, true}, {2, 160, false}, {3, 480, true}, {4, 640, false}, {5, 800, true}, {6, 960, false}, {7, 1120, true}}
	if diff := cmp.Diff(want, n.lines); diff != "" {
		t.Errorf("numbering (-want +got):\n%s", diff)
	}
	if n.late != 1 {
		t.Errorf("%d packets dropped, want 1", n.late)
	}
}

// Switching to and fro for minutes must not run away from the clock.
func TestSenderDoesNotDrift(t *testing.T) {
	t.Parallel()
	n := newNumbering()
	seq, ts := uint16(0), uint32(0)
	ms := int64(0)
	for i := range 2000 {
		n.own(fromSilence, ms)
		ms += 7 // the relay starts 7 ms behind the wheel, and ends 9 ms before it
		for range 3 {
			n.relay(uint32(i), seq, ts, ms)
			seq, ts, ms = seq+1, ts+160, ms+20
		}
		ms -= 11
	}
	last := n.lines[len(n.lines)-1]
	if off := int64(last.TS) - (ms-9)*8; off < -60*8 || off > 60*8 {
		t.Errorf("after %d ms the timestamp is %d samples off", ms, off)
	}
	for i, l := range n.lines[1:] {
		if int16(l.Seq-n.lines[i].Seq) != 1 {
			t.Fatalf("sequence breaks at %d: %v, %v", i, n.lines[i], l)
		}
		if l.TS <= n.lines[i].TS {
			t.Fatalf("time stands still at %d: %v, %v", i, n.lines[i], l)
		}
	}
}

func TestSenderSkipsWithoutGap(t *testing.T) {
	t.Parallel()
	n := newNumbering()
	n.relay(7, 100, 0, 0)
	n.s.skip(rtpPacket{ssrc: 7, seq: 101})
	n.s.skip(rtpPacket{ssrc: 7, seq: 102})
	n.s.skip(rtpPacket{ssrc: 7, seq: 102}) // repeated
	n.relay(7, 103, 480, 60)
	want := []line{{1, 0, true}, {2, 480, false}}
	if diff := cmp.Diff(want, n.lines); diff != "" {
		t.Errorf("numbering (-want +got):\n%s", diff)
	}
}
