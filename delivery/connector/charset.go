package connector

import (
	"bytes"
	"encoding/binary"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// readText makes the body of an answer UTF-8. A byte-order mark decides, then the
// header's charset; what claims to be UTF-8 and is not is taken for
// Windows-1252, of which Latin-1 is a part.
func readText(h http.Header, body []byte) string {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		body = body[3:]
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return utf16Text(body[2:], binary.LittleEndian)
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return utf16Text(body[2:], binary.BigEndian)
	}
	_, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err == nil && latin(params["charset"]) || !utf8.Valid(body) {
		return latinText(body)
	}
	return string(body)
}

func latin(charset string) bool {
	switch strings.ToLower(charset) {
	case "iso-8859-1", "latin1", "iso8859-1", "iso_8859-1", "windows-1252", "cp1252", "iso-8859-15":
		return true
	}
	return false
}

// latinText reads Windows-1252; bytes that mean nothing become U+FFFD.
func latinText(b []byte) string {
	high := []rune("€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ")
	var s strings.Builder
	s.Grow(len(b) + len(b)/8)
	for _, c := range b {
		switch {
		case c >= 0x80 && c < 0xa0:
			s.WriteRune(high[c-0x80])
		default:
			s.WriteRune(rune(c))
		}
	}
	return s.String()
}

func utf16Text(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// sameText lets the XML reader take any declaration: the text is UTF-8 already.
func sameText(_ string, r io.Reader) (io.Reader, error) { return r, nil }
