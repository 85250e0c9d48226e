package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid/sim"
	"github.com/ringbid/ringbid/store/localpg"
)

// chaosDocs are a campaign of leads whose buyers fail at random: one who does
// nothing twice, one who would, one who refuses some, one who is dead, and one
// who is sound.
const chaosDocs = `kind: Publisher
name: flood
---
kind: Source
name: flood
campaign: flood
publisher: flood
key: flood-key-0123456789
rate: 10000
---
kind: Campaign
name: flood
payout: {share_percent: 50}
routes: [{target: idem}, {target: plain}, {target: picky}, {target: dead}, {target: sound}]
lead:
  answer_within: 1ms
  fields: [{name: first_name}, {name: phone, type: phone, required: true}, {name: zip, type: zip, required: true}]
`

// chaosBuyer is a buyer, its target and its method.
func chaosBuyer(name, url, price string, idempotent bool, filter string) string {
	return fmt.Sprintf(`---
kind: Buyer
name: %[1]s
---
kind: Target
name: %[1]s
buyer: %[1]s
price: %[3]q
methods: [{method: %[1]s}]
%[5]s
---
kind: Method
name: %[1]s
buyer: %[1]s
type: http
settings: {url: %[2]q}
exchange: {idempotent: %[4]t, timeout: 2s}
concurrency: 60
cooldown: 2s
patience: 60s
`, name, url, price, idempotent, filter)
}

// chaos is a run of many leads through everything that may go wrong.
type chaos struct {
	*testing.T
	nodes  []*node
	mu     sync.Mutex
	buyers *sim.LeadBuyers
	pg     *localpg.Cluster
	dir    string
	dsn    string
	ids    sync.Map // external id to our id
	posted atomic.Int64
	again  atomic.Int64
}

// TestLeadsSurvive posts leads to two nodes while buyers fail at random, nodes
// are killed and started again, and the database is killed and started again.
// The publisher repeats a post, under the same id, until it has an answer. Then
// the books are held against what the buyers really kept.
func TestLeadsSurvive(t *testing.T) {
	leads, err := strconv.Atoi(os.Getenv("RINGBID_LEADS"))
	if err != nil {
		t.Skip("RINGBID_LEADS says how many leads; make test runs it by itself")
	}
	c := &chaos{T: t, dir: t.TempDir()}
	c.open()
	began := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); c.post(leads) }()
	c.disturb(done)
	t.Logf("%d leads in %s, %d posts repeated", leads, time.Since(began).Round(time.Millisecond), c.again.Load())
	c.settle()
	t.Logf("all at rest after %s", time.Since(began).Round(time.Millisecond))
	c.check(leads)
}

func (c *chaos) open() {
	c.Helper()
	var err error
	if c.pg, err = localpg.Start(c.Context(), localpg.Config{Dir: filepath.Join(c.dir, "pg"), Fsync: true}); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = c.pg.Stop(ctx)
	})
	c.dsn = c.pg.DSN()
	if c.buyers, err = sim.NewLeadBuyers(sim.LeadBuyersConfig{Seed: 7}); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = c.buyers.Close(context.Background()) })
	for name, how := range map[string]sim.LeadBuying{
		"idem":  {Idempotent: true, Chaos: 0.3, Delay: 5 * time.Millisecond},
		"plain": {Chaos: 0.3, Delay: 5 * time.Millisecond},
		"picky": {RejectShare: 0.7, Chaos: 0.1, Idempotent: true},
		"sound": {Idempotent: true},
	} {
		if err := c.buyers.Set(name, how); err != nil {
			c.Fatal(err)
		}
	}
	// Half of the leads go to who does nothing twice first, half to who would.
	docs := chaosDocs + chaosBuyer("idem", c.buyers.URL("idem"), "30.00", true, `filters: [{tag: first_name, op: eq, value: even}]`) +
		chaosBuyer("plain", c.buyers.URL("plain"), "30.00", false, `filters: [{tag: first_name, op: eq, value: odd}]`) +
		chaosBuyer("picky", c.buyers.URL("picky"), "20.00", true, "") +
		chaosBuyer("dead", "http://127.0.0.1:9/post", "15.00", true, "") + chaosBuyer("sound", c.buyers.URL("sound"), "10.00", true, "")
	file := filepath.Join(c.dir, "docs.yaml")
	if err := os.WriteFile(file, []byte(docs), 0o600); err != nil {
		c.Fatal(err)
	}
	first := c.serve(0)
	key, err := os.ReadFile(filepath.Join(c.dir, "node0", "key")) // nodes share the key that seals secrets
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Join(c.dir, "node1"), 0o755), os.WriteFile(filepath.Join(c.dir, "node1", "key"), key, 0o600))
	}
	if err != nil {
		c.Fatal(err)
	}
	c.nodes = []*node{first, c.serve(1)}
	out, err := ringbidCommand(c.T, "apply", "-f", file, "--data", filepath.Join(c.dir, "node0"), "--database-url", c.dsn).CombinedOutput()
	if err != nil {
		c.Fatalf("apply: %v\n%s", err, out)
	}
}

