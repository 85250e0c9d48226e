package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ringbid/ringbid/sim"
)

// leadWorld are those who buy data leads in a demo.
type leadWorld struct {
	buyers     *sim.LeadBuyers
	salesforce *sim.Salesforce
	hubspot    *sim.HubSpot
}

const demoHubSpotKey = "pat-na1-demo-0123456789"

// demoLeadKey is what simulated publishers prove themselves with; it goes with
// the demo's password.
func demoLeadKey(password string) string {
	sum := sha256.Sum256([]byte("lead key " + password))
	return hex.EncodeToString(sum[:12])
}

func demoHookSecret(password string) string {
	sum := sha256.Sum256([]byte("hook secret " + password))
	return "whsec_" + base64.StdEncoding.EncodeToString(sum[:])
}

// openLeadWorld opens the buyers of leads, on ports of their own.
func (a *app) openLeadWorld(log *slog.Logger) (w leadWorld, err error) {
	if w.buyers, err = sim.NewLeadBuyers(sim.LeadBuyersConfig{Logger: log}); err != nil {
		return w, fmt.Errorf("start simulated lead buyers: %w", err)
	}
	a.life.onStop("simulated lead buyers", w.buyers.Close)
	if w.salesforce, err = sim.NewSalesforce(sim.SalesforceConfig{ClientID: "demo", ClientSecret: "demo-secret", Logger: log}); err != nil {
		return w, fmt.Errorf("start simulated Salesforce: %w", err)
	}
	a.life.onStop("simulated Salesforce", w.salesforce.Close)
	if w.hubspot, err = sim.NewHubSpot(sim.HubSpotConfig{Key: demoHubSpotKey, Logger: log}); err != nil {
		return w, fmt.Errorf("start simulated HubSpot: %w", err)
	}
	a.life.onStop("simulated HubSpot", w.hubspot.Close)
	return w, nil
}

// startLeads lets simulated publishers post until the app stops.
func (a *app) startLeads(ctx context.Context, rate float64, log *slog.Logger) error {
	if rate <= 0 {
		return nil
	}
	password, err := a.cfg.demoPassword()
	if err != nil {
		return err
	}
	key, base := demoLeadKey(password), "http://"+a.httpAddr+"/leads/"
	traffic, err := sim.NewLeadTraffic(sim.LeadTrafficConfig{
		Rate: rate, AtOnce: 8, Twice: 0.06, Bad: 0.04, Logger: log,
		Targets: []sim.LeadSource{
			{URL: base + "solar-brightleads", Key: key, Weight: 4}, {URL: base + "solar-brightleads", Key: key, Weight: 4, PingPost: true},
			{URL: base + "home-searchco", Key: key, Weight: 3},
		},
	})
	if err != nil {
		return err
	}
	posting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); traffic.Run(posting) }()
	a.life.onStop("lead traffic", func(context.Context) error { cancel(); <-done; return nil })
	return nil
}

// postOffice is a mail server of a demo's own, that shows what it got.
type postOffice struct {
	cmd   *exec.Cmd
	pages string
}

// openPostOffice starts mailpit where it is installed and no other server is
// named, and lets letters go there. Without either a demo sends none.
func openPostOffice(ctx context.Context, c *config, log *slog.Logger) (*postOffice, error) {
	p := &postOffice{}
	if c.SMTP != "" {
		return p, nil
	}
	exe := findTool("mailpit")
	if exe == "" {
		log.Warn("mailpit is not installed: letters of the demo are not sent")
		return p, nil
	}
	smtp, pages, err := twoPorts()
	if err != nil {
		return nil, err
	}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), exe, "--smtp", smtp, "--listen", pages, "--disable-version-check", "--max", "500", "--quiet")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start mailpit: %w", err)
	}
	c.SMTP, p.pages = "smtp://"+smtp, "http://"+pages
	return p, p.await(ctx, smtp)
}

// await waits until the server greets.
func (p *postOffice) await(ctx context.Context, smtp string) error {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(waiting, "tcp", smtp)
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
			_, err = bufio.NewReader(conn).ReadString('\n')
			_ = conn.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-waiting.Done():
			return fmt.Errorf("mailpit does not answer: %w", err)
		case <-look.C:
		}
	}
}

// stop ends the server.
func (p *postOffice) stop(context.Context) error {
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { defer close(done); _ = p.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		_ = p.cmd.Process.Kill()
		<-done
	}
	return nil
}

// mailPlace says where the demo's letters can be read.
func (a *app) mailPlace() string {
	if a.mailPages == "" {
		return ""
	}
	return "\n  letters   " + a.mailPages
}

// findTool finds a program on the path, or among those that Go installed.
func findTool(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	for _, dir := range []string{os.Getenv("GOBIN"), filepath.Join(os.Getenv("GOPATH"), "bin"), filepath.Join(home, "go", "bin")} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(p) {
			return p
		}
	}
	return ""
}

// twoPorts returns two free addresses of loopback.
func twoPorts() (a, b string, err error) {
	var all []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		all = append(all, l.Addr().String())
	}
	return all[0], all[1], nil
}
