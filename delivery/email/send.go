package email

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringbid/ringbid/delivery/connector"
)

// Send hands a letter to the server and says what came of it. The outcome's
// Request is a copy of the letter, its Response the server's reply, its ID the
// server's own where the reply names it.
func (m *Mailer) Send(ctx context.Context, l Letter) connector.Outcome {
	started := time.Now()
	out := m.send(ctx, l)
	out.Reason, out.Note = short(m.clean(out.Reason)), short(m.clean(out.Note))
	out.Response = bounded(m.clean(out.Response))
	out.Took = time.Since(started)
	return out
}

func (m *Mailer) send(ctx context.Context, l Letter) connector.Outcome {
	e, err := m.seal(l)
	if err != nil {
		out := connector.Outcome{Class: connector.ClassUnsound, Code: connector.CodeAddress, Sent: connector.SentNo, Reason: err.Error()}
		if errors.Is(err, errTooLarge) {
			out.Code = connector.CodeTooLarge
		}
		return out
	}
	timed, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	s := &session{m: m}
	reply, err := s.deliver(timed, e)
	s.close(err)
	out := s.judge(ctx, reply, err)
	out.Request = e.copy
	return out
}

// judge classifies a conversation that has ended.
func (s *session) judge(asked context.Context, reply string, err error) connector.Outcome {
	if err == nil {
		return connector.Outcome{
			Class: connector.ClassAccepted, Sent: connector.SentAnswered, Unconfirmed: true,
			ID: queueID(reply), Response: reply, Note: s.refusals.note(s.offered),
		}
	}
	var told *textproto.Error
	if errors.As(err, &told) {
		return s.judgeReply(told)
	}
	out := connector.Outcome{Class: connector.ClassNeverSent, Sent: connector.SentNo}
	if s.at == atDot {
		out.Class, out.Sent = connector.ClassAmbiguous, connector.SentMaybe
	}
	out.Code, out.Reason = s.explain(asked, err)
	if s.at == atAuth && errors.Is(err, errNoWay) {
		out.Class = connector.ClassAuth
	}
	return out
}

// judgeReply classifies what the server says no with. Before it has heard of the
// letter a no is about us or about itself, not about the letter.
func (s *session) judgeReply(told *textproto.Error) connector.Outcome {
	out := connector.Outcome{
		Code: connector.CodeStatus, Sent: connector.SentAnswered, Response: s.response(told),
		Reason: fmt.Sprintf("%s: %d %s", s.at, told.Code, told.Msg),
	}
	if s.at < atMail {
		out.Sent = connector.SentNo
	}
	kind := told.Code / 100
	switch {
	case told.Code == 421:
		out.Class, out.RetryAfter = connector.ClassThrottled, pause(told.Msg)
	case told.Code == 530 || told.Code == 535 || s.at == atAuth && kind == 5:
		out.Class = connector.ClassAuth
	case s.at < atMail && (kind == 4 || kind == 5):
		out.Class = connector.ClassNeverSent
	case kind == 4 && told.Code <= 452 && asksToWait(told.Msg):
		out.Class, out.RetryAfter = connector.ClassThrottled, pause(told.Msg)
		if out.RetryAfter == 0 {
			out.RetryAfter = greyPause
		}
	case kind == 4:
		out.Class = connector.ClassServer
	case kind == 5:
		out.Class = connector.ClassRejected
	case s.at == atDot:
		out.Class, out.Code, out.Sent = connector.ClassAmbiguous, connector.CodeProtocol, connector.SentMaybe
	default:
		out.Class, out.Code, out.Sent = connector.ClassNeverSent, connector.CodeProtocol, connector.SentNo
	}
	return out
}

// response returns the reply that decided; at a refused recipient, all of them.
func (s *session) response(told *textproto.Error) string {
	if s.at == atRecipient && len(s.refusals) > 0 {
		return strings.Join(s.refusals.texts(), "\n")
	}
	return fmt.Sprintf("%d %s", told.Code, told.Msg)
}

const (
	redacted  = "••••••"
	maxCopy   = 16 << 10
	minSecret = 6 // bytes; shorter ones would take innocent letters with them
)

// clean takes the password out, as a server may echo it.
func (m *Mailer) clean(s string) string {
	if len(m.server.password) >= minSecret {
		s = strings.ReplaceAll(s, m.server.password, redacted)
	}
	return s
}

// short bounds what a server says of itself.
func short(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}

// bounded cuts a copy at 16 KB and makes it text that Postgres takes.
func bounded(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if len(s) <= maxCopy {
		return s
	}
	tail := fmt.Sprintf("\n… cut: %d bytes in all", len(s))
	cut := maxCopy - len(tail)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + tail
}
