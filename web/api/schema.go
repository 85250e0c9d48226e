package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// schema answers with the JSON Schema of a whole lead or of a ping.
func (a *API) schema(ping bool) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		s, c, err := a.readable(r)
		if err != nil {
			return refuse(w, err)
		}
		title := titleOf(c.Title, c.Name)
		if ping {
			title += ": ping"
		}
		doc := schemaOf(c.Lead, ping)
		doc["$id"], doc["title"] = r.Base()+"/leads/"+s.Name+"/"+schemaFile(ping), title
		return writeDocument(w, http.StatusOK, "application/schema+json", doc)
	}
}

func schemaFile(ping bool) string {
	if ping {
		return "ping-schema.json"
	}
	return "schema.json"
}

// schemaOf describes posts that are sound as they stand. More is understood than
// it admits: aliases, other cases, other words and forms.
func schemaOf(r *ringbid.LeadRules, ping bool) map[string]any {
	need, fields := []string{}, map[string]any{
		"id":   map[string]any{"type": "string", "maxLength": maxExternal, "description": "Your own id of the lead. The same id is answered as before and sold once."},
		"test": map[string]any{"type": []string{"boolean", "string"}, "enum": []any{true, false, "1", "0"}, "description": "true: the answer without a sale."},
	}
	if !ping && r.Takes("ping_post") {
		fields["ping_id"] = map[string]any{"type": "string", "maxLength": maxPing, "description": "Of the answer to the ping, in a post that follows one."}
	}
	for _, f := range r.Fields {
		if ping && f.IsContact() {
			continue
		}
		fields[f.Name] = property(f)
		if f.Required {
			need = append(need, f.Name)
		}
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
		"properties": fields, "required": need, "additionalProperties": true,
	}
}

// property describes one field in the form that is kept.
func property(f ringbid.LeadField) map[string]any {
	p := map[string]any{"type": "string", "maxLength": mostOf(f)}
	if f.Required {
		p["minLength"] = 1
	}
	maps.Copy(p, typeProperties[f.Type])
	if len(f.Values) > 0 {
		p = map[string]any{"type": "string", "enum": slices.Concat(f.Values, otherWords(f))}
	}
	if f.Title != "" {
		p["title"] = f.Title
	}
	p["description"] = sentences(f)
	if v := exampleOf(f); v != "" {
		p["examples"] = []string{v}
	}
	return p
}

// otherWords are the words that are taken for the field's values, beside them.
func otherWords(f ringbid.LeadField) []string {
	var out []string
	for _, w := range slices.Sorted(maps.Keys(f.Words)) {
		if !slices.Contains(f.Values, w) && slices.Contains(f.Values, f.Words[w]) {
			out = append(out, w)
		}
	}
	return out
}

func sentences(f ringbid.LeadField) string {
	t := typeWords[f.Type]
	out := []string{strings.ToUpper(t[:1]) + t[1:] + "."}
	if len(f.Aliases) > 0 {
		out = append(out, "Also taken as "+strings.Join(f.Aliases, ", ")+".")
	}
	return strings.Join(out, " ")
}

// typeProperties are what a type says in a schema.
var typeProperties = map[string]map[string]any{
	"phone":       {"pattern": `^(\+1[2-9][0-9]{2}[2-9][0-9]{6}|\+[2-9][0-9]{6,14}|[2-9][0-9]{2}[2-9][0-9]{6})$`},
	"email":       {"format": "email"},
	"state":       {"pattern": `^[A-Z]{2}$`},
	"zip":         {"pattern": `^[0-9]{5}(-[0-9]{4})?$`},
	"date":        {"format": "date"},
	"time":        {"format": "date-time"},
	"number":      {"type": []string{"string", "number"}, "pattern": `^-?[0-9]{1,15}(\.[0-9]{1,9})?$`},
	"amount":      {"type": []string{"string", "number"}, "pattern": `^[0-9]{1,14}(\.[0-9]{1,4})?$`},
	"boolean":     {"type": []string{"boolean", "string"}, "enum": []any{true, false, "yes", "no"}},
	"url":         {"format": "uri", "pattern": `^https?://`},
	"ip":          {"anyOf": []any{map[string]any{"format": "ipv4"}, map[string]any{"format": "ipv6"}}},
	"trustedform": {"format": "uri", "pattern": `^https://cert\.(staging\.)?trustedform\.com/[A-Za-z0-9._-]{1,255}$`},
	"leadid":      {"pattern": `^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`},
}

// typeWords say what a type takes.
var typeWords = map[string]string{
	"": "text", "text": "text", "choice": "one of the listed values",
	"phone": "a phone number: ten digits, or + and the country code", "email": "an e-mail address",
	"state": "a US state: two letters or its name", "zip": "a US ZIP code: five digits, in quotes in JSON",
	"date": "a date: 1984-05-17", "time": "a time with its zone: 2026-03-09T15:04:05Z",
	"number": "a number", "amount": "an amount with at most four places", "boolean": "yes or no, true or false",
	"url": "an http or https address", "ip": "the IP address of the person", "trustedform": "the address of a TrustedForm certificate",
	"leadid": "a LeadiD token of 36 characters",
}

// mostOf returns how many characters the field may have.
func mostOf(f ringbid.LeadField) int {
	switch {
	case f.Max > 0:
		return f.Max
	case strings.HasPrefix(f.Name, "consent"):
		return 4096
	case f.Type == "url" || f.Type == "trustedform":
		return 2000
	}
	return 200
}
