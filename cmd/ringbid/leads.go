package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/cmd/ringbid/document"
	"github.com/ringbid/ringbid/cmd/ringbid/trade"
	"github.com/ringbid/ringbid/delivery/connector"
	"github.com/ringbid/ringbid/delivery/email"
	"github.com/ringbid/ringbid/delivery/intake"
	"github.com/ringbid/ringbid/delivery/webhook"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/web/api"
)

// startTrade joins the parts that sell and deliver leads. It comes after the
// market, and before anything that could take a lead in.
func (a *app) startTrade(ctx context.Context) error {
	mailer, err := a.cfg.mailer()
	if err != nil {
		return err
	}
	client, err := connector.New(connector.Config{Allow: a.cfg.allowed(), UserAgent: "ringbid/" + version()})
	if err != nil {
		return err
	}
	a.trade.Store(trade.New(trade.Config{
		Store: a.store, Queue: a.queue, Market: a.market, Client: client, Mailer: mailer, Book: a.book, Link: a.leadLink, AlertTo: split(a.cfg.AlertTo),
		Node: a.node, Logger: a.log, Registerer: a.reg,
	}))
	a.trade.Load().Start(ctx)
	a.life.onStop("trade", a.trade.Load().Stop)
	return nil
}

// deliver makes the next try of a delivery; it is the queue's.
func (a *app) deliver(ctx context.Context, delivery string) (time.Duration, error) {
	t := a.trade.Load()
	if t == nil { // the queue was quicker than the rest of the start
		return time.Second, nil
	}
	return t.Engine.Deliver(ctx, delivery)
}

// leadSettled tells a publisher who waits for it; it is the store's.
func (a *app) leadSettled(r ringbid.LeadResult) {
	if t := a.trade.Load(); t != nil {
		t.Desk.Settled(r)
	}
}

// leadLink is the address of a lead's page in the portal, where one is known.
func (a *app) leadLink(lead string) string {
	if a.cfg.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(a.cfg.PublicURL, "/") + "/portal/leads/" + lead
}

const defaultMailFrom = "ringbid <ringbid@localhost.localdomain>"

// mailer makes the way out for letters; nil where no server is named.
func (c *config) mailer() (*email.Mailer, error) {
	if c.SMTP == "" {
		return nil, nil
	}
	conf := email.Config{URL: c.SMTP, From: cmp.Or(c.MailFrom, defaultMailFrom), Timeout: 40 * time.Second}
	if c.DKIM != "" {
		parts := strings.SplitN(c.DKIM, ":", 3)
		if len(parts) != 3 {
			return nil, errors.New("--dkim is not DOMAIN:SELECTOR:FILE")
		}
		pem, err := os.ReadFile(parts[2])
		if err != nil {
			return nil, fmt.Errorf("--dkim: %w", err)
		}
		key, err := email.ParseKey(pem)
		if err != nil {
			return nil, fmt.Errorf("--dkim %s: %w", parts[2], err)
		}
		conf.DKIM = &email.DKIM{Domain: parts[0], Selector: parts[1], Key: key}
	}
	if c.MailRoots != "" {
		pem, err := os.ReadFile(c.MailRoots)
		if err != nil {
			return nil, fmt.Errorf("--smtp-ca: %w", err)
		}
		conf.Roots = x509.NewCertPool()
		if !conf.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--smtp-ca %s holds no certificate", c.MailRoots)
		}
	}
	return email.New(conf)
}

func split(s string) []string {
	var out []string
	for x := range strings.SplitSeq(s, ",") {
		if x = strings.TrimSpace(x); x != "" {
			out = append(out, x)
		}
	}
	return out
}

// postings take leads in for the API.
type postings struct{ a *app }

// Post takes a lead.
func (p postings) Post(ctx context.Context, x api.Posting) (api.Answer, error) {
	if p.a.draining.Load() {
		return api.Answer{}, ringbid.Errorf(ringbid.Unavailable, "this node is shutting down; send it again")
	}
	answer, err := p.a.trade.Load().Desk.Post(ctx, intake.Posting{
		Source: x.Source, Way: x.Way, External: x.External, PingID: x.PingID, Test: x.Test, Values: x.Values,
	})
	return api.Answer(answer), err
}

// news take partners' webhooks in for the API.
type news struct{ a *app }

// Take verifies a request and applies what it says.
func (n news) Take(ctx context.Context, h *ringbid.Hook, r api.Received) (api.HookAnswer, error) {
	var out api.HookAnswer
	host := r.Header.Get("Host")
	received := webhook.Received{Method: r.Method, URL: "https://" + host + r.Path, Path: r.Path, Header: r.Header, Body: r.Body}
	now := time.Now()
	proof, err := document.HookScheme(h).Verify(received, now)
	if err != nil {
		return out, err
	}
	events, err := document.HookRules(h).Read(r.Header.Get("Content-Type"), r.Body, proof)
	if err != nil {
		return out, err
	}
	for _, e := range events {
		if e.At.IsZero() {
			e.At = now
		}
		state, err := n.a.store.TakeEvent(ctx, store.HookEvent{
			Hook: h.Name, Buyer: h.Buyer, ID: e.ID, Lead: e.LeadID, Partner: e.BuyerLeadID, Status: e.Status, At: e.At, Version: e.Version,
			Note: e.Note, Amount: e.Amount, Raw: e.Raw,
		})
		if err != nil {
			return out, err
		}
		out.Events++
		switch state {
		case store.HookApplied:
			out.Applied++
		case store.HookParked:
			out.Parked++
		default:
			out.Repeated++
		}
	}
	return out, nil
}
