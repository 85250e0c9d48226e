package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringbid/ringbid/cmd/ringbid/document"
	"github.com/ringbid/ringbid/sim"
)

//go:embed demo/*.yaml
var demoDocuments embed.FS

// world is the simulated world around a demo: who calls, who bids, who answers.
type world struct {
	carrier *sim.Carrier
	buyers  *sim.Buyers
	bidders *sim.Bidders
	leads   leadWorld
}

// demoConfig is what a demo adds to the settings of serve.
type demoConfig struct {
	rate  float64 // calls a minute, 0 for none
	leads float64 // data leads a minute, 0 for none
	calls int     // at once
}

// demoCommand runs the platform with a simulated world around it.
func demoCommand() *cobra.Command {
	var (
		c config
		d demoConfig
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Take calls, with a simulated carrier, publishers and buyers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, flush, err := newLogger(c.LogLevel)
			if err != nil {
				return err
			}
			defer flush()
			signals := notifyStop()
			defer signal.Stop(signals)
			a, password, err := startDemo(cmd.Context(), c, d, log)
			if err != nil {
				return err
			}
			a.announce()
			a.welcome(cmd, password)
			return a.serveUntil(signals)
		},
	}
	c.flags(cmd.Flags())
	cmd.Flags().Float64Var(&d.rate, "rate", 15, "simulated calls a minute, 0 for none")
	cmd.Flags().Float64Var(&d.leads, "leads", 20, "simulated data leads a minute, 0 for none")
	cmd.Flags().IntVar(&d.calls, "concurrency", 8, "simulated calls at once")
	return cmd
}

// startDemo starts the platform and the world, publishes the demo's documents
// and lets the calls come.
func startDemo(ctx context.Context, c config, d demoConfig, log *slog.Logger) (a *app, password string, err error) {
	if c.AllowHTTP == "" {
		c.AllowHTTP = "127.0.0.1" // the simulated bidders
	}
	post, err := openPostOffice(ctx, &c, log)
	if err != nil {
		return nil, "", err
	}
	if a, err = start(ctx, c, log); err != nil {
		return nil, "", errors.Join(err, post.stop(context.WithoutCancel(ctx)))
	}
	a.life.onStop("post office", post.stop)
	a.mailPages = post.pages
	defer func() {
		if err != nil {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangupGrace)
			defer cancel()
			err = errors.Join(err, a.life.stop(stopping))
		}
	}()
	w, err := a.openWorld(log)
	if err != nil {
		return nil, "", err
	}
	a.world = w
	if password, err = c.demoPassword(); err != nil {
		return nil, "", err
	}
	if err := a.publishDemo(ctx, w, password); err != nil {
		return nil, "", fmt.Errorf("publish the demo's documents: %w", err)
	}
	if err := a.startLeads(ctx, d.leads, log); err != nil {
		return nil, "", err
	}
	return a, password, a.startTraffic(ctx, w, d, log)
}

// openWorld opens the simulated parties, on ports of their own.
func (a *app) openWorld(log *slog.Logger) (w world, err error) {
	if w.buyers, err = sim.NewBuyers(sim.BuyersConfig{Logger: log}); err != nil {
		return w, fmt.Errorf("start simulated buyers: %w", err)
	}
	a.life.onStop("simulated buyers", w.buyers.Close)
	if w.bidders, err = sim.NewBidders(sim.BiddersConfig{SIP: w.buyers.Addr(), Logger: log}); err != nil {
		return w, fmt.Errorf("start simulated bidders: %w", err)
	}
	a.life.onStop("simulated bidders", w.bidders.Close)
	if w.carrier, err = sim.NewCarrier(sim.CarrierConfig{Logger: log}); err != nil {
		return w, fmt.Errorf("start simulated carrier: %w", err)
	}
	a.life.onStop("simulated carrier", w.carrier.Close)
	w.leads, err = a.openLeadWorld(log)
	return w, err
}

