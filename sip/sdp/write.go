package sdp

import (
	"bytes"
	"fmt"
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
	var b bytes.Buffer
	addr := local.Addr.Addr().Unmap()
	family := "IP4"
	if addr.Is6() {
		family = "IP6"
	}
	fmt.Fprintf(&b, "v=0\r\no=- %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
		local.SessID, local.Version, family, addr, family, addr)
	for i, s := range streams {
		if i == audio {
			own.write(&b, local)
			continue
		}
		formats := s.Formats
		if formats == "" {
			formats = "0"
		}
		fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", s.Kind, s.Proto, formats)
	}
	return b.Bytes()
}

func (s section) write(b *bytes.Buffer, local Local) {
	fmt.Fprintf(b, "m=audio %d %s", local.Addr.Port(), s.proto)
	for _, c := range s.codecs {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(int(c.PT)))
	}
	b.WriteString("\r\n")
	for _, c := range s.codecs {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", c.PT, c.Name, c.Rate)
		fmtp := c.Fmtp
		if fmtp == "" && c.Name == toneName {
			fmtp = "0-16" // RFC 4733 section 2.4.1: digits and flash
		}
		if fmtp != "" {
			fmt.Fprintf(b, "a=fmtp:%d %s\r\n", c.PT, fmtp)
		}
	}
	for _, k := range s.keys {
		fmt.Fprintf(b, "a=crypto:%s\r\n", k.line())
	}
	if s.mux {
		b.WriteString("a=rtcp-mux\r\n")
	}
	ptime := local.Ptime
	if ptime == 0 {
		ptime = 20
	}
	fmt.Fprintf(b, "a=ptime:%d\r\na=%s\r\n", ptime, s.dir)
}
