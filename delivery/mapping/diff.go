package mapping

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Version returns a short name for exactly this map: the first 16 hexadecimal
// digits of the SHA-256 of its JSON. Maps that do the same but are written
// differently have different versions.
func (m Map) Version() string {
	b, err := json.Marshal(m)
	if err != nil { // no value of a Map is beyond JSON
		b = fmt.Appendf(nil, "%+v", m)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Change is one difference between two maps or two schemas.
type Change struct {
	Path string `json:"path"`          // a target's path
	Key  string `json:"key,omitempty"` // the part of it that changed
	Kind string `json:"kind"`          // added, removed, changed or moved
	Old  string `json:"old,omitempty"` // as JSON
	New  string `json:"new,omitempty"`
}

// Diff returns what changed from one map to another, by target: first what was
// removed, then the rest in the order of the new map, and last, under the path
// "fields", that the targets both have stand in another order.
func Diff(from, to Map) []Change {
	was, is := byTarget(from), byTarget(to)
	var out []Change
	var before, after []string
	for _, name := range was.order {
		if _, ok := is.fields[name]; ok {
			before = append(before, name)
			continue
		}
		out = append(out, Change{Path: name, Kind: "removed", Old: was.fields[name].text()})
	}
	for _, name := range is.order {
		f := is.fields[name]
		old, ok := was.fields[name]
		if !ok {
			out = append(out, Change{Path: name, Kind: "added", New: f.text()})
			continue
		}
		after = append(after, name)
		out = append(out, diffField(name, old, f)...)
	}
	if !slices.Equal(before, after) {
		out = append(out, Change{Path: "fields", Kind: "moved", Old: strings.Join(before, ", "), New: strings.Join(after, ", ")})
	}
	return out
}

type targets struct {
	order  []string
	fields map[string]Field
}

// byTarget keys fields by target; a second field of a target is "to#2".
func byTarget(m Map) targets {
	t := targets{fields: map[string]Field{}}
	count := map[string]int{}
	for _, f := range m.Fields {
		name := f.To
		if count[f.To]++; count[f.To] > 1 {
			name = fmt.Sprintf("%s#%d", f.To, count[f.To])
		}
		t.order = append(t.order, name)
		t.fields[name] = f
	}
	return t
}

func diffField(name string, from, to Field) []Change {
	was, is := from.members(), to.members()
	all := map[string]bool{}
	for k := range was {
		all[k] = true
	}
	for k := range is {
		all[k] = true
	}
	var out []Change
	for _, k := range sortedKeys(all) {
		if !bytes.Equal(was[k], is[k]) {
			out = append(out, Change{name, k, "changed", string(was[k]), string(is[k])})
		}
	}
	return out
}

func (f Field) text() string {
	b, err := json.Marshal(f)
	if err != nil {
		return ""
	}
	return string(b)
}

func (f Field) members() map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	_ = json.Unmarshal([]byte(f.text()), &m)
	return m
}
