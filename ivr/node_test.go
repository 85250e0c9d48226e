package ivr

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func play(id, next string) ringbid.Node {
	return ringbid.Node{ID: id, Type: ringbid.NodePlay, Prompt: "bye", Next: next}
}

func end(id string) ringbid.Node { return ringbid.Node{ID: id, Type: ringbid.NodeHangup} }

func TestMenu(t *testing.T) {
	t.Parallel()
	menu := ringbid.Node{
		ID: "menu", Type: ringbid.NodeMenu, Prompt: "ask", RetryPrompt: "again", Tag: "choice", Retries: 1,
		Choices: ringbid.KeyMap{"1": "one", "*": "star"}, Failed: "end",
	}
	for name, c := range map[string]struct {
		answers []string
		want    string
		tag     string
		code    string
	}{
		"first":       {[]string{"1"}, "menu>1 one end", "1", "flow_ended"},
		"after retry": {[]string{"7", "*"}, "menu>* star end", "*", "flow_ended"},
		"never":       {[]string{"7", "8", "1"}, "menu>failed end", "", "questions_failed"},
		"silence":     {nil, "menu>failed end", "", "questions_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(menu, play("one", "end"), play("star", "end"), end("end")), newLine()
				l.answers = c.answers
				got := b.run(t, l, l, 0)
				if path := strings.Join(walked(got.Steps), " "); path != c.want || got.Tags["choice"] != c.tag || got.Reason.Code != c.code || got.Outcome != ringbid.OutcomeEnded {
					t.Errorf("walked %q with %q, %s %s", path, got.Tags["choice"], got.Outcome, got.Reason.Code)
				}
				if g := l.asked[0]; g.Min != 1 || g.Max != 1 || g.FirstTimeout != ringbid.DefaultFirstTimeout || g.DigitTimeout != ringbid.DefaultDigitTimeout {
					t.Errorf("asked %+v", g)
				}
			})
		})
	}
}

func TestGather(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(ringbid.Node{
			ID: "age", Type: ringbid.NodeGather, Prompt: "ask", Tag: "Age", Min: 2, Max: 3, Terminator: "#", Retries: 3, Failed: "end",
			FirstTimeout: ringbid.Duration(time.Second), DigitTimeout: ringbid.Duration(2 * time.Second), Next: "end",
		}, end("end")), newLine()
		l.answers = []string{"4", "", "41#"}
		got := b.run(t, l, l, 0)
		want := ringbid.Gather{Prompt: second(2), Min: 2, Max: 3, Terminator: '#', FirstTimeout: time.Second, DigitTimeout: 2 * time.Second}
		if diff := cmp.Diff([]ringbid.Gather{want, want, want}, l.asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		if s := got.Steps[0]; got.Tags["Age"] != "41" || s.Answer != "41" || s.Tries != 3 {
			t.Errorf("tags %v, step %+v", got.Tags, s)
		}
	})
}

// TestSecret holds that digits asked for in secret leave the call nowhere but
// towards the buyer who takes it.
func TestSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(
			ringbid.Node{ID: "open", Type: ringbid.NodeAuction, Next: "ssn"},
			ringbid.Node{ID: "ssn", Type: ringbid.NodeGather, Prompt: "ask", Tag: "ssn", Min: 4, Secret: true, Next: "copy", Failed: "copy"},
			ringbid.Node{ID: "copy", Type: ringbid.NodeSet, Set: ringbid.TagMap{"note": "ends in {{SSN}}", "plain": "{{source}}"}, Next: "check"},
			ringbid.Node{ID: "check", Type: ringbid.NodeBranch, Cases: []ringbid.Case{{If: `len(ssn) == 4`, Next: "connect"}}, Next: "end"},
			ringbid.Node{ID: "connect", Type: ringbid.NodeDial, Next: "end", None: "end"},
			end("end"),
		), newLine()
		l.answers, l.verdicts = []string{"8817"}, []ringbid.Verdict{ringbid.VerdictAnswered}
		got := b.run(t, l, l, 0)
		if l.dials[0].Facts["ssn"] != "8817" || !l.asked[0].Secret {
			t.Errorf("facts of the dial %v, asked %+v", l.dials[0].Facts, l.asked[0])
		}
		if diff := cmp.Diff(ringbid.TagMap{"plain": "radio"}, b.markets[0].offered); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		if all := fmt.Sprintf("%+v %+v", *got, b.events); strings.Contains(all, "8817") || !strings.Contains(all, "••••") {
			t.Errorf("shown: %s", all)
		}
	})
}

