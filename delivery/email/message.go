package email

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// envelope is a letter ready to be handed over.
type envelope struct {
	sender     string
	recipients []string
	data       []byte // headers and body
	copy       string // for people
}

// seal checks a letter and writes it as it is sent.
func (m *Mailer) seal(l Letter) (envelope, error) {
	p, err := l.check()
	if err != nil {
		return envelope{}, err
	}
	data, err := m.write(l, p)
	if err != nil {
		return envelope{}, err
	}
	if m.cfg.DKIM != nil {
		if data, err = m.cfg.DKIM.sign(data, m.cfg.Now()); err != nil {
			return envelope{}, err
		}
	}
	if len(data) > MaxBytes {
		return envelope{}, errTooLarge
	}
	return envelope{sender: m.sender(l.ID), recipients: p.recipients(), data: data, copy: copyOf(data, l)}, nil
}

// write makes the letter's bytes, unsigned.
func (m *Mailer) write(l Letter, p parties) ([]byte, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	msg.FromMailAddress(m.from)
	msg.ToMailAddress(p.to...)
	if len(p.cc) > 0 {
		msg.CcMailAddress(p.cc...)
	}
	if p.replyTo != nil {
		msg.ReplyToMailAddress(p.replyTo)
	}
	// Plain letters that look like an encoded word would be decoded on arrival.
	msg.Subject(strings.ReplaceAll(l.Subject, "=?", "= ?"))
	msg.SetDateWithValue(m.cfg.Now())
	msg.SetMessageIDWithValue(fmt.Sprintf("%s.%d@%s", l.ID, l.Attempt, m.domain))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	if l.LeadID != "" {
		msg.SetGenHeader("X-Lead-Id", l.LeadID)
	}
	if l.Unsubscribe != "" {
		msg.SetGenHeader("List-Unsubscribe", "<"+l.Unsubscribe+">")
		msg.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	switch {
	case l.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, l.HTML)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, l.Text)
		if l.HTML != "" {
			msg.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
		}
	}
	for _, f := range l.Files {
		kind := gomail.WithFileContentType(gomail.ContentType(f.kind()))
		if err := msg.AttachReader(f.name(), bytes.NewReader(f.Body), kind); err != nil {
			return nil, fmt.Errorf("attach file: %w", err)
		}
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&limited{&b}); err != nil {
		return nil, err
	}
	return crlf(b.Bytes()), nil
}

// limited takes as much as a letter may hold.
type limited struct{ b *bytes.Buffer }

// Write writes p, or nothing where that would be too much.
func (w *limited) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > MaxBytes {
		return 0, errTooLarge
	}
	return w.b.Write(p)
}

// crlf makes every end of line CR LF, as the signature counts on it.
func crlf(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	b = bytes.ReplaceAll(b, []byte("\r"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

// copyOf writes a letter as it may be kept and shown: its headers as they were
// sent, the subject in plain letters too where it had to be encoded, its text,
// and what is attached.
func copyOf(data []byte, l Letter) string {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(string(head), "\r\n", "\n") + "\n")
	if mime.QEncoding.Encode("UTF-8", l.Subject) != l.Subject {
		b.WriteString("(" + l.Subject + ")\n")
	}
	b.WriteString("\n")
	if l.Text != "" {
		b.WriteString(l.Text)
	} else {
		b.WriteString(l.HTML)
	}
	for _, f := range l.Files {
		fmt.Fprintf(&b, "\n[%s, %s, %d bytes]", f.name(), f.kind(), len(f.Body))
	}
	return bounded(b.String())
}
