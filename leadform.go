package ringbid

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// LeadRules say what a campaign's leads look like and how they are sold.
type LeadRules struct {
	// Fields are what publishers may send. Others are kept and not used.
	Fields []LeadField `json:"fields"`
	// Share is to how many buyers one lead may be sold; default 1: exclusive.
	Share int `json:"share,omitempty"`
	// RepeatDays is for how long the same person counts as a repeat; 0 for never.
	RepeatDays int `json:"repeat_days,omitempty"`
	// RepeatBy are the fields a person is known by, of "phone" and "email"; default
	// both: one that is the same is enough.
	RepeatBy []string `json:"repeat_by,omitempty"`
	// Repeats says what happens to one: "refuse" (default), or "unpaid": it is sold
	// and the publisher earns nothing.
	Repeats string `json:"repeats,omitempty"`
	// AnswerWithin is how long a publisher may wait for the buyer's word; what is
	// open then is answered as pending. Default 1500ms, 0s as "1ms", up to 20s.
	AnswerWithin Duration `json:"answer_within,omitempty"`
	// PingLife is how long a price given to a ping holds; default 60s, 5s to 1h.
	PingLife Duration `json:"ping_life,omitempty"`
	// Direct and PingPost say which ways in are open; default both.
	Ways string `json:"ways,omitempty"` // "direct", "ping_post" or "both"
}

// Defaults of lead rules.
const (
	DefaultAnswerWithin = 1500 * time.Millisecond
	DefaultPingLife     = time.Minute
)

// LeadField is one field of a campaign's leads.
type LeadField struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Type is text (default), phone, email, state, zip, date, time, number, amount,
	// boolean, choice, url, ip, trustedform or leadid.
	Type     string   `json:"type,omitempty"`
	Required bool     `json:"required,omitempty"`
	Values   []string `json:"values,omitempty"` // of choice, and of text where given
	// Words are other words for the values: theirs to ours.
	Words   map[string]string `json:"words,omitempty"`
	Aliases []string          `json:"aliases,omitempty"` // other names it may come under
	// Layouts are how a date may be written beside ISO 8601: "MM/DD/YYYY".
	Layouts []string `json:"layouts,omitempty"`
	// Contact keeps the field out of pings. Phones, e-mails, names, street
	// addresses and IP addresses are kept out in any case.
	Contact bool   `json:"contact,omitempty"`
	Max     int    `json:"max,omitempty"` // characters; default 200
	Example string `json:"example,omitempty"`
}

// contactNames are fields that name a person, whatever their type.
var contactNames = []string{"first_name", "last_name", "name", "full_name", "address", "address2", "street", "ip", "phone", "phone2", "email"}

// IsContact reports whether the field must stay out of pings.
func (f LeadField) IsContact() bool {
	return f.Contact || f.Type == "phone" || f.Type == "email" || f.Type == "ip" || slices.Contains(contactNames, f.Name)
}

const (
	maxLeadFields = 200
	maxLeadText   = 4096 // characters of one field at most
)

var leadTypes = []string{"", "text", "phone", "email", "state", "zip", "date", "time", "number", "amount", "boolean", "choice", "url", "ip", "trustedform", "leadid"}

func (r *LeadRules) check(c *checker) {
	if r == nil {
		return
	}
	c.that(len(r.Fields) > 0 && len(r.Fields) <= maxLeadFields, "lead.fields", "needs 1 to %d entries", maxLeadFields)
	c.between("lead.share", r.Share, 0, 20)
	c.between("lead.repeat_days", r.RepeatDays, 0, 3650)
	c.that(r.Repeats == "" || r.Repeats == "refuse" || r.Repeats == "unpaid", "lead.repeats", "%.20q is not refuse or unpaid", r.Repeats)
	c.that(r.Ways == "" || r.Ways == "direct" || r.Ways == "ping_post" || r.Ways == "both", "lead.ways", "%.20q is not direct, ping_post or both", r.Ways)
	for i, by := range r.RepeatBy {
		c.that(by == "phone" || by == "email", index("lead.repeat_by", i), "%.20q is not phone or email", by)
	}
	c.span("lead.answer_within", r.AnswerWithin, Duration(time.Millisecond), Duration(20*time.Second))
	c.span("lead.ping_life", r.PingLife, Duration(5*time.Second), Duration(time.Hour))
	taken := map[string]bool{}
	for i, f := range r.Fields {
		f.check(c, index("lead.fields", i), taken)
	}
}

