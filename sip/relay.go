package sip

import (
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// identityLasts is how old a signature may be when it is passed on: whoever
// verifies it asks for an hour at most and, as RFC 8224 section 4.1 advises, for
// a minute.
const identityLasts = time.Minute

// relayed returns the caller's Identity headers and their Date, byte for byte, or
// why they do not hold any more for a call to user (RFC 8224 section 6.1). Both
// are empty when there is nothing to pass on.
func relayed(r *leg.Request, inv *ringbid.Invite, d *ringbid.Dial, user string) (out []leg.Header, why string) {
	signed := identities(r)
	if len(signed) == 0 {
		return nil, ""
	}
	date, dated := r.Header("Date")
	dest, err := ringbid.ParsePhone(user)
	switch {
	case d.Caller == "" || phoneOf(r.From) != d.Caller:
		return nil, "the caller is not the one of From"
	case err != nil || dest != inv.Number:
		return nil, "another number is called than was dialled"
	case !dated:
		return nil, "there is no Date"
	case time.Since(inv.Received) > identityLasts:
		return nil, "it is older than a minute"
	}
	for _, v := range signed {
		if p, ok := claimed(v); ok && !p.holds(d.Caller, dest) {
			return nil, "it speaks of other numbers"
		}
		h, err := leg.NewHeader("Identity", v)
		if err != nil {
			return nil, err.Error()
		}
		out = append(out, h)
	}
	h, err := leg.NewHeader("Date", date)
	if err != nil {
		return nil, err.Error()
	}
	return append(out, h), ""
}

// holds reports whether the claims are about these numbers; a claim that names
// none says nothing else.
func (p passport) holds(from, to ringbid.Phone) bool {
	is := func(tn string, n ringbid.Phone) bool { return strings.TrimPrefix(tn, "+") == n.Digits() }
	return (p.Orig.TN == "" || is(p.Orig.TN, from)) &&
		(len(p.Dest.TN) == 0 || slices.ContainsFunc(p.Dest.TN, func(tn string) bool { return is(tn, to) }))
}
