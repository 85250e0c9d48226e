package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

var errGone = errors.New("caller is gone")

// second is one second of sound.
func second(n float64) ringbid.Audio { return make(ringbid.Audio, int(n*8000)) }

// wait lets time pass, or returns why it did not.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return errGone
	}
}

// line is a call that behaves as scripted. Time passes as it would.
type line struct {
	inv      ringbid.Invite
	answers  []string          // of one Gather each; then silence
	verdicts []ringbid.Verdict // of one Dial each; then busy
	ring     time.Duration     // of every Dial
	talk     time.Duration     // after which the buyer hangs up
	byBuyer  bool              // false: the talk ends by the caller
	bargeIn  time.Duration     // a key is pressed so far into a prompt that allows it
	broken   string            // the operation that fails
	err      error
	heals    bool // it fails once

	mu     sync.Mutex
	hangup context.CancelFunc
	did    []string
	asked  []ringbid.Gather
	dials  []ringbid.Dial
	ended  []ringbid.Reason
}

func (l *line) note(format string, args ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	op := fmt.Sprintf(format, args...)
	l.did = append(l.did, op)
	if l.broken != "" && len(op) >= len(l.broken) && op[:len(l.broken)] == l.broken {
		if l.heals {
			l.broken = ""
		}
		return l.err
	}
	return nil
}

func (l *line) Invite() ringbid.Invite { return l.inv }

func (l *line) Answer(ctx context.Context, record bool) error {
	if err := l.note("answer record=%v", record); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errGone
	}
	return nil
}

func (l *line) Ring() { _ = l.note("ring") }

func (l *line) Play(ctx context.Context, a ringbid.Audio, bargeIn bool) error {
	if err := l.note("play %.1f", a.Duration().Seconds()); err != nil {
		return err
	}
	d := a.Duration()
	if bargeIn && l.bargeIn > 0 {
		d = min(d, l.bargeIn)
	}
	return wait(ctx, d)
}

func (l *line) Gather(ctx context.Context, g ringbid.Gather) (string, error) {
	if err := l.note("gather %.1f", g.Prompt.Duration().Seconds()); err != nil {
		return "", err
	}
	l.mu.Lock()
	l.asked = append(l.asked, g)
	answer, pause := "", g.Prompt.Duration()+g.FirstTimeout
	if len(l.answers) > 0 {
		answer, l.answers, pause = l.answers[0], l.answers[1:], g.Prompt.Duration()+time.Second
	}
	l.mu.Unlock()
	return answer, wait(ctx, pause)
}

func (l *line) Dial(ctx context.Context, d ringbid.Dial) ringbid.Attempt {
	_ = l.note("dial %s", d.Award.Target)
	l.mu.Lock()
	l.dials = append(l.dials, d)
	v := ringbid.VerdictBusy
	if len(l.verdicts) > 0 {
		v, l.verdicts = l.verdicts[0], l.verdicts[1:]
	}
	l.mu.Unlock()
	began := time.Now()
	if wait(ctx, l.ring) != nil {
		v = ringbid.VerdictCancelled
	}
	return ringbid.Attempt{Verdict: v, Started: began, AnswerMS: l.ring.Milliseconds()}
}

func (l *line) Bridge(ctx context.Context, most time.Duration) ringbid.Talk {
	if l.note("bridge") != nil {
		return ringbid.Talk{Reason: ringbid.Reason{Code: "no_media"}}
	}
	t := ringbid.Talk{Started: time.Now(), EndedBy: byUs}
	d := min(l.talk, most)
	if err := wait(ctx, d); err != nil {
		t.EndedBy = byCaller
	} else if d == l.talk {
		t.EndedBy = byBuyer
		if !l.byBuyer {
			t.EndedBy = byCaller
			l.hangup()
		}
	}
	t.MS = time.Since(t.Started).Milliseconds()
	return t
}

func (l *line) Hangup(_ context.Context, r ringbid.Reason) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, r)
	return nil
}

// knowing is a line that knows who ended it.
type knowing struct {
	*line
	by     string
	reason ringbid.Reason
}

func (k *knowing) Ended() (string, ringbid.Reason) { return k.by, k.reason }

