package sim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ringbid/ringbid"
)

// LeadTrafficConfig describes a stream of leads.
type LeadTrafficConfig struct {
	Targets []LeadSource
	// Rate is how many leads come per minute, on average; default 12.
	Rate float64
	// AtOnce is how many may be on their way at once; default 10. At the limit a
	// lead is left out, not posted later.
	AtOnce int
	// Twice is the share of people, up to 1, who come a second time; default 0.05.
	// Bad is the share of leads with a value that is not sound; default 0.03.
	// Below 0 there are none.
	Twice, Bad float64
	// Seed makes the same leads again, but for the time of consent; 0 = new ones.
	Seed   uint64
	Logger *slog.Logger // nil = discard
	// Each is told of every lead when it is over; may be nil. It is called from
	// several goroutines.
	Each func(LeadStory)
}

// LeadSource is a publisher's way in.
type LeadSource struct {
	// URL takes leads; with PingPost, URL/ping and URL/post do.
	URL      string
	Key      string // sent as a bearer token
	Weight   int    // default 1
	PingPost bool
}

// LeadTraffic posts leads of believable people, at random times.
type LeadTraffic struct {
	cfg   LeadTrafficConfig
	rnd   *rand.Rand
	slots chan struct{}
	posts sync.WaitGroup
	http  http.Client

	grace time.Duration

	recent []postedLead // the last ones, of whom some come again
	phones map[string]int
	nth    int
}

// postedLead is a lead on its way to a target.
type postedLead struct {
	to                LeadSource
	fields            map[string]string
	twice, again, bad bool
}

const (
	leadTimeout = 30 * time.Second // of a request
	leadGrace   = 5 * time.Second  // for requests under way when the traffic ends
)

// NewLeadTraffic checks the description. The error is Invalid.
func NewLeadTraffic(c LeadTrafficConfig) (*LeadTraffic, error) {
	c.Rate, c.AtOnce = cmp.Or(c.Rate, 12), cmp.Or(c.AtOnce, 10)
	c.Twice, c.Bad = cmp.Or(c.Twice, 0.05), cmp.Or(c.Bad, 0.03)
	c.Seed = cmp.Or(c.Seed, rand.Uint64())
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case len(c.Targets) == 0:
		return nil, ringbid.FieldError("targets", "there are none")
	case !(c.Rate > 0 && c.Rate <= 60_000) || c.AtOnce < 1:
		return nil, ringbid.FieldError("rate", "%v leads a minute, %d at once", c.Rate, c.AtOnce)
	case !(c.Twice <= 1) || !(c.Bad <= 1):
		return nil, ringbid.FieldError("twice", "%v and %v are not shares of 1", c.Twice, c.Bad)
	}
	for _, t := range c.Targets {
		if !strings.HasPrefix(t.URL, "http://") && !strings.HasPrefix(t.URL, "https://") {
			return nil, ringbid.FieldError("targets.url", "%.80q is not an http or https address", t.URL)
		}
	}
	return &LeadTraffic{
		cfg: c, rnd: rand.New(rand.NewPCG(c.Seed, 2)), slots: make(chan struct{}, c.AtOnce), phones: map[string]int{},
		grace: leadGrace,
		http: http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: c.AtOnce, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Run posts leads until ctx ends. Those under way get five seconds more, so that
// what became of them is known; then Run returns.
func (t *LeadTraffic) Run(ctx context.Context) {
	defer t.http.CloseIdleConnections()
	posting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for {
		pause := time.NewTimer(t.pause())
		select {
		case <-ctx.Done():
			pause.Stop()
			late := time.AfterFunc(t.grace, cancel)
			t.posts.Wait()
			late.Stop()
			return
		case <-pause.C:
		}
		select {
		case t.slots <- struct{}{}:
			lead := t.lead(time.Now())
			t.posts.Go(func() { t.post(posting, lead) })
		default:
			t.cfg.Logger.Debug("lead left out", "limit", t.cfg.AtOnce)
		}
	}
}

// pause is the time to the next lead: exponential, so that leads arrive
// independently of one another, at most five times the mean.
func (t *LeadTraffic) pause() time.Duration {
	mean := float64(time.Minute) / t.cfg.Rate
	return time.Duration(mean * min(5, t.rnd.ExpFloat64()))
}

// lead makes up the next lead. Nobody comes again by accident, as far as there
// are numbers enough; some do on purpose, with a new lead or the very same.
func (t *LeadTraffic) lead(now time.Time) postedLead {
	if len(t.recent) > 0 && t.rnd.Float64() < t.cfg.Twice {
		lead := t.recent[t.rnd.IntN(len(t.recent))]
		lead.twice = true
		lead.fields = maps.Clone(lead.fields)
		if lead.again = t.rnd.IntN(4) == 0; !lead.again {
			lead.to = t.target()
			t.name(lead.fields, now)
		}
		return lead
	}
	lead := postedLead{to: t.target(), fields: consumer(t.rnd)}
	for range 20 {
		if t.phones[digits(lead.fields["phone"])] == 0 {
			break
		}
		lead.fields = consumer(t.rnd)
	}
	t.name(lead.fields, now)
	if lead.bad = t.rnd.Float64() < t.cfg.Bad; lead.bad {
		spoil(t.rnd, lead.fields)
		return lead
	}
	t.recent = append(t.recent, lead)
	t.phones[digits(lead.fields["phone"])]++
	if len(t.recent) > remembered {
		t.phones[digits(t.recent[0].fields["phone"])]--
		t.recent = t.recent[1:]
	}
	return lead
}

// name gives a lead its publisher's id and its time of consent.
func (t *LeadTraffic) name(fields map[string]string, now time.Time) {
	t.nth++
	fields["id"] = fmt.Sprintf("L%06d-%08x", t.nth, t.rnd.Uint32())
	fields["consent_at"] = now.Add(-time.Duration(t.rnd.IntN(90)) * time.Second).UTC().Format(time.RFC3339)
}

func digits(phone string) string {
	d := strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, phone)
	return d[max(0, len(d)-10):]
}

