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
	From, To  time.Time     // received at or after, and before
	Number    ringbid.Phone // exactly
	Caller    ringbid.Phone // exactly
	Campaign  string
	Publisher string
	Buyer     string
	Target    string
	Outcome   ringbid.Outcome
	State     ringbid.State
	Text      string // anywhere in names, numbers, tags and reason; case does not matter; 100 bytes count
	MinMS     int64  // connected at least so long
	MaxMS     int64  // connected at most so long
	Recorded  bool   // with a recording only
	// CallerDigits is any run of digits of the caller's number.
	CallerDigits string
	OldestFirst  bool
	// Sort is "" by time (see OldestFirst), "oldest", "longest" or "revenue".
	Sort   string
	Limit  int    // calls in one answer, up to MaxPage; default 50
	Cursor string // CallPage.Next of the answer before
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
	if f.CallerDigits != "" {
		w.add("c.caller LIKE %s", "%"+escapeLike(cut(clean(f.CallerDigits), 20))+"%")
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
		w.add("c.words LIKE %s", "%"+escapeLike(text)+"%")
	}
	return w
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}

// order returns what the list is ordered by, how a place in it compares with
// what comes after, and how that place is read off a call.
func (f CallFilter) order() (columns, beyond string, place func(ringbid.Call) int64) {
	switch {
	case f.Sort == "longest":
		return "c.connected_ms DESC, c.received DESC, c.id DESC", "(c.connected_ms, c.received, c.id) < (%s, %s, %s)", func(c ringbid.Call) int64 { return c.ConnectedMS }
	case f.Sort == "revenue":
		return "c.revenue DESC, c.received DESC, c.id DESC", "(c.revenue, c.received, c.id) < (%s, %s, %s)", func(c ringbid.Call) int64 { return int64(c.Sale.Revenue) }
	case f.OldestFirst || f.Sort == "oldest":
		return "c.received, c.id", "(%s::bigint = 0 AND (c.received, c.id) > (%s, %s))", func(ringbid.Call) int64 { return 0 }
	}
	return "c.received DESC, c.id DESC", "(%s::bigint = 0 AND (c.received, c.id) < (%s, %s))", func(ringbid.Call) int64 { return 0 }
}

// clean takes out of a text what Postgres does not take.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}

// cursor names the call after which the next answer begins.
func cursor(place int64, c ringbid.Call) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s %s", place, c.Received.UTC().Format(time.RFC3339Nano), c.ID))
}

func parseCursor(s string) (place int64, at time.Time, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.SplitN(string(b), " ", 3)
	if err == nil && len(parts) == 3 {
		id = parts[2]
		place, err = strconv.ParseInt(parts[0], 10, 64)
	}
	if err == nil && len(parts) == 3 {
		at, err = time.Parse(time.RFC3339Nano, parts[1])
	}
	if err != nil || len(parts) != 3 || len(id) > 64 || clean(id) != id {
		return 0, at, "", ringbid.FieldError("cursor", "%.80q is not a place in a list of calls", s)
	}
	return place, at, id, nil
}
