package console

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/ringbid/ringbid"
)

var plainYAML = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_ ./@-]*$`)

// documentText writes a document as an operator writes it, YAML with its kind
// in front, secrets as dots, hashes left out.
func documentText(d ringbid.Document) (string, error) {
	shown, err := bare(d)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return "", err
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var out strings.Builder
	fmt.Fprintf(&out, "kind: %s", d.Key().Kind)
	err = writeYAML(&out, dec, 0, false)
	return out.String(), err
}

// dots stand for a secret.
const dots = "••••••"

// bare returns a copy of the document without what must not be shown.
func bare(d ringbid.Document) (ringbid.Document, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	c, err := ringbid.NewDocument(d.Key().Kind)
	if err == nil {
		err = json.Unmarshal(b, c)
	}
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", d.Key(), err)
	}
	for _, s := range ringbid.Secrets(c) {
		if *s != "" {
			*s = dots
		}
	}
	switch c := c.(type) {
	case *ringbid.User:
		c.Password, c.PasswordHash = "", ""
	case *ringbid.Prompt:
		c.WAV = nil
	case *ringbid.Method:
		for k := range c.Settings {
			if secretName.MatchString(k) {
				c.Settings[k] = dots
			}
		}
		c.Exchange = bareExchange(c.Exchange)
	case *ringbid.Bidder:
		c.Exchange = bareExchange(c.Exchange)
	}
	return c, nil
}

// secretName finds settings, headers and parameters that hold a secret although
// the document has a better place for it.
var secretName = regexp.MustCompile(`(?i)key|token|secret|passw|authorization|cookie`)

func bareExchange(x ringbid.Raw) ringbid.Raw {
	var members map[string]json.RawMessage
	if json.Unmarshal(x, &members) != nil {
		return x
	}
	for _, part := range []string{"header", "query", "settings"} {
		var values map[string]any
		if json.Unmarshal(members[part], &values) != nil {
			continue
		}
		for k := range values {
			if secretName.MatchString(k) {
				values[k] = dots
			}
		}
		members[part], _ = json.Marshal(values)
	}
	b, err := json.Marshal(members)
	if err != nil {
		return x
	}
	return b
}

// writeYAML writes the next value of the decoder; inline says that it begins
// behind a dash.
func writeYAML(out *strings.Builder, dec *json.Decoder, depth int, inline bool) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		return writeYAMLGroup(out, dec, t, depth, inline)
	case string:
		out.WriteString(" " + yamlString(t))
	case nil:
		out.WriteString(" null")
	default:
		fmt.Fprintf(out, " %v", t)
	}
	return nil
}

func writeYAMLGroup(out *strings.Builder, dec *json.Decoder, open json.Delim, depth int, inline bool) error {
	pad := "\n" + strings.Repeat("  ", depth)
	empty := true
	for ; dec.More(); empty = false {
		if open == '[' {
			out.WriteString(pad + "-")
			if err := writeYAML(out, dec, depth+1, true); err != nil {
				return err
			}
			continue
		}
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if inline && empty {
			out.WriteString(" ")
		} else {
			out.WriteString(pad)
		}
		out.WriteString(yamlString(fmt.Sprint(key)) + ":")
		if err := writeYAML(out, dec, depth+1, false); err != nil {
			return err
		}
	}
	if empty {
		out.WriteString(map[json.Delim]string{'[': " []", '{': " {}"}[open])
	}
	_, err := dec.Token()
	return err
}

func yamlString(s string) string {
	if plainYAML.MatchString(s) && !strings.HasSuffix(s, " ") {
		switch strings.ToLower(s) {
		case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		default:
			return s
		}
	}
	b, _ := json.Marshal(s)
	return string(b)
}