func (t *LeadTraffic) target() LeadSource {
	all := 0
	for _, s := range t.cfg.Targets {
		all += max(1, s.Weight)
	}
	n := t.rnd.IntN(all)
	for _, s := range t.cfg.Targets {
		if n -= max(1, s.Weight); n < 0 {
			return s
		}
	}
	return t.cfg.Targets[0]
}

// post posts a lead, after a ping where the source wants one, and tells of it.
func (t *LeadTraffic) post(ctx context.Context, lead postedLead) {
	defer func() { <-t.slots }()
	s := LeadStory{
		Source: lead.to.URL, ExternalID: lead.fields["id"], Fields: lead.fields,
		Twice: lead.twice, Again: lead.again, Bad: lead.bad, At: time.Now(),
	}
	if lead.to.PingPost {
		t.pingPost(ctx, lead, &s)
	} else {
		s.Status, s.Answer, s.Err = t.send(ctx, lead.to.URL, lead.to.Key, lead.fields)
	}
	s.Took = time.Since(s.At)
	if s.Err != nil {
		t.cfg.Logger.Warn("lead not answered", "id", s.ExternalID, "error", s.Err)
	}
	if t.cfg.Each != nil {
		t.cfg.Each(s)
	}
}

func (t *LeadTraffic) pingPost(ctx context.Context, lead postedLead, s *LeadStory) {
	fields := maps.Clone(lead.fields)
	for _, name := range leadContact() {
		delete(fields, name)
	}
	s.PingStatus, s.Answer, s.Err = t.send(ctx, lead.to.URL+"/ping", lead.to.Key, fields)
	s.PingID, _ = s.Answer["ping_id"].(string)
	if s.Err != nil || s.Answer["status"] != "accepted" || s.PingID == "" {
		return
	}
	fields = maps.Clone(lead.fields)
	fields["ping_id"] = s.PingID
	s.Status, s.Answer, s.Err = t.send(ctx, lead.to.URL+"/post", lead.to.Key, fields)
}

// send makes one request and reads at most 64 KB of the answer.
func (t *LeadTraffic) send(ctx context.Context, where, key string, fields map[string]string) (int, map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, leadTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(asJSON(fields)))
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := t.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("post lead: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(io.LimitReader(res.Body, maxLeadBytes))
	if err != nil {
		return res.StatusCode, nil, fmt.Errorf("read answer: %w", err)
	}
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return res.StatusCode, nil, nil
	}
	return res.StatusCode, answer, nil
}
