package delivery

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/delivery/mapping"
)

// Ledger keeps deliveries; the store does.
type Ledger interface {
	// BeginTry claims a delivery for one try, where its endpoint may be asked.
	BeginTry(ctx context.Context, delivery string, limits func(method string) ringbid.WorkLimits) (ringbid.Work, error)
	// EndTry writes down how it ended and carries out what follows.
	EndTry(ctx context.Context, r ringbid.TryReport) error
}

// Assigner gives a lead in the portal's inbox to whose turn it is among the
// agents, where nobody has it.
type Assigner interface {
	Assign(ctx context.Context, buyer, purchase string, agents []string) error
}

// EngineConfig is what an Engine is made with.
type EngineConfig struct {
	Ledger   Ledger
	Assigner Assigner
	Sender   *connector.Sender
	Mailer   *email.Mailer // nil: letters cannot be sent
	Book     func() *ringbid.Book
	// Link returns the address of a lead's page for the buyer, or "".
	Link       func(lead string) string
	Now        func() time.Time // default time.Now
	Logger     *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Engine delivers leads: one call of Deliver is one try. It holds nothing
// between tries but compiled plans.
type Engine struct {
	cfg     EngineConfig
	metrics *engineMetrics
	mu      sync.Mutex
	plans   map[planKey]planned
}

type planKey struct {
	method *ringbid.Method
	fields *ringbid.FieldMap
}

type planned struct {
	plan     *connector.Plan
	problems []mapping.Problem
}

// NewEngine makes an engine.
func NewEngine(c EngineConfig) *Engine {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = quiet()
	}
	if c.Link == nil {
		c.Link = func(string) string { return "" }
	}
	m, err := newEngineMetrics(c.Registerer)
	if err != nil {
		c.Logger.Error("delivery metrics not registered", slog.Any("error", err))
	}
	return &Engine{cfg: c, metrics: m, plans: map[planKey]planned{}}
}

// Bounds of a try.
const (
	sendFor   = 45 * time.Second // less than the store waits for a worker
	reportFor = 40 * time.Second // while Postgres is away
)

// Deliver makes the next try of a delivery, where it is time for one. again is
// how much later to come back; 0 where there is nothing more to do for now: what
// follows has been queued with the report. The context's end does not cut an
// exchange short, which would leave everybody in doubt.
func (e *Engine) Deliver(ctx context.Context, id string) (again time.Duration, err error) {
	w, err := e.cfg.Ledger.BeginTry(ctx, id, e.limits)
	if err != nil {
		return 0, err
	}
	if w.Claim == "" {
		return w.Wait, nil
	}
	method := e.cfg.Book().Methods[w.Delivery.Method]
	if w.Open {
		r, leave := e.leave(w, method)
		if !leave {
			return w.Wait, nil
		}
		return 0, e.report(ctx, r)
	}
	began := e.cfg.Now()
	out := e.outcome(ctx, w, method)
	r := e.judge(w, method, out, began)
	kind := "none"
	if method != nil {
		kind = method.Type
	}
	e.metrics.tried(kind, out.Class, r.Try.Next, e.cfg.Now().Sub(began))
	return 0, e.report(ctx, r)
}

// limits are a method's; one that is not published any more has the defaults.
func (e *Engine) limits(method string) ringbid.WorkLimits {
	m := e.cfg.Book().Methods[method]
	if m == nil {
		return ringbid.WorkLimits{Concurrency: ringbid.DefaultConcurrency, Cooldown: ringbid.DefaultCooldown}
	}
	l := ringbid.WorkLimits{Rate: m.Rate, Concurrency: m.Concurrency, Cooldown: m.Cooldown.Or(ringbid.DefaultCooldown), Paused: m.Paused}
	if l.Concurrency == 0 {
		l.Concurrency = ringbid.DefaultConcurrency
	}
	if m.Type == "portal" {
		l.Concurrency = 0 // nobody is asked
	}
	return l
}

// outcome makes the exchange.
func (e *Engine) outcome(ctx context.Context, w ringbid.Work, m *ringbid.Method) connector.Outcome {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendFor)
	defer cancel()
	switch {
	case w.Unfinished:
		return connector.Outcome{Class: connector.ClassAmbiguous, Code: CodeWorker, Sent: connector.SentMaybe,
			Reason: "the worker that was sending it is gone"}
	case m == nil:
		return connector.Outcome{Class: connector.ClassUnsound, Code: CodeMethod, Sent: connector.SentNo, Reason: "its method is not published any more"}
	case m.Type == "portal":
		return e.inbox(sending, w, m)
	case m.Type == "email":
		return e.letter(sending, w, m)
	}
	p := e.plan(m)
	if p.plan == nil {
		return connector.Outcome{Class: connector.ClassUnsound, Code: CodeMethod, Sent: connector.SentNo, Reason: "its method is unsound: " + first(p.problems)}
	}
	return e.cfg.Sender.Send(sending, p.plan, connector.Ask{Key: w.Lead.ID, Facts: e.facts(w)})
}

