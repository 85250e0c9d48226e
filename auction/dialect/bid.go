package dialect

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
)

// Bid is an answer in the Ringba format.
type Bid struct {
	ID     string
	Amount ringbid.Money
	// ExpireIn is how long the bid stands, in whole seconds on the wire.
	ExpireIn time.Duration
	// ExpireAt is the same as a moment, in milliseconds on the wire. It is by
	// the bidder's clock; ExpireIn is what counts.
	ExpireAt time.Time
	Phone    string // where to call: a number
	SIP      string // or user@host, without "sip:"
	Reject   string // why there is no bid; holds the code as "(Code: 1004)"
	Warnings []Warning
}

// Warning is a remark beside a bid; 230 says that it is a repeated answer.
type Warning struct {
	Code int
	Text string
}

// CodeCached is the warning that an earlier, unexpired bid is repeated.
const CodeCached = 230

// Codes of rejections, as RejectReason writes them.
const (
	CodeDisabled       = 1001
	CodeInitialFilter  = 1002
	CodeNoCapacity     = 1003
	CodeCallerID       = 1004
	CodeFinalFilter    = 1005
	CodeFinalCapacity  = 1006
	CodeClosed         = 1007
	CodeRateLimited    = 1024
	CodeCallerRequired = 1100
)

var rejectNames = [...]struct {
	code int
	name string
}{
	{CodeDisabled, "Disabled"}, {CodeInitialFilter, "Initial tag filter"}, {CodeNoCapacity, "No capacity"},
	{CodeCallerID, "Caller ID"}, {CodeFinalFilter, "Final tag filters"}, {CodeFinalCapacity, "Final capacity check"},
	{CodeClosed, "Closed or capped"}, {CodeRateLimited, "Rate-limited"}, {CodeCallerRequired, "Caller ID verification"},
}

// RejectReason writes a code as the format does: "Caller ID (Code: 1004)".
func RejectReason(code int) string {
	for _, r := range rejectNames {
		if r.code == code {
			return fmt.Sprintf("%s (Code: %d)", r.name, code)
		}
	}
	return fmt.Sprintf("Rejected (Code: %d)", code)
}

var rejectCode = regexp.MustCompile(`(?i)\(\s*code:?\s*(\d{1,6})\s*\)`)

// RejectCode returns the code inside the text of a rejection, or "".
func (b Bid) RejectCode() string {
	if m := rejectCode.FindStringSubmatch(b.Reject); m != nil {
		return m[1]
	}
	return ""
}

// Cached reports whether the bid repeats an earlier one.
func (b Bid) Cached() bool {
	for _, w := range b.Warnings {
		if w.Code == CodeCached {
			return true
		}
	}
	return false
}

// Accepted reports whether the answer is a bid: it has an identifier, a
// destination, an amount and time left, and no rejection.
func (b Bid) Accepted() bool {
	return b.ID != "" && (b.Phone != "" || b.SIP != "") && b.ExpireIn > 0 && b.Amount != 0 && b.Reject == ""
}

// maxExpiry bounds how long a bid can stand.
const maxExpiry = 24 * time.Hour

// wireDate is how bidExpireDT is written.
const wireDate = "1/2/2006 3:04:05 PM -07:00"

// EncodeBid writes an answer in the Ringba format, as XML or JSON, and returns
// it with its Content-Type. A bid with a Reject is written as a refusal. A zero
// ExpireAt is taken as ExpireIn from now.
func EncodeBid(b Bid, asXML bool) (contentType string, body []byte) {
	if b.ExpireAt.IsZero() && b.ExpireIn > 0 {
		b.ExpireAt = time.Now().Add(b.ExpireIn)
	}
	w := wireBid{BidID: b.ID, BidAmount: json.Number(short(b.Amount)), RejectReason: b.Reject}
	if b.Reject == "" {
		w.ExpireInSeconds = int64(b.ExpireIn / time.Second)
		w.PhoneNumber, w.PhoneNumberNoPlus = b.Phone, strings.TrimPrefix(b.Phone, "+")
		w.SIPAddress = strings.TrimPrefix(b.SIP, "sip:")
		if !b.ExpireAt.IsZero() {
			w.BidExpireDT, w.BidExpireEpoch = b.ExpireAt.UTC().Format(wireDate), b.ExpireAt.UnixMilli()
		}
	}
	for _, x := range b.Warnings {
		w.Warnings = append(w.Warnings, wireWarning{Code: x.Code, Description: x.Text})
	}
	if asXML {
		body, _ = xml.Marshal(w) // strings and numbers always marshal
		return "application/xml; charset=utf-8", append([]byte(xml.Header), body...)
	}
	body, _ = json.Marshal(w)
	return "application/json; charset=utf-8", body
}