// publishDemo publishes the demo's documents with the world's addresses in them.
func (a *app) publishDemo(ctx context.Context, w world, password string) error {
	text, err := renderDemo(map[string]string{
		"CarrierNet": "127.0.0.1", "Buyers": w.buyers.Addr(), "Bidders": w.bidders.Addr(), "Password": password,
		"LeadBuyers": w.leads.buyers.Addr(), "Salesforce": w.leads.salesforce.URL(), "HubSpot": w.leads.hubspot.URL(),
		"HubSpotKey": demoHubSpotKey, "LeadKey": demoLeadKey(password), "HookSecret": demoHookSecret(password),
	})
	if err != nil {
		return err
	}
	set, err := document.Parse("demo", text)
	if err != nil {
		return err
	}
	docs, err := together(ctx, a.store, set, false)
	if err != nil {
		return err
	}
	changes, problems, err := a.store.Apply(ctx, docs, false, "demo")
	if err != nil || len(problems) > 0 {
		return errors.Join(err, set.Locate(problems).OrNil())
	}
	a.useBook(ctx)
	a.log.Info("demo documents published", "new", len(changes.Create), "changed", len(changes.Update))
	return nil
}

// renderDemo fills the documents in.
func renderDemo(values map[string]string) ([]byte, error) {
	var out bytes.Buffer
	files, err := fs.Glob(demoDocuments, "demo/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		t, err := template.ParseFS(demoDocuments, name)
		if err != nil {
			return nil, err
		}
		out.WriteString("---\n")
		if err := t.Execute(&out, values); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// demoPassword is made once and kept, so that a sign-in stays good.
func (c *config) demoPassword() (string, error) {
	file := c.path("demo-password")
	if b, err := os.ReadFile(file); err == nil && len(b) >= 8 {
		return strings.TrimSpace(string(b)), nil
	}
	password := strings.ToLower(rand.Text()[:12])
	return password, os.WriteFile(file, []byte(password+"\n"), 0o600)
}

// startTraffic lets simulated people call until the app stops.
func (a *app) startTraffic(ctx context.Context, w world, d demoConfig, log *slog.Logger) error {
	if d.rate <= 0 {
		return nil
	}
	traffic, err := sim.NewTraffic(sim.TrafficConfig{
		Carrier: w.carrier, Via: a.sipUDP(), Rate: d.rate, Calls: d.calls, Hasty: 0.1, Wrong: 0.1, Logger: log,
		Publishers: []sim.Publisher{
			{Number: "+18005550100", Weight: 6}, {Number: "+18005550110", Weight: 3},
			{Number: "+18005550101", Weight: 3}, {Number: "+18005550102", Weight: 1, Keyless: true},
			{Number: "+18005550103", Weight: 1, Keyless: true},
		},
	})
	if err != nil {
		return err
	}
	calling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); traffic.Run(calling) }()
	a.stopTraffic = func() { cancel() }
	a.life.onStop("traffic", func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

// sipUDP returns the first UDP address calls are taken on.
func (a *app) sipUDP() string {
	for _, l := range a.sip.Addrs() {
		if l.Network == "udp" {
			return l.Addr
		}
	}
	return a.sip.Addrs()[0].Addr
}

// welcome says where everything is.
func (a *app) welcome(cmd *cobra.Command, password string) {
	via := a.sipUDP()
	_, port, _ := net.SplitHostPort(via)
	fmt.Fprintf(cmd.OutOrStdout(), `
ringbid is taking calls (%s).

  pages     http://%s
  sign in   operator / %s     (also: quinn, agent, agent-summit, keystone, brightleads,
            neighborhood and nina, who get leads in the portal)
  SIP       %s, port %s%s

  bin/ringbid call +18005550100 --via %s --digits 90210    an auction among five buyers
  bin/ringbid call +18005550101 --via %s --digits 90210    the first is busy, the second does not answer
  bin/ringbid call +18005550102 --via %s                   nobody can take it
  bin/ringbid call +18005550103 --via %s                   rings until a buyer takes it
  bin/ringbid calls --last 3 --json --data %s
  bin/ringbid lead post cmd/ringbid/demo/lead.json --source solar-brightleads --url http://%s --data %s

Ctrl-C ends it; the data stays.
`, time.Now().Format("15:04:05"), a.httpAddr, password, via, port, a.mailPlace(), via, via, via, via, a.cfg.Data, a.httpAddr, a.cfg.Data)
}
