package portal

import (
	"slices"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// maxToday is how many of a day's leads its figures are made of.
const maxToday = 1000

// teamDays is over how many days the team's work is summed.
const teamDays = 7

// leadDay is what became of the leads that came today.
type leadDay struct {
	Count     int64 // received
	Of        int   // how many of them the figures below are made of
	Unread    int
	Contacted int
	Converted int
	Median    time.Duration // to the first contact
	Some      bool          // at least one was contacted
	All       string        // address of the list
	Rows      []leadRow     // the newest
	Team      []teamRow
	Days      int
}

type teamRow struct {
	AgentWork
	Name string
}

// Share returns how many of a hundred were contacted.
func (d leadDay) Share() int {
	if d.Of == 0 {
		return 0
	}
	return (d.Contacted*200 + d.Of) / (2 * d.Of)
}

// leadDay sums the leads of the buyer since the day's beginning.
func (p *Portal) leadDay(r *web.Request, from time.Time) (*leadDay, error) {
	if p.c.Leads == nil || !r.Is(ringbid.RoleBuyer) {
		return nil, nil
	}
	q := leadQuery{LeadFilter: web.LeadFilter{Buyer: r.User.Buyer, From: from, Limit: maxToday}}
	l, err := p.find(r.Context(), r.User, q, 1)
	if err != nil {
		return nil, err
	}
	d := &leadDay{Count: l.Total.Leads, Of: len(l.Leads), All: "/portal/leads?from=" + from.Format(time.DateOnly), Days: teamDays}
	d.add(l.Leads, r.User.Buyer)
	d.Rows = p.leadRows(r, l.Leads[:min(5, len(l.Leads))])
	now := p.c.Now()
	work, err := p.c.Leads.Work(r.Context(), r.User.Buyer, from.AddDate(0, 0, 1-teamDays), now)
	if err != nil {
		return nil, err
	}
	for _, w := range work {
		row := teamRow{w, "Nobody"}
		if w.Agent != "" {
			row.Name = whois(p.c.Book(), w.Agent)
		}
		d.Team = append(d.Team, row)
	}
	return d, nil
}

func (d *leadDay) add(list []ringbid.Lead, buyer string) {
	var waits []time.Duration
	for i := range list {
		x := bought(&list[i], buyer)
		if x.Viewed == nil {
			d.Unread++
		}
		if x.Contacted != nil {
			waits = append(waits, max(x.Contacted.Sub(list[i].Received), 0))
		}
		if x.Status == "converted" {
			d.Converted++
		}
	}
	if d.Contacted = len(waits); d.Contacted == 0 {
		return
	}
	slices.Sort(waits)
	d.Some, d.Median = true, waits[len(waits)/2].Truncate(time.Second)
	if n := len(waits); n%2 == 0 {
		d.Median = ((waits[n/2-1] + waits[n/2]) / 2).Truncate(time.Second)
	}
}
