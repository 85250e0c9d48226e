package email

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"maps"
	"mime"
	"slices"
	"strings"
)

// File is an attachment. Its name is cut down to letters that every system
// takes; a Type that is none becomes application/octet-stream.
type File struct {
	Name, Type string
	Body       []byte
}

const maxFileName = 100 // bytes

// name returns the name as it may stand in a header and in a folder.
func (f File) name() string {
	s := f.Name[strings.LastIndexAny(f.Name, `/\`)+1:]
	s = strings.Map(func(c rune) rune {
		if alphanumeric(c) || strings.ContainsRune("._-", c) {
			return c
		}
		return '_'
	}, s)
	s = strings.TrimLeft(s, ".")
	if len(s) > maxFileName {
		s = s[len(s)-maxFileName:] // the ending says what it is
	}
	if strings.Trim(s, "._-") == "" {
		return "file"
	}
	return s
}

func (f File) kind() string {
	kind, params, err := mime.ParseMediaType(f.Type)
	if err != nil || !strings.Contains(kind, "/") || hasControl(f.Type) || len(f.Type) > maxFileName {
		return "application/octet-stream"
	}
	keep := map[string]string{}
	if c := params["charset"]; c != "" {
		keep["charset"] = c
	}
	return mime.FormatMediaType(kind, keep)
}

// CSV writes leads as a table (RFC 4180, UTF-8) to attach: lead_id, then their
// facts. A cell that a spreadsheet would calculate gets an apostrophe in front.
func CSV(leads []Lead) File {
	columns := columnsOf(leads)
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	row := []string{"lead_id"}
	for _, name := range columns {
		row = append(row, defused(name))
	}
	_ = w.Write(row) // a buffer takes everything
	for _, l := range leads {
		row = append(row[:0], defused(l.ID))
		for _, name := range columns {
			row = append(row, defused(l.shown(name)))
		}
		_ = w.Write(row)
	}
	w.Flush()
	return File{Name: fileName(leads, "csv"), Type: "text/csv; charset=utf-8", Body: b.Bytes()}
}

// JSON writes a lead as an object to attach, several as an array of them: lead_id
// and their facts, all as texts.
func JSON(leads []Lead) File {
	all := make([]map[string]string, 0, len(leads))
	for _, l := range leads {
		o := map[string]string{}
		for _, name := range l.names() {
			o[name] = l.Facts[name]
		}
		o["lead_id"] = l.ID
		all = append(all, o)
	}
	var body []byte
	if len(all) == 1 {
		body, _ = json.MarshalIndent(all[0], "", "  ") // texts always can
	} else {
		body, _ = json.MarshalIndent(all, "", "  ")
	}
	return File{Name: fileName(leads, "json"), Type: "application/json", Body: append(body, '\n')}
}

func fileName(leads []Lead, ending string) string {
	if len(leads) == 1 {
		return "lead." + ending
	}
	return "leads." + ending
}

// columnsOf returns the facts that any of the leads shows, those of the first
// lead first.
func columnsOf(leads []Lead) []string {
	var columns []string
	seen := map[string]bool{"lead_id": true}
	for _, l := range leads {
		for _, name := range l.names() {
			if !seen[name] {
				seen[name], columns = true, append(columns, name)
			}
		}
	}
	return columns
}

// shown returns a fact where the lead shows it.
func (l Lead) shown(name string) string {
	if l.Names != nil && !slices.Contains(l.Names, name) {
		return ""
	}
	return l.Facts[name]
}

// names returns the facts the lead shows, in order; those without a value too
// where they are asked for.
func (l Lead) names() []string {
	if l.Names != nil {
		return l.Names
	}
	names := slices.Collect(maps.Keys(l.Facts))
	slices.SortFunc(names, compareNames)
	return names
}

// defused keeps a cell from being read as a formula.
func defused(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
