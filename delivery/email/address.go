package email

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
)

const (
	maxAddress = 254 // bytes, as RFC 5321 has it for the path
	maxLocal   = 64  // before the @
	maxName    = 100 // of a person before the address, in bytes
)

// parseAddress reads "a@b.example" or "Name <a@b.example>". What stands in the
// address is held against a narrower rule than RFC 5322's: no quotes, comments,
// routes or literals, and ASCII only.
func parseAddress(s string) (*mail.Address, error) {
	if hasControl(s) {
		return nil, errors.New("address has control characters")
	}
	if len(s) > maxAddress+maxName+8 {
		return nil, errors.New("address is too long")
	}
	a, err := mail.ParseAddress(s)
	if err != nil || hasControl(a.Name) || len(a.Name) > maxName || !plainAddress(a.Address) {
		return nil, fmt.Errorf("%.80q is not an address that can be sent to", s)
	}
	return a, nil
}

// localLetters may stand before the @ besides letters and digits, as in the
// dot-atom of RFC 5322; those that shells, servers or headers might read
// otherwise are left out.
const localLetters = "!#$&'*+-/=?^_{}~."

func plainAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || len(s) > maxAddress || len(local) > maxLocal || !domainName(domain) {
		return false
	}
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	return !strings.ContainsFunc(local, func(c rune) bool { return !alphanumeric(c) && !strings.ContainsRune(localLetters, c) })
}

// domainName reports whether s is a host name in letters, digits and hyphens.
func domainName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(c rune) bool { return !alphanumeric(c) && c != '-' }) {
			return false
		}
	}
	return true
}

func alphanumeric(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// hasControl reports whether s holds what must not stand in a header or a
// command: CR, LF, NUL and their like, or bytes that are not UTF-8.
func hasControl(s string) bool {
	return strings.ToValidUTF8(s, "") != s || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}
