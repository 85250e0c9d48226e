package webtest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
	"github.com/ringbid/ringbid/web/api"
	"github.com/ringbid/ringbid/web/console"
	"github.com/ringbid/ringbid/web/portal"
)

// New puts the pages over the fake together. Desks nil is the fake itself,
// socket may be nil.
func New(f *Fake, board *console.Board, desks portal.Desks, socket http.Handler) (*web.Server, error) {
	if desks == nil {
		desks = f
	}
	c, err := console.New(console.Config{
		Calls: f, Recordings: f, Reports: f, Board: board, Book: f.desk.Book, Usage: f.Usage, Hangup: f.Hangup, Capture: f.Capture, Desk: f, Version: "test",
		Leads: f.desk, Deliveries: f.desk, Maps: f.desk, Documents: f.desk, Returns: f.desk,
	})
	if err != nil {
		return nil, err
	}
	p, err := portal.New(portal.Config{Calls: f, Dispositions: f, Desks: desks, Book: f.Book, Leads: f.inbox})
	if err != nil {
		return nil, err
	}
	a, err := api.New(api.Config{Calls: f, Cards: board.Cards, Hangup: f.Hangup})
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{Sessions: f, Parts: []web.Part{c, p, a}, Socket: socket})
}

// Traffic returns the events of n calls in all stages, as they would have come
// until the moment now.
func Traffic(n int, now time.Time) []ringbid.Event {
	var out []ringbid.Event
	for i := range n {
		id := fmt.Sprintf("live-%04d", i)
		at := now.Add(-time.Duration(3+i*7%95) * time.Second)
		seq := 0
		add := func(kind ringbid.EventKind, node, text string, data map[string]string) {
			seq++
			out = append(out, ringbid.Event{Call: id, Seq: seq, At: at, Kind: kind, Node: node, Text: text, Data: data})
			at = at.Add(time.Duration(300+i*37%700) * time.Millisecond)
		}
		add(ringbid.EventReceived, "", "", map[string]string{"number": "+18005550100", "caller": fmt.Sprintf("+1%03d555%04d", 201+i*17%700, 100+i%99),
			"trunk": "carrier", "campaign": []string{"auto-insurance", "roofing"}[i%3/2], "publisher": "brightleads"})
		add(ringbid.EventStep, "zip", "", map[string]string{"type": "gather"})
		stage := i % 9
		if stage < 2 {
			continue
		}
		add(ringbid.EventAnswer, "zip", "", map[string]string{"tag": "zip", "digits": "90210"})
		add(ringbid.EventOpened, "", "", nil)
		add(ringbid.EventBid, "", "", map[string]string{"state": "bid", "name": "keystone", "amount": "38.00"})
		if stage < 3 {
			continue
		}
		b := [][2]string{{"keystone-agents", "keystone-insurance"}, {"northwind-auto", "northwind"}, {"orchard-agents", "orchard-mutual"}}[i%3]
		add(ringbid.EventDial, "", "", map[string]string{"target": b[0], "buyer": b[1], "price": "38.00"})
		if stage < 5 {
			continue
		}
		add(ringbid.EventBridged, "", "", nil)
		if stage < 8 {
			continue
		}
		at = now.Add(-time.Duration(2+i%20) * time.Second)
		if i%2 == 0 {
			add(ringbid.EventEnded, "", "the caller hung up", map[string]string{"outcome": "bridged", "by": "caller", "code": "caller_hung_up"})
			continue
		}
		add(ringbid.EventEnded, "", "no buyer took the call", map[string]string{"outcome": "no_buyer", "by": "ringbid", "code": "no_buyer"})
	}
	return out
}
