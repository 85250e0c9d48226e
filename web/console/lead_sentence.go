package console

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// LeadSentence says what happened to the lead, before any detail: "Sold to Acme
// Insurance for $12.00, delivered in 0.4 s by HTTP; earned $12.00, paid $7.80."
func LeadSentence(l *ringbid.Lead, b *ringbid.Book, now time.Time) string {
	switch l.State {
	case ringbid.LeadSelling:
		return selling(l, b, now)
	case ringbid.LeadSold:
		return soldTo(l, b)
	case ringbid.LeadRefused:
		return "Refused, and offered to nobody: " + reasonText(l.Reason) + "."
	case ringbid.LeadHeld:
		return heldBy(l, b)
	case ringbid.LeadCall:
		return ofCall(l, b)
	case ringbid.LeadUnsold:
		if given := purchasesIn(l, ringbid.PurchaseReturned); len(given) > 0 {
			return "Sold to " + names(given, b) + " and given back, the money with it."
		}
		if l.Reason.Text == "" && l.Reason.Code == "" {
			return "Nobody took it." + refusals(l, b, "Offered")
		}
		return "Nobody took it: " + reasonText(l.Reason) + "." + refusals(l, b, "Offered")
	}
	return "State: " + string(l.State) + "."
}

func purchasesIn(l *ringbid.Lead, states ...ringbid.PurchaseState) []ringbid.Purchase {
	var out []ringbid.Purchase
	for _, p := range l.Purchases {
		for _, s := range states {
			if p.State == s {
				out = append(out, p)
			}
		}
	}
	return out
}

func names(list []ringbid.Purchase, b *ringbid.Book) string {
	parts := make([]string, len(list))
	for i, p := range list {
		parts[i] = buyerTitle(b, p.Buyer)
	}
	return strings.Join(parts, " and ")
}

func selling(l *ringbid.Lead, b *ringbid.Book, now time.Time) string {
	since := web.Span(max(now.Sub(l.Received), 0).Truncate(100 * time.Millisecond))
	open := purchasesIn(l, ringbid.PurchasePending)
	if len(open) == 0 {
		return "Received " + since + " ago; the auction is running."
	}
	s := "Being delivered to " + names(open, b) + ", " + since + " after it came in"
	for _, d := range l.Deliveries {
		if d.State == ringbid.DeliveryRetry && d.Next != nil && d.Next.After(now) {
			return s + "; tried again in " + web.Span(d.Next.Sub(now).Truncate(time.Second)) + ": " + cmp.Or(d.Reason, codeText(d.Code)) + "." + refusals(l, b, "Offered before")
		}
	}
	return s + "." + refusals(l, b, "Offered before")
}

func soldTo(l *ringbid.Lead, b *ringbid.Book) string {
	won := purchasesIn(l, ringbid.PurchaseAccepted)
	if len(won) == 0 {
		return "Sold."
	}
	parts := make([]string, len(won))
	for i, p := range won {
		parts[i] = buyerTitle(b, p.Buyer) + " for " + web.Cash(p.Sale.Price, p.Sale.Currency) + delivered(l, p, b)
	}
	s := "Sold to " + strings.Join(parts, " and to ")
	s += "; earned " + web.Cash(l.Sale.Revenue, l.Sale.Currency)
	switch {
	case l.Unpaid:
		s += ", the publisher earns nothing for a repeat"
	case l.Sale.Payout > 0:
		s += ", paid " + web.Cash(l.Sale.Payout, l.Sale.Currency)
	}
	if l.Recovered {
		return s + "." + refusals(l, b, "Recovered")
	}
	return s + "." + refusals(l, b, "Offered before")
}

// delivered says how and how fast a purchase's lead arrived.
func delivered(l *ringbid.Lead, p ringbid.Purchase, b *ringbid.Book) string {
	for _, d := range l.Deliveries {
		if d.Purchase != p.ID || d.State != ringbid.DeliveryAccepted || d.Role == ringbid.RoleParallel || d.Done == nil {
			continue
		}
		s := ", delivered in " + web.Span(d.Done.Sub(l.Received)) + " by " + methodType(b, d.Method)
		if n := len(d.Tries); n > 1 {
			s += fmt.Sprintf(" at the %s try", ordinal(n))
		}
		return s
	}
	return ""
}

func methodType(b *ringbid.Book, name string) string {
	if m := b.Methods[name]; m != nil {
		return typeText(m.Type)
	}
	return cmp.Or(name, "a method")
}

func ordinal(n int) string {
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

func heldBy(l *ringbid.Lead, b *ringbid.Book) string {
	for _, p := range l.Purchases {
		if p.State == ringbid.PurchaseHeld {
			return "Held: " + buyerTitle(b, p.Buyer) + " may have it, and selling it again could sell it twice: " +
				strings.TrimSuffix(cmp.Or(p.Reason, "its answer was lost"), ".") + ". A person must look."
		}
	}
	return "Held: " + reasonText(l.Reason) + ". A person must look."
}

// ofCall speaks of a lead that was made of a call.
func ofCall(l *ringbid.Lead, b *ringbid.Book) string {
	s := "Made of a call that " + map[bool]string{true: "was sold as such", false: "nobody took"}[l.Sale.Revenue > 0]
	var done, open, lost []string
	for _, d := range l.Deliveries {
		to := methodType(b, d.Method)
		if d.Buyer != "" {
			to = buyerTitle(b, d.Buyer) + " by " + to
		}
		word := to + " (" + cmp.Or(web.DeliveryStateText(d.State), string(d.State)) + ")"
		switch {
		case d.State == ringbid.DeliveryAccepted:
			done = append(done, to)
		case d.State.Over():
			lost = append(lost, word)
		default:
			open = append(open, word)
		}
	}
	for _, x := range []struct {
		word string
		list []string
	}{{"passed on to", done}, {"under way to", open}, {"not to", lost}} {
		if len(x.list) > 0 {
			s += "; " + x.word + " " + strings.Join(x.list, " and ")
		}
	}
	return s + "."
}

// refusals says who did not take the lead and why, behind an opening word.
func refusals(l *ringbid.Lead, b *ringbid.Book, opening string) string {
	var parts []string
	for _, p := range purchasesIn(l, ringbid.PurchaseRejected, ringbid.PurchaseFailed) {
		word := "did not want it"
		if p.State == ringbid.PurchaseFailed {
			word = "could not be reached"
		}
		parts = append(parts, buyerTitle(b, p.Buyer)+" "+word+suffix(strings.TrimSuffix(p.Reason, ".")))
	}
	switch {
	case len(parts) == 0:
		return ""
	case len(parts) > 3:
		parts = append(parts[:3], fmt.Sprintf("%d more", len(parts)-3))
	}
	return " " + opening + ": " + strings.Join(parts, "; ") + "."
}
