package sim

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLeadBuyersShare refuses a share of the leads, each of them for good.
func TestLeadBuyersShare(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) map[string]string {
		b := leadBuyers(t, LeadBuyersConfig{Seed: seed})
		out := map[string]string{}
		for i := range 300 {
			key := fmt.Sprint("k", i%150)
			_, _, a, _ := b.take("premium", leadPost{kind: leadForm, fields: map[string]string{"zip": "1"}, key: key})
			if was, again := out[key]; again && was != a.Status {
				t.Errorf("%s: %s, then %s", key, was, a.Status)
			}
			out[key] = a.Status
		}
		return out
	}
	got := run(3)
	if diff := cmp.Diff(got, run(3)); diff != "" {
		t.Error("the same seed decides otherwise:", diff)
	}
	refused := 0
	for _, s := range got {
		if s == "rejected" {
			refused++
		}
	}
	if refused < 40 || refused > 80 { // 60 of 150
		t.Errorf("%d of %d refused", refused, len(got))
	}
}

// TestLeadBuyersChaos retries each lead until it is answered. However often that
// takes, an idempotent buyer has each lead once; the truth says what was lost.
func TestLeadBuyersChaos(t *testing.T) {
	t.Parallel()
	names := map[string]LeadBuying{
		"careful": {Least: 1, Chaos: 0.5, Idempotent: true}, "forgetful": {Least: 1, Chaos: 0.5},
	}
	run := func() (map[string]LeadCount, map[LeadFault]int, int) {
		b, c := leadBuyers(t, LeadBuyersConfig{Seed: 9, Names: names}), poster(t)
		var wg sync.WaitGroup
		leads := make(chan string)
		for range 8 {
			wg.Go(func() {
				for key := range leads {
					for name := range names {
						untilTaken(t, c, b.URL(name), key)
					}
				}
			})
		}
		for i := range 120 {
			leads <- fmt.Sprint("k", i)
		}
		close(leads)
		wg.Wait()
		faults, twice := map[LeadFault]int{}, 0
		for _, s := range b.Leads("careful") {
			faults[s.Fault]++
		}
		for i := range 120 {
			key := fmt.Sprint("k", i)
			if n := b.Kept("careful", key); n != 1 {
				t.Errorf("%s was taken %d times", key, n)
			}
			if n := b.Kept("forgetful", key); n > 1 {
				twice++
			} else if n == 0 {
				t.Errorf("%s was lost", key)
			}
		}
		return b.Counts(), faults, twice
	}
	counts, faults, twice := run()
	again, _, _ := run()
	if diff := cmp.Diff(counts, again); diff != "" {
		t.Error("the same seed makes other chaos:", diff)
	}
	if twice < 20 {
		t.Errorf("a forgetful buyer took only %d leads twice: %+v", twice, counts)
	}
	for _, f := range []LeadFault{LeadFaultNone, LeadFaultDrop, LeadFaultReset, LeadFault500, LeadFaultPaid500} {
		if faults[f] == 0 {
			t.Errorf("nobody met %q: %v", f, faults)
		}
	}
}

// untilTaken posts a lead until an answer says that it was taken.
func untilTaken(t *testing.T, c *http.Client, where, key string) {
	for range 50 {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, where, strings.NewReader(aLead(key)))
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		if err != nil {
			continue
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err == nil && res.StatusCode == 200 && strings.Contains(string(body), `"accepted"`) {
			return
		}
	}
	t.Errorf("%s was never taken", key)
}

// TestLeadBuyersAtOnce posts many leads from many sides.
func TestLeadBuyersAtOnce(t *testing.T) {
	t.Parallel()
	b, c := leadBuyers(t, LeadBuyersConfig{}), poster(t)
	const sides, each = 16, 50
	var wg sync.WaitGroup
	for side := range sides {
		wg.Go(func() {
			for i := range each {
				says(t, c, b.URL("fast"), "application/json", fmt.Sprint(side, "-", i), aLead("x"))
				b.Count("fast")
				b.Kept("fast", "0-0")
			}
		})
	}
	wg.Wait()
	if got := b.Count("fast"); got.Posts != sides*each || got.Kept != sides*each || got.Keys != sides*each {
		t.Errorf("%+v", got)
	}
	if n := len(b.Leads("fast")); n != sides*each {
		t.Errorf("%d remembered", n)
	}
}
