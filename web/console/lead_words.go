package console

import (
	"cmp"
	"strings"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// leadClass is the colour that goes with a lead's state.
func leadClass(s ringbid.LeadState) string {
	switch s {
	case ringbid.LeadSold:
		return "good"
	case ringbid.LeadSelling, ringbid.LeadCall:
		return "info"
	case ringbid.LeadUnsold, ringbid.LeadHeld:
		return "warn"
	case ringbid.LeadRefused:
		return "bad"
	}
	return ""
}

func purchaseClass(s ringbid.PurchaseState) string {
	switch s {
	case ringbid.PurchaseAccepted:
		return "good"
	case ringbid.PurchasePending:
		return "info"
	case ringbid.PurchaseRejected, ringbid.PurchaseReturned, ringbid.PurchaseHeld:
		return "warn"
	case ringbid.PurchaseFailed:
		return "bad"
	}
	return ""
}

func deliveryClass(s ringbid.DeliveryState) string {
	switch s {
	case ringbid.DeliveryAccepted:
		return "good"
	case ringbid.DeliveryQueued, ringbid.DeliverySending, ringbid.DeliveryRetry:
		return "info"
	case ringbid.DeliveryRejected, ringbid.DeliveryHeld:
		return "warn"
	case ringbid.DeliveryFailed:
		return "bad"
	}
	return ""
}

// tryClass is the colour that goes with what a try came to.
func tryClass(class string) string {
	switch class {
	case "":
		return "info"
	case "accepted":
		return "good"
	case "rejected", "throttled", "ambiguous":
		return "warn"
	}
	return "bad"
}

// classText says what a try came to.
func classText(class string) string {
	switch class {
	case "":
		return "under way"
	case "accepted":
		return "accepted"
	case "rejected":
		return "rejected by the buyer"
	case "auth":
		return "the buyer does not know us"
	case "throttled":
		return "asked to come later"
	case "server_error":
		return "broke on the buyer’s side"
	case "ambiguous":
		return "sent, and no clear answer"
	case "never_sent":
		return "never left us"
	case "unsound":
		return "could not be made"
	}
	return plainWord(class)
}

// codes are the stable reasons of tries, in words.
var codes = map[string]string{
	"bad_address": "the address is unsound", "blocked_address": "the address is not allowed", "unknown_host": "the host is not known",
	"unreachable": "the host does not answer", "tls": "the certificate does not hold", "timeout": "no answer in time", "cancelled": "we stopped waiting",
	"redirect": "answered with a redirect", "too_large": "the answer is too large", "encoded": "the answer is compressed", "truncated": "the answer is cut off",
	"protocol": "the answer broke off, or is none", "mapping": "the map does not take the lead", "token": "no token to act with", "status": "the status says so",
	"rule": "the success rule says no", "web_page": "a web page instead of an answer", "not_understood": "the answer was not understood",
	"contradiction": "the answer contradicts itself", "asked_to_wait": "asked to come later", "breaker": "its breaker is open", "patience": "it took too long",
	"paused": "the method is paused", "unfinished": "the node died while sending", "no_method": "the method is gone",
}

// codeText says a stable reason in words.
func codeText(code string) string {
	return cmp.Or(codes[code], plainWord(code))
}

// nextText says what followed from a try.
func nextText(next string) string {
	switch next {
	case "":
		return "–"
	case "done":
		return "done"
	case "retry":
		return "tried again"
	case "fallback":
		return "the fallback took over"
	case "waterfall":
		return "went to the next buyer"
	case "exception":
		return "held for a person"
	}
	return plainWord(next)
}

func sentText(sent string) string {
	switch sent {
	case "no":
		return "nothing left us"
	case "maybe":
		return "sent, nothing came back"
	case "answered":
		return "sent and answered"
	}
	return plainWord(sent)
}

func typeText(t string) string {
	switch t {
	case "http":
		return "HTTP"
	case "email":
		return "e-mail"
	case "portal":
		return "the portal’s inbox"
	}
	return cmp.Or(t, "–")
}

func roleText(role string) string {
	switch role {
	case ringbid.RolePrimary:
		return "decides the purchase"
	case ringbid.RoleFallback:
		return "takes over where the one before fails"
	case ringbid.RoleParallel:
		return "goes beside, decides nothing"
	}
	return plainWord(role)
}

func activityText(kind string) string {
	switch kind {
	case "received":
		return "received it"
	case "viewed":
		return "opened it"
	case "call":
		return "called"
	case "status":
		return "said"
	case "note":
		return "noted"
	case "assigned":
		return "took it over"
	case "return":
		return "asked to give it back"
	case "return_decided":
		return "decided on the return"
	}
	return plainWord(kind)
}

// plainWord makes words of a name with underscores.
func plainWord(s string) string {
	return cmp.Or(strings.ReplaceAll(s, "_", " "), "–")
}

// lostLead says why a bid for a lead did not win, in words.
func lostLead(bid ringbid.Bid, a *ringbid.Auction) string {
	switch bid.State {
	case ringbid.BidTried:
		return "was offered it: " + cmp.Or(bid.Reason, "did not take the lead")
	case ringbid.BidDeclined:
		return "did not bid: " + cmp.Or(bid.Reason, bid.Code, "does not want this lead")
	}
	return lost(bid, a)
}

// leadPerson is what people call a lead: a name, else how it is reached.
func leadPerson(facts ringbid.TagMap) string {
	whole := strings.TrimSpace(facts["first_name"] + " " + facts["last_name"])
	phone := ""
	if facts["phone"] != "" {
		phone = web.PhoneText(ringbid.Phone(facts["phone"]))
	}
	return cmp.Or(whole, facts["name"], facts["full_name"], facts["email"], phone)
}
