package store

import (
	"bytes"
	"strings"
)

// scrubNUL replaces the escape of U+0000 in JSON, which jsonb does not take, by
// that of U+FFFD. Escaped backslashes are left alone.
func scrubNUL(b []byte) []byte {
	nul := []byte(`\u0000`)
	if !bytes.Contains(b, nul) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\' || i+1 == len(b):
			out = append(out, b[i])
		case bytes.HasPrefix(b[i:], nul):
			out = append(out, `\ufffd`...)
			i += len(nul) - 1
		default:
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out
}

// cut shortens a text somebody else wrote to n bytes, whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
