package mapping

// Limits of a map and of what it reads.
const (
	MaxFields    = 500      // fields of a map
	MaxText      = 64 << 10 // bytes of a value that goes out
	maxPath      = 400      // bytes of a target's path
	maxIndex     = 99       // of a list within a path
	maxDepth     = 16       // segments of a path
	maxValues    = 2000     // entries of a translation
	maxCondition = 20       // conditions of a field
	maxFormats   = 20       // formats of a field
)

// Map is the fields of a buyer's document, in the order they are written.
type Map struct {
	Fields []Field `json:"fields"`
}

// Field says how one target field is filled. Exactly one of Static, From,
// Concat and Split names its source. The value is then translated, then
// formatted; if it is empty, Default takes its place as it stands.
type Field struct {
	// To is the path of the target, its segments parted by dots: "lead.email",
	// "phones.0.number". A segment of digits is a place in a list; "@id" is an
	// attribute in XML; a dot within a name is written `\.`.
	To string `json:"to"`

	// Static is sent as it stands; it may be empty.
	Static *string `json:"static,omitempty"`
	// From names a fact.
	From string `json:"from,omitempty"`
	// Concat joins several facts.
	Concat *Concat `json:"concat,omitempty"`
	// Split takes a part of a fact.
	Split *Split `json:"split,omitempty"`

	// Translate replaces the value by the buyer's word for it.
	Translate *Translate `json:"translate,omitempty"`
	// Format is applied in order; empty values are left alone.
	Format []Format `json:"format,omitempty"`
	// Default is sent where the value is empty.
	Default *string `json:"default,omitempty"`
	// When lists conditions on the facts that must all hold for the field to be
	// sent. Several fields may have one target: the first that applies fills it.
	When []Condition `json:"when,omitempty"`
	// Required makes an empty value a problem.
	Required bool `json:"required,omitempty"`
	// Type is how the value is written in JSON; text unless said.
	Type Type `json:"type,omitempty"`
	// SendEmpty sends an empty value, which is left out otherwise. Some partners
	// clear a field by it.
	SendEmpty bool `json:"send_empty,omitempty"`
}

// Type is how a value is written in JSON. XML and forms know only text.
type Type string

// The types.
const (
	Text    Type = ""
	Number  Type = "number"
	Boolean Type = "boolean"
)

// Concat joins the facts that are not empty.
type Concat struct {
	Of   []string `json:"of"`
	With string   `json:"with,omitempty"` // between them; one space unless said
	Bare bool     `json:"bare,omitempty"` // nothing between them
}

// Split takes one part of a fact.
type Split struct {
	From string `json:"from"`
	// As is "name" (parts first, middle, last, suffix), "address" (number,
	// street, unit, city, state, zip, plus4) or "zip" (zip, plus4).
	As   string `json:"as"`
	Part string `json:"part"`
}

// Translate replaces a value by another. Values are compared without regard to
// case and surrounding space.
type Translate struct {
	Values map[string]string `json:"values"`
	// Otherwise stands for what is not listed; without it that is a problem.
	Otherwise *string `json:"otherwise,omitempty"`
	// Keep lets through what is not listed.
	Keep bool `json:"keep,omitempty"`
}

// Format changes how a value is written.
type Format struct {
	// As is phone, date, amount, case, boolean, state, trim, digits or max.
	As string `json:"as"`
	// To is for phone: e164 (+18005550100), 1nnn (18005550100), 10 (8005550100),
	// paren ((800) 555-0100), dash (800-555-0100); for date: a layout of YYYY, YY,
	// MM, M, DD, D, HH, hh, mm, ss, SSS, AM and Z, or rfc3339, unix, unix_ms; for
	// amount: plain (1234.50), thousands (1,234.50), minor (123450, with Places
	// the size of the minor unit); for case: upper, lower, title; for state: code
	// or name.
	To string `json:"to,omitempty"`
	// From lists the layouts in which a date may come; ISO 8601 always may.
	From []string `json:"from,omitempty"`
	// Zone is the IANA zone of a date that goes out, and of one that comes in
	// without any; UTC unless said.
	Zone string `json:"zone,omitempty"`
	// Places is how many decimals an amount has, 0 to 8; rounded half away from
	// zero.
	Places int `json:"places,omitempty"`
	// Yes and No are the words of a boolean; "true" and "false" unless said.
	Yes string `json:"yes,omitempty"`
	No  string `json:"no,omitempty"`
	// Length is the most characters that max lets through; it cuts the rest off.
	Length int `json:"length,omitempty"`
}

// Condition compares a fact.
type Condition struct {
	Field string `json:"field"`
	// Op is is, is_not, in, not_in, contains, starts, present, absent, lt, le, gt
	// or ge. Texts are compared without regard to case; lt to ge compare decimals
	// exactly and do not hold for what is not a number.
	Op     string   `json:"op"`
	Value  string   `json:"value,omitempty"`
	Values []string `json:"values,omitempty"` // of in and not_in
}

// Problem is what is wrong at one place.
type Problem struct {
	Path string `json:"path"` // "fields.3.format.0.to", or a target's path
	Text string `json:"text"`
}

// String returns the path and the text.
func (p Problem) String() string { return p.Path + ": " + p.Text }
