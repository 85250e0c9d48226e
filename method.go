package ringbid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// Method is one way in which a buyer gets leads: an HTTP exchange, a letter, or
// the inbox of the portal.
type Method struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Buyer is whose method it is. None: the operator's own, for missed calls.
	Buyer string `json:"buyer,omitempty"`
	Type  string `json:"type"` // "http", "email" or "portal"

	// Preset names the exchange to start from: salesforce-rest,
	// salesforce-web-to-lead, hubspot, json-post, form-post, leadconduit,
	// boberdoo, leadspedia; default json-post.
	Preset string `json:"preset,omitempty"`
	// Settings are what the preset asks for, such as a url.
	Settings map[string]string `json:"settings,omitempty"`
	// Exchange changes the preset: method, url, header, query, body, template,
	// timeout, max_bytes, redirects, key_header, idempotent, answer.
	Exchange Raw `json:"exchange,omitempty"`
	// Map names a Map that replaces the preset's own.
	Map  string     `json:"map,omitempty"`
	Auth MethodAuth `json:"auth,omitzero"`

	Email *EmailForm `json:"email,omitempty"`
	// Assign says how leads in the inbox find their agent: "claim" (default,
	// first come), "round_robin", or "territory" by Territories.
	Assign      string              `json:"assign,omitempty"`
	Territories map[string][]string `json:"territories,omitempty"` // agent to states

	// Rate is how many exchanges a second, on all nodes together; 0 for no limit.
	Rate int `json:"rate,omitempty"`
	// Concurrency is how many exchanges at once, on all nodes together; default 8.
	Concurrency int `json:"concurrency,omitempty"`
	// Patience is how long a lead waits for this method before it goes elsewhere;
	// default 5m, by e-mail 1h; 10s to 24h.
	Patience Duration `json:"patience,omitempty"`
	// Cooldown is how long the breaker stays open before one probe; default 30s.
	Cooldown Duration `json:"cooldown,omitempty"`
	// Slow is the mean response time above which an alert is raised; default 1s.
	Slow Duration `json:"slow,omitempty"`
	// Keep is how many days copies of requests and answers are kept; default 90.
	Keep   int  `json:"keep_days,omitempty"`
	Paused bool `json:"paused,omitempty"`
}

// MethodAuth says who we are to the partner.
type MethodAuth struct {
	// Kind is "header", "query", "field", "basic", "bearer", "oauth_client",
	// "oauth_jwt" or "oauth_refresh".
	Kind   string `json:"kind,omitempty"`
	Name   string `json:"name,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	User   string `json:"user,omitempty"`
	Secret Secret `json:"secret,omitempty"`
	// Account is under which name tokens are kept; default the method's name.
	Account      string `json:"account,omitempty"`
	TokenURL     string `json:"token_url,omitempty"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret Secret `json:"client_secret,omitempty"`
	InHeader     bool   `json:"in_header,omitempty"`
	Scope        string `json:"scope,omitempty"`
	Subject      string `json:"subject,omitempty"`
	Audience     string `json:"audience,omitempty"`
	Key          Secret `json:"key,omitempty"`
	Refresh      Secret `json:"refresh,omitempty"`
}

func (a *MethodAuth) secrets() []*Secret {
	return []*Secret{&a.Secret, &a.ClientSecret, &a.Key, &a.Refresh}
}

// EmailForm is a letter with places for facts, {{name}}.
type EmailForm struct {
	To      []string `json:"to"`
	ReplyTo string   `json:"reply_to,omitempty"`
	Subject string   `json:"subject,omitempty"`
	Text    string   `json:"text,omitempty"`
	HTML    string   `json:"html,omitempty"`
	// Digest gathers leads into one letter: "hourly" or "daily".
	Digest string `json:"digest,omitempty"`
	// At is the hour of a daily digest, 0 to 23, in Zone.
	At   int    `json:"at,omitempty"`
	Zone string `json:"zone,omitempty"`
	// Attach adds the lead as a file: "csv" or "json".
	Attach string `json:"attach,omitempty"`
}

// Defaults of a method.
const (
	DefaultConcurrency  = 8
	DefaultPatience     = 5 * time.Minute
	DefaultMailPatience = time.Hour
	DefaultCooldown     = 30 * time.Second
	DefaultSlow         = time.Second
	DefaultKeep         = 90
)

// Key identifies the method.
func (m *Method) Key() Key { return Key{KindMethod, m.Name} }

func (m *Method) refs(need func(string, Key)) {
	if m.Buyer != "" {
		need("buyer", Key{KindBuyer, m.Buyer})
	}
	if m.Map != "" {
		need("map", Key{KindMap, m.Map})
	}
	for agent := range m.Territories {
		need("territories."+agent, Key{KindUser, agent})
	}
}