func TestHours(t *testing.T) {
	t.Parallel()
	// The bubble's clock starts at midnight UTC on Saturday, 1 January 2000:
	// Friday evening in New York.
	for zone, want := range map[string]string{"America/New_York": "hours open end", "UTC": "hours>closed shut end"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(
					ringbid.Node{ID: "hours", Type: ringbid.NodeHours, Zone: zone, Hours: ringbid.Hours{{Days: "mon-fri", From: "09:00", To: "20:00"}}, Next: "open", Closed: "shut"},
					play("open", "end"), play("shut", "end"), end("end"),
				), newLine()
				got := b.run(t, l, l, 0)
				code := map[bool]string{true: "closed", false: "flow_ended"}[zone == "UTC"]
				if path := strings.Join(walked(got.Steps), " "); path != want || got.Reason.Code != code {
					t.Errorf("walked %q, %s", path, got.Reason.Code)
				}
			})
		})
	}
}

func TestBranchAndSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(
			ringbid.Node{ID: "set", Type: ringbid.NodeSet, Set: ringbid.TagMap{
				"Source": "tv", "who": "{{caller}} via {{ source }} for {{nothing}}!", "empty": "{{nothing}}",
			}, Next: "branch"},
			ringbid.Node{ID: "branch", Type: ringbid.NodeBranch, Next: "no", Cases: []ringbid.Case{
				{If: `source == "radio"`, Next: "no"}, {If: `num(who) > 1 or has(empty)`, Next: "no"}, {If: `SOURCE == "tv" and state == "CA"`, Next: "yes"},
			}},
			play("yes", "end"), play("no", "end"), end("end"),
		), newLine()
		got := b.run(t, l, l, 0)
		if path := walked(got.Steps)[1:3]; !slices.Equal(path, []string{`branch>SOURCE == "tv" and state == "CA"`, "yes"}) {
			t.Errorf("walked %q", path)
		}
		want := ringbid.TagMap{
			"source": "tv", "who": "+13105550123 via radio for !", "empty": "", "x_campaign": "spring", "area_code": "310", "state": "CA",
		}
		if diff := cmp.Diff(want, got.Tags); diff != "" {
			t.Errorf("tags (-want +got):\n%s", diff)
		}
	})
}

// TestSplit holds that shares come out and that a call always goes one way.
func TestSplit(t *testing.T) {
	t.Parallel()
	split := ringbid.Node{ID: "split", Type: ringbid.NodeSplit, Next: "rest", Cases: []ringbid.Case{{Percent: 20, Next: "a"}, {Percent: 50, Next: "b"}}}
	const calls = 20_000
	share := map[string]int{}
	for i := range calls {
		w := &walk{inv: ringbid.Invite{CallID: fmt.Sprint("call-", i)}}
		first := w.split(&split)
		if second := w.split(&split); second != first {
			t.Fatalf("call %d went to %v, then to %v", i, first, second)
		}
		share[first.to+">"+first.label]++
	}
	for to, percent := range map[string]int{"a>20 %": 20, "b>50 %": 50, "rest>": 30} {
		if got := share[to] * 100; got < (percent-2)*calls || got > (percent+2)*calls {
			t.Errorf("%s: %d of %d, want %d %%", to, share[to], calls, percent)
		}
	}
}

func TestVoicemail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patience time.Duration
		want     ringbid.Outcome
		by       string
		took     time.Duration
	}{
		"until it is full":  {0, ringbid.OutcomeVoicemail, "ringbid", 32 * time.Second},
		"hung up after it":  {10 * time.Second, ringbid.OutcomeVoicemail, "caller", 10 * time.Second},
		"hung up before it": {1 * time.Second, ringbid.OutcomeAbandoned, "caller", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(
					ringbid.Node{ID: "mail", Type: ringbid.NodeVoicemail, Prompt: "ask", MaxLength: ringbid.Duration(30 * time.Second), Next: "end"}, end("end"),
				), newLine()
				got := b.run(t, l, l, c.patience)
				if got.Outcome != c.want || got.EndedBy != c.by || got.Ended.Sub(got.Received) != c.took {
					t.Errorf("%s by %s after %s", got.Outcome, got.EndedBy, got.Ended.Sub(got.Received))
				}
			})
		})
	}
}

func TestVoicemailAfterNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(
			ringbid.Node{ID: "connect", Type: ringbid.NodeDial, None: "menu"},
			ringbid.Node{ID: "menu", Type: ringbid.NodeMenu, Prompt: "ask", Choices: ringbid.KeyMap{"1": "mail", "2": "end"}, Failed: "end"},
			ringbid.Node{ID: "mail", Type: ringbid.NodeVoicemail}, end("end"),
		), newLine()
		l.answers = []string{"1"}
		if got := b.run(t, l, l, 0); got.Outcome != ringbid.OutcomeVoicemail {
			t.Errorf("outcome %s", got.Outcome)
		}
		l.answers, b.markets, b.events = []string{"2"}, nil, nil
		l.ended = nil
		if got := b.run(t, l, l, 0); got.Outcome != ringbid.OutcomeNoBuyer {
			t.Errorf("outcome %s", got.Outcome)
		}
	})
}

// TestRefusedByFlow: a flow that ends before it says anything costs the caller
// nothing, and its status is the operator's.
func TestRefusedByFlow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		node    ringbid.Node
		outcome ringbid.Outcome
		sip     int
		did     []string
	}{
		"with a status":    {ringbid.Node{ID: "end", Type: ringbid.NodeHangup, Code: 486, Prompt: "bye"}, ringbid.OutcomeRejected, 486, nil},
		"without":          {end("end"), ringbid.OutcomeRejected, 480, nil},
		"with a goodbye":   {ringbid.Node{ID: "end", Type: ringbid.NodeHangup, Prompt: "bye"}, ringbid.OutcomeEnded, 0, []string{"answer record=true", "play 1.0"}},
		"through a prompt": {play("end", "next"), ringbid.OutcomeEnded, 0, []string{"answer record=true", "play 1.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(
					ringbid.Node{ID: "hours", Type: ringbid.NodeHours, Hours: ringbid.Hours{{Days: "mon", From: "09:00", To: "10:00"}}, Next: "end", Closed: "end"},
					c.node, ringbid.Node{ID: "next", Type: ringbid.NodeHangup, Code: 486},
				), newLine()
				got := b.run(t, l, l, 0)
				if got.Outcome != c.outcome || got.Reason.SIP != c.sip || got.Reason.Code != "closed" || !slices.Equal(l.did, c.did) {
					t.Errorf("%s, %+v, did %q", got.Outcome, got.Reason, l.did)
				}
			})
		})
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	loop := []ringbid.Node{play("a", "b"), play("b", "a")}
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(loop...), newLine()
		b.book.Flows["flow"].MaxSteps = 11
		got := b.run(t, l, l, 0)
		if got.Reason.Code != "flow_loop" || got.Reason.Fault != ringbid.FaultConfig || len(got.Steps) != 11 || len(l.ended) != 1 {
			t.Errorf("%d steps, %+v", len(got.Steps), got.Reason)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(loop...), newLine()
		clear(b.prompts) // nothing takes time
		if got := b.run(t, l, l, 0); got.Reason.Code != "flow_loop" || len(got.Steps) != ringbid.DefaultMaxSteps {
			t.Errorf("%d steps, %+v", len(got.Steps), got.Reason)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(loop...), newLine()
		b.book.Campaigns["auto"].MaxDuration = ringbid.Duration(time.Minute)
		got := b.run(t, l, l, 0)
		if got.Reason.Code != "max_duration" || got.Ended.Sub(got.Received) != time.Minute {
			t.Errorf("after %s: %+v", got.Ended.Sub(got.Received), got.Reason)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(ringbid.Node{ID: "connect", Type: ringbid.NodeDial}), newLine()
		b.book.Campaigns["auto"].MaxDuration = ringbid.Duration(time.Minute)
		l.verdicts, l.talk = []ringbid.Verdict{ringbid.VerdictAnswered}, time.Hour
		got := b.run(t, l, l, 0)
		if got.Reason.Code != "max_duration" || got.Outcome != ringbid.OutcomeBridged || got.ConnectedMS != 57000 || got.EndedBy != "ringbid" {
			t.Errorf("%s after %d ms: %+v", got.Outcome, got.ConnectedMS, got.Reason)
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(questions()...), newLine()
		registry := prometheus.NewRegistry()
		r := New(Config{Market: b, Directory: b, Registerer: registry})
		l.inv.Number = "+18005550199"
		r.Run(t.Context(), l)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "ringbid_ivr_calls_total" })
		if i < 0 {
			t.Fatalf("no ringbid_ivr_calls_total among %d families", len(families))
		}
		m := families[i].GetMetric()[0]
		if len(m.GetLabel()) != 2 || m.GetLabel()[0].GetValue() != "config" || m.GetLabel()[1].GetValue() != "rejected" || m.GetCounter().GetValue() != 1 {
			t.Errorf("metric %v", m)
		}
	})
}
