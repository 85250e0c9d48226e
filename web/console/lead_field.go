package console

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/ringbid/ringbid"
)

// FieldNote says what a map made of one field of a lead.
type FieldNote struct {
	To      string   `json:"to"`
	In      []Fact   `json:"in"` // the facts that were read
	Out     string   `json:"out"`
	Sent    bool     `json:"sent"`
	Why     []string `json:"why"` // what was done, in order
	Problem string   `json:"problem"`
}

// Fact is a named value of a lead.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Reason says in one phrase what was done, less that the value was taken as it
// is.
func (n FieldNote) Reason() string {
	var parts []string
	for _, w := range n.Why {
		if len(n.In) == 1 && w == "from "+n.In[0].Name {
			continue
		}
		parts = append(parts, w)
	}
	return strings.Join(parts, "; ")
}

// fieldNotes reads what a try says of its fields; nothing where it says nothing
// that can be read.
func fieldNotes(s string) []FieldNote {
	var notes []FieldNote
	if json.Unmarshal([]byte(s), &notes) != nil {
		return nil
	}
	return notes
}

// fieldTable shows field by field what came in, what became of it, and what each
// method sent.
type fieldTable struct {
	Methods []string
	Rows    []fieldRow
}

type fieldRow struct {
	Posted, Raw string // the name and value as they came
	Fact, Value string
	Word        string // what there is to say where one of them is missing
	Sent        [][]FieldNote
}

// fieldTableMaker gathers the rows.
type fieldTableMaker struct {
	lead  *ringbid.Lead
	notes [][]FieldNote // of each method
	used  map[string]bool
	facts map[string]bool
	fieldTable
}

// newFieldTable makes the table: the campaign's fields in its order, what else is
// known, what was posted and not used, and what was sent without being in the
// lead. Rules may be nil.
func newFieldTable(l *ringbid.Lead, rules *ringbid.LeadRules) fieldTable {
	t := &fieldTableMaker{lead: l, used: map[string]bool{}, facts: map[string]bool{}}
	for _, d := range l.Deliveries {
		for _, try := range slices.Backward(d.Tries) {
			if n := fieldNotes(try.Fields); len(n) > 0 {
				t.Methods, t.notes = append(t.Methods, d.Method), append(t.notes, n)
				break
			}
		}
	}
	if rules != nil {
		for _, f := range rules.Fields {
			t.declared(f)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(l.Facts)) {
		t.known(k)
	}
	for _, k := range slices.Sorted(maps.Keys(l.Posted)) {
		if !t.used[k] {
			t.row(fieldRow{Posted: visible(k), Raw: visible(l.Posted[k]), Word: "kept, not used"})
		}
	}
	t.fixed()
	return t.fieldTable
}

func (t *fieldTableMaker) row(r fieldRow) {
	for _, list := range t.notes {
		r.Sent = append(r.Sent, notesOf(list, r.Fact))
	}
	t.Rows = append(t.Rows, r)
}

// declared adds one of the campaign's fields, where it came or became something.
func (t *fieldTableMaker) declared(f ringbid.LeadField) {
	r := fieldRow{Fact: f.Name, Value: t.lead.Facts[f.Name]}
	r.Posted, r.Raw = postedAs(t.lead.Posted, f)
	t.used[r.Posted], t.facts[f.Name] = true, true
	if r.Posted == "" && r.Value == "" {
		return
	}
	r.Raw = visible(r.Raw)
	if r.Value == "" {
		r.Word = "not taken"
	}
	t.row(r)
}

// known adds a fact that is none of the campaign's fields.
func (t *fieldTableMaker) known(k string) {
	if t.facts[k] {
		return
	}
	r := fieldRow{Fact: k, Value: t.lead.Facts[k]}
	if v, ok := t.lead.Posted[k]; ok && !t.used[k] {
		r.Posted, r.Raw = k, visible(v)
		t.used[k] = true
	}
	t.row(r)
}

// fixed adds what was sent without being in the lead.
func (t *fieldTableMaker) fixed() {
	var r fieldRow
	any := false
	for _, list := range t.notes {
		var own []FieldNote
		for _, n := range list {
			if len(n.In) == 0 || !slices.ContainsFunc(n.In, t.has) {
				own = append(own, n)
			}
		}
		r.Sent = append(r.Sent, own)
		any = any || len(own) > 0
	}
	if any {
		r.Word = "not from the lead’s fields"
		t.Rows = append(t.Rows, r)
	}
}

func (t *fieldTableMaker) has(f Fact) bool {
	return slices.ContainsFunc(t.Rows, func(r fieldRow) bool { return r.Fact == f.Name && f.Name != "" })
}

// visible replaces characters that would turn the direction of a text round, or
// cannot be seen at all.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// notesOf returns the notes that read the fact.
func notesOf(list []FieldNote, fact string) []FieldNote {
	var out []FieldNote
	for _, n := range list {
		if fact != "" && slices.ContainsFunc(n.In, func(f Fact) bool { return f.Name == fact }) {
			out = append(out, n)
		}
	}
	return out
}

// postedAs finds the name and value under which a field came.
func postedAs(posted ringbid.TagMap, f ringbid.LeadField) (name, value string) {
	for _, want := range append([]string{f.Name}, f.Aliases...) {
		for _, k := range slices.Sorted(maps.Keys(posted)) {
			if strings.EqualFold(strings.TrimSpace(k), want) && strings.TrimSpace(posted[k]) != "" {
				return k, posted[k]
			}
		}
	}
	return "", ""
}

// consentRow is one proof that the person agreed.
type consentRow struct{ Title, Value, Link string }

// consentRows gathers what proves that the person agreed: texts, times and
// addresses whose names begin with consent, and certificates.
func consentRows(l *ringbid.Lead, rules *ringbid.LeadRules) []consentRow {
	types := map[string]string{}
	if rules != nil {
		for _, f := range rules.Fields {
			types[f.Name] = f.Type
		}
	}
	var out []consentRow
	for _, k := range slices.Sorted(maps.Keys(l.Facts)) {
		v, low := l.Facts[k], strings.ToLower(k)
		switch kind := types[k]; {
		case v == "":
		case kind == "trustedform" || kind == "" && strings.Contains(low, "trustedform"):
			out = slices.Insert(out, 0, consentRow{"TrustedForm certificate", v, certificate(v)})
		case kind == "leadid" || low == "leadid" || strings.Contains(low, "jornaya"):
			out = slices.Insert(out, 0, consentRow{"Jornaya LeadiD", v, ""})
		case strings.HasPrefix(low, "consent"), low == "ip", low == "ip_address", low == "landing_page", low == "user_agent":
			out = append(out, consentRow{plainWord(k), v, ""})
		}
	}
	return out
}

// certificate returns the address of a TrustedForm certificate where it is one.
func certificate(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil {
		return ""
	}
	if host := strings.ToLower(u.Host); host != "trustedform.com" && !strings.HasSuffix(host, ".trustedform.com") {
		return ""
	}
	return u.String()
}
