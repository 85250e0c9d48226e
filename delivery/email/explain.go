package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"github.com/ringbid/ringbid/delivery/connector"
)

// explain names what ended a conversation other than by a reply.
func (s *session) explain(asked context.Context, err error) (connector.Code, string) {
	var (
		dns  *net.DNSError
		wait interface{ Timeout() bool }
	)
	switch {
	case errors.Is(asked.Err(), context.Canceled):
		return connector.CodeCancelled, s.at.String() + ": we stopped waiting"
	case errors.Is(err, errNoTLS):
		return connector.CodeTLS, errNoTLS.Error()
	case errors.Is(err, errNoWay):
		return connector.CodeStatus, errNoWay.Error()
	case errors.Is(err, errTalker):
		return connector.CodeTooLarge, s.at.String() + ": " + errTalker.Error()
	case errors.As(err, &dns) && !dns.IsTimeout:
		return connector.CodeName, "host name does not resolve"
	case asked.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.As(err, &wait) && wait.Timeout():
		return connector.CodeTimeout, s.at.String() + ": no answer in time"
	case s.at == atDial:
		return connector.CodeConnect, "connection refused or no route"
	case s.at == atTLS, isTLS(err):
		return connector.CodeTLS, "TLS handshake or certificate is not sound"
	case s.at == atDot:
		return connector.CodeProtocol, "connection was lost before the answer to the whole letter"
	}
	return connector.CodeProtocol, s.at.String() + ": answer is not SMTP, or was cut off"
}

func isTLS(err error) bool {
	var (
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
		author x509.UnknownAuthorityError
		alert  tls.AlertError
	)
	return errors.As(err, &record) || errors.As(err, &cert) || errors.As(err, &author) || errors.As(err, &alert)
}
