package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
		// Nobody posts data leads here, so nobody who buys them is called.
		"LeadBuyers": "127.0.0.1:9", "Salesforce": "http://127.0.0.1:9", "HubSpot": "http://127.0.0.1:9",
		"HubSpotKey": demoHubSpotKey, "LeadKey": demoLeadKey("a good password"), "HookSecret": demoHookSecret("a good password"),
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
