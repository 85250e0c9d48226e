package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
)

// maxMapText bounds a map as it is edited, in bytes.
const maxMapText = 512 << 10

// mapText writes a map as it is edited: JSON, a line a field where it is short.
func mapText(m ringbid.FieldMap) string {
	var out strings.Builder
	out.WriteString("{\n  \"name\": " + compact(m.Name) + ",\n")
	if m.Title != "" {
		out.WriteString("  \"title\": " + compact(m.Title) + ",\n")
	}
	out.WriteString("  \"fields\": " + fieldsText(m.Fields))
	if len(m.Schema) > 0 {
		out.WriteString(",\n  \"schema\": " + indented(json.RawMessage(m.Schema), "  "))
	}
	return out.String() + "\n}\n"
}

func fieldsText(raw ringbid.Raw) string {
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return indented(json.RawMessage(raw), "  ")
	}
	lines := make([]string, len(parts))
	for i, p := range parts {
		var f mapField
		var v any = p
		if json.Unmarshal(p, &f) == nil && f.same(p) {
			v = f // the members in the order in which people think of them
		}
		if lines[i] = spaced(compact(v)); len(lines[i]) > 120 {
			lines[i] = indented(v, "    ")
		}
	}
	if len(lines) == 0 {
		return "[]"
	}
	return "[\n    " + strings.Join(lines, ",\n    ") + "\n  ]"
}

// compact writes a value on one line, without escapes that only HTML needs.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null"
	}
	return strings.TrimSpace(b.String())
}

// spaced puts a space behind the colons and commas of a compact value.
func spaced(s string) string {
	var out strings.Builder
	inside := false
	for i := range len(s) {
		out.WriteByte(s[i])
		switch {
		case s[i] == '"' && !escaped(s[:i]):
			inside = !inside
		case !inside && (s[i] == ':' || s[i] == ','):
			out.WriteByte(' ')
		}
	}
	return out.String()
}

func escaped(before string) bool {
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

func indented(v any, prefix string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(compact(v)), prefix, "  ") != nil {
		return "null"
	}
	return b.String()
}

// parseMap reads a map as it was typed. The problems say where, the first one
// where it is not JSON.
func parseMap(text, name string) (ringbid.FieldMap, []ringbid.Problem) {
	m := ringbid.FieldMap{}
	wrong := func(path, format string, args ...any) []ringbid.Problem {
		return []ringbid.Problem{{Key: ringbid.Key{Kind: ringbid.KindMap, Name: name}, Path: path, Text: fmt.Sprintf(format, args...)}}
	}
	if len(text) > maxMapText {
		return m, wrong("", "is longer than %d KB", maxMapText>>10)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&m)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows after the map")
		}
	}
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
	case errors.As(err, &syntax):
		return m, wrong(lineOf(text, syntax.Offset), "is not JSON: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	case errors.As(err, &typ):
		return m, wrong(typ.Field, "cannot be a %s", typ.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return m, wrong(lineOf(text, int64(len(text))), "is not JSON: it ends too early")
	default:
		return m, wrong("", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if m.Name != name {
		return m, wrong("name", "is %.70q; this page edits %q", m.Name, name)
	}
	return m, m.Validate()
}

// lineOf names a place in a text.
func lineOf(text string, offset int64) string {
	before := text[:min(max(int(offset), 0), len(text))]
	return fmt.Sprintf("line %d, column %d", strings.Count(before, "\n")+1, len(before)-strings.LastIndexByte(before, '\n'))
}

// pathLine returns the line on which the value at the path begins, 0 where the
// text is not JSON or has no such value. The path is as problems have it:
// "fields[3].format[0].to" or "fields.3.format.0.to"; of one that leads nowhere
// the part that is there counts.
func pathLine(text, path string) int {
	if n, rest, ok := strings.Cut(strings.TrimPrefix(path, "line "), ","); ok && rest != "" {
		if line, err := strconv.Atoi(n); err == nil {
			return line
		}
	}
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	d := json.NewDecoder(strings.NewReader(text))
	at := int64(-1)
	if len(steps) > 0 {
		at = descend(d, steps, -1)
	}
	if at < 0 {
		return 0
	}
	at += int64(len(text[at:]) - len(strings.TrimLeft(text[at:], ":, \t\r\n")))
	return strings.Count(text[:at], "\n") + 1
}

// descend reads the decoder's next value and returns where the value at the
// steps begins, else the deepest one that was found.
func descend(d *json.Decoder, steps []string, found int64) int64 {
	t, err := d.Token()
	open, group := t.(json.Delim)
	if err != nil || !group || len(steps) == 0 {
		return found
	}
	for i := 0; d.More(); i++ {
		name := strconv.Itoa(i)
		if open == '{' {
			k, err := d.Token()
			if err != nil {
				return found
			}
			name = fmt.Sprint(k)
		}
		if at := d.InputOffset(); name == steps[0] {
			return descend(d, steps[1:], at)
		}
		var skip json.RawMessage
		if d.Decode(&skip) != nil {
			return found
		}
	}
	return found
}

// mapProblem is a problem with the line it is on, 0 where it is on none.
type mapProblem struct {
	Path, Text string
	Line       int
}

func mapProblems(text string, list []ringbid.Problem) []mapProblem {
	out := make([]mapProblem, 0, len(list))
	for _, p := range list {
		x := mapProblem{p.Path, p.Text, pathLine(text, p.Path)}
		if line, column, ok := strings.Cut(p.Path, ", "); ok && line == fmt.Sprintf("line %d", x.Line) {
			x.Path = column // the line is said already
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b mapProblem) int { return a.Line - b.Line })
	return out
}
