package webhook_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/webhook"
)

// sum is the tests' own way to a signature.
func sum(h func() hash.Hash, key, message string) []byte {
	m := hmac.New(h, []byte(key))
	_, _ = m.Write([]byte(message))
	return m.Sum(nil)
}

func base(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

const (
	secret = "s3cret-of-the-partner"
	body   = `{"lead_id":"lead-1","status":"converted","amount":"38.50"}`
	path   = "/hooks/acme?x=1"
	url    = "https://leads.example.com/hooks/acme?x=1&u=https%3A%2F%2Fa.example%2F"
)

var signedAt = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func secrets(all ...string) []ringbid.Secret {
	var s []ringbid.Secret
	for _, x := range all {
		s = append(s, ringbid.Secret(x))
	}
	return s
}

// proven is a scheme and a request that proves itself under it.
type proven struct {
	scheme webhook.Scheme
	header map[string]string
	want   webhook.Proof
}

// golden are requests whose headers were made by other code than the package's.
func golden() map[string]proven {
	ts, ms := fmt.Sprint(signedAt.Unix()), fmt.Sprint(signedAt.UnixMilli())
	bodyHash := sha256.Sum256([]byte(body))
	hashed := webhook.Proof{ID: "sha256:" + hex.EncodeToString(bodyHash[:]), Bound: true}
	timed := hashed
	timed.At = signedAt
	whole := "https://leads.example.com/hooks/acme?x=1&u=https://a.example/"
	return map[string]proven{
		"standard": {
			webhook.Scheme{Preset: "standard", Secrets: secrets("whsec_" + base([]byte(secret)))},
			map[string]string{"webhook-id": "msg_1", "webhook-timestamp": ts, "webhook-signature": "v1," + base(sum(sha256.New, secret, "msg_1."+ts+"."+body))},
			webhook.Proof{ID: "msg_1", At: signedAt, Bound: true},
		},
		"standard, list": {
			webhook.Scheme{Preset: "standard", Secrets: secrets(base([]byte(secret)))},
			map[string]string{
				"webhook-id": "msg_1", "webhook-timestamp": ts,
				"webhook-signature": "v1a,AAAA v1,AAAA v1," + base(sum(sha256.New, secret, "msg_1."+ts+"."+body)),
			},
			webhook.Proof{ID: "msg_1", At: signedAt, Bound: true},
		},
		"stripe": {
			webhook.Scheme{Preset: "stripe", Secrets: secrets("whsec_" + secret)},
			map[string]string{"Stripe-Signature": "t=" + ts + ",v1=" + hex.EncodeToString(sum(sha256.New, "whsec_"+secret, ts+"."+body)) + ",v0=00"},
			timed,
		},
		"stripe, old secret too": {
			webhook.Scheme{Preset: "stripe", Secrets: secrets("the-new-secret", secret)},
			map[string]string{"Stripe-Signature": "t=" + ts + ", v1=00, v1=" + hex.EncodeToString(sum(sha256.New, secret, ts+"."+body))},
			timed,
		},
		"github": {
			webhook.Scheme{Preset: "github", Secrets: secrets(secret)},
			map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(sum(sha256.New, secret, body)), "X-GitHub-Delivery": "72d3162e"},
			webhook.Proof{ID: "72d3162e"},
		},
		"slack": {
			webhook.Scheme{Preset: "slack", Secrets: secrets(secret)},
			map[string]string{"X-Slack-Request-Timestamp": ts, "X-Slack-Signature": "v0=" + hex.EncodeToString(sum(sha256.New, secret, "v0:"+ts+":"+body))},
			timed,
		},
		"hubspot": {
			webhook.Scheme{Preset: "hubspot", Secrets: secrets(secret)},
			map[string]string{"X-HubSpot-Request-Timestamp": ms, "X-HubSpot-Signature-v3": base(sum(sha256.New, secret, "POST"+whole+body+ms))},
			timed,
		},
		"hmac, plain": {
			webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X-Signature"},
			map[string]string{"X-Signature": strings.ToUpper(hex.EncodeToString(sum(sha256.New, secret, body)))},
			hashed,
		},
		"hmac, sha1 and base64": {
			webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X-Signature", Prefix: "sha1=", Hash: "sha1", Encoding: "base64"},
			map[string]string{"X-Signature": "sha1=" + base(sum(sha1.New, secret, body))},
			hashed,
		},
		"hmac, all places": {
			webhook.Scheme{
				Preset: "hmac", Secrets: secrets(secret), Header: "X-Signature", Hash: "sha512", Signed: "v1:{id}.{ts}|{method}{path} {url}:{body}",
				IDHeader: "X-Event-Id", TimeHeader: "X-Time",
			},
			map[string]string{
				"X-Event-Id": "e-1", "X-Time": ms,
				"X-Signature": hex.EncodeToString(sum(sha512.New, secret, "v1:e-1."+ms+"|POST"+path+" "+url+":"+body)),
			},
			webhook.Proof{ID: "e-1", At: signedAt, Bound: true},
		},
		"hmac, id beside": {
			webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X-Signature", Signed: "{ts}.{body}", IDHeader: "X-Event-Id", TimeHeader: "X-Time"},
			map[string]string{
				"X-Event-Id": "e-1", "X-Time": "2026-03-04T06:06:07+01:00",
				"X-Signature": hex.EncodeToString(sum(sha256.New, secret, "2026-03-04T06:06:07+01:00."+body)),
			},
			webhook.Proof{ID: "e-1", At: signedAt},
		},
		"token":          {webhook.Scheme{Preset: "token", Secrets: secrets(secret)}, map[string]string{"Authorization": "bearer " + secret}, hashed},
		"token, key":     {webhook.Scheme{Preset: "token", Secrets: secrets("the-new-secret", secret), Header: "X-Api-Key", IDHeader: "X-Id"}, map[string]string{"X-Api-Key": secret, "X-Id": "7"}, webhook.Proof{ID: "7"}},
		"token, Basic":   {webhook.Scheme{Preset: "token", Secrets: secrets("user:" + secret), Header: "Authorization", Prefix: "Basic ", Encoding: "base64"}, map[string]string{"Authorization": "Basic " + base([]byte("user:"+secret))}, hashed},
		"token in query": {webhook.Scheme{Preset: "token", Secrets: secrets("12345678"), Header: "?key"}, nil, hashed},
	}
}

