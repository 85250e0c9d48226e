package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringbid/ringbid"
)

// TestApply publishes a folder: at first everything is new, then nothing, then
// what was changed, and what is gone only where that is asked for.
func TestApply(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the command many times")
	}
	w := newTown(t)
	has := func(out string, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !strings.Contains("\n"+out, "\n"+l+"\n") {
				t.Errorf("no line %q in:\n%s", l, out)
			}
		}
	}
	plan := func(args ...string) string {
		t.Helper()
		got := w.ringbid(t, append([]string{"plan", "-f", w.docs}, args...)...)
		if got.code != 0 {
			t.Fatalf("plan: status %d: %s", got.code, got.err)
		}
		return got.out
	}
	docs := strings.Count("\n"+w.text(t), "\nkind: ")
	sum := func(fresh, changed, gone, same int) string {
		return fmt.Sprintf("%d new, %d changed, %d withdrawn, %d as they were", fresh, changed, gone, same)
	}
	// Nobody runs the database yet: the command does, for as long as it takes.
	has(plan(), "+ Number/express", "+ Flow/auto", sum(docs, 0, 0, 0))
	has(w.apply(t), "+ Number/express", "+ User/operator", sum(docs, 0, 0, 0))
	nobodyIn(t, w.data)
	w.serve(t)
	has(w.apply(t), sum(0, 0, 0, docs))
	if out := w.apply(t); strings.Count(out, "\n") != 1 {
		t.Errorf("an apply that changes nothing says:\n%s", out)
	}
	w.write(t, "express.yaml", strings.Replace(expressDocs, `"20.00"`, `"21.50"`, 1))
	for range 2 { // a plan changes nothing
		has(plan(), "~ Target/only-desk", "    price: 20.00 → 21.50", sum(0, 1, 0, docs-1))
	}
	has(w.apply(t), "~ Target/only-desk", sum(0, 1, 0, docs-1))
	has(plan(), sum(0, 0, 0, docs))
	if err := os.Remove(filepath.Join(w.docs, "express.yaml")); err != nil {
		t.Fatal(err)
	}
	has(plan(), sum(0, 0, 0, docs-4))
	has(plan("--prune"), "- Number/express", "- Campaign/express", "- Flow/express", "- Target/only-desk", sum(0, 0, 4, docs-4))
	has(w.apply(t, "--prune"), sum(0, 0, 4, docs-4))
	has(plan("--prune"), sum(0, 0, 0, docs-4))
}

// text returns all documents of the town.
func (w *town) text(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.docs, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// TestRefusedDocuments shows that each unsound document is refused with its
// place, and that nothing of its file is published.
func TestRefusedDocuments(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("runs the command many times")
	}
	w := newTown(t)
	w.serve(t)
	w.apply(t)
	const buyer = "kind: Buyer\nname: fresh\n---\n"
	tests := map[string]struct{ text, line, want string }{
		"unknown key":     {"kind: Buyer\nname: x\nemial: a@b\n", "6", `Buyer/x: unknown field "emial"`},
		"unknown kind":    {"kind: Byer\nname: x\n", "4", `kind: "Byer" is not one of`},
		"dangling":        {"kind: Number\nname: n\nnumber: \"+18005550777\"\ncampaign: none\n", "7", "Number/n: campaign: there is no Campaign/none"},
		"dangling deeply": {"kind: Campaign\nname: c\nflow: auto\nroutes:\n  - target: only-desk\n  - target: nobody\n", "9", "Campaign/c: routes[1].target: there is no Target/nobody"},
		"loop":            {"kind: Flow\nname: f\nstart: a\nnodes:\n  - {id: a, type: set, set: {x: y}, next: b}\n  - {id: b, type: set, set: {x: y}, next: a}\n", "8", `Flow/f: nodes[0]: "a" loops`},
		"nowhere":         {"kind: Flow\nname: f\nstart: a\nnodes:\n  - {id: a, type: play, prompt: finding, next: z}\n", "8", `Flow/f: nodes[0].next: `},
		"no prompt":       {"kind: Flow\nname: f\nstart: a\nnodes:\n  - {id: a, type: play, prompt: missing, next: b}\n  - {id: b, type: hangup}\n", "8", "Flow/f: nodes[0].prompt: there is no Prompt/missing"},
		"bad expression":  {"kind: Flow\nname: f\nstart: a\nnodes:\n  - id: a\n    type: branch\n    cases:\n      - {if: \"zip ==\", next: b}\n    next: b\n  - {id: b, type: hangup}\n", "11", "Flow/f: nodes[0].cases[0].if: "},
		"bad amount":      {"kind: Target\nname: only-desk\nbuyer: summit\ntrunk: summit-pbx\nuser: answer\nprice: \"much\"\n", "9", "Target/only-desk: "},
		"bad zone":        {"kind: Target\nname: only-desk\nbuyer: summit\ntrunk: summit-pbx\nuser: answer\nprice: \"1.00\"\nzone: Mars/Base\n", "10", "Target/only-desk: zone: "},
		"not YAML":        {"kind: Buyer\nname: [x\n", "5", ""},
	}
	t.Run("documents", func(t *testing.T) {
		for name, x := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "bad.yaml")
				if err := os.WriteFile(file, []byte(buyer+x.text), 0o644); err != nil {
					t.Fatal(err)
				}
				for _, command := range []string{"plan", "apply"} {
					got := w.ringbid(t, command, "-f", file)
					if got.code != 1 || got.out != "" || !strings.Contains(got.err, file+":"+x.line+": "+x.want) {
						t.Errorf("%s: status %d, %q and:\n%s", command, got.code, got.out, got.err)
					}
				}
			})
		}
	})
	good := w.write(t, "good.yaml", buyer)
	if got := w.ringbid(t, "plan", "-f", good); got.out != "+ Buyer/fresh\n1 new, 0 changed, 0 withdrawn, 0 as they were\n" {
		t.Errorf("a part of a refused file was published: %s%s", got.out, got.err)
	}
}

