package ivr

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"
)

// TestAnyScript runs random flows over random callers, markets and faults.
// Whatever happens, Run returns and leaves things consistent (see
// bench.consistent), and the same seed gives the same call.
func TestAnyScript(t *testing.T) {
	t.Parallel()
	scripts := 3000
	if testing.Short() {
		scripts = 300
	}
	outcomes := map[ringbid.Outcome]int{}
	for seed := range uint64(scripts) {
		first, second := anyCall(t, seed), anyCall(t, seed)
		if first != second {
			t.Errorf("seed %d gave %s, then %s", seed, first, second)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		outcomes[ringbid.Outcome(first)]++
	}
	// The scripts must reach every end there is, or they prove little.
	for _, o := range []ringbid.Outcome{
		ringbid.OutcomeBridged, ringbid.OutcomeAbandoned, ringbid.OutcomeNoBuyer, ringbid.OutcomeRejected,
		ringbid.OutcomeEnded, ringbid.OutcomeVoicemail, ringbid.OutcomeFailed,
	} {
		if outcomes[o] == 0 {
			t.Errorf("no script ended as %s: %v", o, outcomes)
		}
	}
}

// FuzzAnyScript looks for seeds that TestAnyScript does not try.
func FuzzAnyScript(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { anyCall(t, seed) })
}

func anyCall(t *testing.T, seed uint64) (outcome string) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 1))
		b, l := newBench(anyFlow(r)...), newLine()
		l.inv.CallID = fmt.Sprint("call-", seed)
		b.book.Flows["flow"].MaxSteps = 1 + r.IntN(40)
		b.awards = b.awards[:r.IntN(4)]
		b.delay = time.Duration(r.IntN(3000)) * time.Millisecond
		for range r.IntN(12) {
			l.answers = append(l.answers, []string{"", "1", "2", "90210", "9021", "01021980", "13105550123", "#"}[r.IntN(8)])
		}
		for range r.IntN(4) {
			l.verdicts = append(l.verdicts, []ringbid.Verdict{"answered", "answered", "busy", "no_answer", "failed", "cancelled", ""}[r.IntN(7)])
		}
		l.talk, l.byBuyer = time.Duration(r.IntN(60_000))*time.Millisecond, r.IntN(2) == 0
		l.ring, l.bargeIn = time.Duration(r.IntN(8_000))*time.Millisecond, time.Duration(r.IntN(2_000))*time.Millisecond
		if r.IntN(4) == 0 {
			l.broken, l.err = []string{"answer", "play", "gather", "bridge"}[r.IntN(4)], errGone
		}
		if r.IntN(3) == 0 {
			delete(b.prompts, []string{"recorded", "ask", "again", "bye", "music", "whisper"}[r.IntN(6)])
		}
		b.seen = r.IntN(20) == 0
		var patience time.Duration
		if r.IntN(2) == 0 {
			patience = time.Duration(1+r.IntN(60_000)) * time.Millisecond
		}
		outcome = string(b.run(t, l, l, patience).Outcome)
	})
	return outcome
}

// anyFlow makes a flow of every type of node, with ways between any of them. It
// need not be one that Validate admits.
func anyFlow(r *rand.Rand) []ringbid.Node {
	types := []ringbid.NodeType{
		ringbid.NodeDisclose, ringbid.NodePlay, ringbid.NodeGather, ringbid.NodeMenu, ringbid.NodeHours, ringbid.NodeBranch,
		ringbid.NodeSplit, ringbid.NodeSet, ringbid.NodeAuction, ringbid.NodeDial, ringbid.NodeDial, ringbid.NodeVoicemail, ringbid.NodeHangup,
	}
	count := 2 + r.IntN(14)
	to := func() string {
		if n := r.IntN(count + 1); n < count {
			return "n" + strconv.Itoa(n)
		}
		return "" // the end of the flow
	}
	nodes := make([]ringbid.Node, count)
	for i := range nodes {
		n := ringbid.Node{ID: "n" + strconv.Itoa(i), Type: types[r.IntN(len(types))], Next: to(), Prompt: []string{"ask", "bye", "recorded", ""}[r.IntN(4)]}
		switch n.Type {
		case ringbid.NodeDisclose, ringbid.NodePlay:
			n.BargeIn = r.IntN(2) == 0
		case ringbid.NodeGather:
			n.Tag, n.Failed, n.Secret = []string{"zip", "dob", "caller"}[r.IntN(3)], to(), r.IntN(4) == 0
			n.Validate = []string{"", "zip", "date_of_birth", "phone", "number"}[r.IntN(5)]
		case ringbid.NodeMenu:
			n.Choices, n.Failed = ringbid.KeyMap{"1": to(), "2": to()}, to()
		case ringbid.NodeHours:
			n.Hours, n.Closed = ringbid.Hours{{Days: "sun", From: "09:00", To: "17:00"}}, to()
		case ringbid.NodeBranch:
			n.Cases = []ringbid.Case{{If: `has(zip)`, Next: to()}, {If: `num(dob) > 5`, Next: to()}}
		case ringbid.NodeSplit:
			n.Cases = []ringbid.Case{{Percent: 30, Next: to()}, {Percent: 30, Next: to()}}
		case ringbid.NodeSet:
			n.Set = ringbid.TagMap{"note": "{{zip}} {{dob}}"}
		case ringbid.NodeDial:
			n.None = to()
		case ringbid.NodeVoicemail:
			n.MaxLength = ringbid.Duration(r.IntN(20)) * ringbid.Duration(time.Second)
		case ringbid.NodeHangup:
			n.Code = []int{0, 486}[r.IntN(2)]
		}
		nodes[i] = n
	}
	return nodes
}
