package api

import (
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strings"

	"github.com/ringbid/ringbid"
)

// typeExamples are values that every rule of their type takes, in the form that
// is kept.
var typeExamples = map[string]string{
	"phone": "+13105550142", "email": "ana.martinez@example.com", "state": "CA", "zip": "90210",
	"date": "1984-05-17", "time": "2026-03-09T15:04:05Z", "number": "3", "amount": "125.00", "boolean": "yes",
	"url": "https://offers.example/quote", "ip": "203.0.113.24",
	"trustedform": "https://cert.trustedform.com/0123456789abcdef0123456789abcdef01234567",
	"leadid":      "01234567-89ab-cdef-0123-456789abcdef",
}

// nameExamples are for texts whose name says what they are.
var nameExamples = map[string]string{
	"first_name": "Ana", "last_name": "Martinez", "name": "Ana Martinez", "full_name": "Ana Martinez",
	"address": "12 Palm Street", "street": "12 Palm Street", "address2": "Apt 4", "city": "Beverly Hills",
	"consent": "I agree to be called about my request.", "consent_text": "I agree to be called about my request.",
}

// exampleOf returns a value that the field's rule takes, as it is kept: the
// operator's own where that is sound.
func exampleOf(f ringbid.LeadField) string {
	f.Required = false
	rule := ringbid.LeadRules{Fields: []ringbid.LeadField{f}}
	tries := []string{f.Example}
	if len(f.Values) > 0 {
		tries = append(tries, f.Values[0])
	}
	tries = append(tries, typeExamples[f.Type], nameExamples[f.Name], "example", "x")
	for _, v := range tries {
		if v == "" {
			continue
		}
		if facts, problems := rule.Read(map[string]string{f.Name: v}, false); len(problems) == 0 {
			if kept := facts[f.Name]; kept != "" {
				return kept
			}
		}
	}
	return ""
}

// pair is one field of an example.
type pair struct{ name, text string }

// examplePairs returns a whole post of the way.
func examplePairs(r *ringbid.LeadRules, way string) []pair {
	out := []pair{{"id", "your-id-1001"}}
	if way == WayPost {
		out = append(out, pair{"ping_id", "the ping_id of the answer"})
	}
	for _, f := range r.Fields {
		if way == WayPing && f.IsContact() {
			continue
		}
		if v := exampleOf(f); v != "" {
			out = append(out, pair{f.Name, v})
		}
	}
	return out
}

func exampleJSON(pairs []pair) string {
	lines := make([]string, 0, len(pairs))
	for _, p := range pairs {
		lines = append(lines, "  "+quoted(p.name)+": "+quoted(p.text))
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n}"
}

func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be written
	return strings.TrimSuffix(b.String(), "\n")
}

func exampleXML(pairs []pair) string {
	var b strings.Builder
	b.WriteString("<lead>\n")
	for _, p := range pairs {
		b.WriteString("  <" + p.name + ">")
		_ = xml.EscapeText(&b, []byte(p.text)) // a Builder takes everything
		b.WriteString("</" + p.name + ">\n")
	}
	return b.String() + "</lead>"
}

func exampleForm(pairs []pair) string {
	out := make([]string, 0, len(pairs))
	for _, p := range pairs {
		out = append(out, url.QueryEscape(p.name)+"="+url.QueryEscape(p.text))
	}
	return strings.Join(out, "&")
}

func exampleCurl(address string, pairs []pair) string {
	return "curl " + shell(address) + " \\\n  -H 'Authorization: Bearer YOUR_KEY' \\\n  -H 'Content-Type: application/json' \\\n  -d " + shell(exampleJSON(pairs))
}

// shell quotes a word for a POSIX shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
