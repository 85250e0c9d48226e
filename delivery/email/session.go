package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// stage is how far a conversation has come.
type stage int

const (
	atDial stage = iota
	atGreeting
	atTLS
	atAuth
	atMail
	atRecipient
	atData // asked to take the letter
	atBody // handing it over
	atDot  // the letter is whole; only the answer is missing
)

// String returns the stage as it stands in front of a reason.
func (s stage) String() string {
	return [...]string{
		"reaching the server", "greeting", "TLS", "signing in", "sender", "recipient", "offering the letter", "handing the letter over",
		"letter",
	}[s]
}

// session is one conversation about one letter.
type session struct {
	m        *Mailer
	conn     net.Conn
	smtp     *smtp.Client
	stop     func() bool // stops waiting for the context
	at       stage
	offered  int // recipients
	refusals refusals
}

var (
	errNoTLS  = errors.New("server offers no TLS, and credentials are not sent without it")
	errNoWay  = errors.New("server offers no way to sign in that is known here")
	errTalker = errors.New("server says more than is read")
)

const (
	maxTalk  = 256 << 10 // bytes a server may say in one conversation, TLS included
	quitTime = 2 * time.Second
)

// deliver holds the conversation and returns the server's last reply. An error's
// meaning depends on where the session stands.
func (s *session) deliver(ctx context.Context, e envelope) (string, error) {
	for _, step := range []func() error{
		func() error { return s.dial(ctx) },
		func() error { return s.greet(ctx) },
		s.startTLS,
		s.auth,
		func() error { return s.offer(e) },
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	return s.hand(e.data)
}

func (s *session) dial(ctx context.Context) error {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", s.m.server.address())
	if err != nil {
		return err
	}
	s.conn = conn
	if t, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(t) // a connection that cannot is about to fail
	}
	s.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return nil
}

func (s *session) tls() *tls.Config {
	return &tls.Config{ServerName: s.m.server.host, RootCAs: s.m.cfg.Roots, MinVersion: tls.VersionTLS12}
}

// greet begins TLS where the server does, hears the greeting and says who we are.
func (s *session) greet(ctx context.Context) error {
	var line net.Conn = &bounds{Conn: s.conn, left: maxTalk}
	if s.m.server.implicit {
		s.at = atTLS
		secure := tls.Client(line, s.tls())
		if err := secure.HandshakeContext(ctx); err != nil {
			return err
		}
		line = secure
	}
	s.at = atGreeting
	c, err := smtp.NewClient(line, s.m.server.host)
	if err != nil {
		return err
	}
	s.smtp = c
	c.SkipSMTPUTF8(true) // addresses are ASCII
	return c.Hello(s.m.domain)
}

func (s *session) startTLS() error {
	s.at = atTLS
	if s.m.server.implicit {
		return nil
	}
	if offered, _ := s.smtp.Extension("STARTTLS"); offered {
		return s.smtp.StartTLS(s.tls())
	}
	if s.m.server.known() {
		return errNoTLS
	}
	return nil
}

// auth signs in, by the first way that both sides know.
func (s *session) auth() error {
	s.at = atAuth
	srv := s.m.server
	if !srv.known() {
		return nil
	}
	_, offered := s.smtp.Extension("AUTH")
	has := func(name string) bool {
		for way := range strings.FieldsSeq(offered) {
			if strings.EqualFold(way, name) {
				return true
			}
		}
		return false
	}
	switch {
	case has("PLAIN"):
		return s.smtp.Auth(smtp.PlainAuth("", srv.user, srv.password, srv.host, false))
	case has("LOGIN"):
		return s.smtp.Auth(smtp.LoginAuth(srv.user, srv.password, srv.host, false))
	case has("SCRAM-SHA-256"):
		return s.smtp.Auth(smtp.ScramSHA256Auth(srv.user, srv.password))
	case has("CRAM-MD5"):
		return s.smtp.Auth(smtp.CRAMMD5Auth(srv.user, srv.password))
	}
	return errNoWay
}

// offer names sender and recipients. It fails where no recipient is taken.
func (s *session) offer(e envelope) error {
	s.at, s.offered = atMail, len(e.recipients)
	if err := s.smtp.Mail("<" + e.sender + ">"); err != nil {
		return err
	}
	s.at = atRecipient
	for _, r := range e.recipients {
		err := s.smtp.Rcpt("<" + r + ">")
		var told *textproto.Error
		switch {
		case err == nil:
		case errors.As(err, &told) && told.Code != 421 && (told.Code/100 == 4 || told.Code/100 == 5):
			s.refusals = append(s.refusals, refusal{r, told})
		default:
			return err
		}
	}
	if len(s.refusals) == len(e.recipients) {
		return s.refusals.mildest()
	}
	return nil
}

// hand sends the letter and hears what becomes of it.
func (s *session) hand(data []byte) (string, error) {
	s.at = atData
	w, err := s.smtp.Data()
	if err != nil {
		return "", err
	}
	s.at = atBody
	if _, err := w.Write(data); err != nil {
		return "", s.lastWords(err)
	}
	s.at = atDot
	err = w.Close()
	var told *textproto.Error
	if errors.As(err, &told) && told.Code/100 == 2 {
		return fmt.Sprintf("%d %s", told.Code, told.Msg), nil
	}
	if err != nil {
		return "", err
	}
	dot, _ := w.(*smtp.DataCloser)
	return "250 " + dot.ServerResponse(), nil
}

// lastWords returns what a server said before it closed the line on half a
// letter, else the error.
func (s *session) lastWords(err error) error {
	_, _, heard := s.smtp.Text.ReadResponse(2)
	var told *textproto.Error
	if errors.As(heard, &told) {
		return told
	}
	return err
}

// close hangs up, and says good-bye first where the server is still talking; not
// in the midst of a letter, which a further command would end with a dot.
func (s *session) close(err error) {
	if s.conn == nil {
		return
	}
	var told *textproto.Error
	if s.stop() && s.smtp != nil && s.at != atBody && (err == nil || errors.As(err, &told) && told.Code != 421) {
		_ = s.conn.SetDeadline(time.Now().Add(quitTime))
		_ = s.smtp.Quit() // whatever it says, the letter is decided
	}
	_ = s.conn.Close()
}

// bounds is a connection that a server cannot fill us up by.
type bounds struct {
	net.Conn
	left int
}

// Read reads, as long as the server has not said too much.
func (b *bounds) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTalker
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
