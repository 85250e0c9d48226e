package sip

import (
	"crypto/rand"
	"fmt"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// suites are what we take and offer, the cheapest of the strong ones first.
var suites = []struct {
	name media.Suite
	size int // bytes of key and salt
}{{media.AESGCM, 28}, {media.AESCM80, 30}, {media.AESCM32, 30}}

// secure makes the keys of the side, as its trunk wants it. They last for the
// life of the leg: a new offer of ours repeats them, so that the audio goes on.
// network is what the signalling runs over.
func (s *side) secure(network string) error {
	t := s.trunk
	if t == nil || t.SRTP == "" || t.SRTP == ringbid.SRTPRefuse {
		return nil
	}
	if !ringbid.Encrypted(network) && !t.SRTPInsecure {
		if t.SRTP == ringbid.SRTPRequire {
			return fmt.Errorf("%w: keys do not go over %s", sdp.ErrCrypto, network)
		}
		return nil
	}
	s.local.Security = sdp.Optional
	if t.SRTP == ringbid.SRTPRequire {
		s.local.Security = sdp.Required
	}
	for _, suite := range suites {
		key := make([]byte, suite.size)
		_, _ = rand.Read(key) // never fails
		s.local.Keys = append(s.local.Keys, sdp.Crypto{Suite: string(suite.name), Key: key})
	}
	return nil
}

// security is what an offer of ours says now. What was agreed stays. An offer
// in a 200 has no second try: there who knows no SRTP may ignore it (RFC 8643).
func (s *side) security() sdp.Security {
	switch {
	case s.local.Security != sdp.Optional:
		return s.local.Security
	case s.agreed.Ours != nil:
		return sdp.Required
	case s.agreed.Codec.Name != "":
		return sdp.Plain
	case s.late:
		return sdp.Opportunistic
	}
	return sdp.Optional
}

// mediaKey is a key as the media plane wants it.
func mediaKey(c *sdp.Crypto) *media.Key {
	if c == nil {
		return nil
	}
	return &media.Key{Suite: media.Suite(c.Suite), Master: c.Key}
}
