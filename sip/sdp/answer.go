package sdp

import (
	"fmt"
	"net/netip"
	"strings"
)

// Answer writes our answer to offer: one voice codec, the first of ours that
// the peer also listed, and telephone-event at the same clock rate when both
// sides have it, each with the peer's payload type, and our key for the first of the
// peer's a=crypto lines that local takes (RFC 4568 section 5.1.2). Other streams
// are refused with port 0 in their place. It returns ErrNoCodec, ErrProfile,
// ErrHost, ErrCrypto, ErrPlain or ErrNoAudio when the call cannot be carried.
func Answer(offer *Session, local Local) ([]byte, Agreed, error) {
	m, at := offer.pick(local)
	err := usable(m, local)
	if err != nil {
		return nil, Agreed{}, err
	}
	voice, ours, ok := choose(local.Codecs, m.Codecs)
	if !ok {
		return nil, Agreed{}, fmt.Errorf("answer: %w", ErrNoCodec)
	}
	a := agree(m, local, voice)
	a.Local = Codec{PT: voice.PT, Name: voice.Name, Rate: voice.Rate, Fmtp: ours.Fmtp}
	codecs := []Codec{a.Local}
	if tone, ok := find(m.Codecs, toneName, voice.Rate); ok {
		if mine, ok := find(local.Codecs, toneName, voice.Rate); ok {
			a.DTMF = &tone
			a.Tone = &Codec{PT: tone.PT, Name: tone.Name, Rate: tone.Rate, Fmtp: mine.Fmtp}
			codecs = append(codecs, *a.Tone)
		}
	}
	if a.CN = bothHush(m, local); a.CN {
		codecs = append(codecs, Codec{PT: noisePT, Name: noiseName, Rate: 8000})
	}
	if a.Theirs, a.Ours, err = chooseKeys(m, local); err != nil {
		return nil, Agreed{}, fmt.Errorf("answer: %w", err)
	}
	a.Mux = m.Mux
	own := section{proto: m.Proto, codecs: codecs, dir: direction(a.Send, a.Recv), mux: a.Mux}
	if a.Ours != nil {
		own.keys = []Crypto{*a.Ours}
	}
	body := write(local, offer.Streams, at, own)
	return body, a, nil
}

// pick returns the audio stream to answer and its place: the first that can be
// carried, of a peer that offers the call once with SRTP and once without.
func (s *Session) pick(local Local) (Media, int) {
	for i, m := range append([]Media{s.Audio}, s.Also...) {
		_, _, errKeys := chooseKeys(m, local)
		if usable(m, local) == nil && errKeys == nil {
			return m, append([]int{s.audio}, s.also...)[i]
		}
	}
	return s.Audio, s.audio
}

// Accept reads the peer's answer to the offer that local made. When the answer
// lists several codecs, the first of the peer's that we offered wins. It
// returns ErrNoAudio when the peer refused the stream, else as Answer.
func Accept(answer *Session, local Local) (Agreed, error) {
	m := answer.Audio
	if err := usable(m, local); err != nil {
		return Agreed{}, err
	}
	for _, c := range m.Codecs {
		ours, ok := find(local.Codecs, c.Name, c.Rate)
		if !ok || !isVoice(c) {
			continue
		}
		a := agree(m, local, c)
		a.Local = ours
		if tone, ok := find(m.Codecs, toneName, c.Rate); ok {
			if mine, ok := find(local.Codecs, toneName, c.Rate); ok {
				a.DTMF, a.Tone = &tone, &mine
			}
		}
		a.CN = bothHush(m, local)
		var err error
		if a.Theirs, a.Ours, err = acceptKeys(m, local); err != nil {
			return Agreed{}, fmt.Errorf("accept: %w", err)
		}
		a.Mux = m.Mux && local.Mux
		return a, nil
	}
	return Agreed{}, fmt.Errorf("accept: %w", ErrNoCodec)
}

const toneName = "telephone-event"

// Comfort noise has this payload type only (RFC 3551 section 6).
const (
	noiseName = "CN"
	noisePT   = 13
)

// bothHush reports whether both sides listed comfort noise.
func bothHush(m Media, local Local) bool {
	theirs, ok := find(m.Codecs, noiseName, 8000)
	if !ok || theirs.PT != noisePT {
		return false
	}
	ours, ok := find(local.Codecs, noiseName, 8000)
	return ok && ours.PT == noisePT
}

// usable reports whether the stream can be carried at all, from where we are.
func usable(m Media, local Local) error {
	switch {
	case m.Addr.Port() == 0:
		return fmt.Errorf("%w: stream refused", ErrNoAudio)
	case m.Proto != "RTP/AVP" && m.Proto != "RTP/AVPF" && !secured(m.Proto):
		return fmt.Errorf("%w: %.20s", ErrProfile, m.Proto)
	case !m.Addr.Addr().IsValid() || m.Addr.Addr().IsMulticast() || apart(m.Addr.Addr(), local.Addr.Addr()):
		return fmt.Errorf("%w: %.60q", ErrHost, m.Host)
	}
	return nil
}

// apart reports whether the peer has an address of the other family: IPv4 does
// not reach IPv6.
func apart(theirs, ours netip.Addr) bool {
	return ours.IsValid() && !theirs.IsUnspecified() && theirs.Unmap().Is4() != ours.Unmap().Is4()
}

// agree fills what does not depend on who offered.
func agree(m Media, local Local, voice Codec) Agreed {
	nowhere := m.Addr.Addr().IsUnspecified() // the hold of RFC 2543
	takes := !nowhere && (m.Direction == SendRecv || m.Direction == RecvOnly)
	gives := m.Direction == SendRecv || m.Direction == SendOnly
	want := local.Direction
	if want == "" {
		want = SendRecv
	}
	a := Agreed{Remote: m.Addr, RTCP: m.RTCP, Codec: voice, Held: !takes, Ptime: m.Ptime, MaxPtime: m.MaxPtime, NamedPtime: m.Ptime > 0,
		Send: takes && (want == SendRecv || want == SendOnly),
		Recv: gives && (want == SendRecv || want == RecvOnly)}
	if nowhere {
		a.Remote, a.RTCP = netip.AddrPort{}, netip.AddrPort{}
	}
	if a.Ptime == 0 {
		a.Ptime = 20
	}
	return a
}

func direction(send, recv bool) Direction {
	switch {
	case send && recv:
		return SendRecv
	case send:
		return SendOnly
	case recv:
		return RecvOnly
	}
	return Inactive
}

// choose returns the peer's entry and ours for the first voice codec of ours
// that the peer lists.
func choose(ours, theirs []Codec) (peer, mine Codec, ok bool) {
	for _, c := range ours {
		if !isVoice(c) {
			continue
		}
		if p, ok := find(theirs, c.Name, c.Rate); ok {
			return p, c, true
		}
	}
	return Codec{}, Codec{}, false
}

func isVoice(c Codec) bool {
	return !strings.EqualFold(c.Name, toneName) && !strings.EqualFold(c.Name, noiseName)
}

func find(list []Codec, name string, rate int) (Codec, bool) {
	for _, c := range list {
		if c.Rate == rate && strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Codec{}, false
}
