package connector_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/mapping"
)

func compile(t *testing.T, x connector.Exchange) *connector.Plan {
	t.Helper()
	p, problems := connector.Compile(x)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func sender(t *testing.T, tokens connector.TokenStore, edit ...func(*connector.Config)) *connector.Sender {
	t.Helper()
	return connector.NewSender(client(t, edit...), tokens, nil)
}

func ask() connector.Ask {
	return connector.Ask{Key: "01JLEAD", Facts: map[string]string{
		"first_name": "Ann", "last_name": "Lee & Söhne\r\nX-Evil: 1", "phone": "+15125550100", "email": "Ann@X.io", "zip": "78701",
		"state": "TX", "city": "Austin", "address": "1 Main St {{secret}}", "ip": "8.8.8.8",
	}}
}

// yes accepts with {"success":true} and records what came.
type yes struct {
	method, uri, body string
	header            http.Header
}

func (y *yes) serve(t *testing.T) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		y.method, y.uri, y.body, y.header = r.Method, r.RequestURI, string(b), r.Header
		_, _ = w.Write([]byte(`{"success":true,"id":"B1","price":"7.25","echo":"s3cret-s3cret/&"}`))
	})
}

const secret = ringbid.Secret("s3cret-s3cret/&")

func TestKindsOfBodyAndAuth(t *testing.T) {
	t.Parallel()
	m := &mapping.Map{Fields: []mapping.Field{{To: "lead.name", From: "last_name"}, {To: "lead.zip", From: "zip"}}}
	rules := connector.Rules{Accepted: `yes("success")`, ID: `at("id")`, Price: `at("price")`}
	const name = `Lee & Söhne\r\nX-Evil: 1`
	for label, c := range map[string]struct {
		x          connector.Exchange
		uri, body  string
		key, value string // a header
		copied     string // is in the copy
	}{
		"json, header": {
			x:    connector.Exchange{Body: "json", Map: m, Auth: connector.Auth{Kind: "header", Name: "X-Api-Key", Prefix: "Token ", Secret: secret}},
			body: `{"lead":{"name":"` + name + `","zip":"78701"}}`, key: "X-Api-Key", value: "Token s3cret-s3cret/&", copied: "X-Api-Key: Token ••••••",
		},
		"xml, basic": {
			x:    connector.Exchange{Body: "xml", Map: m, Auth: connector.Auth{Kind: "basic", User: "u", Secret: secret}},
			body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<lead><name>Lee &amp; Söhne&#xD;&#xA;X-Evil: 1</name><zip>78701</zip></lead>",
			key:  "Authorization", value: "Basic dTpzM2NyZXQtczNjcmV0LyY=", copied: "Authorization: ••••••",
		},
		"form, bearer": {
			x:    connector.Exchange{Body: "form", Map: m, Auth: connector.Auth{Kind: "bearer", Secret: secret}},
			body: "lead.name=Lee+%26+S%C3%B6hne%0D%0AX-Evil%3A+1&lead.zip=78701", key: "Authorization", value: "Bearer s3cret-s3cret/&", copied: "Authorization: ••••••",
		},
		"form, field": {
			x:    connector.Exchange{Body: "form", Map: m, Auth: connector.Auth{Kind: "field", Name: "key", Secret: secret}},
			body: "lead.name=Lee+%26+S%C3%B6hne%0D%0AX-Evil%3A+1&lead.zip=78701&key=s3cret-s3cret%2F%26", copied: "&key=••••••",
		},
		"none, query": {
			x:   connector.Exchange{Method: "GET", URL: "?a=1", Query: map[string]string{"zip": "{{zip}}", "none": "{{nobody}}", "n": "{{last_name}}"}, Auth: connector.Auth{Kind: "query", Name: "k", Secret: secret}},
			uri: "/?a=1&n=Lee+%26+S%C3%B6hne%0D%0AX-Evil%3A+1&zip=78701&k=s3cret-s3cret%2F%26", copied: "&k=••••••",
		},
		"template json": {
			x:    connector.Exchange{Body: "json", Map: m, Template: `{"n":"{{last_name}}","z":"{{map.lead.zip}}","k":"{{secret}}"}`, Auth: connector.Auth{Kind: "field", Secret: secret}},
			body: `{"n":"` + name + `","z":"78701","k":"s3cret-s3cret/&"}`, copied: `"k":"••••••"`,
		},
		"template xml": {
			x:    connector.Exchange{Body: "xml", Template: `<n>{{last_name}}</n>`, Auth: connector.Auth{Kind: "header", Name: "K", Secret: secret}},
			body: `<n>Lee &amp; Söhne&#xD;&#xA;X-Evil: 1</n>`, copied: "<n>Lee &amp;",
		},
		"template text, key": {
			x:    connector.Exchange{Method: "PUT", Body: "text", Template: `{{address}}`, KeyHeader: "Idempotency-Key", URL: "leads/{{key}}/{{email}}", Auth: connector.Auth{Kind: "header", Name: "K", Secret: secret}},
			body: `1 Main St {{secret}}`, key: "Idempotency-Key", value: "01JLEAD", uri: "/leads/01JLEAD/Ann@X.io", copied: "1 Main St {{secret}}",
		},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			var y yes
			c.x.Answer = rules
			c.x.Settings = map[string]string{"base": y.serve(t)}
			c.x.URL = "{{base}}/" + c.x.URL
			p := compile(t, c.x)
			got := sender(t, nil).Send(t.Context(), p, ask())
			if got.Class != connector.ClassAccepted || got.ID != "B1" || got.Price.String() != "7.25" || got.Sent != connector.SentAnswered {
				t.Fatalf("got %+v", got)
			}
			if y.body != c.body || c.uri != "" && y.uri != c.uri || c.key != "" && y.header.Get(c.key) != c.value {
				t.Errorf("sent %s %s\n%s\nwant %s\n%s", y.method, y.uri, y.body, c.uri, c.body)
			}
			if y.header.Get("X-Evil") != "" {
				t.Error("a name became a header")
			}
			for _, s := range []string{"s3cret", "dTpzM2"} {
				if strings.Contains(got.Request+got.Response+got.Reason, s) {
					t.Errorf("a secret is in the copies:\n%s\n%s", got.Request, got.Response)
				}
			}
			if !strings.Contains(got.Request, c.copied) || !strings.Contains(got.Response, `200 OK`) || !strings.Contains(got.Response, `"echo":"••••••"`) {
				t.Errorf("copies:\n%s\n%s", got.Request, got.Response)
			}
			preview, _, err := p.Preview(ask())
			if d := cmp.Diff(got.Request, preview); err != nil || d != "" {
				t.Errorf("preview: %v %s", err, d)
			}
		})
	}
}

