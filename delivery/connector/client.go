package connector

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says how far a client may go.
type Config struct {
	// Allow names networks ("10.1.2.0/24"), addresses and host names that may
	// be reached although they are private.
	Allow []string
	// Timeout bounds an exchange whose Request has none; default 10 s.
	Timeout time.Duration
	// MaxBytes bounds the body of an answer; default 64 KB.
	MaxBytes int64
	// Redirects is how many redirects are followed; default none. Each is held
	// against the same rules as the first address.
	Redirects int
	// Roots are the authorities whose certificates are believed; nil for the
	// system's.
	Roots *x509.CertPool
	// UserAgent names us; default "ringbid".
	UserAgent string
}

// Defaults of a client.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultMaxBytes = 64 << 10
	maxHeaderBytes  = 16 << 10
)

// Client makes exchanges, keeping connections open between them. Its methods
// may be called from any goroutine.
type Client struct {
	cfg   Config
	guard *guard
	http  http.Client
	base  *http.Transport
}

// New makes a client. The error is Invalid and about an entry of Allow.
func New(cfg Config) (*Client, error) {
	g, err := newGuard(cfg.Allow)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "ringbid"
	}
	c := &Client{cfg: cfg, guard: g}
	c.base = &http.Transport{
		Proxy:                  nil, // a proxy would resolve names behind the guard's back
		DialContext:            c.dial,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    cfg.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
	}
	c.http = http.Client{Transport: c.base, CheckRedirect: c.redirect}
	return c, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.base.CloseIdleConnections() }

func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: c.cfg.Timeout, KeepAlive: 30 * time.Second, Control: c.guard.control}
	if host, _, err := net.SplitHostPort(address); err == nil && c.guard.trusts(host) {
		d.Control = nil
	}
	return d.DialContext(ctx, network, address)
}

var errRedirect = errors.New("answered with a redirect")

// redirect decides whether a redirect is followed. To another host go only the
// headers that say nothing about us: credentials stay with the partner.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	allowed := c.cfg.Redirects
	if n, ok := req.Context().Value(redirects{}).(int); ok {
		allowed = max(allowed, n)
	}
	if len(via) > allowed || via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errRedirect
	}
	if req.URL.Host != via[0].URL.Host {
		for k := range req.Header {
			if k != "Accept" && k != "Content-Type" && k != "User-Agent" {
				delete(req.Header, k)
			}
		}
	}
	return nil
}

// redirects is the key of a request's own number of redirects in its context.
type redirects struct{}

// Request is what to ask.
type Request struct {
	Method string // default GET, or POST where there is a body
	URL    string // http or https
	Header http.Header
	Body   []byte
	// Timeout bounds the whole exchange, from the look-up of the name to the
	// last byte of the answer.
	Timeout time.Duration
	// Idempotent says that asking twice does no harm, so that an exchange on a
	// kept connection which the partner was just closing may be made anew.
	Idempotent bool
	// MaxBytes bounds the body of the answer where the client's own bound is to
	// be another.
	MaxBytes int64
	// Redirects is how many are followed, beyond what the client allows.
	Redirects int
}

// idempotencyKey is a header that net/http takes for a promise: where a kept
// connection breaks it makes such a request anew by itself. Written in small
// letters it is the same to the partner, and no promise.
const idempotencyKey = "Idempotency-Key"

// Response is what came back.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
	// Sent says how far the request came; it is true beside an error also.
	Sent Sent
}

// Do makes the exchange. Whatever status the partner chose is a Response; an
// error is always an *Error. Where part of an answer had arrived before the
// error, the Response holds it.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	started := time.Now()
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = c.cfg.Timeout
	}
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var progress progress
	if r.Redirects > 0 {
		timed = context.WithValue(timed, redirects{}, r.Redirects)
	}
	req, err := c.request(progress.watch(timed), r)
	if err != nil {
		return Response{}, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		out := Response{Took: time.Since(started), Sent: progress.sent(timed.Err() != nil)}
		if res != nil { // a redirect that was not followed
			out.Status, out.Header = res.StatusCode, res.Header
		}
		return out, classify(ctx, timed, err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	out := Response{Status: res.StatusCode, Header: res.Header, Sent: SentAnswered}
	limit := c.cfg.MaxBytes
	if r.MaxBytes > 0 {
		limit = r.MaxBytes
	}
	out.Body, err = read(res, limit)
	out.Took = time.Since(started)
	if err != nil {
		return out, classify(ctx, timed, err)
	}
	return out, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &Error{Code: CodeAddress, Text: "address is not a sound http or https one"}
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
		if r.Body != nil {
			method = http.MethodPost
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, &Error{Code: CodeAddress, Text: "request is not sound"}
	}
	if len(r.Body) == 0 {
		req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	}
	for k, v := range r.Header {
		if !r.Idempotent && strings.EqualFold(k, idempotencyKey) {
			k = strings.ToLower(k)
		}
		req.Header[k] = v
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if r.Idempotent {
		// An empty slice marks the request for net/http and is not sent.
		req.Header["X-Idempotency-Key"] = []string{}
	}
	return req, nil
}

// read reads the body within the limit.
func read(res *http.Response, limit int64) ([]byte, error) {
	if e := res.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, errEncoded
	}
	if res.ContentLength > limit {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(res.Body, limit+1))
	body := b.Bytes()
	switch {
	case err != nil:
		return body, err
	case n > limit:
		return body[:limit], errTooLarge
	}
	return body, nil
}
