package ringbid

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Buyer pays for calls. How it is reached is said by its targets.
type Buyer struct {
	Name   string `json:"name"`
	Title  string `json:"title,omitempty"`
	Email  string `json:"email,omitempty"`
	Paused bool   `json:"paused,omitempty"`
}

// Key identifies the buyer.
func (b *Buyer) Key() Key { return Key{KindBuyer, b.Name} }

func (b *Buyer) refs(func(string, Key)) {}

// Validate returns what is unsound in the buyer.
func (b *Buyer) Validate() []Problem {
	c := check(b)
	c.name()
	return c.problems
}

// Target is one destination of a buyer: a number or SIP user behind a trunk, the
// methods by which leads are delivered, or both, with the rules for when a call
// or lead may go there and when it counts as sold.
type Target struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	Buyer string `json:"buyer"`
	// Trunk is where calls go out; a target of leads only has none.
	Trunk string `json:"trunk,omitempty"`
	// User is what is dialled at the trunk: a number or a SIP user.
	User string `json:"user,omitempty"`
	// Also lists up to 10 further places that ring at the same time. The first to
	// answer takes the call or, with an accept key or voicemail detection, the
	// first that passes; caps, concurrency and price see one target.
	Also []Place `json:"also,omitempty"`
	// Methods are how leads reach the buyer, and what is known of calls it took.
	Methods []Way `json:"methods,omitempty"`
	// RepeatDays keeps a person from the target whom its buyer bought so few days
	// ago; 0 takes everybody.
	RepeatDays int `json:"repeat_days,omitempty"`
	// Price is the standing bid of a target that is not pinged.
	Price Money `json:"price,omitempty"`
	// Zone is the IANA time zone in which Hours and Caps are read; default UTC.
	Zone string `json:"zone,omitempty"`
	// Hours are when the target is open; none means always.
	Hours Hours `json:"hours,omitempty"`
	// Concurrency is how many calls the target takes at once, 0 for no limit. A
	// slot is reserved before the target is dialled.
	Concurrency int   `json:"concurrency,omitempty"`
	Caps        []Cap `json:"caps,omitempty"`
	// Filters must all match the caller's facts.
	Filters []Filter `json:"filters,omitempty"`
	// States admits callers by the two-letter state of their number's area
	// code, or of the fact "state" where the flow asked for it.
	States []string `json:"states,omitempty"`
	// RingTimeout is how long the target may ring; default 30s, 5s to 2m.
	RingTimeout Duration `json:"ring_timeout,omitempty"`
	// EarlyMedia says what the caller hears while the target rings: "ringback"
	// (default) plays the flow's hold prompt or our ringback whatever the buyer
	// sends; "pass" lets the buyer's audio before the answer through to the
	// caller, one way, instead of ours as soon as it comes, unless other places
	// ring too; "ignore" changes nothing that the caller hears: neither prompt nor
	// ringback begins, what plays goes on, and the buyer is not heard. A caller who
	// is not answered yet (see Node.RingThrough) hears the carrier's ringback with
	// either of the others, and with "pass" what the buyer sends. Early media
	// is never paid for and does not count as connected.
	EarlyMedia string `json:"early_media,omitempty"`
	// Whisper names a prompt the agent hears before the bridge.
	Whisper string `json:"whisper,omitempty"`
	// AcceptKey must be pressed by the agent before the call counts as
	// connected: one of 0-9, * or #.
	AcceptKey string `json:"accept_key,omitempty"`
	// Voicemail says whether a machine that answers loses the call: "off"
	// (default), or "detect", which listens to the answered leg while it is held
	// for SendDigits, the whisper, the accept key and VoicemailWait, and takes
	// more than 3.5 s of speech without a pause, a beep (a pure tone of 350 to
	// 1100 Hz for 0.2 s) or a fax tone for a machine. The next bidder is then
	// called and nothing is paid.
	Voicemail string `json:"voicemail,omitempty"`
	// VoicemailWait is how long after the answer the caller waits at least for
	// the detection; default 0, up to 4s. Somebody who says hello and then waits
	// ends it early.
	VoicemailWait Duration `json:"voicemail_wait,omitempty"`
	// SendDigits are keyed after the answer (RFC 4733); w waits half a second.
	SendDigits string `json:"send_digits,omitempty"`
	// ConvertAfter is the connected time from which the call is paid for;
	// default 0: paid when connected.
	ConvertAfter Duration `json:"convert_after,omitempty"`
	// Headers are added to the INVITE: X- names, values with {{tag}} tokens
	// that are percent-encoded.
	Headers map[string]string `json:"headers,omitempty"`
	// UserToUser is a text with {{tag}} tokens sent as RFC 7433 data, at most
	// 128 octets.
	UserToUser string `json:"user_to_user,omitempty"`
	// UserToUserPurpose is the purpose of that data, a token of up to 32
	// characters; default none, which means isdn-uui.
	UserToUserPurpose string `json:"user_to_user_purpose,omitempty"`
	// Transfers says where the target's agents may send a caller; default what the
	// trunk says.
	Transfers *Transfers `json:"transfers,omitempty"`
	// Agents are the users whose screen pops when the target rings.
	Agents []string `json:"agents,omitempty"`
	Paused bool     `json:"paused,omitempty"`
}

