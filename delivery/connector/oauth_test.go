package connector_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
)

// vendor is a partner with an OAuth 2.0 token endpoint that rotates refresh
// tokens: each can be used once.
type vendor struct {
	url string
	key *rsa.PublicKey

	mu        sync.Mutex
	n         int    // tokens given
	refresh   string // the one that is good
	good      string // access token
	grants    []string
	expiresIn string // as JSON, "" for none
	refuse    int    // answers to give instead of a token: a status
	refusal   string
	leads     int
}

func newVendor(t *testing.T) *vendor {
	t.Helper()
	v := &vendor{refresh: "refresh-0"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", v.token)
	mux.HandleFunc("POST /leads", v.lead)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	v.url = s.URL
	return v
}

func (v *vendor) token(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	grant := r.FormValue("grant_type")
	v.grants = append(v.grants, grant)
	id, password, _ := r.BasicAuth()
	if id == "" {
		id, password = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	bad := ""
	switch grant {
	case "client_credentials":
		if id != "client" || password != "client-secret" {
			bad = "invalid_client"
		}
	case "refresh_token":
		if r.FormValue("refresh_token") != v.refresh {
			bad = "invalid_grant"
		}
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		if err := v.verify(r.FormValue("assertion")); err != nil {
			bad = "invalid_grant"
		}
	default:
		bad = "unsupported_grant_type"
	}
	if v.refuse > 0 {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(v.refuse)
		_, _ = w.Write([]byte(v.refusal))
		return
	}
	if bad != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":"expired access/refresh token"}`, bad)
		return
	}
	v.n++
	v.good = fmt.Sprintf("access-%d", v.n)
	more := ""
	if grant == "refresh_token" {
		v.refresh = fmt.Sprintf("refresh-%d", v.n)
		more = fmt.Sprintf(`,"refresh_token":%q`, v.refresh)
	}
	if v.expiresIn != "" {
		more += `,"expires_in":` + v.expiresIn
	}
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","instance_url":%q%s}`, v.good, v.url, more)
}

func (v *vendor) verify(jwt string) error {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return errors.New("not a JWT")
	}
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(v.key, crypto.SHA256, sum[:], sig); err != nil {
		return err
	}
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	b, _ := base64.RawURLEncoding.DecodeString(parts[1])
	left := time.Duration(0)
	if err := json.Unmarshal(b, &claims); err == nil {
		left = time.Until(time.Unix(claims.Exp, 0))
	}
	if claims.Iss != "client" || claims.Sub != "ann@x.example" || claims.Aud != "https://login.example" || left <= 0 || left > 3*time.Minute {
		return fmt.Errorf("claims %s", b)
	}
	return nil
}