// moreDocs are a number that is closed and one that is not.
const moreDocs = `kind: Number
name: more
number: "+18005550199"
campaign: express
publisher: brightleads
---
kind: Number
name: shut-too
number: "+18005550197"
campaign: shut
publisher: brightleads
`

// TestApplyWhileServing publishes a number to a node that takes calls; it is
// answered at once.
func TestApplyWhileServing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes calls")
	}
	w := newTown(t)
	n := w.serve(t)
	w.apply(t)
	if s := w.place(t, n, "+18005550199", time.Second); s.Status != 404 {
		t.Errorf("an unknown number is answered with %d %s", s.Status, s.Reason)
	}
	w.write(t, "more.yaml", moreDocs)
	w.apply(t)
	applied := time.Now()
	eventually(t, time.Second, "the new number is known", func() bool { return strings.HasPrefix(invite(t, n.sip, "+18005550197"), "SIP/2.0 480 ") })
	t.Logf("known %s after the end of apply", time.Since(applied))
	if s := w.place(t, n, "+18005550199", time.Second); !s.Heard {
		t.Errorf("the new number leads nowhere: %s", s)
	}
}

// TestCallsJSON shows what scripts read.
func TestCallsJSON(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a call of a quarter of a minute")
	}
	w := newTown(t)
	n := w.serve(t)
	w.apply(t)
	w.known(t, n)
	good := w.ringbid(t, "call", "+18005550100", "--via", n.sip, "--from", newCaller(), "--digits", "90210", "--hold", "4s", "--json")
	var story struct {
		Bridged bool          `json:"bridged"`
		Heard   bool          `json:"heard"`
		Stored  *ringbid.Call `json:"stored"`
	}
	if err := json.Unmarshal([]byte(good.out), &story); err != nil || good.code != 0 || !story.Bridged || story.Stored == nil {
		t.Fatalf("call: status %d, %v, stored %v, bridged %v: %s", good.code, err, story.Stored != nil, story.Bridged, good.err)
	}
	bad := w.ringbid(t, "call", "+18005550109", "--via", n.sip, "--from", newCaller(), "--json")
	if err := json.Unmarshal([]byte(bad.out), &story); err != nil || bad.code != 1 || story.Bridged {
		t.Errorf("call of an unknown number: status %d, %v", bad.code, err)
	}
	out := w.ringbid(t, "calls", "--last", "2", "--json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(out.out), &list); err != nil || out.code != 0 || len(list) != 2 {
		t.Fatalf("calls: status %d, %v, %d calls", out.code, err, len(list))
	}
	if list[0]["outcome"] != "rejected" || list[1]["outcome"] != "bridged" || list[1]["id"] != storedID(good.out) {
		t.Errorf("outcomes %v, %v: the newest comes first", list[0]["outcome"], list[1]["outcome"])
	}
	shape(t, list[1])
	if one := w.calls(t, "--last", "1"); len(one) != 1 {
		t.Errorf("--last 1 gives %d", len(one))
	}
	if got := w.ringbid(t, "calls", "no-such-call", "--json"); got.code != 1 || !oneClearLine(got.err) {
		t.Errorf("a call that is not there: status %d, %s", got.code, got.err)
	}
}

var clearLine = regexp.MustCompile(`^ringbid: [^\n]+\n$`)

func oneClearLine(s string) bool { return clearLine.MatchString(s) }

func storedID(out string) any {
	var s struct{ Stored struct{ ID string } }
	_ = json.Unmarshal([]byte(out), &s)
	return s.Stored.ID
}

// shape checks the names and kinds of what a script reads of a sold call.
func shape(t *testing.T, call map[string]any) {
	t.Helper()
	at := func(path string) any {
		var v any = call
		for part := range strings.SplitSeq(path, ".") {
			switch x := v.(type) {
			case map[string]any:
				v = x[part]
			case []any:
				v = x[int(part[0]-'0')]
			default:
				return nil
			}
		}
		return v
	}
	for path, want := range map[string]any{
		"number": "+18005550100", "campaign": "auto-insurance", "publisher": "brightleads", "tags.zip": "90210", "target": "keystone-agents",
		"ended_by": "caller", "legs.0.side": "caller", "legs.1.side": "buyer", "legs.1.verdict": "answered", "recording.channels": 2.0,
		"sale.currency": "USD", "sale.converted": true, "auction.bids.0.name": nil, "reason.code": nil, "recording.ms": nil,
		"recording.path": nil, "recording.sha256": nil, "sale.revenue": nil, "sale.payout": nil, "auction.seed": nil, "connected_ms": nil,
	} {
		if got := at(path); got == nil || want != nil && got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	path, _ := at("recording.path").(string)
	if _, err := os.Stat(path); err != nil || !filepath.IsAbs(path) {
		t.Errorf("recording at %q: %v", path, err)
	}
	if sum, _ := at("recording.sha256").(string); len(sum) != 64 {
		t.Errorf("sha256 %q", sum)
	}
}
