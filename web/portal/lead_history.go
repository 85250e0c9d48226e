package portal

import (
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// deed is one line of a lead's history.
type deed struct {
	At   time.Time
	Who  string
	What string
	Text string // what was written, with its line breaks
}

// history tells what was done, the newest first.
func history(b *ringbid.Book, done []ringbid.Activity, x *ringbid.Purchase) []deed {
	var out []deed
	for _, a := range done {
		if a.Purchase != "" && a.Purchase != x.ID {
			continue
		}
		d := deed{At: a.At, Who: whois(b, a.By)}
		d.What, d.Text = tell(b, a)
		if a.Kind == "received" {
			d.Who = ""
		}
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b deed) int { return b.At.Compare(a.At) })
	return out
}

// tell says one activity in words; text is what a person wrote with it.
func tell(b *ringbid.Book, a ringbid.Activity) (what, text string) {
	switch a.Kind {
	case "received":
		return "Received", a.Text
	case "viewed":
		return "looked at it", ""
	case "call":
		if n, err := ringbid.ParsePhone(a.Text); err == nil {
			return "called " + web.PhoneText(n), ""
		}
		return "called", a.Text
	case "status":
		return "said: " + statusWord(a.Text).Word, ""
	case "note":
		return "wrote", a.Text
	case "assigned":
		switch a.Text {
		case "":
			return "gave it back to the team", ""
		case a.By:
			return "took it", ""
		}
		return "gave it to " + whois(b, a.Text), ""
	case "return":
		return "asked to return it", a.Text
	case "return_decided":
		return "decided on the return", a.Text
	}
	return clip(humanName(a.Kind), 40), a.Text
}
