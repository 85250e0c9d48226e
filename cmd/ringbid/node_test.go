package main

import (
	"bufio"
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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/sim"
)

// express is a number without questions, sold to one desk that takes one call
// at a time.
const (
	express     = "+18005550190"
	expressDocs = `kind: Number
name: express
number: "+18005550190"
campaign: express
publisher: brightleads
---
kind: Campaign
name: express
flow: express
recording: silent
spam_window: 1ms
payout: {amount: "9.50", after: 1s}
routes:
  - target: only-desk
---
kind: Flow
name: express
start: connect
nodes:
  - {id: connect, type: dial, none: bye}
  - {id: bye, type: hangup}
---
kind: Target
name: only-desk
buyer: summit
trunk: summit-pbx
user: answer
price: "20.00"
concurrency: 1
convert_after: 1s
`
	// A call of the shut number ends before the answer.
	shut     = "+18005550198"
	shutDocs = `kind: Number
name: shut
number: "+18005550198"
campaign: shut
publisher: brightleads
---
kind: Campaign
name: shut
flow: shut
spam_window: 1ms
routes: []
---
kind: Flow
name: shut
start: bye
nodes:
  - {id: bye, type: hangup, code: 480}
`
)

// town is whom a ringbid process talks with, in this process: a carrier, buyers
// and bidders, and the documents that name them.
type town struct {
	data, docs, rtp string
	database        string // "" for a private one in the data folder
	buyers          *sim.Buyers
	bidders         *sim.Bidders
	carrier         *sim.Carrier
	deserted        bool // a node was killed: nobody answers their last words
}

// newTown opens the parties and writes the demo's documents, and the express
// number's, to a folder.
func newTown(t *testing.T) *town {
	t.Helper()
	dir := t.TempDir()
	w := &town{data: filepath.Join(dir, "data"), docs: filepath.Join(dir, "docs"), rtp: rtpPorts()}
	t.Cleanup(func() { nobodyIn(t, w.data) })
	var err error
	if w.buyers, err = sim.NewBuyers(sim.BuyersConfig{}); err != nil {
		t.Fatal(err)
	}
	w.closeLater(t, w.buyers.Close)
	if w.bidders, err = sim.NewBidders(sim.BiddersConfig{SIP: w.buyers.Addr()}); err != nil {
		t.Fatal(err)
	}
	w.closeLater(t, w.bidders.Close)
	if w.carrier, err = sim.NewCarrier(sim.CarrierConfig{}); err != nil {
		t.Fatal(err)
	}
	w.closeLater(t, w.carrier.Close)
	demo, err := renderDemo(map[string]string{
		"CarrierNet": "127.0.0.1", "Buyers": w.buyers.Addr(), "Bidders": w.bidders.Addr(), "Password": "a good password",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "demo.yaml", string(demo))
	w.write(t, "express.yaml", expressDocs)
	w.write(t, "shut.yaml", shutDocs)
	return w
}

func (w *town) closeLater(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		limit := 20 * time.Second
		if w.deserted {
			limit = time.Second
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := stop(ctx); err != nil && !w.deserted {
			t.Error(err)
		}
	})
}

// write puts a file into the folder of documents.
func (w *town) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.docs, name)
	if err := errors.Join(os.MkdirAll(w.docs, 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

// node is a ringbid in a process of its own.
type node struct {
	cmd   *exec.Cmd
	began time.Time
	ready chan struct{} // closed by the ready line
	gone  chan struct{} // closed when the process has ended
	after time.Duration // from the start to the ready line
	sip   string        // "ip:port" for UDP
	http  string        // URL
	name  string

	mu     sync.Mutex
	stderr []string
}

// launch starts the command line as a process of its own. The end of the test
// ends it politely.
func launch(t *testing.T, args ...string) *node {
	t.Helper()
	n := &node{cmd: ringbidCommand(t, args...), began: time.Now(), ready: make(chan struct{}), gone: make(chan struct{})}
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(syscall.SIGTERM) }
	n.cmd.WaitDelay = 40 * time.Second
	out, in := io.Pipe()
	n.cmd.Stderr = in
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { defer close(read); n.read(out) }()
	go func() {
		defer close(n.gone)
		_ = n.cmd.Wait()
		_ = in.Close()
		<-read
	}()
	t.Cleanup(func() {
		<-n.gone
		if t.Failed() {
			t.Logf("%v wrote:\n%s", args, strings.Join(n.lines(), "\n"))
		}
	})
	return n
}

// read keeps what the process writes and finds the ready line in it.
func (n *node) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		n.mu.Lock()
		n.stderr = append(n.stderr, lines.Text())
		n.mu.Unlock()
		var l struct {
			Msg, HTTP, Node string
			SIP             []string
		}
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Msg != "ready" {
			continue
		}
		n.after, n.http, n.name = time.Since(n.began), l.HTTP, l.Node
		for _, s := range l.SIP {
			if addr, ok := strings.CutPrefix(s, "udp:"); ok {
				n.sip = addr
			}
		}
		close(n.ready)
	}
	_, _ = io.Copy(io.Discard, r)
}

func (n *node) lines() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.stderr...)
}

// complaint returns what the process said beside its log.
func (n *node) complaint() []string {
	var out []string
	for _, l := range n.lines() {
		if !strings.HasPrefix(l, "{") {
			out = append(out, l)
		}
	}
	return out
}

