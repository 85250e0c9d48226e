package webtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/console"
)

// deskField is as much of a map's field as the desk understands: a fact or a
// fixed text, words for its values, capitals, a default.
type deskField struct {
	To        string  `json:"to"`
	From      string  `json:"from"`
	Static    *string `json:"static"`
	Required  bool    `json:"required"`
	Default   *string `json:"default"`
	Translate *struct {
		Values map[string]string `json:"values"`
	} `json:"translate"`
	Concat *struct {
		Of []string `json:"of"`
	} `json:"concat"`
	Format []struct {
		As, To string
	} `json:"format"`
}

func deskFields(m ringbid.FieldMap) []deskField {
	var out []deskField
	if json.Unmarshal(m.Fields, &out) != nil {
		return nil
	}
	return out
}

// runMap makes the buyer's fields of a lead's.
func runMap(m ringbid.FieldMap, facts map[string]string) console.MapTrial {
	var t console.MapTrial
	body := map[string]string{}
	for _, f := range deskFields(m) {
		n := f.run(facts)
		if n.Problem != "" {
			t.Problems = append(t.Problems, ringbid.FieldProblem{Field: f.To, Text: n.Problem})
		}
		if n.Sent {
			body[f.To] = n.Out
		}
		t.Fields = append(t.Fields, n)
	}
	b, _ := json.MarshalIndent(body, "", "  ")
	t.Body = string(b)
	return t
}

func (f deskField) run(facts map[string]string) console.FieldNote {
	n := console.FieldNote{To: f.To}
	switch {
	case f.Static != nil:
		n.Out, n.Why = *f.Static, []string{"static"}
	case f.Concat != nil:
		for _, k := range f.Concat.Of {
			n.In = append(n.In, console.Fact{Name: k, Value: facts[k]})
			n.Out = strings.TrimSpace(n.Out + " " + facts[k])
		}
		n.Why = []string{"joined " + strings.Join(f.Concat.Of, ", ")}
	default:
		n.In = []console.Fact{{Name: f.From, Value: facts[f.From]}}
		n.Out, n.Why = facts[f.From], []string{"from " + f.From}
	}
	if f.Translate != nil && n.Out != "" {
		w, ok := f.Translate.Values[strings.ToLower(n.Out)]
		if !ok {
			n.Problem = fmt.Sprintf("%q has no translation", n.Out)
			return n
		}
		n.Out, n.Why = w, append(n.Why, fmt.Sprintf("translated to %q", w))
	}
	for _, x := range f.Format {
		switch {
		case x.As == "case" && x.To == "upper":
			n.Out, n.Why = strings.ToUpper(n.Out), append(n.Why, "in capitals")
		case x.As == "phone" && x.To == "10":
			n.Out, n.Why = ringbid.Phone(n.Out).National(), append(n.Why, "number as 8005550100")
		}
	}
	if n.Out == "" && f.Default != nil {
		n.Out, n.Why = *f.Default, append(n.Why, fmt.Sprintf("default %q", *f.Default))
	}
	if n.Out == "" && f.Required {
		n.Problem = "is required and empty"
		return n
	}
	n.Sent = n.Out != ""
	return n
}

// Try runs the map on some leads.
func (d *LeadDesk) Try(_ context.Context, m ringbid.FieldMap, method string) ([]console.MapTrial, []ringbid.Problem, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var problems []ringbid.Problem
	for i, f := range deskFields(m) {
		if f.From == "" && f.Static == nil && f.Concat == nil {
			problems = append(problems, ringbid.Problem{Key: m.Key(), Path: fmt.Sprintf("fields.%d", i), Text: "has no source: one of static, from, concat and split"})
		}
	}
	if len(problems) > 0 {
		return nil, problems, nil
	}
	var out []console.MapTrial
	old := d.book.Maps[m.Name]
	add := func(lead, name string, facts map[string]string) {
		t := runMap(m, facts)
		t.Lead, t.Name = lead, name
		if old != nil {
			t.Changed = changedFields(runMap(*old, facts), t)
		}
		out = append(out, t)
	}
	for _, x := range d.exceptions {
		if x.Delivery.Method == method && x.Delivery.Exception && len(out) < 2 {
			add(x.Delivery.Lead, x.Person, x.Facts)
		}
	}
	for _, l := range d.leads {
		if len(out) < 5 && l.State == ringbid.LeadSold {
			add(l.ID, l.Facts["first_name"]+" "+l.Facts["last_name"], l.Facts)
		}
	}
	return out, nil, nil
}