// Further codes of outcomes.
const (
	CodeWorker connector.Code = "worker_lost"
	CodeMethod connector.Code = "method"
	CodeOpen   connector.Code = "breaker_open"
)

func first(problems []mapping.Problem) string {
	if len(problems) == 0 {
		return ""
	}
	return problems[0].String()
}

// plan returns a method's compiled exchange.
func (e *Engine) plan(m *ringbid.Method) planned {
	k := planKey{m, e.cfg.Book().Maps[m.Map]}
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.plans[k]; ok {
		return p
	}
	if len(e.plans) > 1000 { // of books that are gone
		clear(e.plans)
	}
	var p planned
	p.plan, p.problems = Compile(k.method, k.fields)
	e.plans[k] = p
	return p
}

// ours begins the names under which a map always finds what the platform knows of
// a lead: our_lead_id, our_campaign, our_received, our_purchase_id, our_ping_id,
// our_price and our_target.
const ours = "our_"

// Facts are what a method's map reads of a lead: its own facts, and what the sale
// adds. That has two names: our_price, and price, unless the lead's campaign, which
// may be nil, has a field of that name: then price is the lead's, also where the
// lead has none. Only lead_id and ping_id are always ours.
func Facts(w ringbid.Work, c *ringbid.Campaign) map[string]string {
	f := make(map[string]string, len(w.Facts)+14)
	for k, v := range w.Facts {
		f[k] = v
	}
	add := func(name, value string) {
		f[ours+name] = value
		if name == "lead_id" || name == "ping_id" || !declares(c, name) {
			f[name] = value
		}
	}
	add("lead_id", w.Lead.ID)
	add("campaign", w.Lead.Campaign)
	add("received", w.Lead.Received.UTC().Format(time.RFC3339))
	if p := w.Purchase; p != nil {
		add("purchase_id", p.ID)
		add("ping_id", p.BidID)
		add("price", p.Sale.Price.String())
		add("target", p.Target)
	}
	return f
}

// declares reports whether the campaign's leads have a field of the name.
func declares(c *ringbid.Campaign, name string) bool {
	return c != nil && c.Lead != nil && slices.ContainsFunc(c.Lead.Fields, func(f ringbid.LeadField) bool { return f.Name == name })
}

// facts are those of the work at hand.
func (e *Engine) facts(w ringbid.Work) map[string]string {
	return Facts(w, e.cfg.Book().Campaigns[w.Lead.Campaign])
}

// inbox puts the lead before the buyer's people.
func (e *Engine) inbox(ctx context.Context, w ringbid.Work, m *ringbid.Method) connector.Outcome {
	out := connector.Outcome{Class: connector.ClassAccepted, Sent: connector.SentAnswered, Reason: "in the inbox of the portal"}
	if w.Purchase == nil || e.cfg.Assigner == nil {
		return out
	}
	agents := e.agents(w, m)
	if len(agents) == 0 {
		return out
	}
	if err := e.cfg.Assigner.Assign(ctx, w.Purchase.Buyer, w.Purchase.ID, agents); err != nil {
		e.cfg.Logger.Warn("lead is not assigned", slog.String("lead_id", w.Lead.ID), slog.Any("error", err))
	}
	return out
}

// agents returns among whom the lead is given away by the method's rule; none
// leaves it for whoever claims it.
func (e *Engine) agents(w ringbid.Work, m *ringbid.Method) []string {
	switch m.Assign {
	case "round_robin":
		return e.cfg.Book().AgentsOf(w.Purchase.Target)
	case "territory":
		return territory(m.Territories, w.Facts["state"])
	}
	return nil
}

// report tells the ledger, and goes on telling while it is away.
func (e *Engine) report(ctx context.Context, r ringbid.TryReport) error {
	telling, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportFor)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := e.cfg.Ledger.EndTry(telling, r)
		switch ringbid.KindOf(err) {
		case ringbid.Unavailable, ringbid.Busy:
		case ringbid.Conflict:
			e.cfg.Logger.Warn("delivery was taken over", slog.String("delivery", r.Delivery), slog.Any("error", err))
			return nil
		default:
			return err
		}
		timer := time.NewTimer(pause + rand.N(pause))
		select {
		case <-timer.C:
		case <-telling.Done():
			timer.Stop()
			return err
		}
	}
}

// notes are a map's notes as they are stored.
func notes(r mapping.Result) string {
	if len(r.Notes) == 0 {
		return ""
	}
	b, err := json.Marshal(r.Notes)
	if err != nil {
		return ""
	}
	return string(b)
}
