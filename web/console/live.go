package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

type livePage struct {
	web.View
	Lanes []liveLane
	Side  liveSide
}

type liveLane struct {
	Stage web.Stage
	Name  string
	None  string
	Cards []web.Card
}

// liveSide is what stands beside the lanes and is asked for again now and then.
type liveSide struct {
	Hour   web.Figures
	Up     int
	Buyers []buyerMeter
	Trunks []trunkRow
	Alerts []string
}

type buyerMeter struct {
	Name, Title string
	Up, Most    int
	Class       string
	Percent     int
	Caps        []string
}

type trunkRow struct {
	Name, Direction, Class, State string
	Note                          string // what the trunk said last
	Up, Most                      int
}

func (c *Console) live(w http.ResponseWriter, r *web.Request) error {
	cards := c.c.Board.Cards()
	side, err := c.side(r.Context(), cards)
	if err != nil {
		return err
	}
	p := livePage{View: c.view(r, "Live", "live"), Side: side, Lanes: []liveLane{
		{web.StageFlow, "In flow", "Callers answering questions", nil},
		{web.StageAuction, "Auction", "Callers being sold", nil},
		{web.StageRinging, "Ringing", "Buyers being dialled", nil},
		{web.StageTalking, "Talking", "Connected calls", nil},
		{web.StageEnded, "Just ended", "Stay half a minute", nil},
	}}
	for i := range p.Lanes {
		for _, card := range cards {
			if card.Stage == p.Lanes[i].Stage {
				p.Lanes[i].Cards = append(p.Lanes[i].Cards, card)
			}
		}
	}
	slices.SortStableFunc(p.Lanes[len(p.Lanes)-1].Cards, func(x, y web.Card) int { return y.Since.Compare(x.Since) }) // the newest end first
	return c.pages.Write(w, http.StatusOK, "live.html", p)
}

func (c *Console) liveSide(w http.ResponseWriter, r *web.Request) error {
	side, err := c.side(r.Context(), c.c.Board.Cards())
	if err != nil {
		return err
	}
	return c.pages.WritePart(w, "live.html", "side", side)
}

func (c *Console) side(ctx context.Context, cards []web.Card) (liveSide, error) {
	hour, err := c.c.Reports.Figures(ctx, web.Filter{From: c.c.Now().Add(-time.Hour)})
	if err != nil && ringbid.KindOf(err) != ringbid.Unavailable {
		return liveSide{}, err
	}
	s := liveSide{Hour: hour}
	if err != nil {
		s.Alerts = append(s.Alerts, "The database is away. Calls go on; figures return with it.")
	}
	book := c.c.Book()
	up, trunks := map[string]int{}, map[string]int{}
	for _, card := range cards {
		if card.Stage == web.StageEnded {
			continue
		}
		s.Up++
		trunks[card.Trunk]++
		if t := book.Targets[card.Target]; t != nil && (card.Stage == web.StageRinging || card.Stage == web.StageTalking) {
			up[t.Buyer]++
			trunks[t.Trunk]++
		}
	}
	var usage []Usage
	if c.c.Usage != nil {
		usage, _ = c.c.Usage(ctx) // bars without caps are better than no board
	}
	s.Buyers = buyerMeters(book, up, usage)
	s.Trunks = trunkRows(book, trunks, c.trunkStates())
	return s, nil
}

func buyerMeters(book *ringbid.Book, up map[string]int, usage []Usage) []buyerMeter {
	most, caps := map[string]int{}, map[string][]string{}
	for _, t := range book.Targets {
		most[t.Buyer] += t.Concurrency
	}
	for _, u := range usage {
		if t := book.Targets[u.Target]; t != nil {
			caps[t.Buyer] = append(caps[t.Buyer], capText(u))
		}
	}
	var out []buyerMeter
	for _, b := range book.Buyers {
		m := buyerMeter{Name: b.Name, Title: cmp.Or(b.Title, b.Name), Up: up[b.Name], Most: most[b.Name], Caps: caps[b.Name]}
		slices.Sort(m.Caps)
		if m.Most > 0 {
			m.Percent = min(m.Up*100/m.Most, 100)
		}
		switch {
		case b.Paused:
			m.Caps = []string{"paused"}
		case m.Percent >= 100:
			m.Class = "full"
		case m.Percent >= 80:
			m.Class = "most"
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b buyerMeter) int { return cmp.Or(cmp.Compare(b.Up, a.Up), cmp.Compare(a.Title, b.Title)) })
	return out
}

func capText(u Usage) string {
	what := map[string]string{"attempt": "dialled", "connect": "connected", "convert": "sold", "revenue": "revenue"}[u.Cap.On]
	per := " this " + u.Cap.Per
	switch u.Cap.Per {
	case "day":
		per = " today"
	case "total":
		per = " in all"
	}
	if u.Cap.On == "revenue" {
		return web.Cash(ringbid.Money(u.Used), "") + " of " + web.Cash(u.Cap.Amount, "") + per
	}
	return web.Count(u.Used) + " of " + web.Count(u.Cap.Limit) + " " + what + per
}

// trunkStates is how each watched trunk is.
func (c *Console) trunkStates() map[string]ringbid.TrunkState {
	out := map[string]ringbid.TrunkState{}
	if c.c.Trunks != nil {
		for _, s := range c.c.Trunks() {
			out[s.Trunk] = s
		}
	}
	return out
}

// condition says what is wrong with a trunk, or that it is registered; "" when
// there is nothing to say.
func condition(s ringbid.TrunkState) (class, state, note string) {
	switch {
	case s.Trunk == "":
		return "", "", ""
	case !s.Up:
		return "bad", "down", "since " + s.Since.UTC().Format("15:04:05 MST") + ": " + answerText(s)
	case !s.BusyUntil.IsZero():
		return "warn", "busy", "until " + s.BusyUntil.UTC().Format("15:04:05 MST")
	case s.Registration != "" && !s.Registered:
		return "warn", "not registered", s.Registration
	case s.Registered:
		return "", "", "registered"
	case s.Status > 0:
		return "", "", "answers " + answerText(s)
	}
	return "", "", ""
}

func answerText(s ringbid.TrunkState) string {
	if s.Status == 0 {
		return s.Text
	}
	return strconv.Itoa(s.Status) + " " + s.Text
}

func trunkRows(book *ringbid.Book, up map[string]int, states map[string]ringbid.TrunkState) []trunkRow {
	var out []trunkRow
	for _, t := range book.Trunks {
		row := trunkRow{Name: cmp.Or(t.Title, t.Name), Up: up[t.Name], Most: t.MaxCalls, Class: "good", State: "ready"}
		switch {
		case len(t.From) > 0 && t.Address != "":
			row.Direction = "in, out"
		case len(t.From) > 0:
			row.Direction = "in"
		default:
			row.Direction = "out"
		}
		if row.Most > 0 && row.Up >= row.Most {
			row.Class, row.State = "warn", "full"
		}
		class, state, note := condition(states[t.Name])
		row.Note = note
		if state != "" {
			row.Class, row.State = class, state
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b trunkRow) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
