package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lines(s ...string) []byte { return []byte(strings.Join(s, "\r\n") + "\r\n") }

func local() Local {
	return Local{
		Addr: netip.MustParseAddrPort("192.0.2.10:20000"), SessID: 77, Version: 3,
		Codecs: []Codec{
			{PT: 0, Name: "PCMU", Rate: 8000},
			{PT: 8, Name: "PCMA", Rate: 8000},
			{PT: 101, Name: "telephone-event", Rate: 8000},
		},
	}
}

// offer returns a plain offer with the given audio lines added or replaced.
func offer(audio ...string) []byte {
	head := []string{"v=0", "o=carrier 1 9 IN IP4 198.51.100.7", "s=call", "c=IN IP4 198.51.100.7", "t=0 0"}
	return lines(append(head, audio...)...)
}

func TestParseReadsWhatCarriersSend(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte("v=0\no=- 20518 0 IN IP4 203.0.113.1\ns=-\nc=IN IP4 203.0.113.1\nt=0 0\na=recvonly\n" +
		"m=audio 54400/1 RTP/AVP 0 8 96 97\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\na=ptime:30\n" +
		"a=rtcp:53020 IN IP4 203.0.113.2\nm=video 0 RTP/AVP 31\nm=image 5000 udptl t38\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Session{
		Origin: Origin{Username: "-", ID: 20518, Addr: "203.0.113.1"},
		Audio: Media{
			Addr: netip.MustParseAddrPort("203.0.113.1:54400"), RTCP: netip.MustParseAddrPort("203.0.113.2:53020"),
			Codecs: []Codec{
				{PT: 0, Name: "PCMU", Rate: 8000}, {PT: 8, Name: "PCMA", Rate: 8000},
				{PT: 96, Name: "telephone-event", Rate: 8000, Fmtp: "0-15"},
			},
			Direction: RecvOnly, Ptime: 30, Proto: "RTP/AVP",
		},
		Streams: []Stream{
			{Kind: "audio", Port: 54400, Proto: "RTP/AVP", Formats: "0 8 96 97"},
			{Kind: "video", Proto: "RTP/AVP", Formats: "31"},
			{Kind: "image", Port: 5000, Proto: "udptl", Formats: "t38"},
		},
		Others: 2,
	}
	same := cmp.Options{cmp.AllowUnexported(Session{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })}
	if diff := cmp.Diff(want, *s, same...); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		body []byte
		want error
	}{
		{"empty", nil, ErrMalformed},
		{"not sdp", []byte("hello"), ErrMalformed},
		{"version 1", lines("v=1"), ErrMalformed},
		{"version missing", lines("o=- 1 1 IN IP4 1.2.3.4"), ErrMalformed},
		{"short origin", lines("v=0", "o=- 1 1"), ErrMalformed},
		{"bad port", offer("m=audio 70000 RTP/AVP 0"), ErrMalformed},
		{"negative port", offer("m=audio -1 RTP/AVP 0"), ErrMalformed},
		{"bad payload type", offer("m=audio 4000 RTP/AVP 200"), ErrMalformed},
		{"bad rtpmap", offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96"), ErrMalformed},
		{"zero rate", offer("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 X/0"), ErrMalformed},
		{"bad connection", lines("v=0", "c=IN ATM x"), ErrMalformed},
		{"carriage return inside", offer("m=audio 4000 RTP/AVP\r0"), ErrMalformed},
		{"nul inside", offer("m=au\x00dio 4000 RTP/AVP 0"), ErrMalformed},
		{"video only", offer("m=video 4000 RTP/AVP 31"), ErrNoAudio},
		{"too many streams", offer(strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 17)), ErrMalformed},
		{"too many lines", offer(strings.Repeat("a=x\r\n", 500)), ErrTooLarge},
		{"long line", offer("a=" + strings.Repeat("x", 3000)), ErrTooLarge},
		{"huge", make([]byte, maxBody+1), ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Parse(tt.body); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAnswerPicksOneVoiceCodecAndItsTone(t *testing.T) {
	t.Parallel()
	s, err := Parse(offer("m=video 4002 RTP/AVP 31", "m=audio 4000 RTP/AVP 18 8 0 110 101",
		"a=rtpmap:110 telephone-event/16000", "a=rtpmap:101 telephone-event/8000", "a=ptime:30", "m=image 4004 udptl t38"))
	if err != nil {
		t.Fatal(err)
	}
	body, a, err := Answer(s, local())
	if err != nil {
		t.Fatal(err)
	}
	want := lines("v=0", "o=- 77 3 IN IP4 192.0.2.10", "s=-", "c=IN IP4 192.0.2.10", "t=0 0",
		"m=video 0 RTP/AVP 31",
		"m=audio 20000 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20", "a=sendrecv",
		"m=image 0 udptl t38")
	if diff := cmp.Diff(string(want), string(body)); diff != "" {
		t.Error(diff)
	}
	if a.Codec.Name != "PCMU" || a.DTMF == nil || a.DTMF.PT != 101 || !a.Send || !a.Recv || a.Held || a.Ptime != 30 {
		t.Errorf("agreed %+v", a)
	}
	if a.Remote != netip.MustParseAddrPort("198.51.100.7:4000") || a.RTCP.Port() != 4001 {
		t.Errorf("remote %v, rtcp %v", a.Remote, a.RTCP)
	}
}

func TestAnswerDirection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		lines      []string
		own        Direction
		want       Direction
		send, recv bool
		held       bool
	}{
		{"plain", nil, "", SendRecv, true, true, false},
		{"hold with music", []string{"a=sendonly"}, "", RecvOnly, false, true, true},
		{"hold inactive", []string{"a=inactive"}, "", Inactive, false, false, true},
		{"listens only", []string{"a=recvonly"}, "", SendOnly, true, false, false},
		{"old hold", []string{"c=IN IP4 0.0.0.0"}, "", RecvOnly, false, true, true},
		{"old hold inactive", []string{"c=IN IP4 0.0.0.0", "a=inactive"}, "", Inactive, false, false, true},
		{"we hold too", []string{"a=sendonly"}, SendOnly, Inactive, false, false, true},
		{"we hold", nil, SendOnly, SendOnly, true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(offer(append([]string{"m=audio 4000 RTP/AVP 0"}, tt.lines...)...))
			if err != nil {
				t.Fatal(err)
			}
			l := local()
			l.Direction = tt.own
			body, a, err := Answer(s, l)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(body), "a="+string(tt.want)+"\r\n") {
				t.Errorf("want %s in\n%s", tt.want, body)
			}
			if a.Send != tt.send || a.Recv != tt.recv || a.Held != tt.held {
				t.Errorf("send %v recv %v held %v", a.Send, a.Recv, a.Held)
			}
		})
	}
}

func TestAnswerRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  error
	}{
		{"only g729", []string{"m=audio 4000 RTP/AVP 18"}, ErrNoCodec},
		{"tone without voice", []string{"m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"}, ErrNoCodec},
		{"srtp only", []string{"m=audio 4000 RTP/SAVP 0"}, ErrProfile},
		{"dtls only", []string{"m=audio 4000 UDP/TLS/RTP/SAVPF 0"}, ErrProfile},
		{"name", []string{"m=audio 4000 RTP/AVP 0", "c=IN IP4 media.example.com"}, ErrHost},
		{"the other family", []string{"m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::1"}, ErrHost},
		{"multicast", []string{"m=audio 4000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127"}, ErrHost},
		{"refused", []string{"m=audio 0 RTP/AVP 0"}, ErrNoAudio},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(offer(tt.lines...))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := Answer(s, local()); !errors.Is(err, tt.want) {
				t.Errorf("answer: got %v, want %v", err, tt.want)
			}
			if _, err := Accept(s, local()); !errors.Is(err, tt.want) {
				t.Errorf("accept: got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAcceptTakesThePeersFirst(t *testing.T) {
	t.Parallel()
	s, err := Parse(offer("m=audio 4000 RTP/AVP 18 8 0 96", "a=rtpmap:96 Telephone-Event/8000", "a=sendonly"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := Accept(s, local())
	if err != nil {
		t.Fatal(err)
	}
	if a.Codec.Name != "PCMA" || a.Local.PT != 8 || a.DTMF.PT != 96 || a.Tone.PT != 101 {
		t.Errorf("agreed %+v", a)
	}
	if a.Send || !a.Recv || !a.Held || a.Ptime != 20 {
		t.Errorf("agreed %+v", a)
	}
}

func TestSavpBesideAvpStillTalks(t *testing.T) {
	t.Parallel()
	// RFC 4568 offers of "best effort" put the plain stream second with its own port.
	s, err := Parse(offer("m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 0"))
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := Answer(s, local())
	if err != nil {
		t.Fatal(err)
	}
	if i, j := strings.Index(string(body), "m=audio 0 RTP/SAVP 0"), strings.Index(string(body), "m=audio 20000 RTP/AVP 0"); i < 0 || j < i {
		t.Errorf("order lost:\n%s", body)
	}
}

func TestOfferIsAcceptedByItself(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"192.0.2.10:20000", "[2001:db8::5]:20000"} {
		l := local()
		l.Addr = netip.MustParseAddrPort(addr)
		s, err := Parse(Offer(l))
		if err != nil {
			t.Fatal(err)
		}
		if s.Audio.Addr != l.Addr || s.Origin.ID != 77 || s.Origin.Version != 3 || len(s.Audio.Codecs) != 3 {
			t.Errorf("read back %+v", s)
		}
		if _, err := Accept(s, l); err != nil {
			t.Error(err)
		}
	}
}

func TestEqualIgnoresTheVersion(t *testing.T) {
	t.Parallel()
	a, b := local(), local()
	b.Version++
	if !Equal(Offer(a), Offer(b)) {
		t.Error("a new version alone must be equal")
	}
	b.Direction = SendOnly
	if Equal(Offer(a), Offer(b)) {
		t.Error("another direction must not be equal")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(offer("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=rtcp:1"))
	f.Add(offer("m=video 1 RTP/AVP 31", "m=audio 4000/2 RTP/AVP 96", "a=rtpmap:96 G722/8000/1", "c=IN IP6 ::1", "a=inactive"))
	f.Add(offer("m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+inline+"|2^31", "a=rtcp-mux"))
	f.Add([]byte("v=0\n\n\r\nm=audio 1 x"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := Parse(body)
		if err != nil {
			return
		}
		if out, _, err := Answer(s, secure(Optional)); err == nil {
			if _, err := Parse(out); err != nil {
				t.Fatalf("our secure answer does not parse: %v\n%q", err, out)
			}
		}
		out, a, err := Answer(s, local())
		if err != nil {
			return
		}
		back, err := Parse(out)
		if err != nil {
			t.Fatalf("our answer does not parse: %v\n%q", err, out)
		}
		if len(back.Streams) != len(s.Streams) {
			t.Fatalf("%d streams answered with %d", len(s.Streams), len(back.Streams))
		}
		if _, err := Accept(back, local()); err != nil && a.Send {
			t.Fatalf("our answer is not acceptable: %v\n%s", err, out)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	body := offer("m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20")
	l := local()
	for b.Loop() {
		s, err := Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := Answer(s, l); err != nil {
			b.Fatal(err)
		}
	}
}