// The policies of Target.Voicemail; "" is the first.
const (
	VoicemailOff    = "off"
	VoicemailDetect = "detect"
)

// Place is a line that can be called.
type Place struct {
	// Trunk is where calls go out; empty means the target's own.
	Trunk string `json:"trunk,omitempty"`
	// User is what is dialled at the trunk: a number or a SIP user.
	User string `json:"user"`
}

// MaxPlaces is how many places may ring beside a target's own line.
const MaxPlaces = 10

// The policies of Target.EarlyMedia; "" is the first.
const (
	EarlyRingback = "ringback"
	EarlyPass     = "pass"
	EarlyIgnore   = "ignore"
)

var purposeForm = regexp.MustCompile(`^[A-Za-z0-9.!%*_+~-]{1,32}$`)

// DefaultRingTimeout is how long a target rings before the next one is tried.
const DefaultRingTimeout = 30 * time.Second

// Key identifies the target.
func (t *Target) Key() Key { return Key{KindTarget, t.Name} }

func (t *Target) refs(need func(string, Key)) {
	need("buyer", Key{KindBuyer, t.Buyer})
	if t.Trunk != "" {
		need("trunk", Key{KindTrunk, t.Trunk})
	}
	for i, p := range t.Also {
		if p.Trunk != "" {
			need(index("also", i)+".trunk", Key{KindTrunk, p.Trunk})
		}
	}
	for i, w := range t.Methods {
		need(index("methods", i)+".method", Key{KindMethod, w.Method})
	}
	if t.Whisper != "" {
		need("whisper", Key{KindPrompt, t.Whisper})
	}
	t.Transfers.refs(need)
	for i, u := range t.Agents {
		need(index("agents", i), Key{KindUser, u})
	}
}

