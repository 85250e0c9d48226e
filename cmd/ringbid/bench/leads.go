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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/localpg"
)

// Sizes of the figures of leads.
const (
	leadRate    = 100 // a second, open loop
	leadSeconds = 8   // of each round
	leadQueuers = 48  // publishers at once, closed loop
	leadKey     = "bench-key-0123456789"
)

// leadRate is how many leads a second are posted, leadSeconds for how long; a
// quick run looks only whether the figure can be had.
func (o Options) leadRate() int {
	if o.Quick {
		return leadRate / 10
	}
	return leadRate
}

func (o Options) leadSeconds() int {
	if o.Quick {
		return 2
	}
	return leadSeconds
}

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

// leads measures what a lead takes: from its post to the buyer's acceptance,
// into the queue, and beside a dead buyer.
func leads(ctx context.Context, o Options) ([]Figure, error) {
	h, err := openLeadHouse(ctx, o)
	if err != nil {
		return nil, err
	}
	defer h.close()
	if _, err := h.steady(ctx, "good", o.leadRate(), 2); err != nil { // warm up
		return nil, err
	}
	var out []Figure
	for _, f := range []func(context.Context, *leadHouse, Options) (Figure, error){accepted, queued, besideDead} {
		fig, err := f(ctx, h, o)
		if err != nil {
			return out, err
		}
		out = append(out, fig)
	}
	return out, nil
}

// accepted is the time until a buyer who takes 100 ms has accepted, against the
// same posts straight to that buyer.
func accepted(ctx context.Context, h *leadHouse, o Options) (Figure, error) {
	var values, floors []float64
	var mids []float64
	for range o.Rounds {
		took, err := h.steady(ctx, "good", o.leadRate(), o.leadSeconds())
		if err != nil {
			return Figure{}, err
		}
		values, mids = append(values, percentile(took, 99)), append(mids, percentile(took, 50))
		bare, err := h.bare(ctx, o.leadRate(), 3)
		if err != nil {
			return Figure{}, err
		}
		floors = append(floors, percentile(bare, 99))
	}
	f := figure("lead in to accepted, p99", "ms", values, floors)
	f.Note = fmt.Sprintf("%d leads/s for %d s a round, buyer takes 100 ms, p50 %.0f ms; floor: the buyer alone; goal 250 ms", o.leadRate(), o.leadSeconds(), spread(mids).Median)
	return f, nil
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

// openLoop starts one do after another at a rate, whatever they take.
func openLoop(ctx context.Context, rate, seconds int, do func() error) ([]float64, error) {
	var (
		mu   sync.Mutex
		took []float64
		bad  error
		wg   sync.WaitGroup
	)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for range rate * seconds {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wg.Go(func() {
			began := time.Now()
			err := do()
			mu.Lock()
			defer mu.Unlock()
			if took = append(took, float64(time.Since(began).Microseconds())/1000); err != nil {
				bad = err
			}
		})
	}
	wg.Wait()
	return took, bad
}

// queued is how many leads a second are sold and queued, as the time of one,
// against as many commits of one row.
func queued(ctx context.Context, h *leadHouse, o Options) (Figure, error) {
	pool, err := pgxpool.New(ctx, h.pg.DSN()+" pool_max_conns=16")
	if err != nil {
		return Figure{}, err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS bench_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL)`); err != nil {
		return Figure{}, err
	}
	var values, floors, rates []float64
	for range o.Rounds {
		n, err := closedLoop(ctx, 4*time.Second, func() error { _, err := h.post(ctx, "wait"); return err })
		if err != nil {
			return Figure{}, err
		}
		m, err := closedLoop(ctx, 2*time.Second, func() error {
			_, err := pool.Exec(ctx, `INSERT INTO bench_rows (body) VALUES ('{"first_name": "Ann", "phone": "+12135550100", "zip": "90210"}')`)
			return err
		})
		if err != nil {
			return Figure{}, err
		}
		values, floors, rates = append(values, 1e6/n), append(floors, 1e6/m), append(rates, n)
	}
	f := figure("lead into the queue", "µs", values, floors)
	f.Note = fmt.Sprintf("%d publishers at once over HTTP: %.0f leads/s [%.0f..%.0f]; floor: one committed row each; goal 1,000 leads/s", leadQueuers, spread(rates).Median, spread(rates).Min, spread(rates).Max)
	return f, nil
}

// closedLoop repeats do by several workers for so long and returns how often a
// second it was done.
func closedLoop(ctx context.Context, d time.Duration, do func() error) (float64, error) {
	var n atomic.Int64
	var mu sync.Mutex
	var bad error
	began := time.Now()
	var wg sync.WaitGroup
	for range leadQueuers {
		wg.Go(func() {
			for time.Since(began) < d && ctx.Err() == nil {
				if err := do(); err != nil {
					mu.Lock()
					bad = err
					mu.Unlock()
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), bad
}

// besideDead is what the others take while one buyer is dead, against what they
// take without it.
func besideDead(ctx context.Context, h *leadHouse, o Options) (Figure, error) {
	var values, floors []float64
	for range o.Rounds {
		alone, err := h.steady(ctx, "good", o.leadRate()/2, o.leadSeconds()/2)
		if err != nil {
			return Figure{}, err
		}
		flood, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = openLoop(flood, o.leadRate()/2, o.leadSeconds(), func() error { _, err := h.post(flood, "dead"); return err })
		}()
		beside, err := h.steady(ctx, "good", o.leadRate()/2, o.leadSeconds()/2)
		stop()
		<-done
		if err != nil {
			return Figure{}, err
		}
		values, floors = append(values, percentile(beside, 99)), append(floors, percentile(alone, 99))
	}
	f := figure("others beside a dead buyer, p99", "ms", values, floors)
	f.Note = fmt.Sprintf("%d leads/s to a buyer that takes 100 ms, and as many to one that never answers; floor: without that one", o.leadRate()/2)
	return f, nil
}

func percentile(v []float64, p int) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[min(len(s)-1, len(s)*p/100)]
}
