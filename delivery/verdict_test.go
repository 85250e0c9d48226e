package delivery

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid/delivery/connector"
)

// verdicts is the table in full: what follows from the first try, from the last,
// and from one behind an earlier try that may have arrived.
const verdicts = `
class         idempotent  first try     last try   may have arrived  breaker
never_sent    no          retry in 2s   waterfall  exception         failure
never_sent    yes         retry in 2s   waterfall  retry in 2s       failure
ambiguous     no          exception     exception  exception         failure
ambiguous     yes         retry in 2s   exception  retry in 2s       failure
throttled     no          retry in 40s  waterfall  exception         nothing
throttled     yes         retry in 40s  waterfall  retry in 40s      nothing
server_error  no          retry in 2s   waterfall  exception         failure
server_error  yes         retry in 2s   waterfall  retry in 2s       failure
auth          no          waterfall     waterfall  exception         open
auth          yes         waterfall     waterfall  exception         open
rejected      no          waterfall     waterfall  exception         success
rejected      yes         waterfall     waterfall  exception         success
accepted      no          done          done       done              success
accepted      yes         done          done       done              success
unsound       no          waterfall     waterfall  exception         nothing
unsound       yes         waterfall     waterfall  exception         nothing
`

func TestVerdicts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nclass\tidempotent\tfirst try\tlast try\tmay have arrived\tbreaker")
	for _, class := range connector.Classes() {
		for i, word := range []string{"no", "yes"} {
			try := Try{Class: class, Idempotent: i == 1, Number: 1}
			if class == connector.ClassThrottled {
				try.RetryAfter = 40 * time.Second
			}
			first := Judge(try)
			try.Maybe = true
			again := Judge(try)
			try.Maybe, try.Number = false, MaxTries
			last := Judge(try)
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", class, word, follows(first), follows(last), follows(again), first.Breaker)
		}
	}
	_ = w.Flush()
	t.Log(b.String())
	if d := cmp.Diff(verdicts, b.String()); d != "" {
		t.Error(d)
	}
}

func follows(v Verdict) string {
	if v.Next == NextRetry {
		return fmt.Sprintf("retry in %s", v.After)
	}
	return string(v.Next)
}

func TestPauses(t *testing.T) {
	t.Parallel()
	for i, want := range []time.Duration{2, 4, 8, 16, 32} {
		v := Judge(Try{Class: connector.ClassNeverSent, Number: i + 1})
		if v.Next != NextRetry || v.After != want*time.Second {
			t.Errorf("try %d: %s in %s, want %ds", i+1, v.Next, v.After, want)
		}
	}
	for name, c := range map[string]struct {
		try  Try
		want Verdict
	}{
		"shorter than the pause": {Try{Class: connector.ClassThrottled, Number: 3, RetryAfter: time.Second}, Verdict{NextRetry, 8 * time.Second, BreakerNothing, false}},
		"not said":               {Try{Class: connector.ClassThrottled, Number: 1}, Verdict{NextRetry, 2 * time.Second, BreakerNothing, false}},
		"longer than patience":   {Try{Class: connector.ClassThrottled, Number: 1, RetryAfter: 2 * time.Hour}, Verdict{NextWaterfall, 0, BreakerNothing, false}},
		"within patience":        {Try{Class: connector.ClassThrottled, Number: 1, RetryAfter: 2 * time.Hour, Patience: 3 * time.Hour}, Verdict{NextRetry, 2 * time.Hour, BreakerNothing, false}},
		"server says when":       {Try{Class: connector.ClassServer, Number: 1, RetryAfter: 5 * time.Second}, Verdict{NextRetry, 5 * time.Second, BreakerFailure, false}},
		"ambiguous stays so":     {Try{Class: connector.ClassNeverSent, Idempotent: true, Maybe: true, Number: 6}, Verdict{NextException, 0, BreakerFailure, true}},
		"first number missing":   {Try{Class: connector.ClassNeverSent}, Verdict{NextRetry, 2 * time.Second, BreakerFailure, false}},
	} {
		if d := cmp.Diff(c.want, Judge(c.try)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, chance := range []float64{-1, 0, 0.5, 0.999, 2} {
		if d := Jitter(8*time.Second, chance); d < 8*time.Second || d > 10*time.Second {
			t.Errorf("jitter of %g: %s", chance, d)
		}
	}
}

// Whatever happens to a lead, in whatever order, one partner takes it at most
// once unless it is idempotent, nobody else gets what may be there, and it ends.
func TestNothingIsSoldTwice(t *testing.T) {
	t.Parallel()
	classes := connector.Classes()
	const depth = 7 // beyond MaxTries
	total := 1
	for range depth {
		total *= len(classes)
	}
	for _, idempotent := range []bool{false, true} {
		for n := 0; n < total; n += 7 { // 7 and 8 share no factor: every class in every place
			maybe, ended, last := false, false, Next("")
			for i, rest := 1, n; i <= depth && !ended; i, rest = i+1, rest/len(classes) {
				class := classes[rest%len(classes)]
				if maybe && !idempotent {
					t.Fatalf("run %d: try %d goes to a partner that may have the lead", n, i)
				}
				v := Judge(Try{Class: class, Idempotent: idempotent, Number: i, Maybe: maybe})
				maybe, ended, last = v.Maybe, v.Next != NextRetry, v.Next
				if ended && v.Next == NextWaterfall && maybe {
					t.Fatalf("run %d: another gets what may be there", n)
				}
			}
			if !ended {
				t.Fatalf("run %d does not end: %s", n, last)
			}
		}
	}
}
