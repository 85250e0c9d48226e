package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/localpg"
)

// leadDocs are a campaign whose buyer takes 100 ms, one whose buyer is dead, and
// one whose buyer takes nothing yet.
func leadDocs(good, dead string) string {
	var b strings.Builder
	b.WriteString("kind: Publisher\nname: bench\n")
	for name, how := range map[string]string{
		"good": fmt.Sprintf("settings: {url: %q}\nexchange: {idempotent: true}", good),
		"dead": fmt.Sprintf("settings: {url: %q}\nexchange: {idempotent: true, timeout: 2s}", dead),
		"wait": fmt.Sprintf("settings: {url: %q}\npaused: true", good),
	} {
		answer := "20s"
		if name != "good" {
			answer = "1ms"
		}
		fmt.Fprintf(&b, `---
kind: Source
name: %[1]s
campaign: %[1]s
publisher: bench
key: %[2]s
rate: 10000
---
kind: Campaign
name: %[1]s
payout: {share_percent: 50}
routes: [{target: %[1]s}]
lead:
  answer_within: %[4]s
  fields: [{name: first_name}, {name: phone, type: phone, required: true}, {name: zip, type: zip, required: true}]
---
kind: Buyer
name: %[1]s
---
kind: Target
name: %[1]s
buyer: %[1]s
price: "10.00"
methods: [{method: %[1]s}]
---
kind: Method
name: %[1]s
buyer: %[1]s
type: http
concurrency: 60
%[3]s
`, name, leadKey, how, answer)
	}
	return b.String()
}

// leadHouse is a node with its database and buyers.
type leadHouse struct {
	dir    string
	pg     *localpg.Cluster
	buyers *sim.LeadBuyers
	node   *exec.Cmd
	base   string
	client *http.Client
	n      atomic.Int64
}

func openLeadHouse(ctx context.Context, o Options) (_ *leadHouse, err error) {
	h := &leadHouse{client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.dir, err = os.MkdirTemp("", "ringbid-bench-*"); err != nil {
		return nil, err
	}
	if err = os.Chmod(h.dir, 0o755); err != nil {
		return nil, err
	}
	if h.pg, err = localpg.Start(ctx, localpg.Config{Dir: filepath.Join(h.dir, "pg"), Fsync: true}); err != nil {
		return nil, err
	}
	if h.buyers, err = sim.NewLeadBuyers(sim.LeadBuyersConfig{}); err != nil {
		return nil, err
	}
	if err = h.buyers.Set("hundred", sim.LeadBuying{Delay: 100 * time.Millisecond, Idempotent: true}); err != nil {
		return nil, err
	}
	docs := filepath.Join(h.dir, "docs.yaml")
	if err = os.WriteFile(docs, []byte(leadDocs(h.buyers.URL("hundred"), h.buyers.URL("endless"))), 0o600); err != nil {
		return nil, err
	}
	data := filepath.Join(h.dir, "node")
	if out, err := exec.CommandContext(ctx, o.Program, "apply", "-f", docs, "--data", data, "--database-url", h.pg.DSN()).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("apply: %w: %s", err, out)
	}
	return h, h.serve(ctx, o.Program, data)
}

// serve starts the node and waits for its address.
func (h *leadHouse) serve(ctx context.Context, exe, data string) error {
	h.node = exec.CommandContext(ctx, exe, "serve", "--data", data, "--database-url", h.pg.DSN(), "--sip", "udp:127.0.0.1:0", "--rtp", "127.0.0.1:18000-18399",
		"--http", "127.0.0.1:0", "--allow-http", "127.0.0.1", "--drain", "1s")
	out, err := h.node.StderrPipe()
	if err != nil {
		return err
	}
	if err := h.node.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	go func() {
		d := json.NewDecoder(out)
		for {
			var l struct{ Msg, HTTP string }
			if err := d.Decode(&l); err != nil {
				_, _ = io.Copy(io.Discard, out)
				return
			}
			if l.Msg == "ready" {
				ready <- l.HTTP
			}
		}
	}()
	select {
	case h.base = <-ready:
		return nil
	case <-time.After(30 * time.Second):
		return errors.New("the node is not ready within 30 s")
	}
}

func (h *leadHouse) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if h.node != nil && h.node.Process != nil {
		_ = h.node.Process.Kill()
		_ = h.node.Wait()
	}
	if h.buyers != nil {
		_ = h.buyers.Close(ctx)
	}
	if h.pg != nil {
		_ = h.pg.Stop(ctx)
	}
	_ = os.RemoveAll(h.dir)
}

// post posts one lead and returns the status that was answered. A node that is
// busy says so, and is asked again a moment later, as publishers do.
func (h *leadHouse) post(ctx context.Context, source string) (string, error) {
	i := h.n.Add(1)
	body := fmt.Sprintf(`{"id":"b%d","first_name":"Ann","phone":"%d","zip":"90210"}`, i, 2_135_550_000+i)
	for {
		status, err := h.try(ctx, source, body)
		if !errors.Is(err, errBusy) {
			return status, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return "", err
		}
	}
}

var errBusy = errors.New("the node is busy")

func (h *leadHouse) try(ctx context.Context, source, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+"/leads/"+source, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+leadKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := h.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode == http.StatusServiceUnavailable {
		return "", fmt.Errorf("%w: %s", errBusy, bytes.TrimSpace(text))
	}
	var a struct{ Status string }
	if err := json.Unmarshal(text, &a); err != nil || res.StatusCode >= 300 {
		return "", fmt.Errorf("post: %d %s", res.StatusCode, bytes.TrimSpace(text))
	}
	return a.Status, nil
}

// steady posts at a rate and returns how long each took, in ms.
func (h *leadHouse) steady(ctx context.Context, source string, rate, seconds int) ([]float64, error) {
	return openLoop(ctx, rate, seconds, func() error {
		status, err := h.post(ctx, source)
		if err == nil && source == "good" && status != "accepted" {
			err = fmt.Errorf("lead is %s", status)
		}
		return err
	})
}

// bare posts straight to the buyer.
func (h *leadHouse) bare(ctx context.Context, rate, seconds int) ([]float64, error) {
	return openLoop(ctx, rate, seconds, func() error {
		body := fmt.Sprintf(`{"lead_id":"bare-%d","phone":"2135550100"}`, h.n.Add(1))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.buyers.URL("hundred"), strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := h.client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return errors.Join(err, res.Body.Close())
	})
}
