package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type ownerPage struct {
	web.View
	Owner    string // title of the buyer or publisher
	Buyer    bool
	Today    web.Figures
	Rows     []ownerRow
	Values   url.Values
	Outcomes []ringbid.Outcome
	Older    string
	Wrong    string
	Row      *ownerRow
	Leads    *leadDay // nil for those without an inbox
}

// ownerRow is a call as its buyer or publisher may see it.
type ownerRow struct {
	ID        string
	Received  time.Time
	Caller    ringbid.Phone
	Number    ringbid.Phone
	Campaign  string
	Word      string
	Class     string
	Talk      time.Duration
	Money     ringbid.Money // what the buyer pays, or the publisher earns
	Currency  string
	Why       string
	Target    string
	Tags      ringbid.TagMap
	Connected *time.Time
	EndedBy   string
}

// own narrows a filter to the user's rows.
func own(u *ringbid.User, f web.Filter) (web.Filter, error) {
	switch {
	case u.Role == ringbid.RoleBuyer && u.Buyer != "":
		f.Buyer, f.Publisher = u.Buyer, ""
	case u.Role == ringbid.RolePublisher && u.Publisher != "":
		f.Publisher, f.Buyer = u.Publisher, ""
	default:
		return f, ringbid.Errorf(ringbid.Denied, "your user belongs to no buyer or publisher; ask the operator")
	}
	return f, nil
}

// owns reports whether the call is one of the user's rows.
func owns(u *ringbid.User, c *ringbid.Call) bool {
	return u.Role == ringbid.RoleBuyer && u.Buyer != "" && c.Buyer == u.Buyer ||
		u.Role == ringbid.RolePublisher && u.Publisher != "" && c.Publisher == u.Publisher
}

func (p *Portal) owner(r *web.Request, title, section string) ownerPage {
	o := ownerPage{View: r.View(title, section), Buyer: r.User.Role == ringbid.RoleBuyer, Values: r.URL.Query(), Outcomes: web.Outcomes()}
	b := p.c.Book()
	if x := b.Buyers[r.User.Buyer]; o.Buyer && x != nil {
		o.Owner = x.Title
	}
	if x := b.Publishers[r.User.Publisher]; !o.Buyer && x != nil {
		o.Owner = x.Title
	}
	return o
}

func ownRow(u *ringbid.User, c *ringbid.Call) ownerRow {
	row := ownerRow{
		ID: c.ID, Received: c.Received, Caller: c.Caller, Number: c.Number, Campaign: c.Campaign, Word: web.OutcomeText(c.Outcome),
		Talk: time.Duration(c.ConnectedMS) * time.Millisecond, Currency: c.Sale.Currency, Connected: c.Connected, EndedBy: c.EndedBy,
	}
	if c.State == ringbid.StateLive {
		row.Word, row.Class = "live", "info"
	} else if c.Outcome == ringbid.OutcomeBridged {
		row.Class = "good"
	}
	if u.Role == ringbid.RoleBuyer {
		row.Money, row.Target, row.Tags = c.Sale.Revenue, c.Target, c.Tags
		row.Why = c.Sale.Rule
		if i := strings.Index(row.Why, "; publisher"); i >= 0 {
			row.Why = row.Why[:i]
		}
		return row
	}
	row.Caller, row.Money = ringbid.Phone(c.Caller.Mask()), c.Sale.Payout
	switch {
	case row.Money > 0:
		row.Why = "paid"
	case c.Outcome == ringbid.OutcomeBridged:
		row.Why = "connected too short to be paid"
	default:
		row.Why = c.Reason.Text
	}
	return row
}

// today shows the figures of the day and the newest calls.
func (p *Portal) today(w http.ResponseWriter, r *web.Request) error {
	now := p.c.Now().In(r.Zone)
	f, err := own(r.User, web.Filter{From: time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, r.Zone), Limit: 10})
	if err != nil {
		return err
	}
	o := p.owner(r, "Today", "portal")
	if o.Today, err = p.c.Calls.Figures(r.Context(), f); err != nil {
		return err
	}
	if err := p.fill(r, &o, f); err != nil {
		return err
	}
	if o.Leads, err = p.leadDay(r, f.From); err != nil {
		return err
	}
	if o.Leads != nil {
		mayDial(w)
	}
	return p.pages.Write(w, http.StatusOK, "today.html", o)
}

func (p *Portal) fill(r *web.Request, o *ownerPage, f web.Filter) error {
	l, err := p.c.Calls.Calls(r.Context(), f)
	if err != nil {
		return err
	}
	for i := range l.Calls {
		if owns(r.User, &l.Calls[i]) {
			o.Rows = append(o.Rows, ownRow(r.User, &l.Calls[i]))
		}
	}
	if l.Next != "" {
		o.Older = r.With("cursor", l.Next)
	}
	return nil
}

// calls lists the user's own calls.
func (p *Portal) calls(w http.ResponseWriter, r *web.Request) error {
	o := p.owner(r, "Calls", "portal-calls")
	f, err := web.ParseFilter(r.URL.Query(), r.Zone)
	if err != nil {
		o.Wrong = err.Error()
		return p.pages.Write(w, http.StatusBadRequest, "own-calls.html", o)
	}
	f.Sort, f.Text = "", "" // they would tell of fields that are not shown
	if r.User.Role == ringbid.RolePublisher {
		f.Caller = ""
	}
	if f, err = own(r.User, f); err != nil {
		return err
	}
	if err := p.fill(r, &o, f); err != nil {
		return err
	}
	return p.pages.Write(w, http.StatusOK, "own-calls.html", o)
}

// call shows one of the user's own calls; others do not exist here.
func (p *Portal) call(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("id")
	if len(id) > 64 {
		return ringbid.Errorf(ringbid.NotFound, "there is no such call")
	}
	c, err := p.c.Calls.Call(r.Context(), id)
	if err != nil {
		return err
	}
	if !owns(r.User, c) {
		return ringbid.Errorf(ringbid.NotFound, "there is no call %.40q", id)
	}
	row := ownRow(r.User, c)
	o := p.owner(r, "Call "+web.PhoneText(row.Caller), "portal-calls")
	o.Row = &row
	return p.pages.Write(w, http.StatusOK, "own-call.html", o)
}
