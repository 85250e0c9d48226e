package sdp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// The reasons a stream's security is refused; the caller maps both to 488.
var (
	// ErrCrypto says that SRTP was offered in no way that is carried.
	ErrCrypto = errors.New("no srtp keys we can use")
	// ErrPlain says that plain RTP was offered where SRTP is required.
	ErrPlain = errors.New("srtp is required")
)

// Crypto is one a=crypto line (RFC 4568): a suite and the key of whoever wrote
// it, for what it sends.
type Crypto struct {
	Tag   int    // 1 to 999,999,999
	Suite string // such as AES_CM_128_HMAC_SHA1_80
	Key   []byte // master key and salt: 30 bytes for AES_CM, 28 for AEAD_AES_128_GCM
}

// Security is what one side of ours does about SRTP.
type Security uint8

const (
	// Plain takes and offers RTP/AVP only.
	Plain Security = iota
	// Optional takes both; it offers RTP/SAVP.
	Optional
	// Opportunistic takes both; it offers keys under RTP/AVP (RFC 8643), which
	// who knows no SRTP ignores.
	Opportunistic
	// Required takes and offers RTP/SAVP, or keys under RTP/AVP, but no plain RTP.
	Required
)

// keyLens are the suites that are carried, with the bytes of key and salt.
var keyLens = map[string]int{
	"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AEAD_AES_128_GCM": 28,
}

const (
	maxCryptoLines = 16
	// leastLifetime is how many packets a key must be good for: 2^22 last a day
	// at 50 a second, longer than any call.
	leastLifetime = 1 << 22
)

// parseCrypto reads the value of a=crypto. It refuses, with the reason, what is
// well formed and not carried: other suites, several keys, MKI, a short
// lifetime, and session parameters that weaken the stream.
func parseCrypto(v string) (Crypto, error) {
	f := strings.Fields(v)
	if len(f) < 3 {
		return Crypto{}, fmt.Errorf("crypto line of %d fields", len(f))
	}
	tag, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil || tag == 0 || len(f[0]) > 9 {
		return Crypto{}, fmt.Errorf("crypto tag %.12q", f[0])
	}
	c := Crypto{Tag: int(tag), Suite: strings.ToUpper(f[1])}
	size, ok := keyLens[c.Suite]
	if !ok {
		return c, fmt.Errorf("crypto suite %.40q is not carried", f[1])
	}
	if c.Key, err = parseInline(f[2], size); err != nil {
		return c, err
	}
	for _, p := range f[3:] {
		name, _, _ := strings.Cut(p, "=")
		// WSH is a hint; a name with a dash may be ignored (RFC 4568 section 6.3.7).
		if !strings.EqualFold(name, "WSH") && !strings.HasPrefix(name, "-") {
			return c, fmt.Errorf("crypto parameter %.40q is not carried", p)
		}
	}
	return c, nil
}

// parseInline reads "inline:<base64>|lifetime|MKI:length".
func parseInline(v string, size int) ([]byte, error) {
	method, info, _ := strings.Cut(v, ":")
	if !strings.EqualFold(method, "inline") {
		return nil, fmt.Errorf("crypto key method %.20q is not carried", method)
	}
	if strings.Contains(info, ";") {
		return nil, errors.New("crypto line with several keys is not carried")
	}
	parts := strings.Split(info, "|")
	for _, p := range parts[1:] {
		if strings.Contains(p, ":") {
			return nil, errors.New("crypto MKI is not carried")
		}
		if n, err := lifetime(p); err != nil {
			return nil, err
		} else if n < leastLifetime {
			return nil, fmt.Errorf("crypto lifetime %s is shorter than a call", p)
		}
	}
	key, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil { // some leave the padding out
		key, err = base64.RawStdEncoding.DecodeString(parts[0])
	}
	if err != nil || len(key) != size || len(parts) > 2 {
		return nil, errors.New("crypto key is not base64 of the suite's length")
	}
	return key, nil
}

// lifetime reads how many packets a key is good for: a number or 2^n, at most
// 2^48 (RFC 4568 section 6.1).
func lifetime(s string) (uint64, error) {
	base, power := s, uint64(0)
	if p, ok := strings.CutPrefix(s, "2^"); ok {
		base, power = "1", 64
		if n, err := strconv.ParseUint(p, 10, 8); err == nil {
			power = n
		}
	}
	n, err := strconv.ParseUint(base, 10, 64)
	if err != nil || power > 48 || n == 0 || bits.Len64(n) > 49 {
		return 0, fmt.Errorf("crypto lifetime %.24q", s)
	}
	return n << power, nil
}

// line writes the value of the line. It holds the key: not for logs.
func (c Crypto) line() string {
	return fmt.Sprintf("%d %s inline:%s", c.Tag, c.Suite, base64.StdEncoding.EncodeToString(c.Key))
}

// offeredKeys are our lines of an offer, with tags of their own.
func offeredKeys(local Local) []Crypto {
	if local.Security == Plain {
		return nil
	}
	out := make([]Crypto, 0, len(local.Keys))
	for i, k := range local.Keys {
		k.Tag = i + 1
		out = append(out, k)
	}
	return out
}

// secured reports whether a profile carries SRTP with keys in the description.
func secured(proto string) bool { return proto == "RTP/SAVP" || proto == "RTP/SAVPF" }

// chooseKeys finds the first of the peer's lines that we have a key for. With
// none it returns nil where plain RTP will do, else why not.
func chooseKeys(m Media, local Local) (theirs, ours *Crypto, err error) {
	if local.Security != Plain {
		for _, c := range m.Crypto {
			for _, k := range local.Keys {
				if k.Suite == c.Suite {
					k.Tag = c.Tag
					return &c, &k, nil
				}
			}
		}
	}
	switch {
	case secured(m.Proto) && local.Security == Plain:
		return nil, nil, fmt.Errorf("%w: %s", ErrProfile, m.Proto)
	case secured(m.Proto) && m.Refused != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrCrypto, m.Refused)
	case secured(m.Proto):
		return nil, nil, ErrCrypto
	case local.Security == Required:
		return nil, nil, ErrPlain
	}
	return nil, nil, nil
}

// acceptKeys reads the one line of an answer to our offer (RFC 4568 section
// 5.1.3): it repeats the tag and the suite of one of ours.
func acceptKeys(m Media, local Local) (theirs, ours *Crypto, err error) {
	offered := offeredKeys(local)
	if len(m.Crypto) == 0 || len(offered) == 0 {
		return chooseKeys(Media{Proto: m.Proto, Refused: m.Refused}, local)
	}
	c := m.Crypto[0]
	for _, k := range offered {
		if k.Tag == c.Tag && k.Suite == c.Suite {
			return &c, &k, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: answer to line %d, which was not offered", ErrCrypto, c.Tag)
}
