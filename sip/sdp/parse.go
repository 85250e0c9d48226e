package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of what Parse reads; a call's description is 300 to 2,000 bytes.
const (
	maxBody    = 16 << 10
	maxLines   = 400
	maxLine    = 2048
	maxStreams = 16
	maxFormats = 64
)

// Parse reads a description of at most 16 KB. It returns ErrTooLarge,
// ErrMalformed or ErrNoAudio, wrapped with the line it stopped at. Lines may
// end in CRLF or LF; unknown lines and attributes are skipped.
func Parse(body []byte) (*Session, error) {
	if len(body) > maxBody {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	p := parser{s: &Session{audio: -1}, dir: SendRecv}
	text := string(body)
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSuffix(line, "\r")
		if n > maxLines || len(line) > maxLine {
			return nil, fmt.Errorf("%w: line %d", ErrTooLarge, n)
		}
		if len(strings.TrimSpace(line)) == 0 {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %s", ErrMalformed, n, err.Error())
		}
	}
	return p.finish()
}

// parser holds what was read so far; media points at the stream being read.
type parser struct {
	s       *Session
	version bool
	dir     Direction // session level
	host    string    // session level c=
	media   *draft
	drafts  []*draft
}

// draft is one m= section before codecs are resolved.
type draft struct {
	stream  Stream
	host    string
	dir     Direction
	ptime   int
	longest int // a=maxptime
	rtcp    string
	crypto  []Crypto
	mux     bool
	refused error
	keys    int // a=crypto lines
	formats []uint8
	maps    []Codec // the last of a payload type counts
	fmtps   []fmtp
}

type fmtp struct {
	pt     uint8
	params string
}

func (p *parser) line(s string) error {
	if len(s) < 2 || s[1] != '=' {
		return fmt.Errorf("not of the form x=")
	}
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
		return fmt.Errorf("control character")
	}
	value := strings.TrimSpace(s[2:])
	if !p.version && s[0] != 'v' {
		return fmt.Errorf("v= must come first")
	}
	switch s[0] {
	case 'v':
		if value != "0" || p.version {
			return fmt.Errorf("version %.8q", value)
		}
		p.version = true
	case 'o':
		return p.origin(value)
	case 'c':
		return p.connection(value)
	case 'm':
		return p.stream(value)
	case 'a':
		return p.attribute(value)
	}
	return nil
}

func (p *parser) origin(v string) error {
	f := strings.Fields(v)
	if len(f) != 6 {
		return fmt.Errorf("o= has %d fields", len(f))
	}
	o := Origin{Username: f[0], Addr: f[5]}
	// Ids beyond 64 bits exist in the field and are only compared by people.
	o.ID, _ = strconv.ParseUint(f[1], 10, 64)
	o.Version, _ = strconv.ParseUint(f[2], 10, 64)
	p.s.Origin = o
	return nil
}

func (p *parser) connection(v string) error {
	f := strings.Fields(v)
	if len(f) != 3 || f[0] != "IN" || f[1] != "IP4" && f[1] != "IP6" {
		return fmt.Errorf("c= %.40q", v)
	}
	host, _, _ := strings.Cut(f[2], "/") // a multicast TTL
	if p.media != nil {
		p.media.host = host
	} else {
		p.host = host
	}
	return nil
}

func (p *parser) stream(v string) error {
	f := strings.Fields(v)
	if len(f) < 3 {
		return fmt.Errorf("m= has %d fields", len(f))
	}
	if len(p.drafts) == maxStreams || len(f) > maxFormats+3 {
		return fmt.Errorf("m= beyond limits")
	}
	port, count, counted := strings.Cut(f[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("port %.16q", f[1])
	}
	if counted {
		if _, err := strconv.ParseUint(count, 10, 16); err != nil {
			return fmt.Errorf("port %.16q", f[1])
		}
	}
	d := &draft{stream: Stream{Kind: f[0], Port: int(n), Proto: f[2], Formats: strings.Join(f[3:], " ")}}
	for _, s := range f[3:] {
		pt, err := strconv.ParseUint(s, 10, 8)
		if err != nil || pt > 127 {
			if strings.HasPrefix(d.stream.Proto, "RTP/") {
				return fmt.Errorf("payload type %.16q", s)
			}
			continue
		}
		d.formats = append(d.formats, uint8(pt))
	}
	p.media, p.drafts = d, append(p.drafts, d)
	return nil
}

func (p *parser) attribute(v string) error {
	name, value, _ := strings.Cut(v, ":")
	switch d := Direction(name); d {
	case SendRecv, SendOnly, RecvOnly, Inactive:
		if p.media != nil {
			p.media.dir = d
		} else {
			p.dir = d
		}
		return nil
	}
	if p.media == nil {
		return nil
	}
	switch name {
	case "rtpmap":
		return p.media.rtpmap(value)
	case "fmtp":
		pt, params, _ := strings.Cut(value, " ")
		if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
			p.media.fmtps = append(p.media.fmtps, fmtp{uint8(n), strings.TrimSpace(params)})
		}
	case "ptime":
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err == nil && n >= 1 && n <= 200 {
			p.media.ptime = int(n)
		}
	case "maxptime":
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err == nil && n >= 1 && n <= 200 {
			p.media.longest = int(n)
		}
	case "rtcp":
		p.media.rtcp = value
	case "rtcp-mux":
		p.media.mux = true
	case "crypto":
		return p.media.secret(value)
	}
	return nil
}