// short writes an amount without needless zeros: 4.2, 38.
func short(m ringbid.Money) string {
	s := m.String()
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// wireBid is the answer as it is written. XML elements are in Pascal case.
type wireBid struct {
	XMLName           xml.Name      `json:"-" xml:"Bid"`
	BidID             string        `json:"bidId" xml:"BidID"`
	BidAmount         json.Number   `json:"bidAmount" xml:"BidAmount"`
	ExpireInSeconds   int64         `json:"expireInSeconds,omitempty" xml:"ExpireInSeconds,omitempty"`
	BidExpireDT       string        `json:"bidExpireDT,omitempty" xml:"BidExpireDT,omitempty"`
	BidExpireEpoch    int64         `json:"bidExpireEpoch,omitempty" xml:"BidExpireEpoch,omitempty"`
	PhoneNumber       string        `json:"phoneNumber,omitempty" xml:"PhoneNumber,omitempty"`
	PhoneNumberNoPlus string        `json:"phoneNumberNoPlus,omitempty" xml:"PhoneNumberNoPlus,omitempty"`
	SIPAddress        string        `json:"sipAddress,omitempty" xml:"SIPAddress,omitempty"`
	RejectReason      string        `json:"rejectReason,omitempty" xml:"RejectReason,omitempty"`
	Warnings          []wireWarning `json:"warnings,omitempty" xml:"Warnings>Warning,omitempty"`
}

type wireWarning struct {
	Code        int    `json:"code" xml:"Code"`
	Description string `json:"description" xml:"Description"`
}

// DecodeBid reads an answer in the Ringba format, JSON or XML by its first
// byte. The error says what is wrong with it and is of kind Invalid; what was
// read until then is returned.
func DecodeBid(body []byte) (Bid, error) {
	var b Bid
	switch {
	case looksPage(body): // a gateway's, most likely; it may well be sound XML
		return b, ringbid.Errorf(ringbid.Invalid, "answer is a web page")
	case looksXML(body):
		kids, err := xmlFields(body)
		if err != nil {
			return b, ringbid.Errorf(ringbid.Invalid, "answer is not sound XML")
		}
		for _, e := range kids {
			if strings.EqualFold(e.Name, "warnings") {
				b.Warnings = xmlWarnings(e)
				continue
			}
			if err := b.set(e.Name, e.Text); err != nil {
				return b, err
			}
		}
		return b, nil
	}
	fields, err := jsonFields(body)
	if err != nil {
		if errors.Is(err, errTooMany) {
			return b, ringbid.Errorf(ringbid.Invalid, "answer has more than %d fields", maxFields)
		}
		return b, ringbid.Errorf(ringbid.Invalid, "answer is not a JSON object")
	}
	for _, f := range fields {
		if err := b.set(f.Name, f.Value); err != nil {
			return b, err
		}
	}
	return b, nil
}

// set stores one field of an answer, by its name in any case.
func (b *Bid) set(name, value string) error {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil
	}
	ok := true
	switch strings.ToLower(name) {
	case "bidid":
		b.ID = value
	case "bidamount":
		b.Amount, ok = amount(value)
	case "expireinseconds":
		var n int64
		n, ok = whole(value)
		b.ExpireIn = time.Duration(max(0, min(n, int64(maxExpiry/time.Second)))) * time.Second
	case "bidexpireepoch":
		var ms int64
		if ms, ok = whole(value); ok && ms > 0 {
			b.ExpireAt = time.UnixMilli(ms).UTC()
		}
	case "phonenumber":
		b.Phone = value
	case "phonenumbernoplus":
		if b.Phone == "" {
			b.Phone = value
		}
	case "sipaddress":
		b.SIP = strings.TrimPrefix(value, "sip:")
	case "rejectreason":
		b.Reject = value
	case "warnings":
		b.Warnings = jsonWarnings(value)
	}
	if !ok {
		return ringbid.FieldError(name, "%.40q is not a number we can take", value)
	}
	return nil
}

const maxWarnings = 16

func jsonWarnings(raw string) []Warning {
	var list []json.RawMessage
	if json.Unmarshal([]byte(raw), &list) != nil {
		return nil
	}
	var out []Warning
	for _, item := range list[:min(len(list), maxWarnings)] {
		fields, err := jsonFields(item)
		if err != nil {
			continue
		}
		var w Warning
		for _, f := range fields {
			w.set(f.Name, f.Value)
		}
		out = append(out, w)
	}
	return out
}

func xmlWarnings(e element) []Warning {
	var out []Warning
	for _, kid := range e.Kids[:min(len(e.Kids), maxWarnings)] {
		var w Warning
		for _, f := range kid.Kids {
			w.set(f.Name, f.Text)
		}
		out = append(out, w)
	}
	return out
}

func (w *Warning) set(name, value string) {
	switch strings.ToLower(name) {
	case "code":
		w.Code, _ = strconv.Atoi(strings.TrimSpace(value))
	case "description":
		w.Text = value
	}
}
