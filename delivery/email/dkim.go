package email

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// DKIM says how letters are signed (RFC 6376), both parts relaxed. The key's
// public half is published in DNS, at Selector._domainkey.Domain.
type DKIM struct {
	Domain, Selector string
	Key              crypto.Signer // RSA of 1024 bits or more, or Ed25519
}

// ParseKey reads a private key in PEM, RSA (PKCS #1 or #8) or Ed25519 (PKCS #8).
// The error is Invalid.
func ParseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "key is not PEM")
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, ringbid.Errorf(ringbid.Invalid, "key is not a private key in PKCS #1 or #8")
	}
	switch k := k.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, ringbid.Errorf(ringbid.Invalid, "key is neither RSA nor Ed25519")
}

const minRSABits = 1024 // what RFC 8301 still lets verify

func (d *DKIM) check() error {
	if !domainName(d.Domain) || !domainName(d.Selector) {
		return errors.New("domain or selector is not sound")
	}
	if d.Key == nil {
		return errors.New("needs a key")
	}
	switch k := d.Key.Public().(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return fmt.Errorf("RSA key has fewer than %d bits", minRSABits)
		}
	case ed25519.PublicKey:
	default:
		return errors.New("key is neither RSA nor Ed25519")
	}
	return nil
}

// Headers are signed where they stand in the letter. Those signed once more than
// they stand cannot be added to it either; one-click unsubscription counts only
// if both its headers are signed (RFC 8058).
func signedHeaders() []string {
	return []string{
		"From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"List-Unsubscribe", "List-Unsubscribe-Post",
	}
}

func oversigned() []string { return []string{"From", "Subject"} }

// sign returns the letter with its signature in front. Lines must end in CR LF.
func (d *DKIM) sign(letter []byte, now time.Time) ([]byte, error) {
	head, body, _ := bytes.Cut(letter, []byte("\r\n\r\n"))
	lines := headerLines(string(head))
	var names []string
	var in strings.Builder
	for _, name := range signedHeaders() {
		i := slices.IndexFunc(lines, func(l string) bool { return headerIs(l, name) })
		if i < 0 {
			continue
		}
		names = append(names, name)
		in.WriteString(relaxedHeader(lines[i]) + "\r\n")
	}
	names = append(names, oversigned()...)
	kind, how := "rsa-sha256", crypto.Hash(crypto.SHA256)
	if _, is := d.Key.Public().(ed25519.PublicKey); is {
		kind, how = "ed25519-sha256", 0
	}
	hash := sha256.Sum256(relaxedBody(body))
	// Folded where white space may stand, for the signature covers the folding.
	header := fmt.Sprintf("DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n d=%s;\r\n s=%s; t=%d;\r\n h=%s;\r\n bh=%s;\r\n b=",
		kind, d.Domain, d.Selector, now.Unix(), foldNames(names), base64.StdEncoding.EncodeToString(hash[:]))
	in.WriteString(relaxedHeader(header))
	digest := sha256.Sum256([]byte(in.String()))
	sig, err := d.Key.Sign(rand.Reader, digest[:], how)
	if err != nil {
		return nil, fmt.Errorf("sign letter: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(header)
	for text := base64.StdEncoding.EncodeToString(sig); text != ""; {
		n := min(len(text), 70)
		b.WriteString("\r\n " + text[:n])
		text = text[n:]
	}
	b.WriteString("\r\n")
	b.Write(letter)
	return b.Bytes(), nil
}

// foldNames lists names, folded between them where a line would be long.
func foldNames(names []string) string {
	var b strings.Builder
	width := 0
	for i, n := range names {
		if i > 0 {
			b.WriteByte(':')
			width++
		}
		if width+len(n) > 60 {
			b.WriteString("\r\n  ")
			width = 0
		}
		b.WriteString(n)
		width += len(n)
	}
	return b.String()
}

// headerLines parts a head into headers, each with its folding.
func headerLines(head string) []string {
	var all []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if n := len(all); n > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') {
			all[n-1] += "\r\n" + line
		} else {
			all = append(all, line)
		}
	}
	return all
}

func headerIs(line, name string) bool {
	got, _, _ := strings.Cut(line, ":")
	return strings.EqualFold(got, name)
}

// relaxedHeader is the canonical form of a header (RFC 6376, 3.4.2), without its
// end of line.
func relaxedHeader(line string) string {
	name, value, _ := strings.Cut(line, ":")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.Join(strings.Fields(value), " ")
}

// relaxedBody is the canonical form of a body (RFC 6376, 3.4.4).
func relaxedBody(body []byte) []byte {
	lines := strings.Split(string(body), "\r\n")
	for i, l := range lines {
		lines[i] = relaxedLine(l)
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nil
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

// relaxedLine makes each run of blanks one space and takes those at the end off.
func relaxedLine(s string) string {
	var b strings.Builder
	blank := false
	for i := range len(s) {
		if s[i] == ' ' || s[i] == '\t' {
			blank = true
			continue
		}
		if blank {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteByte(s[i])
	}
	return b.String()
}
