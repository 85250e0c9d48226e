package sip

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// voiceCodecs are the codecs of the media plane by the names they have in SDP,
// those first that a trunk without a list takes.
func voiceCodecs() []sdp.Codec {
	out := make([]sdp.Codec, 0, 3)
	for _, c := range []media.Codec{media.PCMU, media.PCMA, media.G722} {
		out = append(out, sdp.Codec{PT: uint8(c), Name: c.String(), Rate: 8000})
	}
	return out
}

// voices returns the codecs of a trunk in its order of preference.
func voices(t *ringbid.Trunk) []sdp.Codec {
	all := voiceCodecs()
	if t == nil || len(t.Codecs) == 0 {
		return all[:2]
	}
	var out []sdp.Codec
	for _, name := range t.Codecs {
		for _, c := range all {
			if strings.EqualFold(c.Name, name) && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	if out == nil {
		return all[:2]
	}
	return out
}

// codecsFor is what a leg on the trunk is offered: the caller's codec first, if
// the trunk takes it, then the trunk's others, so that the buyer chooses and
// nothing is converted unless it has to be.
func (c *Call) codecsFor(trunk *ringbid.Trunk) []sdp.Codec {
	all, agreed := voices(trunk), c.caller.agreed
	if !c.hears() {
		agreed = c.offered
	}
	for i, v := range all {
		if v.Name == agreed.Local.Name {
			all = slices.Insert(slices.Delete(all, i, i+1), 0, v)
			break
		}
	}
	if agreed.CN {
		all = append(all, noise())
	}
	return all
}

// keys is telephone-event (RFC 4733) as we offer it.
func keys() sdp.Codec { return sdp.Codec{PT: 101, Name: "telephone-event", Rate: 8000} }

// noise is comfort noise (RFC 3389).
func noise() sdp.Codec { return sdp.Codec{PT: 13, Name: "CN", Rate: 8000} }

// wayOfKeys is how keys travel on a trunk.
func wayOfKeys(t *ringbid.Trunk) string {
	if t == nil {
		return ringbid.DTMFAuto
	}
	return cmp.Or(t.DTMF, ringbid.DTMFAuto)
}

// describe starts our side of the session.
func (s *side) describe(codecs ...sdp.Codec) {
	if way := wayOfKeys(s.trunk); way == ringbid.DTMFAuto || way == ringbid.DTMFEvents {
		codecs = append(codecs, keys())
	}
	s.local = sdp.Local{Addr: s.stream.Local(), Codecs: codecs, SessID: rand.Uint64() >> 1, Version: 1}
	if s.trunk != nil {
		s.local.Ptime = s.trunk.Ptime
	}
}

// acceptable is what a peer may offer: the codec in use stays if it can, and
// any other one of the trunk is converted. Comfort noise is taken from whoever
// has it.
func (s *side) acceptable() []sdp.Codec {
	var out []sdp.Codec
	add := func(list ...sdp.Codec) {
		for _, c := range list {
			if !slices.ContainsFunc(out, func(o sdp.Codec) bool { return o.Name == c.Name }) {
				out = append(out, c)
			}
		}
	}
	for _, c := range s.local.Codecs {
		if strings.EqualFold(c.Name, s.agreed.Codec.Name) {
			add(c)
		}
	}
	add(s.local.Codecs...)
	add(voices(s.trunk)...)
	add(noise())
	return out
}

// carried leaves what the media plane carries: the voice codecs and keys at any
// payload type that is not another one's or RTCP's (RFC 5761 section 4), and
// comfort noise at its own.
func carried(session *sdp.Session) {
	session.Audio.Codecs = carriedOf(session.Audio.Codecs)
	for i := range session.Also {
		session.Also[i].Codecs = carriedOf(session.Also[i].Codecs)
	}
}

func carriedOf(codecs []sdp.Codec) []sdp.Codec {
	return slices.DeleteFunc(codecs, func(c sdp.Codec) bool {
		switch name := strings.ToUpper(c.Name); name {
		case "TELEPHONE-EVENT":
			return c.PT < 96
		case "CN":
			return c.PT != 13
		default:
			v, ok := voiceNamed(name)
			return ok && c.PT != uint8(v) && c.PT < 96
		}
	})
}

// voiceNamed returns the codec of a name in capital letters.
func voiceNamed(name string) (media.Codec, bool) {
	for _, c := range []media.Codec{media.PCMU, media.PCMA, media.G722} {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}

// params is what was agreed in the words of the media plane.
func (s *side) params(a sdp.Agreed) media.Params {
	p := media.Params{
		Remote: a.Remote, Send: a.Send, Recv: a.Recv, Timeout: s.patience(),
		PT: a.Codec.PT, RecvPT: a.Local.PT, CN: a.CN, Ptime: a.Ptime, MaxPtime: a.MaxPtime,
		Strict: a.NamedPtime || a.MaxPtime > 0,
	}
	p.Codec, _ = voiceNamed(strings.ToUpper(a.Codec.Name))
	if !a.NamedPtime && s.trunk != nil && s.trunk.Ptime > 0 {
		p.Ptime = s.trunk.Ptime
	}
	if a.MaxPtime > 0 {
		p.Ptime = min(p.Ptime, a.MaxPtime)
	}
	if a.DTMF != nil {
		p.DTMF = a.DTMF.PT
		if a.Tone != nil {
			p.RecvDTMF = a.Tone.PT
		}
		return p
	}
	way := wayOfKeys(s.trunk)
	p.Tones = way == ringbid.DTMFAuto || way == ringbid.DTMFInband
	p.Detect = p.Tones
	return p
}