// status waits for the end of the process and returns its exit status, -1 for
// a signal.
func (n *node) status(t *testing.T, limit time.Duration) int {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	select {
	case <-n.gone:
	case <-end.C:
		t.Fatalf("the process has not ended after %s", limit)
	}
	return n.cmd.ProcessState.ExitCode()
}

func (n *node) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// serve runs the town's node and waits until it is ready.
func (w *town) serve(t *testing.T, args ...string) *node {
	t.Helper()
	n := launch(t, append([]string{"serve", "--data", w.data, "--database-url", w.database, "--sip", "udp:127.0.0.1:0,tcp:127.0.0.1:0", "--rtp", w.rtp,
		"--http", "127.0.0.1:0", "--allow-http", "127.0.0.1", "--drain", "60s"}, args...)...)
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	select {
	case <-n.ready:
	case <-n.gone:
		t.Fatal("the process ended before it was ready")
	case <-end.C:
		t.Fatal("not ready within a minute")
	}
	return n
}

// readyz returns the status of the node's /readyz, 0 where nobody answers.
func (n *node) readyz() int {
	client := http.Client{Timeout: 2 * time.Second}
	r, err := client.Get(n.http + "/readyz")
	if err != nil {
		return 0
	}
	_ = r.Body.Close()
	return r.StatusCode
}

// said is the end of a short command.
type said struct {
	code     int
	out, err string
}

// ringbid runs a short command to its end.
func (w *town) ringbid(t *testing.T, args ...string) said {
	t.Helper()
	cmd := ringbidCommand(t, append(args, "--data", w.data, "--database-url", w.database)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return said{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// apply publishes the town's documents.
func (w *town) apply(t *testing.T, args ...string) string {
	t.Helper()
	got := w.ringbid(t, append([]string{"apply", "-f", w.docs}, args...)...)
	if got.code != 0 {
		t.Fatalf("apply: status %d: %s%s", got.code, got.out, got.err)
	}
	return got.out
}

// known waits until the node uses the town's documents.
func (w *town) known(t *testing.T, n *node) {
	t.Helper()
	eventually(t, time.Second, "the numbers are known", func() bool { return strings.HasPrefix(invite(t, n.sip, shut), "SIP/2.0 480 ") })
}

// calls reads what is stored with the command for it.
func (w *town) calls(t *testing.T, args ...string) []ringbid.Call {
	t.Helper()
	got := w.ringbid(t, append([]string{"calls", "--json"}, args...)...)
	if got.code != 0 {
		t.Fatalf("calls: status %d: %s", got.code, got.err)
	}
	var out []ringbid.Call
	if err := json.Unmarshal([]byte(got.out), &out); err != nil {
		t.Fatalf("calls --json: %v in %.200s", err, got.out)
	}
	return out
}

// ended waits for the stored call to be over.
func (w *town) ended(t *testing.T, sipCallID string) ringbid.Call {
	t.Helper()
	var found ringbid.Call
	eventually(t, 20*time.Second, "the call is stored", func() bool {
		for _, c := range w.calls(t, "--last", "20") {
			if c.SIPCallID == sipCallID && c.State == ringbid.StateEnded {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// place makes a call to the node and returns its story.
func (w *town) place(t *testing.T, n *node, to string, hold time.Duration) sim.Story {
	t.Helper()
	story, err := w.carrier.Place(t.Context(), sim.Caller{From: newCaller(), To: to, Via: n.sip, Digits: "90210", Hold: hold})
	if err != nil {
		t.Fatal(err)
	}
	return story
}

// talking begins a call in the background, waits until the buyer has talked
// with the caller for so long, and returns how to get its story.
func (w *town) talking(t *testing.T, n *node, to string, hold, since time.Duration) (from string, over func() sim.Story) {
	t.Helper()
	from = newCaller()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var story sim.Story
	var err error
	go func() {
		defer close(done)
		story, err = w.carrier.Place(ctx, sim.Caller{From: from, To: to, Via: n.sip, Digits: "90210", Hold: hold})
	}()
	t.Cleanup(func() { cancel(); <-done })
	eventually(t, 40*time.Second, "the buyer hears the caller", func() bool {
		v, ok := w.visit(from)
		return ok && v.Heard && time.Since(v.Answered) >= since
	})
	return from, func() sim.Story {
		t.Helper()
		end := time.NewTimer(hold + 20*time.Second)
		defer end.Stop()
		select {
		case <-done:
		case <-end.C:
			t.Fatal("the call does not end")
		}
		if err != nil {
			t.Fatal(err)
		}
		return story
	}
}

// visit returns the caller's last visit to the buyers.
func (w *town) visit(from string) (found sim.Visit, ok bool) {
	for _, v := range w.buyers.Visits() {
		if v.Caller == from {
			found, ok = v, true
		}
	}
	return found, ok
}

// inside returns the processes that work in the folder or run from it, as
// "pid name".
func inside(folder string) []string {
	var out []string
	cwds, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range cwds {
		cwd, err := os.Readlink(link)
		if err != nil || cwd != folder && !strings.HasPrefix(cwd, folder+"/") {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "comm"))
		out = append(out, fmt.Sprintf("%s %s", filepath.Base(filepath.Dir(link)), bytes.TrimSpace(comm)))
	}
	return out
}

// nobodyIn checks that no process is left in the folder.
func nobodyIn(t *testing.T, folder string) {
	t.Helper()
	left := inside(folder)
	if len(left) == 0 {
		return
	}
	t.Errorf("left in the data folder: %v", left)
	eventually(t, 20*time.Second, "they are gone", func() bool { return len(inside(folder)) == 0 })
}