// Validate returns what is unsound in the method by itself; whether its
// exchange can be made is for the delivery to say.
func (m *Method) Validate() []Problem {
	c := check(m)
	c.name()
	c.that(m.Type == "http" || m.Type == "email" || m.Type == "portal", "type", "%.20q is not http, email or portal", m.Type)
	c.that(m.Type == "http" || m.Preset == "" && len(m.Exchange) == 0 && m.Map == "", "preset", "belongs to http only")
	c.that((m.Type == "email") == (m.Email != nil), "email", "goes with type: email")
	c.that(m.Type != "portal" || m.Buyer != "", "buyer", "is missing: an inbox belongs to a buyer")
	c.that(len(m.Settings) <= 50, "settings", "has more than 50 entries")
	c.that(len(m.Exchange) <= 256<<10, "exchange", "is longer than 256 KB")
	if m.Email != nil {
		m.Email.check(c)
	}
	switch m.Assign {
	case "", "claim", "round_robin":
	case "territory":
		c.that(len(m.Territories) > 0, "territories", "are missing")
	default:
		c.addf("assign", "%.20q is not claim, round_robin or territory", m.Assign)
	}
	c.between("rate", m.Rate, 0, 10_000)
	c.between("concurrency", m.Concurrency, 0, 500)
	c.span("patience", m.Patience, Duration(10*time.Second), Duration(24*time.Hour))
	c.span("cooldown", m.Cooldown, Duration(time.Second), Duration(time.Hour))
	c.span("slow", m.Slow, Duration(10*time.Millisecond), Duration(time.Minute))
	c.between("keep_days", m.Keep, 0, 3650)
	return c.problems
}

func (e *EmailForm) check(c *checker) {
	c.that(len(e.To) > 0 && len(e.To) <= 20, "email.to", "needs 1 to 20 addresses")
	for i, a := range e.To {
		c.that(MailAddress(a), index("email.to", i), "%.80q is not a mail address", a)
	}
	c.that(e.ReplyTo == "" || MailAddress(e.ReplyTo), "email.reply_to", "%.80q is not a mail address", e.ReplyTo)
	c.that(!strings.ContainsAny(e.Subject, "\r\n"), "email.subject", "has a line break")
	c.that(len(e.Subject) <= 500 && len(e.Text) <= 64<<10 && len(e.HTML) <= 64<<10, "email", "is longer than 64 KB")
	c.that(e.Digest == "" || e.Digest == "hourly" || e.Digest == "daily", "email.digest", "%.20q is not hourly or daily", e.Digest)
	c.between("email.at", e.At, 0, 23)
	if _, err := LoadZone(e.Zone); err != nil {
		c.addf("email.zone", "%.60q is not an IANA time zone", e.Zone)
	}
	c.that(e.Attach == "" || e.Attach == "csv" || e.Attach == "json", "email.attach", "%.20q is not csv or json", e.Attach)
}

// MailAddress reports whether s is a bare mail address (RFC 5322 addr-spec)
// that is safe to write into a header.
func MailAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, "\r\n \t\x00<>,;") && strings.Contains(s, ".")
}

// FieldMap is the fields of a buyer's document and where each comes from.
type FieldMap struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Fields are in the buyer's order; each has a to (the path of the target), a
	// source (static, from, concat or split), and may have translate, format,
	// default, when, required, type.
	Fields Raw `json:"fields"`
	// Schema is the buyer's JSON Schema, against which the map is held.
	Schema Raw `json:"schema,omitempty"`
}

// Key identifies the map.
func (m *FieldMap) Key() Key { return Key{KindMap, m.Name} }

func (m *FieldMap) refs(func(string, Key)) {}

// Validate returns what is unsound in the map by itself; its fields are checked
// where maps are known.
func (m *FieldMap) Validate() []Problem {
	c := check(m)
	c.name()
	c.that(len(m.Fields) > 0, "fields", "are missing")
	c.that(len(m.Fields) <= 1<<20 && len(m.Schema) <= 1<<20, "fields", "are longer than 1 MB")
	return c.problems
}

// Raw is JSON that another package understands. It is kept in one form, members
// sorted and without white space, so that what says the same is the same.
type Raw json.RawMessage

// UnmarshalJSON keeps the value in its one form.
func (r *Raw) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*r = nil
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("is not JSON: %w", err)
	}
	out, err := json.Marshal(v)
	*r = out
	return err
}

// MarshalJSON writes the value.
func (r Raw) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}
