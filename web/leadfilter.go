package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// ParseLeadFilter reads a filter of leads from an address's query, times in the
// zone. The error is Invalid and names the field.
func ParseLeadFilter(q url.Values, zone *time.Location) (LeadFilter, error) {
	f := LeadFilter{Limit: DefaultRows}
	var err error
	if f.From, err = parseTime(q.Get("from"), zone, false); err != nil {
		return f, ringbid.FieldError("from", "%.40q is not a day or time such as 2026-03-09 or 2026-03-09T14:00", q.Get("from"))
	}
	if f.To, err = parseTime(q.Get("to"), zone, true); err != nil {
		return f, ringbid.FieldError("to", "%.40q is not a day or time such as 2026-03-09 or 2026-03-09T14:00", q.Get("to"))
	}
	err = takeTexts(q, map[string]*string{"campaign": &f.Campaign, "publisher": &f.Publisher, "source": &f.Source, "buyer": &f.Buyer,
		"status": &f.Status, "agent": &f.Agent, "text": &f.Text, "sort": &f.Sort, "cursor": &f.Cursor})
	if err != nil {
		return f, err
	}
	f.State = ringbid.LeadState(q.Get("state"))
	if f.State != "" && LeadStateText(f.State) == "" {
		return f, ringbid.FieldError("state", "%.40q is not the state of a lead", q.Get("state"))
	}
	if f.Status != "" && !slices.Contains(ringbid.LeadStatuses(), f.Status) {
		return f, ringbid.FieldError("status", "%.40q is not the status of a lead", f.Status)
	}
	if !slices.Contains([]string{"", "oldest", "revenue", "status"}, f.Sort) {
		return f, ringbid.FieldError("sort", "%.40q is not oldest, revenue or status", f.Sort)
	}
	f.Limit, err = takeRows(q)
	return f, err
}

// ParseExceptionFilter reads a filter of exceptions from an address's query. The
// error is Invalid and names the field.
func ParseExceptionFilter(q url.Values) (ExceptionFilter, error) {
	f := ExceptionFilter{}
	err := takeTexts(q, map[string]*string{"buyer": &f.Buyer, "method": &f.Method, "code": &f.Code, "campaign": &f.Campaign, "cursor": &f.Cursor})
	if err != nil {
		return f, err
	}
	f.Limit, err = takeRows(q)
	return f, err
}

// takeTexts reads parameters that are names or free text.
func takeTexts(q url.Values, into map[string]*string) error {
	for name, field := range into {
		v := strings.TrimSpace(q.Get(name))
		if len(v) > 200 || strings.ContainsRune(v, 0) {
			return ringbid.FieldError(name, "is longer than 200 bytes")
		}
		*field = strings.ToValidUTF8(v, "")
	}
	return nil
}

func takeRows(q url.Values) (int, error) {
	v := q.Get("rows")
	if v == "" {
		return DefaultRows, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > MaxRows {
		return DefaultRows, ringbid.FieldError("rows", "%.20q is not 1 to %d", v, MaxRows)
	}
	return n, nil
}

// LeadStateText says in words where a lead stands, "" for an unknown state.
func LeadStateText(s ringbid.LeadState) string {
	switch s {
	case ringbid.LeadSelling:
		return "being sold"
	case ringbid.LeadSold:
		return "sold"
	case ringbid.LeadUnsold:
		return "nobody took it"
	case ringbid.LeadRefused:
		return "refused"
	case ringbid.LeadHeld:
		return "held for a person"
	case ringbid.LeadCall:
		return "from a call"
	}
	return ""
}

// PurchaseStateText says in words where a purchase stands, "" for an unknown
// state.
func PurchaseStateText(s ringbid.PurchaseState) string {
	switch s {
	case ringbid.PurchasePending:
		return "being delivered"
	case ringbid.PurchaseAccepted:
		return "accepted"
	case ringbid.PurchaseRejected:
		return "rejected"
	case ringbid.PurchaseFailed:
		return "could not be delivered"
	case ringbid.PurchaseHeld:
		return "held for a person"
	case ringbid.PurchaseReturned:
		return "given back"
	}
	return ""
}

// DeliveryStateText says in words where a delivery stands, "" for an unknown
// state.
func DeliveryStateText(s ringbid.DeliveryState) string {
	switch s {
	case ringbid.DeliveryQueued:
		return "waits for its first try"
	case ringbid.DeliverySending:
		return "being sent"
	case ringbid.DeliveryRetry:
		return "waits to be tried again"
	case ringbid.DeliveryAccepted:
		return "accepted"
	case ringbid.DeliveryRejected:
		return "rejected"
	case ringbid.DeliveryFailed:
		return "failed"
	case ringbid.DeliveryHeld:
		return "held: the buyer may have it"
	case ringbid.DeliveryCancelled:
		return "called off"
	}
	return ""
}