// bench is a market and a directory of fixed content.
type bench struct {
	book    *ringbid.Book
	prompts map[string]ringbid.Audio
	seen    bool
	awards  []ringbid.Award // best first
	delay   time.Duration   // how long the first Award takes

	meanwhile func(*Runner) // runs beside the call

	mu      sync.Mutex
	events  []ringbid.Event
	markets []*stall
}

// stall is one opened auction.
type stall struct {
	b        *bench
	ctx      context.Context // bidders are waited for as long
	ask      ringbid.Ask
	offered  ringbid.TagMap
	left     []ringbid.Award
	held     map[string]bool // bids with a reserved slot
	reports  []ringbid.Attempt
	misuse   []string
	done     int
	talk     time.Duration
	openedAt time.Time
}

func (b *bench) Book() *ringbid.Book { return b.book }

func (b *bench) Prompt(name string) (ringbid.Audio, error) {
	a, ok := b.prompts[name]
	if !ok {
		return nil, ringbid.Errorf(ringbid.Unavailable, "prompt %s is not ready", name)
	}
	return a, nil
}

func (b *bench) SeenWithin(_, _ ringbid.Phone, _ time.Time, window time.Duration) bool {
	return b.seen && window > 0
}

func (b *bench) emit(e ringbid.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *bench) Open(ctx context.Context, ask ringbid.Ask) Auction {
	s := &stall{b: b, ctx: ctx, ask: ask, offered: ringbid.TagMap{}, left: slices.Clone(b.awards), held: map[string]bool{}, openedAt: time.Now()}
	b.markets = append(b.markets, s)
	return s
}

func (s *stall) Offer(facts ringbid.TagMap) {
	if s.done > 0 {
		s.misuse = append(s.misuse, "Offer after Done")
	}
	for k, v := range facts {
		s.offered[k] = v
	}
}

func (s *stall) Award(ctx context.Context) (ringbid.Award, bool) {
	if s.done > 0 {
		s.misuse = append(s.misuse, "Award after Done")
	}
	if s.ctx.Err() != nil && ctx.Err() == nil {
		s.misuse = append(s.misuse, "Award after the end of the auction's context")
	}
	if s.b.delay > 0 && wait(ctx, s.b.delay) != nil {
		return ringbid.Award{}, false
	}
	if len(s.held) > 0 {
		s.misuse = append(s.misuse, "Award before the last was reported")
	}
	if len(s.left) == 0 {
		return ringbid.Award{}, false
	}
	a := s.left[0]
	s.left = s.left[1:]
	s.held[a.Bid] = true
	return a, true
}

func (s *stall) Report(a ringbid.Award, at ringbid.Attempt) {
	if !s.held[a.Bid] {
		s.misuse = append(s.misuse, "Report of what was not awarded")
	}
	s.reports = append(s.reports, at)
	if at.Verdict != ringbid.VerdictAnswered {
		delete(s.held, a.Bid)
	}
}

func (s *stall) Done(talk time.Duration) ringbid.Auction {
	s.done++
	s.talk = talk
	clear(s.held)
	return ringbid.Auction{ID: "auction", CallID: s.ask.CallID, Attempts: len(s.reports)}
}

const (
	tracking ringbid.Phone = "+18005550100"
	caller   ringbid.Phone = "+13105550123"
)

// newBench publishes one flow of the given nodes, the first being the start.
func newBench(nodes ...ringbid.Node) *bench {
	flow := &ringbid.Flow{Name: "flow", Start: nodes[0].ID, Nodes: nodes}
	b := &bench{
		prompts: map[string]ringbid.Audio{
			"recorded": second(3), "ask": second(2), "again": second(1), "bye": second(1), "music": second(4), "whisper": second(1),
		},
		book: &ringbid.Book{
			FlowVersions: map[string]int{"flow": 7},
			Numbers:      map[ringbid.Phone]*ringbid.Number{tracking: {Number: tracking, Campaign: "auto", Publisher: "pub", Tags: ringbid.TagMap{"source": "radio"}}},
			Campaigns:    map[string]*ringbid.Campaign{"auto": {Name: "auto", Flow: "flow", Payout: &ringbid.Payout{Share: 50}}},
			Flows:        map[string]*ringbid.Flow{"flow": flow},
			Publishers:   map[string]*ringbid.Publisher{"pub": {Name: "pub"}},
			Targets:      map[string]*ringbid.Target{},
		},
	}
	for i, name := range []string{"north", "south", "east"} {
		b.book.Targets[name] = &ringbid.Target{Name: name, Buyer: name + "-buyer", Whisper: "whisper", ConvertAfter: ringbid.Duration(10 * time.Second)}
		b.awards = append(b.awards, ringbid.Award{
			Bid: name, Name: name, Target: name, Buyer: name + "-buyer", User: "100", Rank: i + 1,
			Price: ringbid.Money(30-10*i) * ringbid.MoneyScale,
		})
	}
	return b
}

