package web

import (
	"encoding/json"
	"strings"

	"github.com/ringbid/ringbid"
)

// MaskedLead returns the lead as someone may see it who must not know the
// person: contact data is masked everywhere, also where a request, an answer or
// an explanation of a field holds it.
func MaskedLead(l *ringbid.Lead) (*ringbid.Lead, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	m := NewLeadMask(l)
	if b, err = json.Marshal(m.walk("", tree, leadNames)); err != nil {
		return nil, err
	}
	var out ringbid.Lead
	err = json.Unmarshal(b, &out)
	return &out, err
}

// Activity returns what people said of the lead, without what names the person.
func (m *LeadMask) Activity(list []ringbid.Activity) []ringbid.Activity {
	out := make([]ringbid.Activity, len(list))
	for i, a := range list {
		a.Text = m.Text(a.Text)
		out[i] = a
	}
	return out
}

// leadNames are the members of a lead that name our own things, and stay.
var leadNames = map[string]bool{
	"id": true, "node": true, "state": true, "received": true, "source": true, "campaign": true, "publisher": true, "call_id": true, "ping_id": true,
	"code": true, "fault": true, "lead_id": true, "purchase_id": true, "buyer": true, "target": true, "method": true, "role": true, "name": true,
	"class": true, "sent": true, "next": true, "close_why": true, "winner": true, "seed": true, "rule": true, "currency": true, "status": true, "bid_id": true,
	"opened": true, "closed": true, "made": true, "decided": true, "done": true, "began": true, "ended": true, "pinged": true, "replied": true,
	"expires": true, "viewed": true, "contacted": true, "agent": true, "amount": true, "floor": true, "price": true, "revenue": true, "payout": true,
}

// fieldNames are those of a try's explanation of its fields.
var fieldNames = map[string]bool{"to": true, "name": true}

// walk masks every text of a JSON value but the members named in keep. Posted
// fields and facts are masked by their field as well.
func (m *LeadMask) walk(field string, v any, keep map[string]bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if s, ok := x.(string); ok && keep[k] {
				v[k] = s
				continue
			}
			v[k] = m.walk(k, x, keepUnder(k, keep))
		}
	case []any:
		for i, x := range v {
			v[i] = m.walk(field, x, keep)
		}
	case string:
		return m.member(field, v)
	}
	return v
}

// keepUnder returns what stays below a member: of posted fields and facts
// nothing does, because their names are the publisher's.
func keepUnder(member string, keep map[string]bool) map[string]bool {
	if member == "posted" || member == "facts" {
		return nil
	}
	return keep
}

// member masks one text; a field's explanation is JSON within it.
func (m *LeadMask) member(field, s string) string {
	if field == "fields" {
		var inner any
		if json.Unmarshal([]byte(s), &inner) == nil {
			if b, err := json.Marshal(m.walk("", inner, fieldNames)); err == nil {
				return string(b)
			}
		}
	}
	masked := m.Text(s)
	if masked != s || s == "" {
		return masked
	}
	switch contactKind(field) {
	case "name":
		return MaskName(s)
	case "email":
		return MaskEmail(s)
	case "phone", "place":
		return hidden
	}
	return masked
}
