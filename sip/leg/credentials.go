package leg

import (
	"bytes"
	"strconv"
)

// credentials is what an Authorization header says (RFC 7616 section 3.4).
type credentials struct {
	user, realm, nonce, uri, response, algorithm, cnonce string
	nc                                                   uint32
}

// readCredentials reads digest credentials with qop auth. It refuses others:
// without qop there is no nonce count, and an answer could be used again.
func readCredentials(v string) (c credentials, ok bool) {
	const prefix = "digest "
	if len(v) < len(prefix) || len(v) > maxHeaderLine || !asciiFold([]byte(v[:len(prefix)]), prefix) {
		return c, false
	}
	qop := ""
	for _, p := range splitOutside([]byte(v[len(prefix):]), ',') {
		name, value, _ := bytes.Cut(p, []byte("="))
		s := plainValue(trim(value))
		switch string(bytes.ToLower(trim(name))) {
		case "username":
			c.user = s
		case "realm":
			c.realm = s
		case "nonce":
			c.nonce = s
		case "uri":
			c.uri = s
		case "response":
			c.response = s
		case "algorithm":
			c.algorithm = s
		case "cnonce":
			c.cnonce = s
		case "qop":
			qop = s
		case "nc":
			n, err := strconv.ParseUint(s, 16, 32)
			if err != nil || len(s) != 8 {
				return c, false
			}
			c.nc = uint32(n)
		case "userhash":
			if s == "true" {
				return c, false // not offered
			}
		}
	}
	return c, qop == "auth" && c.user != "" && len(c.user) <= 128 && c.nonce != "" && c.response != "" && c.cnonce != ""
}

// plainValue takes the quotes and backslashes off a parameter's value.
func plainValue(v []byte) string {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return string(v)
	}
	out := make([]byte, 0, len(v))
	for v = v[1 : len(v)-1]; len(v) > 0; v = v[1:] {
		if v[0] == '\\' && len(v) > 1 {
			v = v[1:]
		}
		out = append(out, v[0])
	}
	return string(out)
}
