package trade

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringbid/ringbid"
	"github.com/ringbid/ringbid/store"
)

// ask runs a query of one value.
func ask[T any](r *rig, sql string, args ...any) (v T) {
	r.t.Helper()
	if err := r.store.Pool().QueryRow(r.t.Context(), sql, args...).Scan(&v); err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// sums are what the database says of money and counts, from one of the places
// where it keeps them.
type sums struct {
	Leads, Refused, Offered, Standing, Revenue, Payout, Recovered int64
}

// balanced checks what must hold after anything whatever: the ledger sums to
// zero, and leads, purchases, the ledger and the sums by the hour agree.
func (r *rig) balanced() {
	r.t.Helper()
	r.ledgerZero()
	scan := func(sql string) (s sums) {
		r.t.Helper()
		err := r.store.Pool().QueryRow(r.t.Context(), sql).Scan(&s.Leads, &s.Refused, &s.Offered, &s.Standing, &s.Revenue, &s.Payout, &s.Recovered)
		if err != nil {
			r.t.Fatal(err)
		}
		return s
	}
	hours := scan(`SELECT coalesce(sum(leads), 0)::bigint, coalesce(sum(refused), 0)::bigint, coalesce(sum(offered), 0)::bigint,
		coalesce(sum(accepted - returned), 0)::bigint, coalesce(sum(revenue), 0)::bigint, coalesce(sum(payout), 0)::bigint,
		coalesce(sum(recovered_revenue), 0)::bigint FROM lead_hours`)
	purchases := scan(`SELECT (SELECT count(*) FROM leads WHERE state <> 'call'), (SELECT count(*) FROM leads WHERE state = 'refused'), count(*),
		count(*) FILTER (WHERE state = 'accepted'), coalesce(sum(revenue) FILTER (WHERE state = 'accepted'), 0)::bigint,
		coalesce(sum(payout) FILTER (WHERE state = 'accepted'), 0)::bigint, coalesce(sum(revenue) FILTER (WHERE state = 'accepted' AND recovery), 0)::bigint FROM purchases`)
	if d := gocmp.Diff(purchases, hours); d != "" {
		r.t.Errorf("sums by the hour (-purchases +hours):\n%s", d)
	}
	for what, sql := range map[string]string{
		"leads":  `SELECT coalesce(sum(revenue), 0)::bigint || ' ' || coalesce(sum(payout), 0)::bigint FROM leads`,
		"ledger": `SELECT coalesce(sum(amount) FILTER (WHERE account = 'receivable'), 0)::bigint || ' ' || coalesce(-sum(amount) FILTER (WHERE account = 'payable'), 0)::bigint FROM entries WHERE purchase_id IS NOT NULL`,
	} {
		if got, want := ask[string](r, sql), fmt.Sprint(purchases.Revenue, " ", purchases.Payout); got != want {
			r.t.Errorf("revenue and payout by the %s %s, by the purchases %s", what, got, want)
		}
	}
	r.capsAgree()
}

// capsAgree checks that what is counted against caps is what stands.
func (r *rig) capsAgree() {
	r.t.Helper()
	bad := ask[string](r, `
		WITH stands AS (
			SELECT p.target, u->>'on' AS counts, u->>'per' AS per, (u->>'start')::timestamptz AS start, sum((u->>'n')::bigint) AS n
			FROM purchases p, jsonb_array_elements(CASE jsonb_typeof(p.uses) WHEN 'array' THEN p.uses ELSE '[]' END) u
			WHERE u->>'on' <> 'attempt' AND p.state IN ('pending', 'accepted', 'held') GROUP BY 1, 2, 3, 4)
		SELECT coalesce(string_agg(concat_ws(' ', coalesce(s.target, c.target), coalesce(s.counts, c.counts), 'stand', coalesce(s.n, 0), 'counted', coalesce(c.used, 0)), '; '), '')
		FROM stands s FULL JOIN (SELECT * FROM cap_counters WHERE counts <> 'attempt') c
		ON c.target = s.target AND c.counts = s.counts AND c.per = s.per AND c.window_start = s.start
		WHERE coalesce(s.n, 0) <> coalesce(c.used, 0)`)
	if bad != "" {
		r.t.Errorf("caps: %s", bad)
	}
}

// TestLedger lets thirty leads meet buyers who take, refuse, break and lose
// answers, gives some back, gives one up, and counts.
func TestLedger(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	capped := func(docs []ringbid.Document) []ringbid.Document {
		docs[1].(*ringbid.Target).Caps = []ringbid.Cap{{On: "convert", Per: "day", Limit: 12}, {On: "revenue", Per: "month", Amount: 10_000 * ringbid.MoneyScale}}
		return docs
	}
	r.publish(slices.Concat(basics("picky", "shaky", "sure"),
		capped(buyer("picky", "30.00", r.httpMethod("picky-api", "premium", ""))), capped(buyer("shaky", "20.00", r.httpMethod("shaky-api", "chaos", `{"timeout":"300ms"}`))),
		buyer("sure", "10.00", &ringbid.Method{Name: "sure-inbox", Type: "portal"}))...)
	var leads []string
	for i := range 30 {
		leads = append(leads, r.post(person(), fmt.Sprint("ext-", i)).LeadID)
		r.clock.advance(time.Minute)
	}
	r.post(map[string]string{"phone": "1"}, "bad")
	for i, id := range leads {
		l := r.settle(id)
		for _, p := range l.Purchases {
			if p.State != ringbid.PurchaseAccepted || i%3 != 0 {
				continue
			}
			if err := r.store.Act(t.Context(), p.Buyer, ringbid.Activity{Lead: id, At: r.clock.Now(), By: "ann", Kind: "return", Text: "wrong number"}); err != nil {
				t.Fatal(err)
			}
			if err := r.store.DecideReturn(t.Context(), p.ID, i%2 == 0, "boss"); err != nil {
				t.Fatal(err)
			}
		}
	}
	page, err := r.store.Exceptions(t.Context(), store.ExceptionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, x := range page.Rows {
		ids = append(ids, x.Delivery.ID)
	}
	if n, err := r.store.Dismiss(t.Context(), ids, "boss"); err != nil || n != len(ids) {
		t.Errorf("dismissed %d of %d, %v", n, len(ids), err)
	}
	r.balanced()
	states := ask[string](r, `SELECT string_agg(DISTINCT state, ' ' ORDER BY state) FROM purchases`)
	if !strings.Contains(states, "accepted") || !strings.Contains(states, "rejected") || !strings.Contains(states, "returned") {
		t.Errorf("only %s were met", states)
	}
	total, err := r.store.LeadTotal(t.Context(), store.LeadFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(int64(total.Sales["USD"].Revenue), total.Leads, total.Refused), ask[string](r, `SELECT concat_ws(' ', sum(revenue), sum(leads), sum(refused)) FROM lead_hours`); got != want {
		t.Errorf("revenue, leads and refused are %s by the leads and %s by the hour", got, want)
	}
	if got, want := int64(total.RecoveredRevenue["USD"]), ask[int64](r, `SELECT sum(recovered_revenue)::bigint FROM lead_hours`); got != want || want == 0 {
		t.Errorf("recovered revenue is %d by the leads and %d by the hour", got, want)
	}
}
