package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Filter says which calls are meant. Empty fields do not filter.
type Filter struct {
	From, To time.Time // received in [From, To)
	Number   ringbid.Phone
	// Caller is whole, or any run of digits of it.
	Caller    string
	Campaign  string
	Publisher string
	Buyer     string
	Outcome   ringbid.Outcome
	// Text is looked for in ids, names, answers and reasons.
	Text string
	// Sort is "" for newest first, "oldest", "longest" or "revenue".
	Sort string
	// Cursor is Listing.Next of the page before.
	Cursor string
	Limit  int // rows, 1 to 10000
}

// Listing is one page of calls. Next is "" on the last one.
type Listing struct {
	Calls []ringbid.Call
	Next  string
	Total Figures // of all that the filter admits, not of the page
}

// Figures are the sums over some calls, all in one currency.
type Figures struct {
	Calls       int64         `json:"calls"`
	Dialled     int64         `json:"dialled"`   // a buyer was called
	Connected   int64         `json:"connected"` // caller and buyer talked
	Converted   int64         `json:"converted"` // the buyer pays
	ConnectedMS int64         `json:"connected_ms"`
	Currency    string        `json:"currency,omitempty"`
	Revenue     ringbid.Money `json:"revenue"`
	Payout      ringbid.Money `json:"payout"`
}

// Margin returns revenue less payout.
func (f Figures) Margin() ringbid.Money { return f.Revenue - f.Payout }

// AnswerRate returns how many of a hundred calls that were offered to a buyer
// were taken by one, "–" without such calls.
func (f Figures) AnswerRate() string {
	if f.Dialled == 0 {
		return "–"
	}
	return strconv.FormatInt((f.Connected*1000/f.Dialled+5)/10, 10) + " %"
}

// Talk returns the mean time a connected call lasted.
func (f Figures) Talk() time.Duration {
	if f.Connected == 0 {
		return 0
	}
	return time.Duration(f.ConnectedMS/f.Connected) * time.Millisecond
}

// Group is one row of a report: the figures of a campaign, publisher or buyer.
type Group struct {
	Name string `json:"name"`
	Figures
}

// Page sizes of a list.
const (
	DefaultRows = 50
	MaxRows     = 500
	ExportRows  = 10_000
)

// ParseFilter reads a filter from an address's query, times in the zone. The
// error is Invalid and names the field.
func ParseFilter(q url.Values, zone *time.Location) (Filter, error) {
	f := Filter{Limit: DefaultRows}
	var err error
	if f.From, err = parseTime(q.Get("from"), zone, false); err != nil {
		return f, ringbid.FieldError("from", "%.40q is not a day or time such as 2026-03-09 or 2026-03-09T14:00", q.Get("from"))
	}
	if f.To, err = parseTime(q.Get("to"), zone, true); err != nil {
		return f, ringbid.FieldError("to", "%.40q is not a day or time such as 2026-03-09 or 2026-03-09T14:00", q.Get("to"))
	}
	for name, field := range map[string]*string{"campaign": &f.Campaign, "publisher": &f.Publisher, "buyer": &f.Buyer, "text": &f.Text, "cursor": &f.Cursor} {
		v := strings.TrimSpace(q.Get(name))
		if len(v) > 200 || strings.ContainsRune(v, 0) {
			return f, ringbid.FieldError(name, "is longer than 200 bytes")
		}
		*field = strings.ToValidUTF8(v, "")
	}
	if v := q.Get("number"); v != "" {
		if f.Number, err = ringbid.ParsePhone(v); err != nil {
			return f, ringbid.FieldError("number", "%.40q is not a phone number", v)
		}
	}
	f.Caller = digits(q.Get("caller"))
	if q.Get("caller") != "" && (f.Caller == "" || len(f.Caller) > 15) {
		return f, ringbid.FieldError("caller", "%.40q holds no digits to look for", q.Get("caller"))
	}
	f.Outcome = ringbid.Outcome(q.Get("outcome"))
	if f.Outcome != "" && OutcomeText(f.Outcome) == "" {
		return f, ringbid.FieldError("outcome", "%.40q is not an outcome", q.Get("outcome"))
	}
	switch f.Sort = q.Get("sort"); f.Sort {
	case "", "oldest", "longest", "revenue":
	default:
		return f, ringbid.FieldError("sort", "%.40q is not oldest, longest or revenue", f.Sort)
	}
	if v := q.Get("rows"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > MaxRows {
			return f, ringbid.FieldError("rows", "%.20q is not 1 to %d", v, MaxRows)
		}
		f.Limit = n
	}
	return f, nil
}

// parseTime reads a day or a time; the end of a period given as a day is the
// end of that day.
func parseTime(s string, zone *time.Location, end bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation("2006-01-02", s, zone); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Parse(time.RFC3339, s)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// Outcomes lists the outcomes in the order people are offered them.
func Outcomes() []ringbid.Outcome {
	return []ringbid.Outcome{ringbid.OutcomeBridged, ringbid.OutcomeAbandoned, ringbid.OutcomeNoBuyer, ringbid.OutcomeRejected,
		ringbid.OutcomeEnded, ringbid.OutcomeVoicemail, ringbid.OutcomeFailed, ringbid.OutcomeLost}
}

// OutcomeText says an outcome in words, "" for an unknown one.
func OutcomeText(o ringbid.Outcome) string {
	switch o {
	case ringbid.OutcomeBridged:
		return "bridged"
	case ringbid.OutcomeAbandoned:
		return "caller hung up"
	case ringbid.OutcomeNoBuyer:
		return "nobody took it"
	case ringbid.OutcomeRejected:
		return "refused"
	case ringbid.OutcomeEnded:
		return "ended by the flow"
	case ringbid.OutcomeVoicemail:
		return "voicemail"
	case ringbid.OutcomeFailed:
		return "failed here"
	case ringbid.OutcomeLost:
		return "lost with its node"
	}
	return ""
}
