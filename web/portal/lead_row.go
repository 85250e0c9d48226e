package portal

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// leadRow is a lead as its buyer may see it; of one that somebody else has
// taken, an agent sees who and when, and no more.
type leadRow struct {
	ID       string
	Received time.Time
	Age      string
	Seconds  int64  // the same, for scripts
	Pace     string // "not called yet", "contacted in 2 m"
	Contact  time.Duration
	Waits    bool // nobody has tried to reach the person
	Name     string
	Campaign string
	Status   LeadWord
	Agent    string // who works it
	Holder   string // the same in words
	Taken    bool   // by somebody else, and the details are not shown
	Unread   bool
	Returned bool
	Place    string
	Phone    ringbid.Phone // the first of Phones
	Phones   []ringbid.Phone
	CSRF     string
}

// maxName is how many letters of a name are shown.
const maxName = 80

// leadRow makes the row of a lead that the user's buyer bought.
func (p *Portal) leadRow(r *web.Request, b *ringbid.Book, l *ringbid.Lead, x *ringbid.Purchase) leadRow {
	age := p.c.Now().Sub(l.Received)
	row := leadRow{
		ID: l.ID, Received: l.Received, Age: ago(age), Seconds: int64(age.Seconds()), Campaign: campaignTitle(b, l.Campaign), Status: statusOf(x),
		Agent: x.Agent, Taken: taken(r.User, x), Unread: x.Viewed == nil, CSRF: r.CSRF,
	}
	if x.Agent != "" {
		row.Holder = whois(b, x.Agent)
	}
	row.Returned = x.State == ringbid.PurchaseReturned
	switch {
	case x.Contacted != nil:
		row.Contact = max(x.Contacted.Sub(l.Received), 0).Truncate(time.Second)
		row.Pace = "contacted in " + short(row.Contact)
	case row.Status.Value == "new":
		row.Pace, row.Waits = "not called yet", true
	}
	name := personName(l)
	if row.Taken {
		row.Name, row.Unread = web.MaskName(clip(cmp.Or(name, "?"), 40)), false
		return row
	}
	row.Phones, row.Place = phones(b, l), place(l.Facts)
	if len(row.Phones) > 0 {
		row.Phone = row.Phones[0]
	}
	row.Name = clip(cmp.Or(name, phoneName(row.Phone), "No name given"), maxName)
	return row
}

func phoneName(p ringbid.Phone) string {
	if p == "" {
		return ""
	}
	return web.PhoneText(p)
}

// personName returns what the person is called, "" where the lead does not say.
func personName(l *ringbid.Lead) string {
	f := l.Facts
	both := strings.TrimSpace(strings.TrimSpace(f["first_name"]) + " " + strings.TrimSpace(f["last_name"]))
	return cmp.Or(both, strings.TrimSpace(f["name"]), strings.TrimSpace(f["full_name"]))
}

// place says where the person is: "Beverly Hills, CA 90210".
func place(f ringbid.TagMap) string {
	region := strings.TrimSpace(f["state"] + " " + f["zip"])
	if city := strings.TrimSpace(f["city"]); city != "" {
		return clip(strings.TrimSuffix(city+", "+region, ", "), 120)
	}
	return clip(region, 120)
}

// street says the address beside the place.
func street(f ringbid.TagMap) string {
	var out []string
	for _, n := range streetNames() {
		if v := strings.TrimSpace(f[n]); v != "" {
			out = append(out, v)
		}
	}
	return strings.Join(out, ", ")
}

func streetNames() []string { return []string{"street", "address", "address2"} }

// phoneNames are facts that hold a number whatever the campaign calls them.
func phoneNames() []string { return []string{"phone", "phone2", "mobile", "caller"} }

// phones returns the numbers at which the person can be called, each once, the
// fact "phone" first.
func phones(b *ringbid.Book, l *ringbid.Lead) []ringbid.Phone {
	names := phoneNames()
	for _, f := range fields(b, l.Campaign) {
		if f.Type == "phone" {
			names = append(names, f.Name)
		}
	}
	var out []ringbid.Phone
	for _, n := range names {
		number, err := ringbid.ParsePhone(l.Facts[n])
		if err == nil && !slices.Contains(out, number) {
			out = append(out, number)
		}
	}
	return out
}

// fields returns what a campaign says of its leads.
func fields(b *ringbid.Book, campaign string) []ringbid.LeadField {
	if c := b.Campaigns[campaign]; c != nil && c.Lead != nil {
		return c.Lead.Fields
	}
	return nil
}
