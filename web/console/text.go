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
// in front, secrets and hashes left out.
func documentText(d ringbid.Document) (string, error) {
	b, err := json.Marshal(bare(d))
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

// bare returns a copy of the document without what must not be shown.
func bare(d ringbid.Document) ringbid.Document {
	switch d := d.(type) {
	case *ringbid.Trunk:
		c := *d
		c.Password = ""
		return &c
	case *ringbid.Bidder:
		c := *d
		c.Token = ""
		return &c
	case *ringbid.User:
		c := *d
		c.Password, c.PasswordHash = "", ""
		return &c
	case *ringbid.Prompt:
		c := *d
		c.WAV = nil
		return &c
	}
	return d
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
