package sdp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

var inline = "inline:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 30))

// secure is local with keys.
func secure(s Security) Local {
	l := local()
	l.Security = s
	l.Keys = []Crypto{
		{Suite: "AEAD_AES_128_GCM", Key: bytes.Repeat([]byte{1}, 28)},
		{Suite: "AES_CM_128_HMAC_SHA1_80", Key: bytes.Repeat([]byte{2}, 30)},
		{Suite: "AES_CM_128_HMAC_SHA1_32", Key: bytes.Repeat([]byte{3}, 30)},
	}
	return l
}

func TestCryptoLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, line, refused string
	}{
		{"plain", "1 AES_CM_128_HMAC_SHA1_80 " + inline, ""},
		{"long lifetime", "1 AES_CM_128_HMAC_SHA1_32 " + inline + "|2^31", ""},
		{"lifetime as a number", "1 AES_CM_128_HMAC_SHA1_32 " + inline + "|281474976710656", ""},
		{"lower case", "9 aes_cm_128_hmac_sha1_80 " + inline, ""},
		{"no padding", "1 AEAD_AES_128_GCM inline:" + base64.RawStdEncoding.EncodeToString(make([]byte, 28)), ""},
		{"window hint", "1 AES_CM_128_HMAC_SHA1_80 " + inline + " WSH=128 -x=y", ""},
		{"short lifetime", "1 AES_CM_128_HMAC_SHA1_80 " + inline + "|2^20", "lifetime"},
		{"endless lifetime", "1 AES_CM_128_HMAC_SHA1_80 " + inline + "|2^99", "lifetime"},
		{"overflowing lifetime", "1 AES_CM_128_HMAC_SHA1_80 " + inline + "|18446744073709551615", "lifetime"},
		{"mki", "1 AES_CM_128_HMAC_SHA1_80 " + inline + "|1:1", "MKI"},
		{"lifetime and mki", "1 AES_CM_128_HMAC_SHA1_80 " + inline + "|2^48|1:4", "MKI"},
		{"two keys", "1 AES_CM_128_HMAC_SHA1_80 " + inline + ";" + inline, "several keys"},
		{"short key", "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", "base64"},
		{"not base64", "1 AES_CM_128_HMAC_SHA1_80 inline:!!", "base64"},
		{"other suite", "1 F8_128_HMAC_SHA1_80 " + inline, "suite"},
		{"no encryption", "1 AES_CM_128_HMAC_SHA1_80 " + inline + " UNENCRYPTED_SRTP", "parameter"},
		{"no authentication", "1 AES_CM_128_HMAC_SHA1_80 " + inline + " UNAUTHENTICATED_SRTP", "parameter"},
		{"key rate", "1 AES_CM_128_HMAC_SHA1_80 " + inline + " KDR=1", "parameter"},
		{"other method", "1 AES_CM_128_HMAC_SHA1_80 uri:" + inline, "method"},
		{"tag 0", "0 AES_CM_128_HMAC_SHA1_80 " + inline, "tag"},
		{"long tag", "1000000000 AES_CM_128_HMAC_SHA1_80 " + inline, "tag"},
		{"no key", "1 AES_CM_128_HMAC_SHA1_80", "fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(offer("m=audio 4000 RTP/SAVP 0", "a=crypto:"+tt.line))
			if err != nil {
				t.Fatal(err)
			}
			_, a, err := Answer(s, secure(Optional))
			if tt.refused == "" {
				if err != nil || a.Theirs == nil || a.Ours == nil || a.Ours.Tag != a.Theirs.Tag || a.Ours.Suite != a.Theirs.Suite {
					t.Errorf("%v, theirs %+v, ours %+v", err, a.Theirs, a.Ours)
				}
				return
			}
			if !errors.Is(err, ErrCrypto) || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%v, want one about %s", err, tt.refused)
			}
			if strings.Contains(err.Error(), inline) {
				t.Errorf("a key in the error: %v", err)
			}
		})
	}
}

func TestAnswerChoosesSecurity(t *testing.T) {
	t.Parallel()
	gcm := "a=crypto:5 AEAD_AES_256_GCM " + inline
	cm := "a=crypto:6 AES_CM_128_HMAC_SHA1_32 " + inline
	tests := []struct {
		name     string
		security Security
		offer    []string
		err      error
		line     string // of our answer
		proto    string
	}{
		{"refused", Plain, []string{"m=audio 4000 RTP/SAVP 0", cm}, ErrProfile, "", ""},
		{"keys beside plain ignored", Plain, []string{"m=audio 4000 RTP/AVP 0", cm}, nil, "", "RTP/AVP"},
		{"taken", Optional, []string{"m=audio 4000 RTP/SAVP 0", gcm, cm}, nil, "a=crypto:6 AES_CM_128_HMAC_SHA1_32 ", "RTP/SAVP"},
		{"taken with feedback", Required, []string{"m=audio 4000 RTP/SAVPF 0", cm}, nil, "a=crypto:6 ", "RTP/SAVPF"},
		{"opportunistic", Optional, []string{"m=audio 4000 RTP/AVP 0", cm}, nil, "a=crypto:6 ", "RTP/AVP"},
		{"plain will do", Optional, []string{"m=audio 4000 RTP/AVP 0"}, nil, "", "RTP/AVP"},
		{"plain will not do", Required, []string{"m=audio 4000 RTP/AVP 0"}, ErrPlain, "", ""},
		{"twice, secure", Optional, []string{"m=audio 4000 RTP/SAVP 0", cm, "m=audio 4002 RTP/AVP 0"}, nil, "m=audio 0 RTP/AVP 0\r\n", "RTP/SAVP"},
		{"twice, plain", Plain, []string{"m=audio 4000 RTP/SAVP 0", cm, "m=audio 4002 RTP/AVP 0"}, nil, "", "RTP/AVP"},
		{"twice, plain first", Required, []string{"m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/SAVP 0", cm}, nil, "a=crypto:6 ", "RTP/SAVP"},
		{"no line", Required, []string{"m=audio 4000 RTP/SAVP 0"}, ErrCrypto, "", ""},
		{"dtls", Required, []string{"m=audio 4000 UDP/TLS/RTP/SAVP 0"}, ErrProfile, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(offer(tt.offer...))
			if err != nil {
				t.Fatal(err)
			}
			body, a, err := Answer(s, secure(tt.security))
			if !errors.Is(err, tt.err) || err != nil && tt.err == nil {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			if strings.Count(string(body), "a=crypto:") != min(1, len(tt.line)) || !strings.Contains(string(body), tt.line) || !strings.Contains(string(body), " "+tt.proto+" 0") {
				t.Errorf("answer\n%s", body)
			}
			if (a.Ours != nil) != (tt.line != "") {
				t.Errorf("ours %v, theirs %v", a.Ours, a.Theirs)
			}
		})
	}
}

func TestAcceptReadsTheChosenLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		security Security
		answer   []string
		suite    string
		err      error
	}{
		{"second of ours", Optional, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:2 AES_CM_128_HMAC_SHA1_80 " + inline}, "AES_CM_128_HMAC_SHA1_80", nil},
		{"opportunistic taken", Opportunistic, []string{"m=audio 4000 RTP/AVP 0", "a=crypto:3 AES_CM_128_HMAC_SHA1_32 " + inline}, "AES_CM_128_HMAC_SHA1_32", nil},
		{"opportunistic ignored", Opportunistic, []string{"m=audio 4000 RTP/AVP 0"}, "", nil},
		{"wrong tag", Optional, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + inline}, "", ErrCrypto},
		{"no keys", Optional, []string{"m=audio 4000 RTP/SAVP 0"}, "", ErrCrypto},
		{"plain where required", Required, []string{"m=audio 4000 RTP/AVP 0"}, "", ErrPlain},
		{"keys nobody asked for", Plain, []string{"m=audio 4000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 " + inline}, "", ErrProfile},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(offer(tt.answer...))
			if err != nil {
				t.Fatal(err)
			}
			a, err := Accept(s, secure(tt.security))
			if !errors.Is(err, tt.err) || err != nil && tt.err == nil {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			if err == nil && (a.Ours != nil) != (tt.suite != "") || a.Ours != nil && (a.Ours.Suite != tt.suite || a.Theirs.Suite != tt.suite) {
				t.Errorf("ours %v, theirs %v", a.Ours, a.Theirs)
			}
		})
	}
}

func TestOfferListsOurKeys(t *testing.T) {
	t.Parallel()
	for security, proto := range map[Security]string{Plain: "RTP/AVP", Optional: "RTP/SAVP", Opportunistic: "RTP/AVP", Required: "RTP/SAVP"} {
		s, err := Parse(Offer(secure(security)))
		if err != nil {
			t.Fatal(err)
		}
		want := offeredKeys(secure(security))
		if s.Audio.Proto != proto || !slices.EqualFunc(s.Audio.Crypto, want, func(a, b Crypto) bool {
			return a.Tag == b.Tag && a.Suite == b.Suite && bytes.Equal(a.Key, b.Key)
		}) {
			t.Errorf("%d: %s, %+v", security, s.Audio.Proto, s.Audio.Crypto)
		}
	}
}

func TestTooManyCryptoLines(t *testing.T) {
	t.Parallel()
	body := []string{"m=audio 4000 RTP/SAVP 0"}
	for range maxCryptoLines + 1 {
		body = append(body, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "+inline)
	}
	if _, err := Parse(offer(body...)); !errors.Is(err, ErrMalformed) {
		t.Errorf("%v", err)
	}
}

func TestMuxIsAnswered(t *testing.T) {
	t.Parallel()
	s, err := Parse(offer("m=audio 4000 RTP/AVP 0", "a=rtcp-mux"))
	if err != nil {
		t.Fatal(err)
	}
	if body, a, err := Answer(s, local()); err != nil || !a.Mux || !strings.Contains(string(body), "a=rtcp-mux\r\n") {
		t.Errorf("%v, %v\n%s", err, a.Mux, body)
	}
	if a, err := Accept(s, local()); err != nil || a.Mux {
		t.Errorf("%v, muxed without our offer", err)
	}
}

func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 " + inline + "|2^31|1:4 WSH=64")
	f.Add("1 AEAD_AES_128_GCM inline:|;|")
	f.Add("999999999 AES_CM_128_HMAC_SHA1_32 " + inline + "|4194304 -a")
	f.Fuzz(func(t *testing.T, v string) {
		c, err := parseCrypto(v)
		if err != nil {
			return
		}
		back, err := parseCrypto(c.line())
		if err != nil || back.Tag != c.Tag || back.Suite != c.Suite || !bytes.Equal(back.Key, c.Key) {
			t.Errorf("%q came back as %+v, %v", v, back, err)
		}
		if len(c.Key) != keyLens[c.Suite] {
			t.Errorf("key of %d bytes for %s", len(c.Key), c.Suite)
		}
	})
}