// serve starts a node and waits until it is ready.
func (c *chaos) serve(i int) *node {
	c.Helper()
	n := launch(c.T, "serve", "--data", filepath.Join(c.dir, fmt.Sprintf("node%d", i)), "--database-url", c.dsn, "--sip", "udp:127.0.0.1:0", "--rtp", rtpPorts(),
		"--http", "127.0.0.1:0", "--allow-http", "127.0.0.1", "--drain", "5s")
	select {
	case <-n.ready:
	case <-n.gone:
		c.Fatal("a node ended before it was ready")
	case <-time.After(time.Minute):
		c.Fatal("a node is not ready within a minute")
	}
	return n
}

// address is one of the nodes, whichever lives.
func (c *chaos) address() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[rand.N(len(c.nodes))].http
}

// post posts the leads, a few at once.
func (c *chaos) post(leads int) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var wg sync.WaitGroup
	next := make(chan int)
	for range 24 {
		wg.Go(func() {
			for i := range next {
				c.one(client, i)
			}
		})
	}
	for i := range leads {
		next <- i
	}
	close(next)
	wg.Wait()
}

// one posts a lead until somebody answers for it.
func (c *chaos) one(client *http.Client, i int) {
	parity := "even"
	if i%2 == 1 {
		parity = "odd"
	}
	body := fmt.Sprintf(`{"id":"ext-%d","first_name":%q,"phone":"%d","zip":"90210"}`, i, parity, 2_135_000_000+i%1_000_000)
	for {
		req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.address()+"/leads/flood", strings.NewReader(body))
		if err != nil {
			c.Error(err)
			return
		}
		req.Header.Set("Authorization", "Bearer flood-key-0123456789")
		req.Header.Set("Content-Type", "application/json")
		var a struct {
			Status string
			LeadID string `json:"lead_id"`
		}
		res, err := client.Do(req)
		if err == nil {
			var text []byte
			text, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil && res.StatusCode < 300 && json.Unmarshal(text, &a) == nil && a.LeadID != "" {
				c.ids.Store(i, a.LeadID)
				c.posted.Add(1)
				return
			}
			if err == nil && res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusUnauthorized {
				c.Errorf("lead %d: %d %s", i, res.StatusCode, bytes.TrimSpace(text))
				return
			}
		}
		if c.Context().Err() != nil {
			return
		}
		c.again.Add(1)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-c.Context().Done():
		}
	}
}

// disturb kills and restarts nodes and the database until the posting is done,
// each at least once.
func (c *chaos) disturb(done <-chan struct{}) {
	c.Helper()
	over := false
	wait := func(d time.Duration) {
		select {
		case <-done:
			over = true
		case <-time.After(d):
		}
	}
	for round := 0; round < 2 || !over; round++ {
		wait(4 * time.Second)
		i := round % 2
		c.nodes[i].signal(c.T, syscall.SIGKILL)
		c.nodes[i].status(c.T, 5*time.Second)
		wait(time.Second)
		n := c.serve(i)
		c.mu.Lock()
		c.nodes[i] = n
		c.mu.Unlock()
		if round%3 != 0 {
			continue
		}
		wait(2 * time.Second)
		c.restartPostgres()
	}
	<-done
}

