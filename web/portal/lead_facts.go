package portal

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// fact is one thing that a lead says, as people read it.
type fact struct {
	Label, Value string
	Certificate  string // address of the certificate, where the value is one
	Mail         string // address to write to
}

// leadFacts are what a lead says of the person, what was answered, and the proof
// that contact is wanted.
type leadFacts struct{ Person, Answers, Consent []fact }

// sortFacts puts every fact into its place, in the order of the campaign's
// fields and then by name. What the head of the page shows is left out.
func sortFacts(b *ringbid.Book, l *ringbid.Lead, zone *time.Location) leadFacts {
	var out leadFacts
	declared := map[string]ringbid.LeadField{}
	order := map[string]int{}
	for i, f := range fields(b, l.Campaign) {
		declared[f.Name], order[f.Name] = f, i+1
	}
	if v := street(l.Facts); v != "" {
		out.Person = append(out.Person, fact{Label: "Address", Value: v})
	}
	names := make([]string, 0, len(l.Facts))
	for n := range l.Facts {
		names = append(names, n)
	}
	rank := func(n string) int { return cmp.Or(order[n], len(order)+1) }
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b)) })
	for _, n := range names {
		f, v := declared[n], strings.TrimSpace(l.Facts[n])
		one := fact{Label: cmp.Or(f.Title, label(n)), Value: v}
		switch {
		case v == "" || slices.Contains(headNames(), n) || slices.Contains(streetNames(), n) || dialled(f, n, v):
		case proves(f, n):
			one.Certificate = certificate(v)
			if t, err := time.Parse(time.RFC3339, v); err == nil {
				one.Value = t.In(zone).Format("2006-01-02 15:04:05 MST")
			}
			out.Consent = append(out.Consent, one)
		case f.Type == "email" || n == "email":
			one.Mail = mailTo(v)
			out.Person = append(out.Person, one)
		case f.Type == "phone" || slices.Contains(phoneNames(), n):
			out.Person = append(out.Person, one)
		default:
			out.Answers = append(out.Answers, one)
		}
	}
	return out
}

// headNames are facts that stand in the head of a lead's page.
func headNames() []string {
	return []string{"first_name", "last_name", "name", "full_name", "city", "state", "zip"}
}

// dialled reports whether the fact is one of the numbers in the head.
func dialled(f ringbid.LeadField, name, v string) bool {
	if f.Type != "phone" && !slices.Contains(phoneNames(), name) {
		return false
	}
	_, err := ringbid.ParsePhone(v)
	return err == nil
}

// proves reports whether a fact speaks of the person's consent or of how it was
// given.
func proves(f ringbid.LeadField, name string) bool {
	if f.Type == "trustedform" || f.Type == "leadid" || f.Type == "ip" {
		return true
	}
	n := strings.ReplaceAll(strings.ToLower(name), "_", "")
	return n == "ip" || n == "ipaddress" || n == "useragent" || n == "sourceurl" || n == "landingurl" ||
		slices.ContainsFunc([]string{"consent", "tcpa", "trustedform", "xxtrustedform", "leadid", "universalleadid", "jornaya"}, func(p string) bool { return strings.HasPrefix(n, p) })
}

// certificate returns the address of a certificate where v is one at the
// company that issues them, else "": nothing else that a stranger wrote becomes
// a link.
func certificate(v string) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || len(v) > 2000 {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	if host != "trustedform.com" && !strings.HasSuffix(host, ".trustedform.com") {
		return ""
	}
	return u.String()
}

var mailForm = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,189}$`)

// mailTo returns where a letter goes, "" where v is not a plain address.
func mailTo(v string) string {
	if !mailForm.MatchString(v) {
		return ""
	}
	return "mailto:" + v
}

// label names a fact that its campaign does not name.
func label(name string) string {
	switch name {
	case "email":
		return "E-mail"
	case "dob":
		return "Date of birth"
	case "ip", "ip_address":
		return "IP address"
	case "source_url":
		return "Web page"
	case "trustedform_url", "trustedform_cert_url":
		return "TrustedForm"
	case "leadid", "universal_leadid", "jornaya_leadid":
		return "LeadiD"
	case "consent_text", "tcpa_text":
		return "Text agreed to"
	case "consent_time", "consent_at":
		return "Agreed at"
	}
	return clip(humanName(name), 60)
}

// deliveries say in sentences how the lead came to its buyer.
func deliveries(b *ringbid.Book, l *ringbid.Lead, x *ringbid.Purchase) []string {
	var out []string
	for i := range l.Deliveries {
		if d := &l.Deliveries[i]; d.Purchase == x.ID {
			out = append(out, way(b, d.Method)+": "+progress(d, l.Received))
		}
	}
	if len(out) == 0 {
		out = append(out, map[ringbid.PurchaseState]string{ringbid.PurchasePending: "under way", ringbid.PurchaseReturned: "given back"}[x.State])
		out[0] = cmp.Or(out[0], "delivered")
	}
	return out
}

// way says a method in words.
func way(b *ringbid.Book, name string) string {
	m := b.Methods[name]
	switch {
	case m == nil:
		return clip(name, 64)
	case m.Title != "":
		return m.Title
	case m.Type == "portal":
		return "This inbox"
	case m.Type == "email":
		return "E-mail"
	}
	return name
}

func progress(d *ringbid.Delivery, received time.Time) string {
	why := ""
	if d.Reason != "" {
		why = ", " + clip(d.Reason, 200)
	}
	switch d.State {
	case ringbid.DeliveryQueued, ringbid.DeliverySending:
		return "under way"
	case ringbid.DeliveryRetry:
		return "not delivered yet, is tried again" + why
	case ringbid.DeliveryAccepted:
		if d.Done != nil {
			return "delivered " + web.Span(max(d.Done.Sub(received), 0)) + " after it was received"
		}
		return "delivered"
	case ringbid.DeliveryRejected:
		return "refused" + why
	case ringbid.DeliveryHeld:
		return "perhaps delivered; the operator looks into it"
	case ringbid.DeliveryCancelled:
		return "not needed any more"
	}
	return "could not be delivered" + why
}