func (f LeadField) check(c *checker, at string, taken map[string]bool) {
	c.that(tagForm.MatchString(f.Name), at+".name", "%.70q is not a field name: a letter, then letters, digits and underscores", f.Name)
	c.that(slices.Contains(leadTypes, f.Type), at+".type", "%.20q is not one of %s", f.Type, strings.Join(leadTypes[1:], ", "))
	c.that(f.Type != "choice" || len(f.Values) > 0, at+".values", "are needed by a choice")
	c.that(len(f.Values) <= 1000 && len(f.Words) <= 1000, at+".values", "has more than 1000 entries")
	c.between(at+".max", f.Max, 0, maxLeadText)
	for _, l := range f.Layouts {
		_, err := dateLayout(l)
		c.that(err == nil, at+".layouts", "%.30q is not a layout of YYYY, MM, M, DD and D", l)
	}
	for _, n := range append([]string{f.Name}, f.Aliases...) {
		k := strings.ToLower(n)
		c.that(!taken[k], at, "the name %.70q stands twice", n)
		c.that(!leadReserved[k] && !strings.HasPrefix(k, "our_"), at, "the name %.70q is the platform's own", n)
		taken[k] = true
	}
}

// leadReserved are names with a meaning of their own in a post. Those that begin
// with "our_" are what the platform adds to a lead when it is delivered.
var leadReserved = map[string]bool{"key": true, "id": true, "external_id": true, "ping_id": true, "lead_id": true, "test": true}

// FieldProblem is what is wrong with one field of a lead.
type FieldProblem struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// Read makes facts of what a publisher sent: names and aliases are matched
// without regard to case, values brought into one form. With ping, contact
// fields are neither required nor kept. Every problem is returned, in the order
// of the fields.
func (r *LeadRules) Read(posted map[string]string, ping bool) (facts TagMap, problems []FieldProblem) {
	facts = TagMap{}
	folded := foldNames(posted)
	for _, f := range r.Fields {
		if ping && f.IsContact() {
			continue
		}
		v, err := f.normal(f.from(folded))
		switch {
		case err != nil:
			problems = append(problems, FieldProblem{f.Name, err.Error()})
		case v != "":
			facts[f.Name] = v
		case f.Required:
			problems = append(problems, FieldProblem{f.Name, "is missing"})
		}
	}
	return facts, problems
}

// foldNames makes names comparable. Of several that differ only in case, the last
// in order that holds something counts: the same one each time.
func foldNames(posted map[string]string) map[string]string {
	folded := make(map[string]string, len(posted))
	for _, k := range slices.Sorted(maps.Keys(posted)) {
		if v := strings.TrimSpace(posted[k]); v != "" {
			folded[strings.ToLower(strings.TrimSpace(k))] = v
		}
	}
	return folded
}

func (f LeadField) from(folded map[string]string) string {
	for _, n := range append([]string{f.Name}, f.Aliases...) {
		if v := folded[strings.ToLower(n)]; v != "" {
			return v
		}
	}
	return ""
}

// normal brings a value into the one form of its type; "" where it says nothing.
func (f LeadField) normal(v string) (string, error) {
	most := f.Max
	if most == 0 {
		most = 200
		if f.Type == "url" || f.Type == "trustedform" {
			most = 2000
		}
		if strings.HasPrefix(f.Name, "consent") {
			most = maxLeadText
		}
	}
	v, err := cleanText(v, most)
	if err != nil {
		return "", err
	}
	if w, ok := lookFold(f.Words, v); ok {
		v = w
	}
	if v == "" {
		return "", nil
	}
	if len(f.Values) > 0 {
		i := slices.IndexFunc(f.Values, func(s string) bool { return strings.EqualFold(s, v) })
		if i < 0 {
			return "", fmt.Errorf("%.40q is not one of %s", v, some(f.Values))
		}
		return f.Values[i], nil
	}
	if form := normalForms[f.Type]; form != nil {
		return form(v)
	}
	if f.Type == "date" {
		return normalDate(v, f.Layouts)
	}
	return v, nil
}

// lookFold looks a word up as it stands, else without regard to case.
func lookFold(m map[string]string, v string) (string, bool) {
	if w, ok := m[v]; ok {
		return w, true
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if strings.EqualFold(k, v) {
			return m[k], true
		}
	}
	return "", false
}

func some(values []string) string {
	if len(values) > 8 {
		return strings.Join(values[:8], ", ") + fmt.Sprintf(" and %d more", len(values)-8)
	}
	return strings.Join(values, ", ")
}

// ContactFields returns the names of the fields that stay out of pings.
func (r *LeadRules) ContactFields() []string {
	var out []string
	for _, f := range r.Fields {
		if f.IsContact() {
			out = append(out, f.Name)
		}
	}
	return out
}

// RepeatFields returns by what a person is known.
func (r *LeadRules) RepeatFields() []string {
	if len(r.RepeatBy) == 0 {
		return []string{"phone", "email"}
	}
	return r.RepeatBy
}

// Takes reports whether the way in, "direct" or "ping_post", is open.
func (r *LeadRules) Takes(way string) bool { return r.Ways == "" || r.Ways == "both" || r.Ways == way }
