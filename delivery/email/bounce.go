package email

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// bouncePrefix begins the address to which bounces of one delivery go.
const bouncePrefix = "bounce+"

// sender returns the address on the envelope. It names the delivery, not the
// try: servers that greylist want to see the same one again.
func (m *Mailer) sender(id string) string {
	if m.cfg.Bounce == "" {
		return m.from.Address
	}
	return bouncePrefix + id + "." + m.bounceCode(id) + "@" + m.cfg.Bounce
}

// Bounced reads the address a bounce came to, and returns the delivery's id; ok
// is false where the address is not one this mailer wrote.
func (m *Mailer) Bounced(address string) (id string, ok bool) {
	local, domain, _ := strings.Cut(address, "@")
	rest, ours := strings.CutPrefix(local, bouncePrefix)
	id, code, _ := strings.Cut(rest, ".")
	if m.cfg.Bounce == "" || !ours || !strings.EqualFold(domain, m.cfg.Bounce) || !deliveryID(id) {
		return "", false
	}
	if !hmac.Equal([]byte(code), []byte(m.bounceCode(id))) {
		return "", false
	}
	return id, true
}

// bounceCode returns the eight digits that prove an id.
func (m *Mailer) bounceCode(id string) string {
	h := hmac.New(sha256.New, m.cfg.BounceKey)
	h.Write([]byte("bounce\x00" + id))
	return hex.EncodeToString(h.Sum(nil)[:4])
}
