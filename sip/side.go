package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// side is a leg with its audio: the caller, or one buyer that was dialled. The
// owner of the call is the only one to touch it.
type side struct {
	leg    *leg.Leg
	stream *media.Stream
	trunk  *ringbid.Trunk
	report ringbid.Leg

	local   sdp.Local    // what we say of ourselves
	body    []byte       // the last description we sent
	agreed  sdp.Agreed   // zero before the first offer was answered
	offered sdp.Security // of our last offer

	late     bool       // our offer waits for the answer in an ACK
	held     bool       // the peer put us on hold
	ended    bool       // no audio and no keys any more
	gone     bool       // its leg is Terminated
	expected netip.Addr // what the filter lets in for it
	keysBy   keySource

	lastKey   byte
	lastKeyAt time.Time
}

// keySource is how a peer sends its keys. Some send each by both ways: the way
// of the first one counts for the rest of the call.
type keySource uint8

const (
	keysUnknown keySource = iota
	keysByRTP
	keysByTones // in the audio
	keysByInfo
)

// takesKey reports whether a key that came this way counts. Where tones in the
// audio were first, INFO takes their place: it is the surer one. The key that
// came both ways meanwhile counts once.
func (s *side) takesKey(by keySource, k byte, now time.Time) bool {
	if way := wayOfKeys(s.trunk); by == keysByInfo && (way == ringbid.DTMFEvents || way == ringbid.DTMFInband) {
		return false
	}
	again := s.keysBy == keysByTones && by == keysByInfo && k == s.lastKey && now.Sub(s.lastKeyAt) < time.Second
	if s.keysBy == keysUnknown || s.keysBy == keysByTones && by == keysByInfo {
		s.keysBy = by
	}
	if s.keysBy != by || again {
		return false
	}
	s.lastKey, s.lastKeyAt = k, now
	return true
}

// sendKeys sends keys, and pauses as w, the way the side takes them.
func (c *Call) sendKeys(s *side, keys string) {
	if wayOfKeys(s.trunk) != ringbid.DTMFInfo {
		s.stream.SendDigits(keys)
		return
	}
	for i := range len(keys) {
		if keys[i] == 'w' || keys[i] == 'W' {
			continue
		}
		press := func() {
			if !s.ended {
				s.leg.Key(keys[i])
			}
		}
		if wait := keyingTime(keys[:i]); wait > 0 {
			time.AfterFunc(wait, func() { c.do(press) })
		} else {
			press()
		}
	}
}

// offer writes our offer, the codec in use first.
func (s *side) offer() []byte {
	s.offered = s.security()
	return s.say(func(l sdp.Local) []byte {
		l.Security = s.offered
		return sdp.Offer(l)
	})
}

// say writes a description; its version rises when it says something new (RFC
// 3264 section 8).
func (s *side) say(write func(sdp.Local) []byte) []byte {
	body := write(s.local)
	if s.body != nil && !sdp.Equal(body, s.body) {
		s.local.Version++
		body = write(s.local)
	}
	s.body = body
	return body
}

// answer decides about an offer of the peer and writes our answer. The agreed
// parameters take effect with apply.
func (s *side) answer(offer []byte) ([]byte, sdp.Agreed, error) {
	session, err := sdp.Parse(offer)
	if err != nil {
		return nil, sdp.Agreed{}, err
	}
	carried(session)
	local := s.local
	local.Codecs = s.acceptable()
	body, agreed, err := sdp.Answer(session, local)
	if err != nil {
		return nil, sdp.Agreed{}, err
	}
	if s.body != nil && !sdp.Equal(body, s.body) {
		s.local.Version++
		local.Version = s.local.Version
		body, _, _ = sdp.Answer(session, local) // decided above
	}
	s.body = body
	return body, agreed, nil
}

// accept decides about the peer's answer to our offer.
func (s *side) accept(answer []byte) (sdp.Agreed, error) {
	if len(answer) == 0 {
		return sdp.Agreed{}, fmt.Errorf("%w: no answer to our offer", sdp.ErrNoAudio)
	}
	session, err := sdp.Parse(answer)
	if err != nil {
		return sdp.Agreed{}, err
	}
	carried(session)
	local := s.local
	local.Security = s.offered
	return sdp.Accept(session, local)
}

// apply puts what was agreed into effect.
func (s *side) apply(a sdp.Agreed) {
	s.agreed, s.held = a, a.Held
	s.report.Codec = strings.ToLower(a.Codec.Name)
	p := s.params(a)
	if src := s.leg.Source(); src.IsValid() {
		p.AlsoFrom = []netip.Addr{src.Addr()}
	}
	p.RTCP, p.Mux = a.RTCP, a.Mux
	p.Signalled = s.trunk != nil && s.trunk.Latch == ringbid.LatchSignalled
	p.Seal, p.Open = mediaKey(a.Ours), mediaKey(a.Theirs)
	_ = s.stream.Apply(p) // sdp hands over keys of the right length only
}

// patience is how long the peer may send nothing; a peer on hold, or one that
// has not answered yet, may be silent for as long as it likes.
func (s *side) patience() time.Duration {
	if s.held || s.report.Answered == nil {
		return 0
	}
	if s.trunk == nil {
		return ringbid.DefaultRTPTimeout
	}
	return s.trunk.RTPTimeout.Or(ringbid.DefaultRTPTimeout)
}

// hangUp ends the side for a reason, whatever its leg is doing, and lets its
// ports go. by says who ended it.
func (s *side) hangUp(by string, r ringbid.Reason, now time.Time) {
	if s.ended {
		return
	}
	s.ended = true
	s.report.EndedBy = by
	s.report.Reason = r.Text
	if s.report.Ended == nil {
		s.report.Ended = &now
	}
	s.leg.End(cause(r, s.report.Answered != nil))
	s.stream.Close()
}

// reported returns what is known of the side now.
func (s *side) reported() ringbid.Leg {
	r := s.report
	st := s.stream.Stats()
	r.Media = ringbid.Media{
		Local: st.Local.String(), PacketsIn: st.Received, PacketsOut: st.Sent, Lost: uint64(max(0, st.Lost)),
		JitterMS: inMS(st.Jitter), Stray: st.WrongSource, Digits: st.Digits, RoundTripMS: inMS(st.RTT),
		SRTP: string(st.Sealed), Forged: st.Forged + st.Replayed, In: heardOf(st, r.Codec), Out: reportedOf(st, r.Codec),
	}
	if st.Remote.IsValid() {
		r.Media.Remote = st.Remote.String()
	}
	if src := s.leg.Source(); src.IsValid() {
		r.Peer = src.String()
	}
	for _, m := range s.leg.Messages() {
		text := m.Summary
		if method, _, ok := strings.Cut(text, " sip:"); ok { // the URI holds the number
			text = method
		}
		if method, _, ok := strings.Cut(text, " tel:"); ok {
			text = method
		}
		r.Messages = append(r.Messages, ringbid.Message{At: m.At, Sent: m.Sent, Text: text, CSeq: m.CSeq, Size: m.Bytes})
	}
	return r
}
