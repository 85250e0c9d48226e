package store

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// CallFilter says which calls are asked for; a zero field asks for any.
type CallFilter struct {
	From, To    time.Time     // received at or after, and before
	Number      ringbid.Phone // exactly
	Caller      ringbid.Phone // exactly
	Campaign    string
	Publisher   string
	Buyer       string
	Target      string
	Outcome     ringbid.Outcome
	State       ringbid.State
	Text        string // anywhere in names, numbers, tags and reason; case does not matter; 100 bytes count
	MinMS       int64  // connected at least so long
	MaxMS       int64  // connected at most so long
	Recorded    bool   // with a recording only
	OldestFirst bool
	Limit       int    // calls in one answer, up to MaxPage; default 50
	Cursor      string // CallPage.Next of the answer before
}

// where gathers conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

// add adds a condition; each %s in it becomes the number of an argument.
func (w *where) add(condition string, args ...any) {
	marks := make([]any, len(args))
	for i, a := range args {
		w.args = append(w.args, a)
		marks[i] = "$" + strconv.Itoa(len(w.args))
	}
	w.conditions = append(w.conditions, fmt.Sprintf(condition, marks...))
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return "true"
	}
	return strings.Join(w.conditions, " AND ")
}

// where returns the filter's conditions on calls c, without its cursor.
func (f CallFilter) where() *where {
	w := &where{}
	if !f.From.IsZero() {
		w.add("c.received >= %s", f.From)
	}
	if !f.To.IsZero() {
		w.add("c.received < %s", f.To)
	}
	for _, x := range []struct{ column, value string }{
		{"number", string(f.Number)}, {"caller", string(f.Caller)}, {"campaign", f.Campaign}, {"publisher", f.Publisher},
		{"buyer", f.Buyer}, {"target", f.Target}, {"outcome", string(f.Outcome)}, {"state", string(f.State)},
	} {
		if x.value != "" {
			w.add("c."+x.column+" = %s", clean(x.value))
		}
	}
	if f.MinMS > 0 {
		w.add("c.connected_ms >= %s", f.MinMS)
	}
	if f.MaxMS > 0 {
		w.add("c.connected_ms <= %s", f.MaxMS)
	}
	if f.Recorded {
		w.add("EXISTS (SELECT FROM recordings r WHERE r.call_id = c.id)")
	}
	if text := strings.ToLower(cut(clean(f.Text), 100)); text != "" {
		literal := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
		w.add("c.words LIKE %s", "%"+literal+"%")
	}
	return w
}

// clean takes out of a text what Postgres does not take.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// cursor names the call after which the next answer begins.
func cursor(c ringbid.Call) string {
	return base64.RawURLEncoding.EncodeToString([]byte(c.Received.UTC().Format(time.RFC3339Nano) + " " + c.ID))
}

func parseCursor(s string) (at time.Time, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	stamp, id, ok := strings.Cut(string(b), " ")
	if err == nil {
		at, err = time.Parse(time.RFC3339Nano, stamp)
	}
	if err != nil || !ok || len(id) > 64 || clean(id) != id {
		return at, "", ringbid.FieldError("cursor", "%.80q is not a place in a list of calls", s)
	}
	return at, id, nil
}
