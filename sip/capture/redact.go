package capture

import (
	"bytes"
)

// redact strikes out what would let a reader of a capture act as a party or
// listen in: the answer to a digest challenge (RFC 7616) and the keys of SRTP
// (RFC 4568). The length stays, so that sizes are true. It changes message.
func redact(message []byte) []byte {
	strike(message, []byte("response=\""), '"')
	strike(message, []byte("inline:"), 0)
	return message
}

// strike overwrites what follows each mark, up to end; 0 ends at a blank, a bar
// or the end of the line.
func strike(b, mark []byte, end byte) {
	for {
		i := indexFold(b, mark)
		if i < 0 {
			return
		}
		b = b[i+len(mark):]
		for n, c := range b {
			if c == '\r' || c == '\n' || c == end || end == 0 && (c == ' ' || c == '|') {
				break
			}
			b[n] = 'x'
		}
	}
}

func indexFold(b, mark []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(b[from:], mark[len(mark)-1])
		if i < 0 {
			return -1
		}
		end := from + i + 1
		if start := end - len(mark); start >= 0 && bytes.EqualFold(b[start:end], mark) {
			return start
		}
		from = end
	}
}
