package sdp

import (
	"bytes"
	"net/netip"
	"strconv"
)

// Offer writes a description that offers every codec of local.
func Offer(local Local) []byte {
	dir := local.Direction
	if dir == "" {
		dir = SendRecv
	}
	own := section{proto: "RTP/AVP", codecs: local.Codecs, dir: dir, keys: offeredKeys(local), mux: local.Mux}
	if len(own.keys) > 0 && local.Security != Opportunistic {
		own.proto = "RTP/SAVP"
	}
	return write(local, []Stream{{Kind: "audio"}}, 0, own)
}

// Equal reports whether two bodies say the same apart from the o= line. A leg
// raises Local.Version only when they do not (RFC 3264 section 8).
func Equal(a, b []byte) bool {
	return bytes.Equal(withoutOrigin(a), withoutOrigin(b))
}

func withoutOrigin(body []byte) []byte {
	var out []byte
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if !bytes.HasPrefix(line, []byte("o=")) {
			out = append(append(out, bytes.TrimSuffix(line, []byte("\r"))...), '\n')
		}
	}
	return out
}

// section is our audio stream as it is written.
type section struct {
	proto  string
	codecs []Codec
	dir    Direction
	keys   []Crypto
	mux    bool
}

// write puts our audio at index audio of streams and refuses the others.
func write(local Local, streams []Stream, audio int, own section) []byte {
	addr := local.Addr.Addr().Unmap()
	family := " IN IP4 "
	if addr.Is6() {
		family = " IN IP6 "
	}
	b := make(text, 0, 512)
	b.add("v=0\r\no=- ").number(local.SessID).add(" ").number(local.Version).add(family).address(addr)
	b.add("\r\ns=-\r\nc=", family[1:]).address(addr).add("\r\nt=0 0\r\n")
	for i, s := range streams {
		if i == audio {
			own.write(&b, local)
			continue
		}
		formats := s.Formats
		if formats == "" {
			formats = "0"
		}
		b.add("m=", s.Kind, " 0 ", s.Proto, " ", formats, "\r\n")
	}
	return b
}

func (s section) write(b *text, local Local) {
	b.add("m=audio ").number(uint64(local.Addr.Port())).add(" ", s.proto)
	for _, c := range s.codecs {
		b.add(" ").number(uint64(c.PT))
	}
	b.add("\r\n")
	for _, c := range s.codecs {
		b.add("a=rtpmap:").number(uint64(c.PT)).add(" ", c.Name, "/").number(uint64(c.Rate)).add("\r\n")
		fmtp := c.Fmtp
		if fmtp == "" && c.Name == toneName {
			fmtp = "0-16" // RFC 4733 section 2.4.1: digits and flash
		}
		if fmtp != "" {
			b.add("a=fmtp:").number(uint64(c.PT)).add(" ", fmtp, "\r\n")
		}
	}
	for _, k := range s.keys {
		b.add("a=crypto:", k.line(), "\r\n")
	}
	if s.mux {
		b.add("a=rtcp-mux\r\n")
	}
	ptime := local.Ptime
	if ptime == 0 {
		ptime = 20
	}
	b.add("a=ptime:").number(uint64(ptime)).add("\r\na=", string(s.dir), "\r\n")
}

// text is a description being written.
type text []byte

func (b *text) add(parts ...string) *text {
	for _, s := range parts {
		*b = append(*b, s...)
	}
	return b
}

func (b *text) number(n uint64) *text {
	*b = strconv.AppendUint(*b, n, 10)
	return b
}

func (b *text) address(a netip.Addr) *text {
	*b = a.AppendTo(*b)
	return b
}
