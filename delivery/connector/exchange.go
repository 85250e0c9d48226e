package connector

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Kinds of a body.
const (
	BodyNone = "none"
	BodyJSON = "json"
	BodyXML  = "xml"
	BodyForm = "form"
	BodyText = "text" // by a template only
)

// Exchange is one request to a partner and how to read the answer, as data. In
// URL, Header, Query and Template stand places for values, {{name}}: a setting,
// else a fact of the lead, else a field the map made as "map." and its path, or
// key, the delivery's own id.
type Exchange struct {
	Method string `json:"method,omitempty"` // POST unless said
	URL    string `json:"url"`
	// Settings are the operator's own values, such as a domain or a version. Only
	// they may stand in the host of URL.
	Settings map[string]string `json:"settings,omitempty"`
	Header   map[string]string `json:"header,omitempty"`
	// Query is added to the URL; empty values are left out.
	Query map[string]string `json:"query,omitempty"`

	// Body is json, xml, form, text or none; made by Map or by Template.
	Body     string       `json:"body,omitempty"`
	Map      *mapping.Map `json:"map,omitempty"`
	Template string       `json:"template,omitempty"`

	Auth Auth `json:"auth,omitzero"`

	Timeout   ringbid.Duration `json:"timeout,omitempty"`   // of the whole exchange; the client's unless said
	MaxBytes  int64            `json:"max_bytes,omitempty"` // of the answer, up to 1 MB
	Redirects int              `json:"redirects,omitempty"` // followed, up to 5

	// KeyHeader is the header that carries the delivery's id, so that the partner
	// can tell a repeat.
	KeyHeader string `json:"key_header,omitempty"`
	// Idempotent says that the partner does nothing twice, by that header or by
	// its own means. What may have arrived is sent again only then.
	Idempotent bool `json:"idempotent,omitempty"`

	Answer Rules `json:"answer"`
}

// Bounds of an exchange.
const (
	maxAnswerBytes = 1 << 20
	maxRedirects   = 5
	maxTemplate    = 64 << 10
)

// standIn stands for a partner's instance_url until a token has told it.
const standIn = "https://instance.example"

// Plan is an Exchange that was checked and compiled. It may be used from any
// goroutine.
type Plan struct {
	x             Exchange
	url, body     template
	header, query []pair
	rules         rules
}

// pair is a named template.
type pair struct {
	name  string
	value template
}

// Idempotent reports whether doing the exchange twice does no harm.
func (p *Plan) Idempotent() bool { return p.x.Idempotent }

// Compile checks an exchange. With any problem the plan is nil.
func Compile(x Exchange) (*Plan, []mapping.Problem) {
	c := &compiler{plan: &Plan{x: x}}
	if x.Method == "" {
		c.plan.x.Method = http.MethodPost
	}
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, c.plan.x.Method) {
		c.problem("method", "%q is none of GET, POST, PUT, PATCH, DELETE", x.Method)
	}
	c.plan.url = c.template("url", x.URL)
	c.address()
	c.settings()
	c.plan.header = c.pairs("header", x.Header)
	c.plan.query = c.pairs("query", x.Query)
	for _, h := range c.plan.header {
		if !token(h.name) {
			c.problem("header."+h.name, "is not a name of a header")
		}
	}
	if x.KeyHeader != "" && !token(x.KeyHeader) {
		c.problem("key_header", "%q is not a name of a header", x.KeyHeader)
	}
	c.body()
	c.limits()
	x.Auth.check(c)
	c.plan.rules = compileRules(x.Answer, func(path string, err error) { c.problem("answer."+path, "%s", err) })
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.plan, nil
}

type compiler struct {
	plan     *Plan
	problems []mapping.Problem
}

func (c *compiler) problem(path, format string, args ...any) {
	c.problems = append(c.problems, mapping.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (c *compiler) template(path, text string) template {
	t, err := parseTemplate(text)
	if err == nil && len(text) > maxTemplate {
		err = fmt.Errorf("is longer than %d bytes", maxTemplate)
	}
	if err != nil {
		c.problem(path, "%s", err)
	}
	return t
}

func (c *compiler) pairs(path string, m map[string]string) []pair {
	var out []pair
	for _, k := range sorted(m) {
		out = append(out, pair{k, c.template(path+"."+k, m[k])})
	}
	return out
}

// address renders the URL with stand-ins, to see that the host is settled.
func (c *compiler) address() {
	setting := func(name string) (string, bool) {
		if name == "instance_url" && c.plan.x.Settings[name] == "" && c.plan.x.Auth.oauth() {
			return standIn, true
		}
		v, ok := c.plan.x.Settings[name]
		return v, ok
	}
	s, err := c.plan.url.address(func(string) string { return "x" }, setting)
	if err == nil {
		err = soundURL(s)
	}
	if err != nil {
		c.problem("url", "%s", err)
	}
}

// settings asks for those that were left empty.
func (c *compiler) settings() {
	for _, k := range sorted(c.plan.x.Settings) {
		if strings.TrimSpace(c.plan.x.Settings[k]) == "" {
			c.problem("settings."+k, "is needed")
		}
	}
}

func (c *compiler) body() {
	x := c.plan.x
	if x.Body == "" {
		c.plan.x.Body = BodyNone
	}
	if !slices.Contains([]string{BodyNone, BodyJSON, BodyXML, BodyForm, BodyText}, c.plan.x.Body) {
		c.problem("body", "%q is none of none, json, xml, form, text", x.Body)
	}
	if x.Map != nil {
		for _, p := range x.Map.Validate() {
			c.problem("map."+p.Path, "%s", p.Text)
		}
	}
	mapped := x.Map != nil && x.Template == ""
	switch c.plan.x.Body {
	case BodyNone:
		if x.Template != "" {
			c.problem("template", "makes a body, and body is none")
		}
	case BodyText:
		if x.Template == "" {
			c.problem("template", "is needed where body is text")
		}
	default:
		if !mapped && x.Template == "" {
			c.problem("map", "is needed, or a template")
		}
	}
	c.plan.body = c.template("template", x.Template)
}

func (c *compiler) limits() {
	x := c.plan.x
	if x.MaxBytes < 0 || x.MaxBytes > maxAnswerBytes {
		c.problem("max_bytes", "must be 0 to %d", maxAnswerBytes)
	}
	if x.Redirects < 0 || x.Redirects > maxRedirects {
		c.problem("redirects", "must be 0 to %d", maxRedirects)
	}
}

// token reports whether the text can be the name of a header (RFC 9110, 5.6.2).
func token(s string) bool {
	return s != "" && len(s) <= 100 &&
		strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
