package connector

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

const (
	early    = time.Minute      // before its end a token is renewed
	jwtLives = 2 * time.Minute  // Salesforce takes three at most
	saveFor  = 5 * time.Second  // a rotated token must not be lost
	lockFor  = 30 * time.Second // for another node's refresh
)

// tokenError is a refusal or failure to get a token; the lead was not sent.
type tokenError struct {
	class Class
	code  Code
	text  string
	wait  time.Duration
}

func (e *tokenError) Error() string { return e.text }

// token returns a token to use. stale is an access token that the partner has
// refused, or "".
func (s *Sender) token(ctx context.Context, a Auth, stale ringbid.Secret) (Token, *tokenError) {
	usable := func(t Token) bool {
		return t.Access != "" && t.Access != stale && (t.Expires.IsZero() || s.now().Before(t.Expires.Add(-early)))
	}
	away := func(err error) *tokenError {
		return &tokenError{class: ClassNeverSent, code: CodeToken, text: fmt.Sprintf("tokens are away: %s", err)}
	}
	t, err := s.tokens.Load(ctx, a.Account)
	if err != nil {
		return Token{}, away(err)
	}
	if usable(t) {
		return t, nil
	}
	waiting, cancel := context.WithTimeout(ctx, lockFor)
	defer cancel()
	unlock, err := s.tokens.Lock(waiting, a.Account)
	if err != nil {
		return Token{}, away(err)
	}
	defer unlock()
	if t, err = s.tokens.Load(ctx, a.Account); err != nil {
		return Token{}, away(err)
	}
	if usable(t) { // another was here before us
		return t, nil
	}
	fresh, refused := s.askToken(ctx, a, t)
	if refused != nil {
		return Token{}, refused
	}
	if err := s.save(ctx, a.Account, fresh); err != nil {
		return Token{}, away(err)
	}
	return fresh, nil
}

// save keeps a token even where the asker has gone: the old one may be spent.
func (s *Sender) save(ctx context.Context, account string, t Token) error {
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveFor)
	defer cancel()
	err := s.tokens.Save(saving, account, t)
	for try := 0; err != nil && try < 2 && saving.Err() == nil; try++ {
		err = s.tokens.Save(saving, account, t)
	}
	return err
}

func (s *Sender) askToken(ctx context.Context, a Auth, old Token) (Token, *tokenError) {
	form := url.Values{}
	switch a.Kind {
	case AuthClient:
		form.Set("grant_type", "client_credentials")
	case AuthJWT:
		assertion, err := a.assertion(s.now())
		if err != nil {
			return Token{}, &tokenError{class: ClassUnsound, code: CodeToken, text: err.Error()}
		}
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		form.Set("assertion", assertion)
	case AuthRefresh:
		refresh := old.Refresh
		if refresh == "" {
			refresh = a.Refresh
		}
		form.Set("grant_type", "refresh_token")
		form.Set("refresh_token", refresh.Reveal())
	}
	if a.Scope != "" {
		form.Set("scope", a.Scope)
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	switch {
	case a.InHeader:
		header.Set("Authorization", basic(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret.Reveal())))
	case a.Kind != AuthJWT:
		form.Set("client_id", a.ClientID)
		if a.ClientSecret != "" {
			form.Set("client_secret", a.ClientSecret.Reveal())
		}
	}
	res, err := s.client.Do(ctx, Request{URL: a.TokenURL, Header: header, Body: []byte(form.Encode())})
	if err != nil {
		return Token{}, &tokenError{class: ClassNeverSent, code: CodeToken, text: "no token: " + err.Error()}
	}
	t, refused := s.readToken(res, old)
	if strings.HasPrefix(a.TokenURL, "https:") && !strings.HasPrefix(t.Instance, "https:") {
		t.Instance = "" // no partner moves us off TLS
	}
	return t, refused
}

// tokenAnswer is RFC 6749, 5.1 and 5.2, with Salesforce's instance_url.
type tokenAnswer struct {
	Access      string          `json:"access_token"`
	Refresh     string          `json:"refresh_token"`
	ExpiresIn   json.RawMessage `json:"expires_in"` // a number, or one in quotation marks
	Instance    string          `json:"instance_url"`
	Error       string          `json:"error"`
	Description string          `json:"error_description"`
}

func (s *Sender) readToken(res Response, old Token) (Token, *tokenError) {
	var a tokenAnswer
	unread := json.Unmarshal([]byte(readText(res.Header, res.Body)), &a) != nil
	refused := &tokenError{class: ClassAuth, code: CodeToken, wait: retryAfter(res.Header, s.now())}
	refused.text = fmt.Sprintf("no token: status %d %.100s %.200s", res.Status, a.Error, a.Description)
	switch {
	case res.Status == http.StatusTooManyRequests, a.Error == "rate_limit_exceeded":
		refused.class = ClassThrottled
		return Token{}, refused
	case res.Status >= 500, a.Error == "temporarily_unavailable", a.Error == "server_error":
		refused.class = ClassNeverSent
		return Token{}, refused
	case res.Status != http.StatusOK, unread, a.Access == "":
		return Token{}, refused
	}
	t := Token{Access: ringbid.Secret(a.Access), Refresh: old.Refresh, Instance: a.Instance}
	if a.Refresh != "" {
		t.Refresh = ringbid.Secret(a.Refresh)
	}
	if n, err := strconv.ParseInt(strings.Trim(string(a.ExpiresIn), `"`), 10, 32); err == nil && n > 0 {
		t.Expires = s.now().Add(max(time.Duration(n)*time.Second, early+time.Second))
	}
	if t.Instance != "" && soundURL(t.Instance) != nil {
		t.Instance = ""
	}
	return t, nil
}

// assertion makes a JWT signed with RS256 (RFC 7515, 7518).
func (a Auth) assertion(now time.Time) (string, error) {
	key, err := a.rsaKey()
	if err != nil {
		return "", fmt.Errorf("key %w", err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": a.ClientID, "sub": a.Subject, "aud": a.Audience, "exp": now.Add(jwtLives).Unix(), "iat": now.Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed + "." + enc.EncodeToString(sig), nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