func TestCopiesAreBounded(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"success":true,"x":"` + strings.Repeat("ä", 20<<10) + `"}`))
	})
	x := connector.Exchange{
		URL: "{{base}}", Settings: map[string]string{"base": url}, Body: "text", Template: "{{big}}\x00", Answer: connector.Rules{Accepted: `yes("success")`},
	}
	got := sender(t, nil).Send(t.Context(), compile(t, x), connector.Ask{Facts: map[string]string{"big": strings.Repeat("ö", 30<<10) + "\xff"}})
	if got.Class != connector.ClassAccepted || len(got.Request) > 16<<10 || len(got.Response) > 16<<10 ||
		!strings.Contains(got.Request, "bytes in all") || strings.ContainsAny(got.Request+got.Response, "\x00") {
		t.Errorf("%s, copies of %d and %d bytes", got.Class, len(got.Request), len(got.Response))
	}
}

// What cannot be made is not sent.
func TestUnsound(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("was called") })
	required := &mapping.Map{Fields: []mapping.Field{{To: "fax", From: "fax", Required: true}}}
	for name, c := range map[string]struct {
		x    connector.Exchange
		code connector.Code
	}{
		"map":           {connector.Exchange{Body: "json", Map: required}, connector.CodeMapping},
		"header":        {connector.Exchange{Header: map[string]string{"X-Name": "{{last_name}}"}}, connector.CodeAddress},
		"empty in path": {connector.Exchange{URL: "x/{{nobody}}"}, connector.CodeAddress},
		"dots in path":  {connector.Exchange{URL: "x/{{dots}}/y"}, connector.CodeAddress},
	} {
		c.x.URL = "{{base}}/" + c.x.URL
		c.x.Settings = map[string]string{"base": url}
		c.x.Answer.Accepted = "true"
		a := ask()
		a.Facts["dots"] = ".."
		got := sender(t, nil).Send(t.Context(), compile(t, c.x), a)
		if got.Class != connector.ClassUnsound || got.Code != c.code || got.Sent != connector.SentNo || got.Reason == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	sound := func() connector.Exchange {
		return connector.Exchange{URL: "https://x.example/", Answer: connector.Rules{Accepted: "status == 200"}}
	}
	if _, problems := connector.Compile(sound()); len(problems) > 0 {
		t.Fatal(problems)
	}
	for want, edit := range map[string]func(*connector.Exchange){
		"method":          func(x *connector.Exchange) { x.Method = "BREW" },
		"url":             func(x *connector.Exchange) { x.URL = "https://{{domain}}.example/" }, // of a lead
		"settings.domain": func(x *connector.Exchange) { x.Settings = map[string]string{"domain": " "} },
		"header.A b":      func(x *connector.Exchange) { x.Header = map[string]string{"A b": "x"} },
		"header.X":        func(x *connector.Exchange) { x.Header = map[string]string{"X": "{{a"} },
		"key_header":      func(x *connector.Exchange) { x.KeyHeader = "a:b" },
		"body":            func(x *connector.Exchange) { x.Body, x.Template = "yaml", "x" },
		"map":             func(x *connector.Exchange) { x.Body = "json" },
		"map.fields":      func(x *connector.Exchange) { x.Body, x.Map = "json", &mapping.Map{} },
		"template":        func(x *connector.Exchange) { x.Template = "x" },
		"max_bytes":       func(x *connector.Exchange) { x.MaxBytes = 1 << 30 },
		"redirects":       func(x *connector.Exchange) { x.Redirects = 6 },
		"answer.accepted": func(x *connector.Exchange) { x.Answer.Accepted = " " },
		"answer.id":       func(x *connector.Exchange) { x.Answer.ID = `status` },
		"answer.price":    func(x *connector.Exchange) { x.Answer.Price = `at(` },
		"answer.reason":   func(x *connector.Exchange) { x.Answer.Reason = `repeat("x", 1000000)` },
		"answer.as":       func(x *connector.Exchange) { x.Answer.As = "csv" },
		"auth.kind":       func(x *connector.Exchange) { x.Auth.Kind = "magic" },
		"auth.name":       func(x *connector.Exchange) { x.Auth = connector.Auth{Kind: "header", Name: "a b", Secret: "x"} },
		"auth.secret":     func(x *connector.Exchange) { x.Auth = connector.Auth{Kind: "bearer"} },
		"auth.user":       func(x *connector.Exchange) { x.Auth = connector.Auth{Kind: "basic"} },
		"auth.account": func(x *connector.Exchange) {
			x.Auth = connector.Auth{Kind: "oauth_client", ClientID: "c", ClientSecret: "s", TokenURL: "https://x.example"}
		},
		"auth.token_url": func(x *connector.Exchange) {
			x.Auth = connector.Auth{Kind: "oauth_client", ClientID: "c", ClientSecret: "s", Account: "a"}
		},
		"auth.client_secret": func(x *connector.Exchange) {
			x.Auth = connector.Auth{Kind: "oauth_client", ClientID: "c", TokenURL: "https://x.example", Account: "a"}
		},
		"auth.key": func(x *connector.Exchange) {
			x.Auth = connector.Auth{Kind: "oauth_jwt", ClientID: "c", TokenURL: "https://x.example", Account: "a", Subject: "s", Audience: "x"}
		},
	} {
		x := sound()
		edit(&x)
		p, problems := connector.Compile(x)
		if p != nil || len(problems) == 0 || problems[0].Path != want {
			t.Errorf("%s: %v", want, problems)
		}
	}
}
