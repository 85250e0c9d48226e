package console

import (
	"net/http"
	"net/url"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type reportsPage struct {
	web.View
	Period  string
	Periods []period
	Values  url.Values
	Wrong   string
	Total   web.Figures
	Before  *web.Figures // the same length of time just before, where known
	Tables  []reportTable
}

type period struct{ Name, Title string }

type reportTable struct {
	By, Title string
	Rows      []web.Group
}

func periods() []period {
	return []period{{"today", "Today"}, {"yesterday", "Yesterday"}, {"week", "Last 7 days"}, {"month", "Last 30 days"}}
}

// reports adds calls up over a period: figures, then who they belong to.
func (c *Console) reports(w http.ResponseWriter, r *web.Request) error {
	p := reportsPage{View: c.view(r, "Reports", "reports"), Periods: periods(), Values: r.URL.Query(), Period: r.URL.Query().Get("period")}
	f, err := c.period(r, &p)
	if err != nil {
		p.Wrong = err.Error()
		return c.pages.Write(w, http.StatusBadRequest, "reports.html", p)
	}
	if p.Total, err = c.c.Reports.Figures(r.Context(), f); err != nil {
		return err
	}
	if !f.From.IsZero() && !f.To.IsZero() {
		before := f
		before.From, before.To = f.From.Add(f.From.Sub(f.To)), f.From
		figures, err := c.c.Reports.Figures(r.Context(), before)
		if err != nil {
			return err
		}
		p.Before = &figures
	}
	for _, t := range []reportTable{{"campaign", "By campaign", nil}, {"buyer", "By buyer", nil}, {"publisher", "By publisher", nil}} {
		if t.Rows, err = c.c.Reports.Groups(r.Context(), f, t.By); err != nil {
			return err
		}
		p.Tables = append(p.Tables, t)
	}
	return c.pages.Write(w, http.StatusOK, "reports.html", p)
}

// period reads which time is meant: a named one, or from and to.
func (c *Console) period(r *web.Request, p *reportsPage) (web.Filter, error) {
	now := c.c.Now().In(r.Zone)
	today := startOfDay(now)
	switch p.Period {
	case "", "today":
		if r.URL.Query().Get("from") != "" || r.URL.Query().Get("to") != "" {
			p.Period = "other"
			return web.ParseFilter(r.URL.Query(), r.Zone)
		}
		p.Period = "today"
		return web.Filter{From: today, To: now}, nil
	case "yesterday":
		return web.Filter{From: today.AddDate(0, 0, -1), To: today}, nil
	case "week":
		return web.Filter{From: today.AddDate(0, 0, -6), To: now}, nil
	case "month":
		return web.Filter{From: today.AddDate(0, 0, -29), To: now}, nil
	}
	return web.Filter{}, ringbid.FieldError("period", "%.20q is not today, yesterday, week or month", p.Period)
}

// Change says how a figure compares with the time before: "+12 %".
func (p reportsPage) Change(now, before int64) string {
	if before == 0 {
		return "none before"
	}
	return signed((now-before)*100/before) + " % on the time before"
}

func signed(n int64) string {
	if n >= 0 {
		return "+" + web.Count(n)
	}
	return "−" + web.Count(-n)
}

// Link returns the address of a row's calls.
func (p reportsPage) Link(by, name string) string {
	q := url.Values{by: {name}}
	for _, k := range []string{"from", "to"} {
		if v := p.Values.Get(k); v != "" {
			q.Set(k, v)
		}
	}
	if q.Get("from") == "" {
		day := startOfDay(p.Now.In(p.Zone))
		back := map[string]int{"today": 0, "yesterday": -1, "week": -6, "month": -29}[p.Period]
		q.Set("from", day.AddDate(0, 0, back).Format(time.DateOnly))
		if p.Period == "yesterday" {
			q.Set("to", day.AddDate(0, 0, -1).Format(time.DateOnly))
		}
	}
	return "/calls?" + q.Encode()
}

type settingsPage struct {
	web.View
	Version  string
	Revision int64
	Users    []*ringbid.User
	Trunks   []*ringbid.Trunk
	Prompts  []*ringbid.Prompt
}

// settings shows who may sign in, the trunks, and what this build is.
func (c *Console) settings(w http.ResponseWriter, r *web.Request) error {
	b := c.c.Book()
	return c.pages.Write(w, http.StatusOK, "settings.html", settingsPage{
		View: c.view(r, "Settings", "settings"), Version: c.c.Version, Revision: b.Revision,
		Users: sorted(b.Users), Trunks: sorted(b.Trunks), Prompts: sorted(b.Prompts),
	})
}
