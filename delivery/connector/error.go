package connector

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
)

// Code says how an exchange ended badly; the set is small and stable.
type Code string

// The codes.
const (
	CodeAddress   Code = "bad_address"     // the request itself is unsound
	CodeBlocked   Code = "blocked_address" // private and not allowed
	CodeName      Code = "unknown_host"    // the name does not resolve
	CodeConnect   Code = "unreachable"     // refused, no route
	CodeTLS       Code = "tls"             // certificate or handshake
	CodeTimeout   Code = "timeout"
	CodeCancelled Code = "cancelled" // we stopped asking
	CodeRedirect  Code = "redirect"
	CodeTooLarge  Code = "too_large"
	CodeEncoded   Code = "encoded" // compressed, which we did not ask for
	CodeTruncated Code = "truncated"
	CodeProtocol  Code = "protocol" // not HTTP, or cut off before an answer
)

// Error is a failed exchange. Text is a phrase for people, without the address.
type Error struct {
	Code Code
	Text string
	Err  error
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// Unwrap returns an error of kind Unavailable, or the cause's own kind where it
// has one.
func (e *Error) Unwrap() error { return e.Err }

var (
	errTooLarge = errors.New("answer is larger than we read")
	errEncoded  = errors.New("answer is compressed")
)

// classify names what went wrong. outer is the asker's context, timed ours.
func classify(outer, timed context.Context, err error) *Error {
	e := &Error{Err: ringbid.Errorf(ringbid.Unavailable, "exchange did not succeed")}
	var (
		dns  *net.DNSError
		dial *net.OpError
		rec  tls.RecordHeaderError
		cert *tls.CertificateVerificationError
		auth x509.UnknownAuthorityError
		told tls.AlertError
	)
	switch {
	case errors.Is(err, errRedirect):
		e.Code, e.Text = CodeRedirect, "answered with a redirect, which is not followed"
	case errors.Is(err, errTooLarge):
		e.Code, e.Text = CodeTooLarge, "answer is larger than we read"
	case errors.Is(err, errEncoded):
		e.Code, e.Text = CodeEncoded, "answer is compressed, which we did not ask for"
	case errors.Is(err, errBlocked):
		e.Code, e.Text = CodeBlocked, "address is private or special and not on the operator's list"
	case outer.Err() != nil:
		e.Code, e.Text = CodeCancelled, "we stopped waiting"
		if errors.Is(outer.Err(), context.DeadlineExceeded) {
			e.Code, e.Text = CodeTimeout, "no answer in time"
		}
	case timed.Err() != nil, isTimeout(err):
		e.Code, e.Text = CodeTimeout, "no answer in time"
	case errors.As(err, &dns):
		e.Code, e.Text = CodeName, "host name does not resolve"
	case errors.As(err, &cert), errors.As(err, &auth), errors.As(err, &rec), errors.As(err, &told),
		strings.Contains(bare(err).Error(), "remote error: tls: "),
		strings.Contains(bare(err).Error(), "HTTP response to HTTPS client"):
		e.Code, e.Text = CodeTLS, "TLS handshake or certificate is not sound"
	case errors.As(err, &dial) && dial.Op == "dial":
		e.Code, e.Text = CodeConnect, "connection refused or no route"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Code, e.Text = CodeTruncated, "answer is shorter than its Content-Length says"
	case strings.Contains(bare(err).Error(), "server response headers exceeded"):
		e.Code, e.Text = CodeTooLarge, "answer's headers are larger than we read"
	default:
		e.Code, e.Text = CodeProtocol, "answer is not HTTP, or was cut off"
	}
	return e
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// bare takes the address off an error of net/http.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
