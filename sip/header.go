package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// identity is who a call to a buyer claims to come from.
type identity struct {
	from    leg.Party
	pai     string // P-Asserted-Identity (RFC 3325), empty when withheld
	privacy bool
}

// identityOf presents the caller to a buyer. A withheld number stays withheld:
// From is anonymous (RFC 3323 section 4.1) and nothing is asserted.
func identityOf(d ringbid.Dial, host string) identity {
	if d.Caller == "" {
		return identity{
			from:    leg.Party{Display: "Anonymous", User: "anonymous", Host: "anonymous.invalid"},
			privacy: true,
		}
	}
	return identity{
		from: leg.Party{Display: plain(d.CallerName), User: string(d.Caller)},
		pai:  "sip:" + string(d.Caller) + "@" + host,
	}
}

// headersFor makes the headers of a call to a buyer. What cannot be a header is
// left out and comes back as an error, joined; the call goes on without it.
func headersFor(inv ringbid.Invite, d ringbid.Dial, host string, private bool) ([]leg.Header, error) {
	var (
		out  []leg.Header
		errs []error
	)
	add := func(h leg.Header, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		out = append(out, h)
	}
	add(leg.NewHeader("X-Ringbid-Call-Id", inv.CallID))
	if private {
		add(leg.NewHeader("Privacy", "id"))
	}
	if inv.Number != "" {
		// RFC 5806: who sent the call on, and why.
		add(leg.NewHeader("Diversion", fmt.Sprintf("<sip:%s@%s>;reason=unconditional;counter=1", inv.Number, host)))
	}
	value := factsOf(inv, d)
	names := make([]string, 0, len(d.Target.Headers))
	for name := range d.Target.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.EqualFold(name, "X-Ringbid-Call-Id") {
			continue
		}
		add(leg.NewHeader(name, expand(d.Target.Headers[name], func(tag string) string { return leg.Escape(value(tag)) })))
	}
	if d.Target.UserToUser != "" {
		add(leg.UserToUser([]byte(expand(d.Target.UserToUser, value))))
	}
	return out, errors.Join(errs...)
}

// factsOf looks tokens up: the call's facts first, then what every call knows.
func factsOf(inv ringbid.Invite, d ringbid.Dial) func(string) string {
	own := map[string]string{
		"call_id": inv.CallID, "caller": string(d.Caller), "caller_name": d.CallerName, "number": string(inv.Number),
		"bid_id": d.Award.BidID, "bid": d.Award.Bid, "buyer": d.Target.Buyer, "target": d.Target.Name,
		"price": d.Award.Price.String(),
	}
	return func(name string) string {
		if v, ok := d.Facts.Get(name); ok {
			return v
		}
		return own[strings.ToLower(name)]
	}
}

// plain makes a name fit for a display name: no control characters, at most 64
// characters.
func plain(s string) string {
	n := 0
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if n++; n > 64 || r < ' ' || r == 0x7f || r == '\ufffd' || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s))
}
