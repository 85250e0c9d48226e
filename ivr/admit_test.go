package ivr

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringbid/ringbid"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		script func(b *bench, l *line)
	}{
		"unknown_number":    {404, func(_ *bench, l *line) { l.inv.Number = "+18005550199" }},
		"trunk_not_allowed": {403, func(b *bench, _ *line) { b.book.Numbers[tracking].Trunks = []string{"other"} }},
		"number_paused":     {480, func(b *bench, _ *line) { b.book.Numbers[tracking].Paused = true }},
		"campaign_paused":   {480, func(b *bench, _ *line) { b.book.Campaigns["auto"].Paused = true }},
		"publisher_paused":  {480, func(b *bench, _ *line) { b.book.Publishers["pub"].Paused = true }},
		"anonymous":         {433, func(_ *bench, l *line) { l.inv.Caller = "" }},
		"blocked_caller":    {603, func(b *bench, _ *line) { b.book.Campaigns["auto"].Blocked = []ringbid.Phone{caller} }},
		"spam_repeat":       {486, func(b *bench, _ *line) { b.seen = true }},
		"no_configuration":  {503, func(b *bench, _ *line) { b.book = nil }},
		"unknown_campaign":  {500, func(b *bench, _ *line) { clear(b.book.Campaigns) }},
		"unknown_flow":      {500, func(b *bench, _ *line) { clear(b.book.Flows) }},
		"flow_unsound": {500, func(b *bench, _ *line) {
			b.book.Flows["flow"] = &ringbid.Flow{Name: "flow", Start: "a", Nodes: []ringbid.Node{
				{ID: "a", Type: ringbid.NodeBranch, Next: "b", Cases: []ringbid.Case{{If: "zip ==", Next: "b"}}}, {ID: "b", Type: ringbid.NodeHangup},
			}}
		}},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(questions()...), newLine()
				c.script(b, l)
				got := b.run(t, l, l, 0)
				if got.Outcome != ringbid.OutcomeRejected || got.Reason.Code != code || got.Reason.SIP != c.status || got.EndedBy != "ringbid" {
					t.Errorf("outcome %s, reason %+v by %s", got.Outcome, got.Reason, got.EndedBy)
				}
				if len(l.did) > 0 || got.Answered != nil || len(got.Steps) > 0 || len(l.ended) != 1 || l.ended[0] != got.Reason {
					t.Errorf("did %q, answered %v, steps %v, hang-ups %+v", l.did, got.Answered, got.Steps, l.ended)
				}
				if e := b.events[len(b.events)-1]; e.Data["code"] != code || e.Data["outcome"] != "rejected" {
					t.Errorf("last event %+v", e)
				}
			})
		})
	}
}

func TestLetIn(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(b *bench, l *line){
		"anonymous, accepted": func(b *bench, l *line) { l.inv.Caller, b.book.Campaigns["auto"].AcceptAnonymous = "", true },
		"anonymous, never spam": func(b *bench, l *line) {
			l.inv.Caller, b.book.Campaigns["auto"].AcceptAnonymous, b.seen = "", true, true
		},
		"another is blocked": func(b *bench, _ *line) { b.book.Campaigns["auto"].Blocked = []ringbid.Phone{"+13105550124"} },
		"its trunk":          func(b *bench, _ *line) { b.book.Numbers[tracking].Trunks = []string{"other", "carrier"} },
		"no publisher":       func(b *bench, _ *line) { b.book.Numbers[tracking].Publisher = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, l := newBench(questions()...), newLine()
				script(b, l)
				if got := b.run(t, l, l, time.Second); got.Outcome != ringbid.OutcomeAbandoned || got.Answered == nil {
					t.Errorf("outcome %s, reason %+v", got.Outcome, got.Reason)
				}
			})
		})
	}
}