func newLine() *line {
	return &line{
		inv: ringbid.Invite{
			CallID: "call-1", SIPCallID: "sip-1", Trunk: "carrier", Number: tracking, Caller: caller, CallerName: "Ann",
			Received: time.Now(), Tags: ringbid.TagMap{"x_campaign": "spring"},
		},
		ring: 3 * time.Second, talk: 30 * time.Second,
	}
}

// run runs the call; the caller hangs up after the given time, 0 for never.
func (b *bench) run(t *testing.T, c Call, l *line, patience time.Duration) *ringbid.Call {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l.hangup = cancel
	if patience > 0 {
		timer := time.AfterFunc(patience, cancel)
		defer timer.Stop()
	}
	r := New(Config{Market: b, Directory: b, Emit: b.emit, Logger: slog.New(slog.DiscardHandler), Node: "n1"})
	var beside sync.WaitGroup
	if b.meanwhile != nil {
		beside.Go(func() { b.meanwhile(r) })
	}
	out := r.Run(ctx, c)
	beside.Wait()
	b.consistent(t, l, out)
	return out
}

// consistent holds whatever the script: one outcome, one reason, one hang-up at
// most, every auction done once with nothing held.
func (b *bench) consistent(t *testing.T, l *line, c *ringbid.Call) {
	t.Helper()
	if c.State != ringbid.StateEnded || c.Ended == nil || c.Outcome == "" || c.Reason.Code == "" || c.Reason.Fault == "" || c.EndedBy == "" {
		t.Errorf("incomplete: state %q outcome %q reason %+v by %q", c.State, c.Outcome, c.Reason, c.EndedBy)
	}
	if c.ID == "" || c.Node != "n1" || c.Sale.Currency == "" && c.Flow != "" {
		t.Errorf("incomplete: id %q node %q sale %+v", c.ID, c.Node, c.Sale)
	}
	if len(l.ended) > 1 {
		t.Errorf("hung up %d times", len(l.ended))
	}
	bridged := c.Outcome == ringbid.OutcomeBridged
	if bridged != (c.Connected != nil) || bridged != (c.Target != "") || (!bridged && (c.ConnectedMS != 0 || c.Sale.Price != 0)) {
		t.Errorf("inconsistent: outcome %s connected %v ms %d target %q sale %+v", c.Outcome, c.Connected, c.ConnectedMS, c.Target, c.Sale)
	}
	if len(b.markets) > 1 {
		t.Errorf("opened %d auctions", len(b.markets))
	}
	for _, s := range b.markets {
		sold := c.ConnectedMS
		if b.meanwhile != nil && c.Target != "north" {
			sold = 0 // to nobody: an operator decided
		}
		if s.done != 1 || len(s.misuse) > 0 || len(s.held) > 0 || c.Auction == nil || s.talk.Milliseconds() != sold {
			t.Errorf("auction: done %d times, misuse %q, held %v, talk %s, record %v", s.done, s.misuse, s.held, s.talk, c.Auction)
		}
	}
	ends := 0
	for _, e := range b.events {
		if e.Kind == ringbid.EventEnded {
			ends++
		}
	}
	if ends != 1 || len(b.events) == 0 || b.events[0].Kind != ringbid.EventReceived || b.events[len(b.events)-1].Kind != ringbid.EventEnded {
		t.Errorf("events: %d ends among %d", ends, len(b.events))
	}
}

// walked returns the steps as "node" or "node>label".
func walked(steps []ringbid.Step) []string {
	var out []string
	for _, s := range steps {
		if s.Edge != "" {
			out = append(out, s.Node+">"+s.Edge)
			continue
		}
		out = append(out, s.Node)
	}
	return out
}
