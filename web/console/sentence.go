package console

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// Sentence says what happened to the call, before any detail: "Bridged to Acme
// Insurance after 14 s; talked 3 m 12 s; earned $38.00, paid $25.00."
func Sentence(c *ringbid.Call, b *ringbid.Book, now time.Time) string {
	if c.State == ringbid.StateLive {
		return "The call is up since " + web.Span(now.Sub(c.Received).Truncate(time.Second)) + ". This page shows what was stored so far; the live board shows it move."
	}
	whole := ""
	if c.Ended != nil {
		whole = " after " + web.Span(c.Ended.Sub(c.Received))
	}
	switch c.Outcome {
	case ringbid.OutcomeBridged:
		return bridged(c, b)
	case ringbid.OutcomeAbandoned:
		return "The caller hung up" + whole + where(c) + "." + failures(c, b)
	case ringbid.OutcomeNoBuyer:
		return "Nobody took the call" + whole + "." + failures(c, b)
	case ringbid.OutcomeRejected:
		return "Refused: " + reasonText(c.Reason) + "."
	case ringbid.OutcomeEnded:
		return "The flow ended the call" + whole + where(c) + "."
	case ringbid.OutcomeVoicemail:
		return "The caller left a message; the call ended" + whole + "."
	case ringbid.OutcomeLost:
		return "The node that carried the call died; the call was closed" + whole + "."
	}
	return "The call failed" + whole + ": " + reasonText(c.Reason) + "."
}

func bridged(c *ringbid.Call, b *ringbid.Book) string {
	s := "Bridged to " + buyerTitle(b, c.Buyer)
	if c.Connected != nil {
		s += " after " + web.Span(c.Connected.Sub(c.Received))
	}
	s += "; talked " + web.Span(time.Duration(c.ConnectedMS)*time.Millisecond)
	if n := failed(c); n > 0 {
		s += fmt.Sprintf("; %s tried before", plural(n, "buyer"))
	}
	if !c.Sale.Converted {
		return s + "; " + cmp.Or(c.Sale.Rule, "not paid") + "."
	}
	s += "; earned " + web.Cash(c.Sale.Revenue, c.Sale.Currency)
	if c.Sale.Payout > 0 {
		s += ", paid " + web.Cash(c.Sale.Payout, c.Sale.Currency)
	}
	return s + "."
}

// where says how far the caller came in the flow.
func where(c *ringbid.Call) string {
	if len(c.Steps) == 0 {
		return ""
	}
	return fmt.Sprintf(" in step %q", c.Steps[len(c.Steps)-1].Node)
}

func failed(c *ringbid.Call) (n int) {
	for _, l := range c.Legs {
		if l.Side == "buyer" && l.Verdict != ringbid.VerdictAnswered {
			n++
		}
	}
	return n
}

// failures says how each buyer that was dialled did not take the call.
func failures(c *ringbid.Call, b *ringbid.Book) string {
	var parts []string
	for _, l := range c.Legs {
		if l.Side == "buyer" && l.Verdict != ringbid.VerdictAnswered {
			parts = append(parts, cmp.Or(legBuyer(b, l), l.Name)+" "+VerdictText(l.Verdict))
		}
	}
	switch {
	case len(parts) == 0:
		return ""
	case len(parts) > 3:
		parts = append(parts[:3], fmt.Sprintf("%d more", len(parts)-3))
	}
	return " Tried: " + strings.Join(parts, ", ") + "."
}

func legBuyer(b *ringbid.Book, l ringbid.Leg) string {
	if t := b.Targets[l.Target]; t != nil {
		return buyerTitle(b, t.Buyer)
	}
	return l.Target
}

func buyerTitle(b *ringbid.Book, name string) string {
	if x := b.Buyers[name]; x != nil && x.Title != "" {
		return x.Title
	}
	return cmp.Or(name, "a buyer")
}

func reasonText(r ringbid.Reason) string {
	return strings.TrimSuffix(cmp.Or(r.Text, r.Code, "no reason given"), ".")
}

// VerdictText says how a dial went.
func VerdictText(v ringbid.Verdict) string {
	switch v {
	case ringbid.VerdictAnswered:
		return "answered"
	case ringbid.VerdictBusy:
		return "was busy"
	case ringbid.VerdictNoAnswer:
		return "did not answer"
	case ringbid.VerdictRefused:
		return "refused"
	case ringbid.VerdictUnreachable:
		return "could not be reached"
	case ringbid.VerdictNotAccepted:
		return "did not press the key"
	case ringbid.VerdictCancelled:
		return "was still ringing"
	case ringbid.VerdictLocal:
		return "was not dialled: our own limit"
	case ringbid.VerdictVoicemail:
		return "had a machine answer"
	case ringbid.VerdictElsewhere:
		return "rang until another place took the call"
	case ringbid.VerdictFailed:
		return "failed"
	}
	return string(v)
}

// lost says why a bid did not win, in words.
func lost(bid ringbid.Bid, a *ringbid.Auction) string {
	why := bid.Reason
	switch bid.State {
	case ringbid.BidWon:
		return "won"
	case ringbid.BidStanding:
		if a.Winner != "" {
			return cmp.Or(why, "outbid by "+a.Winner)
		}
		return cmp.Or(why, "stood, but was not needed")
	case ringbid.BidTried:
		return "was dialled: " + cmp.Or(why, "did not take the call")
	case ringbid.BidIneligible:
		return "not asked: " + cmp.Or(why, bid.Code, "not eligible")
	case ringbid.BidWaiting:
		return "not asked: " + cmp.Or(why, "a fact it needs never came")
	case ringbid.BidDeclined:
		return "did not bid: " + cmp.Or(why, bid.Code, "does not want this caller")
	case ringbid.BidLate, ringbid.BidPinged:
		return "no answer in time" + suffix(why)
	case ringbid.BidFailed:
		return "failed: " + cmp.Or(why, "answer not understood")
	case ringbid.BidExpired:
		return "its bid ran out before it was used" + suffix(why)
	}
	return cmp.Or(why, string(bid.State))
}

func suffix(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// outcomeClass is the colour that goes with an outcome's word.
func outcomeClass(o ringbid.Outcome) string {
	switch o {
	case ringbid.OutcomeBridged, ringbid.OutcomeVoicemail:
		return "good"
	case ringbid.OutcomeNoBuyer, ringbid.OutcomeAbandoned:
		return "warn"
	case ringbid.OutcomeFailed, ringbid.OutcomeLost, ringbid.OutcomeRejected:
		return "bad"
	}
	return ""
}