// secret reads a=crypto. A line that is not carried is passed over: another may
// be, and if none is, the first one's reason is given.
func (d *draft) secret(v string) error {
	if d.keys++; d.keys > maxCryptoLines {
		return fmt.Errorf("more than %d crypto lines", maxCryptoLines)
	}
	c, err := parseCrypto(v)
	if err == nil {
		d.crypto = append(d.crypto, c)
	} else if d.refused == nil {
		d.refused = err
	}
	return nil
}

func (d *draft) rtpmap(v string) error {
	pt, format, ok := strings.Cut(strings.TrimSpace(v), " ")
	n, err := strconv.ParseUint(pt, 10, 7)
	if err != nil || !ok {
		return fmt.Errorf("rtpmap %.40q", v)
	}
	f := strings.Split(strings.TrimSpace(format), "/")
	if len(f) < 2 || f[0] == "" {
		return fmt.Errorf("rtpmap %.40q", v)
	}
	rate, err := strconv.ParseUint(f[1], 10, 31)
	if err != nil || rate == 0 {
		return fmt.Errorf("rtpmap %.40q", v)
	}
	if len(f) > 2 && f[2] != "1" && f[2] != "" {
		return nil // more than one channel: not a telephone codec
	}
	d.maps = append(d.maps, Codec{PT: uint8(n), Name: f[0], Rate: int(rate)})
	return nil
}

// finish picks the audio stream and resolves it.
func (p *parser) finish() (*Session, error) {
	if !p.version {
		return nil, fmt.Errorf("%w: empty", ErrMalformed)
	}
	for i, d := range p.drafts {
		p.s.Streams = append(p.s.Streams, d.stream)
		if d.stream.Kind != "audio" {
			continue
		}
		if p.s.audio < 0 || p.drafts[p.s.audio].stream.Port == 0 && d.stream.Port != 0 {
			p.s.audio = i
		}
	}
	if p.s.audio < 0 {
		return nil, ErrNoAudio
	}
	p.s.Others = len(p.s.Streams) - 1
	p.s.Audio = p.resolve(p.drafts[p.s.audio])
	for i, d := range p.drafts {
		if i != p.s.audio && d.stream.Kind == "audio" && d.stream.Port != 0 {
			p.s.Also, p.s.also = append(p.s.Also, p.resolve(d)), append(p.s.also, i)
		}
	}
	return p.s, nil
}

func (p *parser) resolve(d *draft) Media {
	m := Media{Direction: d.dir, Ptime: d.ptime, MaxPtime: d.longest, Proto: d.stream.Proto, Crypto: d.crypto, Mux: d.mux, Refused: d.refused}
	if m.Direction == "" {
		m.Direction = p.dir
	}
	host := d.host
	if host == "" {
		host = p.host
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		m.Host, addr = host, netip.Addr{}
	}
	m.Addr = netip.AddrPortFrom(addr.Unmap(), uint16(d.stream.Port))
	if d.stream.Port != 0 && addr.IsValid() {
		m.RTCP = rtcpAddr(m.Addr, d.rtcp)
	}
	for _, pt := range d.formats {
		if c, ok := d.codec(pt); ok {
			m.Codecs = append(m.Codecs, c)
		}
	}
	return m
}

// codec resolves a payload type.
func (d *draft) codec(pt uint8) (Codec, bool) {
	c, ok := static(pt)
	for i := len(d.maps) - 1; i >= 0; i-- {
		if d.maps[i].PT == pt {
			c, ok = d.maps[i], true
			break
		}
	}
	for _, f := range d.fmtps {
		if f.pt == pt {
			c.Fmtp = f.params
		}
	}
	return c, ok
}

// rtcpAddr applies a=rtcp (RFC 3605) to the stream's address.
func rtcpAddr(rtp netip.AddrPort, attr string) netip.AddrPort {
	f := strings.Fields(attr)
	if len(f) > 0 {
		if port, err := strconv.ParseUint(f[0], 10, 16); err == nil && port > 0 {
			addr := rtp.Addr()
			if len(f) == 4 {
				if a, err := netip.ParseAddr(f[3]); err == nil && a.Zone() == "" {
					addr = a.Unmap()
				}
			}
			return netip.AddrPortFrom(addr, uint16(port))
		}
	}
	if rtp.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
}

// static resolves the payload types of RFC 3551 section 6 that telephones use
// without a=rtpmap.
func static(pt uint8) (Codec, bool) {
	name := ""
	switch pt {
	case 0:
		name = "PCMU"
	case 3:
		name = "GSM"
	case 4:
		name = "G723"
	case 8:
		name = "PCMA"
	case 9:
		name = "G722"
	case noisePT:
		name = noiseName
	case 15:
		name = "G728"
	case 18:
		name = "G729"
	}
	return Codec{PT: pt, Name: name, Rate: 8000}, name != ""
}
