package mapping

// Sample is a stored lead a map is tried on.
type Sample struct {
	Name  string            `json:"name"`
	Facts map[string]string `json:"facts"`
}

// Trial is what a map makes of one sample.
type Trial struct {
	Name     string    `json:"name"`
	Result   Result    `json:"result"`
	Problems []Problem `json:"problems,omitempty"` // the map's and the schema's
	// Changed lists the targets whose values differ from those of the map that is
	// in use.
	Changed []string `json:"changed,omitempty"`
}

// Preview tries the map on samples. The map in use and the buyer's schema may be
// nil.
func Preview(m Map, samples []Sample, inUse *Map, schema *Schema) []Trial {
	out := make([]Trial, 0, len(samples))
	for _, s := range samples {
		t := Trial{Name: s.Name, Result: m.Apply(s.Facts)}
		t.Problems = append(t.Problems, t.Result.Problems...)
		if doc, err := Tree(t.Result.Fields); err != nil {
			t.Problems = append(t.Problems, Problem{"", err.Error()})
		} else if schema != nil {
			t.Problems = append(t.Problems, schema.Check(doc)...)
		}
		if inUse != nil {
			t.Changed = changed(inUse.Apply(s.Facts).Fields, t.Result.Fields)
		}
		out = append(out, t)
	}
	return out
}

// changed returns the targets whose values differ, sorted.
func changed(old, now []Value) []string {
	was, differs := map[string]Value{}, map[string]bool{}
	for _, v := range old {
		was[v.To] = v
	}
	for _, v := range now {
		if w, ok := was[v.To]; !ok || w != v {
			differs[v.To] = true
		}
		delete(was, v.To)
	}
	for to := range was {
		differs[to] = true
	}
	return sortedKeys(differs)
}
