package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ringbid/ringbid"
)

// FieldChange is one field that differs, in the form a person reads; secrets,
// hashes and recordings are not shown.
type FieldChange struct {
	Path string `json:"path"` // "routes[2].priority"
	Old  string `json:"old"`  // "" where it is new
	New  string `json:"new"`  // "" where it is gone
}

// Change is what applying does to one document.
type Change struct {
	Key     ringbid.Key   `json:"key"`
	Version int           `json:"version"` // the one that is or would be published
	Fields  []FieldChange `json:"fields,omitempty"`
}

// Changes is what applying documents does, or would do, each list by kind and
// name.
type Changes struct {
	Create   []Change `json:"create"`
	Update   []Change `json:"update"`
	Same     []Change `json:"same"`
	Delete   []Change `json:"delete"`
	Revision int64    `json:"revision"` // of the Book afterwards; the present one where nothing changes
}

// Empty reports whether nothing changes.
func (c Changes) Empty() bool { return len(c.Create)+len(c.Update)+len(c.Delete) == 0 }

const maxShown = 200 // bytes of a value in a diff

// hidden are fields of which only dots are shown.
var hidden = []string{"password", "password_hash", "token"}

// diff lists the fields that differ between two documents of one kind; either
// may be nil.
func diff(old, fresh ringbid.Document) ([]FieldChange, error) {
	a, err := leaves(old)
	if err != nil {
		return nil, err
	}
	b, err := leaves(fresh)
	if err != nil {
		return nil, err
	}
	var out []FieldChange
	for path, v := range a {
		if w, ok := b[path]; !ok || v != w {
			out = append(out, FieldChange{path, show(path, v, false), show(path, w, true)})
		}
	}
	for path, w := range b {
		if _, ok := a[path]; !ok {
			out = append(out, FieldChange{Path: path, New: show(path, w, false)})
		}
	}
	slices.SortFunc(out, func(x, y FieldChange) int { return strings.Compare(x.Path, y.Path) })
	return out, nil
}

// show returns a value as a diff shows it; another one took the place of a value.
func show(path, v string, another bool) string {
	field := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case v == "":
		return ""
	case field == "wav":
		return fmt.Sprintf("%d bytes", len(v)*3/4)
	case slices.Contains(hidden, field) && another:
		return "•••••• (another)"
	case slices.Contains(hidden, field):
		return "••••••"
	case len(v) > maxShown:
		return strings.ToValidUTF8(v[:maxShown], "") + "…"
	}
	return v
}

// leaves returns the scalar fields of a document by path.
func leaves(d ringbid.Document) (map[string]string, error) {
	out := map[string]string{}
	if d == nil {
		return out, nil
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Key(), err)
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Key(), err)
	}
	walk("", v, out)
	return out, nil
}

func walk(path string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			p := k
			if path != "" {
				p = path + "." + k
			}
			walk(p, x, out)
		}
	case []any:
		for i, x := range v {
			walk(path+"["+strconv.Itoa(i)+"]", x, out)
		}
	case string:
		out[path] = v
	case nil:
	default:
		out[path] = fmt.Sprint(v)
	}
}
