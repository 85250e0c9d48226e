package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/web"
)

// wavePeaks is how finely a recording is drawn.
const wavePeaks = 4000

type callPage struct {
	web.View
	Call      *ringbid.Call
	Sentence  string
	Class     string
	Word      string
	Axis      *Axis
	Ladder    *Ladder
	Bids      []bidRow
	Buyer     string
	Campaign  string
	Raw       string
	Money     bool
	CanHangup bool
	Desk      *deskPart
	Captured  bool // there is a capture, and the reader may have it
}

type bidRow struct {
	ringbid.Bid
	Why     string
	Latency string
	Class   string
}

func (c *Console) read(r *web.Request) (*ringbid.Call, error) {
	id := r.PathValue("id")
	if len(id) != 36 || strings.Trim(id, "0123456789abcdefABCDEF-") != "" {
		return nil, ringbid.Errorf(ringbid.NotFound, "there is no call %.40q", id)
	}
	call, err := c.c.Calls.Call(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !web.SeesCallers(r.User) {
		return web.Masked(call)
	}
	return call, nil
}

func (c *Console) call(w http.ResponseWriter, r *web.Request) error {
	call, err := c.read(r)
	if err != nil {
		return err
	}
	var peaks [2][]uint8
	if call.Recording != nil {
		peaks, err = c.c.Recordings.Waveform(r.Context(), call.ID, wavePeaks)
		if err != nil && ringbid.KindOf(err) != ringbid.NotFound && ringbid.KindOf(err) != ringbid.Unavailable {
			return err
		}
	}
	book := c.c.Book()
	raw, err := json.MarshalIndent(call, "", "  ")
	if err != nil {
		return err
	}
	p := callPage{
		View: c.view(r, "Call "+web.PhoneText(call.Caller), "calls"), Call: call, Sentence: Sentence(call, book, c.c.Now()),
		Class: outcomeClass(call.Outcome), Word: web.OutcomeText(call.Outcome), Axis: newAxis(call, book, peaks, c.c.Now()),
		Ladder: newLadder(call), Buyer: buyerTitle(book, call.Buyer), Raw: string(raw), Money: r.Is(ringbid.RoleOperator),
		CanHangup: call.State == ringbid.StateLive && r.Is(ringbid.RoleOperator) && c.c.Hangup != nil,
	}
	p.Desk = c.desk(r, call)
	if r.Is(ringbid.RoleOperator) && c.c.Capture != nil {
		if f, err := c.c.Capture(call.ID); err == nil {
			p.Captured = true
			_ = f.Close()
		}
	}
	if call.State == ringbid.StateLive {
		p.Word, p.Class = "live", "info"
	}
	p.Bids = bidRows(call.Auction, lost)
	return c.pages.Write(w, http.StatusOK, "call.html", p)
}

// bidRows are the rows of an auction's table; nil has none.
func bidRows(a *ringbid.Auction, why func(ringbid.Bid, *ringbid.Auction) string) []bidRow {
	if a == nil {
		return nil
	}
	var out []bidRow
	for _, b := range sortedBids(a) {
		out = append(out, newBidRow(b, why(b, a)))
	}
	return out
}

func newBidRow(b ringbid.Bid, why string) bidRow {
	row := bidRow{Bid: b, Why: why}
	if b.Pinged != nil && b.Replied != nil {
		row.Latency = web.Span(b.Replied.Sub(*b.Pinged))
	}
	switch b.State {
	case ringbid.BidWon:
		row.Class = "good"
	case ringbid.BidFailed, ringbid.BidLate, ringbid.BidPinged, ringbid.BidExpired:
		row.Class = "bad"
	case ringbid.BidTried:
		row.Class = "warn"
	}
	return row
}

// Sold is the auction, for the part of the page that shows it.
func (p callPage) Sold() *ringbid.Auction { return p.Call.Auction }

// Currency is what the bids are in.
func (p callPage) Currency() string { return p.Call.Sale.Currency }

// After writes how long after the call came in something happened.
func (p callPage) After(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return fmt.Sprintf("+%.2f s", max(t.Sub(p.Call.Received).Seconds(), 0))
}

// Since is After for moments that may never have come.
func (p callPage) Since(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return p.After(*t)
}

// Loss returns the share of a leg's packets that never came.
func (p callPage) Loss(m ringbid.Media) string {
	if m.PacketsIn+m.Lost == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(m.Lost)/float64(m.PacketsIn+m.Lost))
}

// How says how a leg went.
func (p callPage) How(l ringbid.Leg) string {
	if l.Verdict != "" {
		return VerdictText(l.Verdict)
	}
	return cmp.Or(l.EndedBy, "ringbid") + " ended it"
}

// MS turns milliseconds into a span.
func (p callPage) MS(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func (c *Console) facts(w http.ResponseWriter, r *web.Request) error {
	call, err := c.read(r)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, call)
}

// recording sends the sound; a player may ask for any part of it.
func (c *Console) recording(w http.ResponseWriter, r *web.Request) error {
	call, err := c.read(r)
	if err != nil {
		return err
	}
	f, err := c.c.Recordings.Open(r.Context(), call.ID)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(15 * time.Minute))
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	if r.URL.Query().Has("save") {
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="call-%s.wav"`, call.ID))
	}
	var seeker io.ReadSeeker = f
	http.ServeContent(w, r.Request, "", call.Received, seeker)
	return nil
}

// capture sends what went over the wire, for Wireshark.
func (c *Console) capture(w http.ResponseWriter, r *web.Request) error {
	call, err := c.read(r)
	if err != nil {
		return err
	}
	if c.c.Capture == nil {
		return ringbid.Errorf(ringbid.NotFound, "captures are not kept")
	}
	f, err := c.c.Capture(call.ID)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(5 * time.Minute))
	w.Header().Set("Content-Type", "application/vnd.tcpdump.pcap")
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="call-%s.pcap"`, call.ID))
	http.ServeContent(w, r.Request, "", time.Time{}, f)
	return nil
}

// hangup ends a live call for the operator.
func (c *Console) hangup(w http.ResponseWriter, r *web.Request) error {
	id := r.PathValue("id")
	if c.c.Hangup == nil || !c.c.Hangup(id, ringbid.Reason{Code: "operator", Text: "ended by the operator", Fault: ringbid.FaultNone}) {
		return ringbid.Errorf(ringbid.Conflict, "the call is not up any more")
	}
	http.Redirect(w, r.Request, "/live", http.StatusSeeOther)
	return nil
}

// search goes to what was meant: a call, a buyer, a page, or a list of calls.
func (c *Console) search(w http.ResponseWriter, r *web.Request) error {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	http.Redirect(w, r.Request, c.find(r, q), http.StatusSeeOther)
	return nil
}