// Validate returns what is unsound in the target.
func (t *Target) Validate() []Problem {
	c := check(t)
	c.name()
	c.that(t.Buyer != "", "buyer", "is missing")
	c.that(t.Trunk != "" || len(t.Methods) > 0, "trunk", "is missing: neither a trunk for calls nor methods for leads")
	c.that(t.Trunk == "" && t.User == "" || SIPUser(t.User), "user", "%.80q is not a number or SIP user", t.User)
	c.that(len(t.Also) <= MaxPlaces, "also", "has more than %d entries", MaxPlaces)
	c.that(len(t.Also) == 0 || t.Trunk != "", "also", "rings beside no trunk of the target's own")
	for i, p := range t.Also {
		c.that(SIPUser(p.User), index("also", i)+".user", "%.80q is not a number or SIP user", p.User)
	}
	t.checkMethods(c)
	c.between("repeat_days", t.RepeatDays, 0, 3650)
	c.that(t.Price >= 0, "price", "%s is negative", t.Price)
	if _, err := LoadZone(t.Zone); err != nil {
		c.addf("zone", "%.60q is not an IANA time zone", t.Zone)
	}
	t.Hours.check(c, "hours")
	c.between("concurrency", t.Concurrency, 0, 100_000)
	for i, p := range t.Caps {
		p.check(c, index("caps", i))
	}
	for i, f := range t.Filters {
		f.check(c, index("filters", i))
	}
	for i, s := range t.States {
		c.that(len(s) == 2 && strings.ToUpper(s) == s, index("states", i), "%.10q is not a two-letter state", s)
	}
	c.span("ring_timeout", t.RingTimeout, Duration(5*time.Second), Duration(2*time.Minute))
	c.that(slices.Contains([]string{"", EarlyRingback, EarlyPass, EarlyIgnore}, t.EarlyMedia), "early_media", "%.20q is not ringback, pass or ignore", t.EarlyMedia)
	c.that(t.AcceptKey == "" || len(t.AcceptKey) == 1 && strings.Contains("0123456789*#", t.AcceptKey), "accept_key", "%.10q is not one key of 0-9, * or #", t.AcceptKey)
	c.that(slices.Contains([]string{"", VoicemailOff, VoicemailDetect}, t.Voicemail), "voicemail", "%.20q is not off or detect", t.Voicemail)
	c.that(t.VoicemailWait == 0 || t.VoicemailWait >= Duration(500*time.Millisecond) && t.VoicemailWait <= Duration(4*time.Second), "voicemail_wait", "%s is not within 500ms and 4s", t.VoicemailWait)
	c.that(t.VoicemailWait == 0 || t.Voicemail == VoicemailDetect, "voicemail_wait", "needs voicemail to be detect")
	c.that(len(t.SendDigits) <= 64 && strings.Trim(t.SendDigits, "0123456789*#ABCDw") == "", "send_digits", "%.80q has other characters than 0-9, *, #, A-D and w", t.SendDigits)
	c.that(len(t.Headers) <= 32, "headers", "has more than 32 entries")
	for k, v := range t.Headers {
		c.that(headerForm.MatchString(k), "headers."+k, "is not an X- header name")
		c.that(len(v) <= 512, "headers."+k, "is longer than 512 bytes")
	}
	c.that(t.UserToUserPurpose == "" || purposeForm.MatchString(t.UserToUserPurpose), "user_to_user_purpose", "%.40q is not a token of 1 to 32 characters", t.UserToUserPurpose)
	c.that(len(t.UserToUser) <= 256, "user_to_user", "is longer than 256 bytes")
	t.Transfers.check(c, "transfers")
	return c.problems
}

// Way is one of a target's methods and its part.
type Way struct {
	Method string `json:"method"`
	// Role is "primary" (default for the first), "fallback" (takes over where those
	// before it fail) or "parallel" (goes beside and decides nothing).
	Role string `json:"role,omitempty"`
}

func (t *Target) checkMethods(c *checker) {
	c.that(len(t.Methods) <= 10, "methods", "has more than 10 entries")
	primary, seen := 0, map[string]bool{}
	for i, w := range t.Methods {
		switch t.RoleOf(i) {
		case RolePrimary:
			primary++
		case RoleFallback, RoleParallel:
		default:
			c.addf(index("methods", i)+".role", "%.20q is not primary, fallback or parallel", w.Role)
		}
		c.that(!seen[w.Method], index("methods", i)+".method", "%q stands twice", w.Method)
		seen[w.Method] = true
	}
	c.that(len(t.Methods) == 0 || primary == 1, "methods", "needs exactly one primary")
}

// RoleOf returns the part of the target's i-th method, with the default filled
// in.
func (t *Target) RoleOf(i int) string {
	if r := t.Methods[i].Role; r != "" {
		return r
	}
	if i == 0 {
		return RolePrimary
	}
	return RoleFallback
}

// SIPUser reports whether s can stand before the @ of a SIP URI unescaped:
// RFC 3261 section 25.1 unreserved and user-unreserved, 1 to 128 bytes.
func SIPUser(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0:
		default:
			return false
		}
	}
	return true
}
