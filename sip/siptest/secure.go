package siptest

import (
	"crypto/rand"

	"github.com/ringbid/ringbid/sip/media"
	"github.com/ringbid/ringbid/sip/sdp"
)

// Secure gives the line new SRTP keys, for the suites named by preference, and
// says what its descriptions do about them.
func (x *Line) Secure(s sdp.Security, suites ...media.Suite) {
	x.Local.Security, x.Local.Keys = s, nil
	for _, suite := range suites {
		key := make([]byte, 30)
		if suite == media.AESGCM {
			key = key[:28]
		}
		_, _ = rand.Read(key) // never fails
		x.Local.Keys = append(x.Local.Keys, sdp.Crypto{Suite: string(suite), Key: key})
	}
}

func mediaKey(c *sdp.Crypto) *media.Key {
	if c == nil {
		return nil
	}
	return &media.Key{Suite: media.Suite(c.Suite), Master: c.Key}
}
