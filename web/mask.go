package web

import (
	"encoding/json"
	"strings"

	"github.com/ringbid/ringbid"
)

// SeesCallers reports whether the user may read callers' whole numbers. QA,
// publishers and others see them masked.
func SeesCallers(u *ringbid.User) bool {
	return u != nil && (u.Role == ringbid.RoleOperator || u.Role == ringbid.RoleAgent || u.Role == ringbid.RoleBuyer)
}

// Masked returns the call as someone may see it who must not know the caller's
// number: it is masked everywhere, also where a request or a SIP line holds it.
func Masked(c *ringbid.Call) (*ringbid.Call, error) {
	if c.Caller == "" {
		return c, nil
	}
	bare := *c
	bare.Caller = ""
	b, err := json.Marshal(bare)
	if err != nil {
		return nil, err
	}
	var out ringbid.Call
	if err := json.Unmarshal([]byte(maskIn(string(b), c.Caller, c.Number)), &out); err != nil {
		return nil, err
	}
	out.Caller, out.Number = ringbid.Phone(c.Caller.Mask()), c.Number
	return &out, nil
}

// maskIn replaces the caller's number, in any of its usual forms.
func maskIn(s string, caller, number ringbid.Phone) string {
	if caller == "" || caller == number {
		return s
	}
	masked := caller.Mask()
	for _, form := range []string{string(caller), caller.Digits(), caller.National()} {
		if len(form) >= 7 {
			s = strings.ReplaceAll(s, form, masked)
		}
	}
	return s
}