// restartPostgres kills every process of the database, which is started again
// by who watches over it, and waits until it answers.
func (c *chaos) restartPostgres() {
	c.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, "pg", "data", "postmaster.pid"))
	if err != nil {
		c.Fatal(err)
	}
	server, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		c.Fatal(err)
	}
	signalAll(server, syscall.SIGKILL)
	eventually(c.T, 30*time.Second, "the database is back", func() bool {
		conn, err := pgx.Connect(c.Context(), c.dsn)
		if err == nil {
			_ = conn.Close(c.Context())
		}
		return err == nil
	})
}

// settle waits until nothing is under way any more.
func (c *chaos) settle() {
	c.Helper()
	eventually(c.T, 5*time.Minute, "all deliveries are over", func() bool {
		return c.number(`SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sending', 'retry')`) == 0
	})
}

// number asks the database for one.
func (c *chaos) number(sql string, args ...any) (n int64) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.dsn)
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(c.Context())
	if err := conn.QueryRow(c.Context(), sql, args...).Scan(&n); err != nil {
		c.Fatal(err)
	}
	return n
}

// check holds the books against the truth.
func (c *chaos) check(leads int) {
	c.Helper()
	if n := c.number(`SELECT count(*) FROM leads WHERE state <> 'refused'`); n != int64(leads) {
		c.Errorf("%d leads are stored of %d", n, leads)
	}
	if n := c.number(`SELECT coalesce(sum(amount), 0)::bigint FROM entries`); n != 0 {
		c.Errorf("the ledger sums to %d", n)
	}
	if n := c.number(`SELECT count(*) FROM (SELECT lead_id FROM purchases WHERE state = 'accepted' GROUP BY lead_id HAVING count(*) > 1) x`); n != 0 {
		c.Errorf("%d leads were sold more than once", n)
	}
	if n := c.number(`SELECT count(*) FROM leads WHERE state = 'selling'`); n != 0 {
		c.Errorf("%d leads are still being sold", n)
	}
	if a, b := c.number(`SELECT sum(revenue)::bigint FROM leads`), c.number(`SELECT sum(revenue)::bigint FROM lead_hours`); a != b {
		c.Errorf("leads brought %d, the hours say %d", a, b)
	}
	c.agree()
}

// agree compares each purchase with what its buyer kept.
func (c *chaos) agree() {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.dsn)
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(c.Context())
	rows, err := conn.Query(c.Context(), `SELECT lead_id, buyer, state FROM purchases`)
	if err != nil {
		c.Fatal(err)
	}
	var lead, buyer, state, first string
	counts := map[string]int{}
	holders := map[string]int{}
	_, err = pgx.ForEachRow(rows, []any{&lead, &buyer, &state}, func() error {
		kept := 0
		if buyer != "dead" {
			kept = c.buyers.Kept(buyer, lead)
		}
		holders[lead] += kept
		counts[fmt.Sprintf("%s %s kept %d", buyer, state, kept)]++
		before := c.Failed()
		defer func() {
			if c.Failed() && !before {
				first = lead
			}
		}()
		switch {
		case kept > 1:
			c.Errorf("lead %s: %s took it %d times", lead, buyer, kept)
		case state == "accepted" && kept != 1:
			c.Errorf("lead %s: %s accepted it and does not have it", lead, buyer)
		case (state == "rejected" || state == "failed") && kept != 0:
			c.Errorf("lead %s: %s has it, and the books say %s", lead, buyer, state)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	for lead, n := range holders {
		if n > 1 {
			c.Errorf("lead %s is with %d buyers", lead, n)
		}
	}
	if first != "" {
		c.tell(first)
	}
	for what, n := range counts {
		c.Logf("%-30s %6d", what, n)
	}
}

// tell prints all tries of a lead.
func (c *chaos) tell(lead string) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.dsn)
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(c.Context())
	rows, err := conn.Query(c.Context(), `
		SELECT d.method || ' ' || d.state || ' ' || d.reason || coalesce(' | try ' || (t.body - 'request' - 'response' - 'fields')::text, '')
		FROM deliveries d LEFT JOIN tries t ON t.delivery_id = d.id WHERE d.lead_id = $1 ORDER BY d.n, t.n`, lead)
	if err != nil {
		c.Fatal(err)
	}
	var line string
	if _, err := pgx.ForEachRow(rows, []any{&line}, func() error { c.Log(line); return nil }); err != nil {
		c.Fatal(err)
	}
}
