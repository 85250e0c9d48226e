package connector

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Ask is one delivery: its id and what is known of the lead.
type Ask struct {
	Key   string // stays the same when the delivery is tried again
	Facts map[string]string
}

const (
	redacted = "••••••"
	maxCopy  = 16 << 10
)

// credentials are what an exchange is made with this time.
type credentials struct {
	secret ringbid.Secret
	token  Token
}

// hidden returns credentials that say nothing, to make a copy with.
func (c credentials) hidden() credentials {
	return credentials{redacted, Token{Access: redacted, Instance: c.token.Instance}}
}

// build makes the request.
func (p *Plan) build(ask Ask, values []mapping.Value, cred credentials) (Request, error) {
	v := p.values(ask, values, cred)
	r := Request{
		Method: p.x.Method, Header: http.Header{}, Idempotent: p.x.Idempotent, Timeout: p.x.Timeout.D(),
		MaxBytes: p.x.MaxBytes, Redirects: p.x.Redirects,
	}
	var err error
	if r.URL, err = p.address(v, cred); err != nil {
		return r, err
	}
	if r.Body, err = p.makeBody(v, values, cred); err != nil {
		return r, err
	}
	if kind := contentType(p.x.Body); kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", "*/*")
	for _, h := range p.header {
		if s := h.value.render(v, asIs); s != "" {
			r.Header.Set(h.name, s)
		}
	}
	if p.x.KeyHeader != "" {
		r.Header.Set(p.x.KeyHeader, ask.Key)
	}
	p.x.Auth.put(r.Header, cred)
	for k, values := range r.Header {
		if strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return r, fmt.Errorf("header %s would have control characters", k)
		}
	}
	return r, nil
}

// values finds what stands in a place.
func (p *Plan) values(ask Ask, mapped []mapping.Value, cred credentials) func(string) string {
	return func(name string) string {
		if v, ok := p.setting(name, cred); ok {
			return v
		}
		if to, ok := strings.CutPrefix(name, "map."); ok {
			for _, f := range mapped {
				if f.To == to {
					return f.Text
				}
			}
			return ""
		}
		switch {
		case name == "key":
			return ask.Key
		case name == "secret" && p.x.Auth.Kind == AuthField:
			return cred.secret.Reveal()
		}
		return ask.Facts[name]
	}
}

// setting returns the operator's value; instance_url is where the partner said it
// wants to be called.
func (p *Plan) setting(name string, cred credentials) (string, bool) {
	if name == "instance_url" && cred.token.Instance != "" {
		return strings.TrimSuffix(cred.token.Instance, "/"), true
	}
	v, ok := p.x.Settings[name]
	return v, ok
}

func (p *Plan) address(v func(string) string, cred credentials) (string, error) {
	s, err := p.url.address(v, func(name string) (string, bool) { return p.setting(name, cred) })
	if err == nil {
		err = soundURL(s)
	}
	if err != nil {
		return "", err
	}
	var query []string
	for _, q := range p.query {
		if text := q.value.render(v, asIs); text != "" {
			query = append(query, url.QueryEscape(q.name)+"="+url.QueryEscape(text))
		}
	}
	if p.x.Auth.Kind == AuthQuery {
		query = append(query, url.QueryEscape(p.x.Auth.Name)+"="+url.QueryEscape(cred.secret.Reveal()))
	}
	if len(query) == 0 {
		return s, nil
	}
	sign := "?"
	if strings.Contains(s, "?") {
		sign = "&"
	}
	return s + sign + strings.Join(query, "&"), nil
}

func soundURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("address is not a sound http or https one")
	}
	return nil
}

func (p *Plan) makeBody(v func(string) string, values []mapping.Value, cred credentials) ([]byte, error) {
	if p.x.Body == BodyNone {
		return nil, nil
	}
	if p.x.Template != "" {
		return []byte(p.body.render(v, escapeFor(p.x.Body))), nil
	}
	if p.x.Auth.Kind == AuthField {
		values = append(slices.Clip(values), mapping.Value{To: p.x.Auth.Name, Text: cred.secret.Reveal()})
	}
	doc, err := mapping.Tree(values)
	if err != nil {
		return nil, err
	}
	switch p.x.Body {
	case BodyXML:
		return doc.XML()
	case BodyForm:
		return doc.Form(), nil
	}
	return doc.JSON(), nil
}

func contentType(body string) string {
	switch body {
	case BodyJSON:
		return "application/json"
	case BodyXML:
		return "application/xml; charset=UTF-8"
	case BodyForm:
		return "application/x-www-form-urlencoded"
	case BodyText:
		return "text/plain; charset=UTF-8"
	}
	return ""
}

// put adds what goes in a header.
func (a Auth) put(h http.Header, cred credentials) {
	switch a.Kind {
	case AuthHeader:
		h.Set(a.Name, a.Prefix+cred.secret.Reveal())
	case AuthBasic:
		h.Set("Authorization", basic(a.User, cred.secret.Reveal()))
	case AuthBearer:
		h.Set("Authorization", "Bearer "+cred.secret.Reveal())
	case AuthClient, AuthJWT, AuthRefresh:
		h.Set("Authorization", "Bearer "+cred.token.Access.Reveal())
	}
}

// render writes a request as it may be stored and shown: the same request, made
// without its secrets.
func (p *Plan) render(ask Ask, values []mapping.Value, cred credentials) string {
	r, err := p.build(ask, values, cred.hidden())
	if err != nil {
		return ""
	}
	if r.Header.Get("Authorization") != "" {
		r.Header.Set("Authorization", redacted)
	}
	address := strings.ReplaceAll(r.URL, url.QueryEscape(redacted), redacted)
	body := string(r.Body)
	if p.x.Body == BodyForm {
		body = strings.ReplaceAll(body, url.QueryEscape(redacted), redacted)
	}
	return bounded(p.clean(r.Method+" "+address+"\n"+headerText(r.Header)+"\n"+body, cred))
}

// renderAnswer writes an answer likewise.
func (p *Plan) renderAnswer(res Response, text string, cred credentials) string {
	if res.Status == 0 {
		return ""
	}
	h := res.Header.Clone()
	for _, k := range []string{"Set-Cookie", "Authorization", "Www-Authenticate"} {
		if h.Get(k) != "" {
			h.Set(k, redacted)
		}
	}
	return bounded(p.clean(fmt.Sprintf("%d %s\n%s\n%s", res.Status, http.StatusText(res.Status), headerText(h), text), cred))
}

// clean takes secrets out wherever they stand, as a partner may echo them. Short
// ones are left to their places: they would take innocent letters with them.
func (p *Plan) clean(s string, cred credentials) string {
	for _, secret := range append(p.x.Auth.secrets(), cred.token.Access.Reveal(), cred.token.Refresh.Reveal()) {
		if len(secret) < 6 {
			continue
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), inJSON(secret), inXML(secret)} {
			s = strings.ReplaceAll(s, form, redacted)
		}
	}
	return s
}

func headerText(h http.Header) string {
	var b strings.Builder
	for _, k := range sorted(h) {
		for _, v := range h[k] {
			b.WriteString(k + ": " + v + "\n")
		}
	}
	return b.String()
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

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