func (v *vendor) lead(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.good == "" || r.Header.Get("Authorization") != "Bearer "+v.good {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`))
		return
	}
	v.leads++
	_, _ = w.Write([]byte(`{"success":true}`))
}

func (v *vendor) plan(t *testing.T, edit func(*connector.Auth)) *connector.Plan {
	t.Helper()
	a := connector.Auth{Kind: "oauth_client", Account: "acme", TokenURL: v.url + "/token", ClientID: "client", ClientSecret: "client-secret"}
	if edit != nil {
		edit(&a)
	}
	return compile(t, connector.Exchange{
		URL: "{{instance_url}}/leads", Body: "text", Template: "x", Auth: a, Answer: connector.Rules{Accepted: `yes("success")`},
	})
}

func refreshing(a *connector.Auth) { a.Kind, a.Refresh = "oauth_refresh", "refresh-0" }

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	for _, inHeader := range []bool{false, true} {
		v := newVendor(t)
		p := v.plan(t, func(a *connector.Auth) { a.InHeader = inHeader })
		s := sender(t, nil)
		for range 3 {
			got := s.Send(t.Context(), p, ask())
			if got.Class != connector.ClassAccepted || strings.Contains(got.Request+got.Response, "access-") {
				t.Fatalf("got %+v", got)
			}
		}
		if len(v.grants) != 1 || v.leads != 3 {
			t.Errorf("%d tokens for %d leads", len(v.grants), v.leads)
		}
		v.mu.Lock()
		v.good = "" // the session ends without notice
		v.mu.Unlock()
		if got := s.Send(t.Context(), p, ask()); got.Class != connector.ClassAccepted || len(v.grants) != 2 || v.leads != 4 {
			t.Errorf("after the session ended: %+v, %d tokens", got, len(v.grants))
		}
	}
}

func TestJWTBearer(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for kind, der := range map[string][]byte{"RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(key), "PRIVATE KEY": pkcs8} {
		v := newVendor(t)
		v.key = &key.PublicKey
		p := v.plan(t, func(a *connector.Auth) {
			a.Kind, a.Subject, a.Audience = "oauth_jwt", "ann@x.example", "https://login.example"
			a.Key = ringbid.Secret(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
		})
		if got := sender(t, nil).Send(t.Context(), p, ask()); got.Class != connector.ClassAccepted {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}

// Many nodes with one store: each refresh token is used once, and none is lost.
func TestRotation(t *testing.T) {
	t.Parallel()
	v := newVendor(t)
	tokens := connector.NewTokens()
	p := v.plan(t, refreshing)
	nodes := []*connector.Sender{sender(t, tokens), sender(t, tokens), sender(t, tokens)}
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				if got := nodes[i%3].Send(t.Context(), p, ask()); got.Class != connector.ClassAccepted {
					t.Errorf("round %d: %s %s", round, got.Class, got.Reason)
				}
			})
		}
		wg.Wait()
		v.mu.Lock()
		v.good = ""
		v.mu.Unlock()
	}
	if len(v.grants) != 3 || v.leads != 36 {
		t.Errorf("%d refreshes, %d leads", len(v.grants), v.leads)
	}
	if kept, _ := tokens.Load(t.Context(), "acme"); kept.Refresh != "refresh-3" || kept.Access != "access-3" {
		t.Errorf("kept %s and %s", kept.Access.Reveal(), kept.Refresh.Reveal())
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	v := newVendor(t)
	v.expiresIn = `"1800"` // in quotation marks, as some do
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	s := connector.NewSender(client(t), nil, clock)
	p := v.plan(t, refreshing)
	for i, c := range []struct {
		later time.Duration
		asked int
	}{{0, 1}, {28 * time.Minute, 1}, {90 * time.Second, 2}, {time.Minute, 2}} {
		mu.Lock()
		now = now.Add(c.later)
		mu.Unlock()
		if got := s.Send(t.Context(), p, ask()); got.Class != connector.ClassAccepted || len(v.grants) != c.asked {
			t.Errorf("step %d: %s %s, %d tokens asked for, want %d", i, got.Class, got.Reason, len(v.grants), c.asked)
		}
	}
}

// forgetful fails to keep tokens the first times.
type forgetful struct {
	*connector.Tokens
	fails int
}

func (f *forgetful) Save(ctx context.Context, account string, t connector.Token) error {
	if f.fails--; f.fails >= 0 {
		return errors.New("store is away")
	}
	return f.Tokens.Save(ctx, account, t)
}

// Without a token the lead is not sent, and the class says what may help.
func TestNoToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		refusal string
		edit    func(*connector.Auth)
		fails   int
		class   connector.Class
		wait    time.Duration
	}{
		"invalid grant":    {edit: func(a *connector.Auth) { refreshing(a); a.Refresh = "spent" }, class: connector.ClassAuth},
		"invalid client":   {edit: func(a *connector.Auth) { a.ClientSecret = "wrong" }, class: connector.ClassAuth},
		"limited":          {status: 400, refusal: `{"error":"rate_limit_exceeded"}`, class: connector.ClassThrottled, wait: 9 * time.Second},
		"429":              {status: 429, class: connector.ClassThrottled, wait: 9 * time.Second},
		"broken":           {status: 503, refusal: `<html>`, class: connector.ClassNeverSent, wait: 0},
		"200 and no token": {status: 200, refusal: `{}`, class: connector.ClassAuth},
		"nobody there":     {edit: func(a *connector.Auth) { a.TokenURL = "http://nowhere.invalid" }, class: connector.ClassNeverSent},
		"private":          {edit: func(a *connector.Auth) { a.TokenURL = "http://10.0.0.1" }, class: connector.ClassNeverSent},
		"store away":       {fails: 9, class: connector.ClassNeverSent},
		"store stumbles":   {fails: 2, class: connector.ClassAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t)
			v.refuse, v.refusal = c.status, c.refusal
			p := v.plan(t, c.edit)
			got := sender(t, &forgetful{connector.NewTokens(), c.fails}).Send(t.Context(), p, ask())
			if got.Class != c.class || c.wait > 0 && got.RetryAfter != c.wait || strings.Contains(got.Reason, "secret") {
				t.Errorf("got %+v", got)
			}
			if c.class != connector.ClassAccepted && (got.Sent != connector.SentNo || got.Code != connector.CodeToken || v.leads > 0) {
				t.Errorf("sent %s, code %s, %d leads", got.Sent, got.Code, v.leads)
			}
		})
	}
}

// A partner that refuses even a fresh token is asked twice, not for ever.
func TestRefusedWithFreshToken(t *testing.T) {
	t.Parallel()
	v := newVendor(t)
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	p := compile(t, connector.Exchange{
		URL: "{{base}}/leads", Settings: map[string]string{"base": url}, Answer: connector.Rules{Accepted: `true`},
		Auth: connector.Auth{Kind: "oauth_client", Account: "acme", TokenURL: v.url + "/token", ClientID: "client", ClientSecret: "client-secret"},
	})
	if got := sender(t, nil).Send(t.Context(), p, ask()); got.Class != connector.ClassAuth || len(v.grants) != 2 {
		t.Errorf("got %+v after %d tokens", got, len(v.grants))
	}
}

func TestTokensLock(t *testing.T) {
	t.Parallel()
	s := connector.NewTokens()
	unlock, err := s.Lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lock(t.Context(), "b"); err != nil {
		t.Fatal("another account waits")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	unlock()
	unlock()
	if _, err := s.Lock(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}