func changedFields(old, now console.MapTrial) []string {
	was := map[string]string{}
	for _, n := range old.Fields {
		was[n.To] = n.Out
	}
	var out []string
	for _, n := range now.Fields {
		if v, ok := was[n.To]; !ok || v != n.Out {
			out = append(out, n.To)
		}
	}
	return out
}

// Changes compares two maps field by field.
func (d *LeadDesk) Changes(old, now ringbid.FieldMap) ([]console.MapChange, error) {
	byTo := func(m ringbid.FieldMap) (map[string]map[string]json.RawMessage, []string) {
		var list []map[string]json.RawMessage
		_ = json.Unmarshal(m.Fields, &list)
		out, order := map[string]map[string]json.RawMessage{}, []string{}
		for _, f := range list {
			var to string
			_ = json.Unmarshal(f["to"], &to)
			out[to], order = f, append(order, to)
		}
		return out, order
	}
	was, gone := byTo(old)
	is, order := byTo(now)
	var out []console.MapChange
	for _, to := range gone {
		if is[to] == nil {
			out = append(out, console.MapChange{Path: to, Kind: "removed"})
		}
	}
	for _, to := range order {
		if was[to] == nil {
			b, _ := json.Marshal(is[to])
			out = append(out, console.MapChange{Path: to, Kind: "added", New: string(b)})
			continue
		}
		all := maps.Clone(was[to])
		maps.Copy(all, is[to])
		for _, k := range slices.Sorted(maps.Keys(all)) {
			if !bytes.Equal(was[to][k], is[to][k]) {
				out = append(out, console.MapChange{Path: to, Field: k, Kind: "changed", Old: string(was[to][k]), New: string(is[to][k])})
			}
		}
	}
	return out, nil
}

// Drift finds required members of the schema that the map does not send.
func (d *LeadDesk) Drift(m ringbid.FieldMap) ([]console.MapDrift, error) {
	if len(m.Schema) == 0 {
		return nil, nil
	}
	var s struct{ Required []string }
	if err := json.Unmarshal(m.Schema, &s); err != nil {
		return nil, ringbid.FieldError("schema", "is not a JSON Schema")
	}
	var out []console.MapDrift
	for _, name := range s.Required {
		i := slices.IndexFunc(deskFields(m), func(f deskField) bool { return f.To == name })
		switch {
		case i < 0:
			out = append(out, console.MapDrift{Path: name, Kind: "missing", Text: "the buyer requires it, the map does not have it", Fatal: true})
		case !deskFields(m)[i].Required && deskFields(m)[i].Default == nil:
			out = append(out, console.MapDrift{Path: name, Kind: "maybe_missing", Text: "the buyer requires it, the map sends it only where there is a value"})
		}
	}
	return out, nil
}

// Versions returns a document's versions, the newest first.
func (d *LeadDesk) Versions(_ context.Context, k ringbid.Key) ([]web.DocumentVersion, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []web.DocumentVersion
	for _, v := range slices.Backward(d.versions[k]) {
		out = append(out, v.DocumentVersion)
	}
	return out, nil
}

// At returns a version of a document.
func (d *LeadDesk) At(_ context.Context, k ringbid.Key, version int) (ringbid.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.versions[k] {
		if v.Version == version {
			return v.doc, nil
		}
	}
	return nil, ringbid.Errorf(ringbid.NotFound, "there is no version %d of %s", version, k)
}

// Publish publishes a map.
func (d *LeadDesk) Publish(_ context.Context, doc ringbid.Document, by string) (int, []ringbid.Problem, error) {
	if problems := doc.Validate(); len(problems) > 0 {
		return 0, problems, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k := doc.Key()
	for i := range d.versions[k] {
		d.versions[k][i].State = "superseded"
	}
	d.versions[k] = append(d.versions[k], keptVersion{web.DocumentVersion{Version: len(d.versions[k]) + 1, State: "published", Created: d.now, By: by}, doc})
	for i := range d.docs {
		if d.docs[i].Key() == k {
			d.docs[i] = doc
		}
	}
	d.rebook(d.book)
	return len(d.versions[k]), nil, nil
}

var (
	_ console.Maps       = (*LeadDesk)(nil)
	_ console.Documents  = (*LeadDesk)(nil)
	_ console.Deliveries = (*LeadDesk)(nil)
	_ console.Returns    = (*LeadDesk)(nil)
)
