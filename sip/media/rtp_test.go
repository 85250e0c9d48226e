package media

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

func TestParseRTP(t *testing.T) {
	t.Parallel()
	full := rtp.Packet{Header: rtp.Header{
		Version: 2, Marker: true, PayloadType: 101, SequenceNumber: 65535, Timestamp: 1 << 31, SSRC: 7, CSRC: []uint32{1, 2},
	}, Payload: []byte{1, 2, 3, 4}}
	if err := full.SetExtension(1, []byte{9}); err != nil {
		t.Fatal(err)
	}
	b, err := full.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p, ok := parseRTP(b)
	want := rtpPacket{marker: true, pt: 101, seq: 65535, ts: 1 << 31, ssrc: 7, from: len(b) - 4, to: len(b)}
	if !ok || p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
	padded := append([]byte{0xA0}, b[1:]...)
	padded[0] = b[0] | 0x20
	padded[len(padded)-1] = 2
	if p, ok := parseRTP(padded); !ok || p.to != len(b)-2 {
		t.Errorf("padding of 2: %+v %v", p, ok)
	}
	for name, bad := range map[string][]byte{
		"empty":            {},
		"short":            b[:11],
		"version 1":        append([]byte{0x40}, b[1:]...),
		"csrc beyond end":  append([]byte{0x8F}, b[1:20]...),
		"extension beyond": append([]byte{0x90}, b[1:14]...),
		"no padding count": append([]byte{0xA0}, b[1:12]...),
		"padding too long": append(append([]byte{0xA0}, b[1:12]...), 200),
		"padding zero":     append(append([]byte{0xA0}, b[1:12]...), 0),
	} {
		if p, ok := parseRTP(bad); ok {
			t.Errorf("%s accepted: %+v", name, p)
		}
	}
}

// pion's parser is the second opinion; ours may be stricter about padding only.
func FuzzParseRTP(f *testing.F) {
	f.Add([]byte("\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07audio"))
	f.Add([]byte("\x91\x80\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07csrc\xbe\xde\x00\x01\x10\x00\x00\x00audio"))
	f.Add([]byte("\xa0\x65\x00\x01\x00\x00\x00\xa0\x00\x00\x00\x07\x01\x02\x00\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parseRTP(b)
		var h rtp.Header
		n, err := h.Unmarshal(b)
		if !ok {
			return
		}
		if p.from < rtpHeaderLen || p.from > p.to || p.to > len(b) {
			t.Fatalf("payload %d..%d of %d", p.from, p.to, len(b))
		}
		if err != nil {
			return // pion also reads the elements of the extension
		}
		if h.Extension {
			n = p.from
		}
		theirs := rtpPacket{marker: h.Marker, pt: h.PayloadType, seq: h.SequenceNumber, ts: h.Timestamp, ssrc: h.SSRC, from: n, to: p.to}
		if p != theirs {
			t.Fatalf("ours %+v, theirs %+v", p, theirs)
		}
		buf := make([]byte, rtpHeaderLen)
		putRTP(buf, p)
		again, ok := parseRTP(buf)
		p.from, p.to = rtpHeaderLen, rtpHeaderLen
		if !ok || again != p {
			t.Fatalf("wrote %+v, read %+v", p, again)
		}
	})
}

func TestRTCPReadByAnother(t *testing.T) {
	t.Parallel()
	info := senderInfo{ntp: 1<<63 | 5, ts: 77, packets: 50, octets: 8000}
	block := receptionReport{ssrc: 9, fraction: 64, lost: -3, highest: 70000, jitter: 12, lastSR: 0x10203, delay: 65536}
	b := appendReport(nil, 5, &info, &block)
	b = appendCNAME(b, 5, "abc@127.0.0.1")
	b = appendBYE(b, 5)
	got, err := rtcp.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 5, NTPTime: 1<<63 | 5, RTPTime: 77, PacketCount: 50, OctetCount: 8000,
			Reports: []rtcp.ReceptionReport{{SSRC: 9, FractionLost: 64, TotalLost: 0xFFFFFD, LastSequenceNumber: 70000, Jitter: 12, LastSenderReport: 0x10203, Delay: 65536}}},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{Source: 5, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "abc@127.0.0.1"}}}}},
		&rtcp.Goodbye{Sources: []uint32{5}},
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ProfileExtensions" }, cmp.Ignore())); diff != "" {
		t.Errorf("RTCP (-want +got):\n%s", diff)
	}
	sum, ok := parseRTCP(b, 9)
	if !ok || !sum.about || !sum.bye || sum.report != block || sum.sender != info {
		t.Errorf("our own reading: %+v %v", sum, ok)
	}
}

func FuzzParseRTCP(f *testing.F) {
	f.Add(appendCNAME(appendReport(nil, 5, &senderInfo{}, &receptionReport{ssrc: 9}), 5, "x"))
	f.Add(appendBYE(appendReport(nil, 5, nil, nil), 5))
	f.Add([]byte("\x80\xc8\x00\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum, ok := parseRTCP(b, 9)
		if !ok && sum.about && len(b) < 28 {
			t.Fatalf("a report out of %d bytes", len(b))
		}
		if ok && sum.about && sum.report.ssrc != 9 {
			t.Fatalf("a report about %d", sum.report.ssrc)
		}
	})
}

func TestParseRTCPRefuses(t *testing.T) {
	t.Parallel()
	good := appendCNAME(appendReport(nil, 5, &senderInfo{}, &receptionReport{ssrc: 9}), 5, "x")
	for i := range good {
		if _, ok := parseRTCP(good[:i], 9); ok && i != 52 { // 52: the report alone is a packet of its own
			t.Errorf("accepted when cut after %d of %d bytes", i, len(good))
		}
	}
	if _, ok := parseRTCP(appendBYE(nil, 5), 9); ok {
		t.Error("accepted a compound that does not begin with a report")
	}
}