func (p proven) request() webhook.Received {
	r := webhook.Received{Method: "POST", URL: url, Path: path, Header: http.Header{}, Body: []byte(body)}
	if p.scheme.Header == "?key" {
		r.Path = "/hooks/acme?key=12345678"
	}
	for k, v := range p.header {
		r.Header.Set(k, v)
	}
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for name, p := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if problems := webhook.Check(p.scheme); len(problems) > 0 {
				t.Fatal(problems)
			}
			got, err := p.scheme.Verify(p.request(), signedAt.Add(4*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(p.want, got); d != "" {
				t.Error(d)
			}
			if p.scheme.Preset == "token" {
				return
			}
			r := p.request()
			r.Body = []byte(strings.Replace(body, "38.50", "98.50", 1))
			wantDenied(t, p.scheme, r, signedAt, webhook.ErrWrongSignature)
			other := p.scheme
			other.Secrets = secrets("whsec_" + base([]byte("another secret")))
			wantDenied(t, other, p.request(), signedAt, webhook.ErrWrongSignature)
		})
	}
}

func wantDenied(t *testing.T, s webhook.Scheme, r webhook.Received, now time.Time, want error) {
	t.Helper()
	got, err := s.Verify(r, now)
	if !errors.Is(err, want) || ringbid.KindOf(err) != ringbid.Denied || got != (webhook.Proof{}) || !strings.Contains(err.Error(), want.Error()) {
		t.Errorf("%+v %v, want %v", got, err, want)
	}
	for _, secret := range s.Secrets {
		if err != nil && len(secret) > 7 && strings.Contains(err.Error(), secret.Reveal()) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

// TestPublished holds the presets to examples their makers published.
func TestPublished(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scheme webhook.Scheme
		header map[string]string
		body   string
		now    int64
	}{
		"standard": {
			webhook.Scheme{Preset: "standard", Secrets: secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
			map[string]string{"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
			`{"test": 2432232314}`, 1614265330,
		},
		"github": {
			webhook.Scheme{Preset: "github", Secrets: secrets("It's a Secret to Everybody")},
			map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
			"Hello, World!", 0,
		},
		"slack": {
			webhook.Scheme{Preset: "slack", Secrets: secrets("8f742231b10e8888abcd99yyyzzz85a5")},
			map[string]string{"X-Slack-Request-Timestamp": "1531420618", "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
			"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
				"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
				"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
				"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c", 1531420618,
		},
	} {
		r := webhook.Received{Header: http.Header{}, Body: []byte(c.body)}
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		if _, err := c.scheme.Verify(r, time.Unix(c.now, 0)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWindow: a covered time is good for five minutes either way, or as long as
// the scheme says.
func TestWindow(t *testing.T) {
	t.Parallel()
	for name, p := range golden() {
		if p.want.At.IsZero() {
			continue
		}
		wide := p.scheme
		wide.Window = time.Hour
		for _, c := range []struct {
			scheme webhook.Scheme
			off    time.Duration
			want   error
		}{
			{p.scheme, 5 * time.Minute, nil}, {p.scheme, 5*time.Minute + time.Second, webhook.ErrTooOld},
			{p.scheme, -5 * time.Minute, nil}, {p.scheme, -5*time.Minute - time.Second, webhook.ErrFuture},
			{p.scheme, -50 * 365 * 24 * time.Hour, webhook.ErrFuture}, {p.scheme, 50 * 365 * 24 * time.Hour, webhook.ErrTooOld},
			{wide, 59 * time.Minute, nil}, {wide, 61 * time.Minute, webhook.ErrTooOld}, {wide, -61 * time.Minute, webhook.ErrFuture},
		} {
			now := signedAt.Add(c.off)
			if c.want != nil {
				wantDenied(t, c.scheme, p.request(), now, c.want)
			} else if _, err := c.scheme.Verify(p.request(), now); err != nil {
				t.Errorf("%s off by %s: %v", name, c.off, err)
			}
		}
	}
}

// TestDenied: what is missing, and what only looks right.
func TestDenied(t *testing.T) {
	t.Parallel()
	no, wrong := webhook.ErrNoSignature, webhook.ErrWrongSignature
	set := func(k, v string) func(*webhook.Received) { return func(r *webhook.Received) { r.Header.Set(k, v) } }
	del := func(k string) func(*webhook.Received) { return func(r *webhook.Received) { r.Header.Del(k) } }
	add := func(k, v string) func(*webhook.Received) { return func(r *webhook.Received) { r.Header.Add(k, v) } }
	for _, c := range []struct {
		scheme, what string
		edit         func(*webhook.Received)
		want         error
	}{
		{"standard", "no signature", del("Webhook-Signature"), no},
		{"standard", "empty signature", set("Webhook-Signature", " "), no},
		{"standard", "another kind", set("Webhook-Signature", "v1a,AAAA"), wrong},
		{"standard", "not base64", set("Webhook-Signature", "v1,!!!"), wrong},
		{"standard", "too long", set("Webhook-Signature", strings.Repeat("v1,AAAA ", 5000)), wrong},
		{"standard", "no id", del("Webhook-Id"), no},
		{"standard", "another id", set("Webhook-Id", "msg_2"), wrong},
		{"standard", "id with a dot", set("Webhook-Id", "msg.1"), no},
		{"standard", "id of two", add("Webhook-Id", "msg_2"), wrong},
		{"standard", "id too long", set("Webhook-Id", strings.Repeat("x", 201)), wrong},
		{"standard", "id not ASCII", set("Webhook-Id", "msg_ü"), wrong},
		{"standard", "no time", del("Webhook-Timestamp"), no},
		{"standard", "odd time", set("Webhook-Timestamp", "-1"), wrong},
		{"standard", "huge time", set("Webhook-Timestamp", "99999999999999999999"), wrong},
		{"standard", "another time", set("Webhook-Timestamp", "1772600768"), wrong},
		{"stripe", "no header", del("Stripe-Signature"), no},
		{"stripe", "no time", set("Stripe-Signature", "v1=00"), no},
		{"stripe", "two times", add("Stripe-Signature", "t=1"), wrong},
		{"stripe", "old kind only", set("Stripe-Signature", "t=1772600767,v0=00"), wrong},
		{"github", "sha1 only", func(r *webhook.Received) {
			r.Header.Del("X-Hub-Signature-256")
			r.Header.Set("X-Hub-Signature", "sha1=00")
		}, no},
		{"github", "short", set("X-Hub-Signature-256", "sha256=00"), wrong},
		{"github", "no prefix", set("X-Hub-Signature-256", hex.EncodeToString(sum(sha256.New, secret, body))), wrong},
		{"slack", "no time", del("X-Slack-Request-Timestamp"), no},
		{"hubspot", "another address", func(r *webhook.Received) { r.URL = "https://evil.example/hooks/acme?x=1" }, wrong},
		{"hubspot", "another method", func(r *webhook.Received) { r.Method = "PUT" }, wrong},
		{"hmac, all places", "another path", func(r *webhook.Received) { r.Path = "/hooks/other" }, wrong},
		{"hmac, all places", "no id", del("X-Event-Id"), no},
		{"hmac, all places", "no time", del("X-Time"), no},
		{"hmac, all places", "odd time", set("X-Time", "yesterday"), wrong},
		{"hmac, id beside", "id with a line", set("X-Event-Id", "a\nb"), wrong},
		{"token", "none", del("Authorization"), no},
		{"token", "another", set("Authorization", "Bearer "+secret+"x"), wrong},
		{"token", "shorter", set("Authorization", "Bearer "+secret[:5]), wrong},
		{"token", "empty", set("Authorization", "Bearer "), wrong},
		{"token", "no prefix", set("Authorization", secret), wrong},
		{"token", "two", add("Authorization", "Bearer "+secret), wrong},
		{"token, Basic", "not base64", set("Authorization", "Basic ???"), wrong},
		{"token in query", "none", func(r *webhook.Received) { r.Path = "/hooks/acme" }, no},
		{"token in query", "two", func(r *webhook.Received) { r.Path += "&key=12345678" }, no},
		{"token in query", "another", func(r *webhook.Received) { r.Path = "/?key=123456789" }, wrong},
		{"token in query", "odd query", func(r *webhook.Received) { r.Path = "/?key=12345678&%zz" }, no},
	} {
		t.Run(c.scheme+", "+c.what, func(t *testing.T) {
			t.Parallel()
			p, ok := golden()[c.scheme]
			if !ok {
				t.Fatal("no such scheme")
			}
			r := p.request()
			c.edit(&r)
			wantDenied(t, p.scheme, r, signedAt, c.want)
		})
	}
}

// TestUnsoundScheme: a scheme that Check would not let pass proves nothing.
func TestUnsoundScheme(t *testing.T) {
	t.Parallel()
	r := webhook.Received{Header: http.Header{}, Body: []byte(body)}
	empty := hex.EncodeToString(sum(sha256.New, "", body))
	r.Header.Set("X-Hub-Signature-256", "sha256="+empty)
	r.Header.Set("X-Signature", empty)
	r.Header.Set("Authorization", "Bearer ")
	for _, s := range []webhook.Scheme{
		{}, {Preset: "github"}, {Preset: "github", Secrets: secrets("")}, {Preset: "token", Secrets: secrets("")},
		{Preset: "hmac", Header: "X-Signature", Secrets: secrets("")}, {Preset: "hmac", Header: "X-Signature", Secrets: secrets(secret), Hash: "md5"},
		{Preset: "hmac", Header: "X-Signature", Secrets: secrets(secret), Signed: "constant"}, {Preset: "none", Secrets: secrets(secret)},
		{Preset: "standard", Secrets: secrets("whsec_")}, {Preset: "standard", Secrets: secrets("!")},
	} {
		if got, err := s.Verify(r, signedAt); ringbid.KindOf(err) != ringbid.Denied || got != (webhook.Proof{}) {
			t.Errorf("%+v: %+v %v", s, got, err)
		}
		if len(webhook.Check(s)) == 0 {
			t.Errorf("%+v passes", s)
		}
	}
	r.Body = make([]byte, webhook.MaxBody+1)
	if _, err := (webhook.Scheme{Preset: "github", Secrets: secrets(secret)}).Verify(r, signedAt); ringbid.KindOf(err) != ringbid.Invalid {
		t.Errorf("%v", err)
	}
}

func TestCheckScheme(t *testing.T) {
	t.Parallel()
	many := make([]ringbid.Secret, 11)
	for i := range many {
		many[i] = secret
	}
	for name, c := range map[string]struct {
		scheme webhook.Scheme
		paths  []string
	}{
		"preset":            {webhook.Scheme{Preset: "x", Secrets: secrets(secret)}, []string{"preset"}},
		"no secret":         {webhook.Scheme{Preset: "slack"}, []string{"secrets"}},
		"many secrets":      {webhook.Scheme{Preset: "slack", Secrets: many}, []string{"secrets"}},
		"short secret":      {webhook.Scheme{Preset: "slack", Secrets: secrets(secret, "1234567")}, []string{"secrets[1]"}},
		"not base64":        {webhook.Scheme{Preset: "standard", Secrets: secrets("whsec_#")}, []string{"secrets[0]"}},
		"decided":           {webhook.Scheme{Preset: "github", Secrets: secrets(secret), Header: "X", Hash: "sha1"}, []string{"header", "hash"}},
		"window":            {webhook.Scheme{Preset: "slack", Secrets: secrets(secret), Window: 25 * time.Hour}, []string{"window"}},
		"hmac, no header":   {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret)}, []string{"header"}},
		"hmac, odd header":  {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X Y", Prefix: "a\r\n"}, []string{"header", "prefix"}},
		"hmac, hash":        {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", Hash: "md5", Encoding: "x"}, []string{"hash", "encoding"}},
		"hmac, signed":      {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", Signed: "{bdy}"}, []string{"signed"}},
		"hmac, open":        {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", Signed: "{body"}, []string{"signed"}},
		"hmac, stray":       {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", Signed: "}{body}"}, []string{"signed"}},
		"hmac, no body":     {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", Signed: "{path}"}, []string{"signed"}},
		"hmac, no id":       {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", Signed: "{id}{ts}{body}"}, []string{"id_header", "time_header"}},
		"hmac, idle time":   {webhook.Scheme{Preset: "hmac", Secrets: secrets(secret), Header: "X", TimeHeader: "T"}, []string{"time_header"}},
		"token, parameter":  {webhook.Scheme{Preset: "token", Secrets: secrets(secret), Header: "?a&b"}, []string{"header"}},
		"token, no name":    {webhook.Scheme{Preset: "token", Secrets: secrets(secret), Header: "?"}, []string{"header"}},
		"token, idle":       {webhook.Scheme{Preset: "token", Secrets: secrets(secret), Hash: "sha1", Signed: "{body}", TimeHeader: "T", IDHeader: "a b"}, []string{"id_header", "hash", "signed", "time_header"}},
		"token, hex":        {webhook.Scheme{Preset: "token", Secrets: secrets(secret), Encoding: "hex"}, []string{"encoding"}},
		"sound, everything": {golden()["hmac, all places"].scheme, nil},
	} {
		var got []string
		for _, p := range webhook.Check(c.scheme) {
			got = append(got, p.Path)
			if strings.Contains(p.String(), secret) {
				t.Errorf("%s: tells the secret", name)
			}
		}
		if d := cmp.Diff(c.paths, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestSign: what Sign makes is what others make.
func TestSign(t *testing.T) {
	t.Parallel()
	for name, p := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := p.request()
			r.Header = webhook.SignRequest(p.scheme, r, "new-id", signedAt)
			got, err := p.scheme.Verify(r, signedAt)
			if err != nil {
				t.Fatal(err)
			}
			if (p.want.At.IsZero() != got.At.IsZero()) || got.Bound != p.want.Bound || strings.HasPrefix(p.want.ID, "sha256:") != (got.ID != "new-id") {
				t.Errorf("%+v", got)
			}
		})
	}
	h := webhook.Sign(golden()["stripe"].scheme, "", signedAt, []byte(body))
	if want := golden()["stripe"].header["Stripe-Signature"]; h.Get("Stripe-Signature")+",v0=00" != want {
		t.Errorf("%s, want %s", h, want)
	}
	if h := webhook.Sign(webhook.Scheme{Preset: "github", Secrets: secrets("")}, "", signedAt, nil); len(h) != 0 {
		t.Errorf("%v", h)
	}
}

// FuzzVerify: no request makes Verify panic, and none is believed whose body is
// not the one that was signed.
func FuzzVerify(f *testing.F) {
	for name, p := range golden() {
		var header []string
		for k, v := range p.header {
			header = append(header, k+"\n"+v)
		}
		f.Add(name, strings.Join(header, "\n"), []byte(body), path, p.scheme.Signed)
		f.Add(name, strings.Join(header, "\n"), []byte("{}"), "/?key=%zz", "{body}{")
	}
	f.Fuzz(func(t *testing.T, name, header string, text []byte, path, signed string) {
		p := golden()[name]
		p.scheme.Signed = signed
		r := webhook.Received{Method: "POST", URL: url, Path: path, Header: http.Header{}, Body: text}
		lines := strings.Split(header, "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			r.Header.Add(lines[i], lines[i+1])
		}
		_ = webhook.Check(p.scheme)
		got, err := p.scheme.Verify(r, signedAt)
		if (err == nil) == (got == webhook.Proof{}) {
			t.Fatalf("%+v %v", got, err)
		}
		if err == nil && p.scheme.Preset != "token" && string(text) != body && p.scheme.Signed == golden()[name].scheme.Signed {
			t.Fatalf("believed %q", text)
		}
		_ = webhook.SignRequest(p.scheme, r, path, signedAt)
	})
}
