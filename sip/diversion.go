package sip

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sip/leg"
)

// maxDiverted bounds how many earlier diversions of a call are told on.
const maxDiverted = 5

// diverted is one address that sent the call on.
type diverted struct {
	user, host string
	status     int // of the redirect; 0 for a number that was simply dialled
}

// diversionsOf lists who sent the call on before it reaches a buyer, the oldest
// first: what the carrier told, by number only, and the number that was dialled.
// Those who asked for privacy are kept from trunks that are not trusted.
func diversionsOf(r *leg.Request, inv *ringbid.Invite, trusted bool, host string) []diverted {
	told := slices.Clone(r.History)
	if len(told) == 0 {
		told = slices.Clone(r.Diversion)
		slices.Reverse(told) // the most recent comes first, RFC 5806 section 6
	}
	var out []diverted
	for _, p := range told {
		n := phoneOf(p)
		if n == "" || n == inv.Number || !trusted && private(p) {
			continue
		}
		out = append(out, diverted{user: string(n), host: host})
	}
	out = out[max(0, len(out)-maxDiverted):]
	if inv.Number != "" {
		out = append(out, diverted{user: string(inv.Number), host: host})
	}
	return out
}

// private reports whether an entry of Diversion (RFC 5806 section 5) or
// History-Info (RFC 7044 section 10.1.2) is not for everybody.
func private(p leg.Party) bool {
	v, _ := p.Param("privacy")
	if v != "" && !strings.EqualFold(v, "off") && !strings.EqualFold(v, "none") {
		return true
	}
	_, headers, _ := strings.Cut(strings.ToLower(p.URI), "?")
	return strings.Contains(headers, "privacy=") && !strings.Contains(headers, "privacy=none")
}

// diversionHeaders writes the chain as Diversion (RFC 5806), the most recent
// first.
func diversionHeaders(chain []diverted) []string {
	var out []string
	for _, d := range slices.Backward(chain) {
		reason := "unconditional"
		if d.status > 0 {
			reason = "deflection"
		}
		out = append(out, fmt.Sprintf("<sip:%s@%s>;reason=%s;counter=1", d.user, d.host, reason))
	}
	return out
}

// historyHeaders writes the chain and where the call goes now as History-Info
// (RFC 7044 section 10.3): each number dialled is one level below the one
// before, and each redirect a further branch of its level.
func historyHeaders(chain []diverted, user, host string) []string {
	var out []string
	index, before := "", ""
	branch := 1
	write := func(user, host, cause string) {
		at := fmt.Sprint(branch)
		if index != "" {
			at = index + "." + at
		}
		v := fmt.Sprintf("<sip:%s@%s%s>;index=%s", user, host, cause, at)
		if before != "" {
			v += ";mp=" + before
		}
		out, before = append(out, v), at
	}
	for _, d := range chain {
		if d.status > 0 {
			write(d.user, d.host, fmt.Sprintf("?Reason=SIP%%3Bcause%%3D%d", d.status))
			branch++
			continue
		}
		write(d.user, d.host, "")
		index, branch = before, 1
	}
	write(user, host, "")
	return out
}
