package sip

import (
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// onward is what the headers of a call to a buyer are made of. The first part is
// filled in by Call.introduce.
type onward struct {
	request *leg.Request
	inv     *ringbid.Invite
	d       *ringbid.Dial
	private bool

	trunk      *ringbid.Trunk
	user, host string     // what is called
	ours       string     // what we call ourselves towards the trunk
	redirected []diverted // those that sent this call on, the oldest first
}

// introduce returns who a call to a buyer comes from and its further headers.
func (c *Call) introduce(d *ringbid.Dial, o *onward) (identity, []leg.Header) {
	if d.Target == nil { // a leg that nobody was dialled for
		blank := *d
		blank.Target = &ringbid.Target{}
		d = &blank
	}
	number := ringbid.Phone("")
	if withheld(c.request) {
		number = callerOf(c.request)
	}
	who := identityOf(d, number, o.trunk, o.ours)
	o.request, o.inv, o.d, o.private = c.request, &c.inv, d, who.privacy
	headers, err := headersFor(o)
	if err != nil {
		c.s.m.headerLeftOut()
		c.log.Warn("header left out", slog.String("target", d.Target.Name), slog.Any("error", err))
	}
	if o.trunk.RelayIdentity {
		signed, why := relayed(c.request, &c.inv, d, o.user)
		if headers = append(headers, signed...); why != "" {
			c.log.Info("identity not passed on", slog.String("target", d.Target.Name), slog.String("why", why))
		}
	}
	return who, headers
}

// headersFor makes the headers of a call to a buyer. What cannot be a header is
// left out and comes back as an error, joined; the call goes on without it.
func headersFor(o *onward) ([]leg.Header, error) {
	var (
		out    []leg.Header
		errs   []error
		inv, d = o.inv, o.d
	)
	add := func(h leg.Header, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		out = append(out, h)
	}
	add(leg.NewHeader("X-Ringbid-Call-Id", inv.CallID))
	if o.private {
		add(leg.NewHeader("Privacy", "id"))
	}
	chain := append(diversionsOf(o.request, inv, o.trunk.Trusted, o.ours), o.redirected...)
	told := o.redirected // whoever is called instead is told by whom, whatever the policy
	if how := o.trunk.Diversion; how == ringbid.DiversionOld || how == ringbid.DiversionBoth {
		told = chain
	}
	for _, v := range diversionHeaders(told) {
		add(leg.NewHeader("Diversion", v))
	}
	if how := o.trunk.Diversion; how == ringbid.DiversionHistory || how == ringbid.DiversionBoth {
		for _, v := range historyHeaders(chain, o.user, o.host) {
			add(leg.NewHeader("History-Info", v))
		}
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
		h, err := leg.UserToUser([]byte(expand(d.Target.UserToUser, value)))
		if p := d.Target.UserToUserPurpose; err == nil && p != "" {
			h, err = leg.NewHeader(h.Name(), h.Value()+";purpose="+p)
		}
		add(h, err)
	}
	return out, errors.Join(errs...)
}

// factsOf looks tokens up: the call's facts first, then what every call knows.
func factsOf(inv *ringbid.Invite, d *ringbid.Dial) func(string) string {
	return func(name string) string {
		if v, ok := d.Facts.Get(name); ok {
			return v
		}
		switch strings.ToLower(name) {
		case "call_id":
			return inv.CallID
		case "caller":
			return string(d.Caller)
		case "caller_name":
			return d.CallerName
		case "number":
			return string(inv.Number)
		case "bid_id":
			return d.Award.BidID
		case "bid":
			return d.Award.Bid
		case "buyer":
			return d.Target.Buyer
		case "target":
			return d.Target.Name
		case "price":
			return d.Award.Price.String()
		}
		return ""
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
