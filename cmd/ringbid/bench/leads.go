package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Sizes of the figures of leads.
const (
	leadRate    = 100 // a second, open loop
	leadSeconds = 8   // of each round
	leadQueuers = 48  // publishers at once, closed loop
	leadKey     = "bench-key-0123456789"
)

// leadRate is how many leads a second are posted, leadSeconds for how long; a
// quick run looks only whether the figure can be had.
func (o Options) leadRate() int {
	if o.Quick {
		return leadRate / 10
	}
	return leadRate
}

func (o Options) leadSeconds() int {
	if o.Quick {
		return 2
	}
	return leadSeconds
}

// leads measures what a lead takes: from its post to the buyer's acceptance,
// into the queue, and beside a dead buyer.
func leads(ctx context.Context, o Options) ([]Figure, error) {
	h, err := openLeadHouse(ctx, o)
	if err != nil {
		return nil, err
	}
	defer h.close()
	if _, err := h.steady(ctx, "good", o.leadRate(), 2); err != nil { // warm up
		return nil, err
	}
	var out []Figure
	for _, f := range []func(context.Context, *leadHouse, Options) (Figure, error){accepted, queued, besideDead} {
		fig, err := f(ctx, h, o)
		if err != nil {
			return out, err
		}
		out = append(out, fig)
	}
	return out, nil
}

// accepted is the time until a buyer who takes 100 ms has accepted, against the
// same posts straight to that buyer.
func accepted(ctx context.Context, h *leadHouse, o Options) (Figure, error) {
	var values, floors []float64
	var mids []float64
	for range o.Rounds {
		took, err := h.steady(ctx, "good", o.leadRate(), o.leadSeconds())
		if err != nil {
			return Figure{}, err
		}
		values, mids = append(values, percentile(took, 99)), append(mids, percentile(took, 50))
		bare, err := h.bare(ctx, o.leadRate(), 3)
		if err != nil {
			return Figure{}, err
		}
		floors = append(floors, percentile(bare, 99))
	}
	f := figure("lead in to accepted, p99", "ms", values, floors)
	f.Note = fmt.Sprintf("%d leads/s for %d s a round, buyer takes 100 ms, p50 %.0f ms; floor: the buyer alone; goal 250 ms", o.leadRate(), o.leadSeconds(), spread(mids).Median)
	return f, nil
}

// queued is how many leads a second are sold and queued, as the time of one,
// against as many commits of one row.
func queued(ctx context.Context, h *leadHouse, o Options) (Figure, error) {
	pool, err := pgxpool.New(ctx, h.pg.DSN()+" pool_max_conns=16")
	if err != nil {
		return Figure{}, err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS bench_rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb NOT NULL)`); err != nil {
		return Figure{}, err
	}
	var values, floors, rates []float64
	for range o.Rounds {
		n, err := closedLoop(ctx, 4*time.Second, func() error { _, err := h.post(ctx, "wait"); return err })
		if err != nil {
			return Figure{}, err
		}
		m, err := closedLoop(ctx, 2*time.Second, func() error {
			_, err := pool.Exec(ctx, `INSERT INTO bench_rows (body) VALUES ('{"first_name": "Ann", "phone": "+12135550100", "zip": "90210"}')`)
			return err
		})
		if err != nil {
			return Figure{}, err
		}
		values, floors, rates = append(values, 1e6/n), append(floors, 1e6/m), append(rates, n)
	}
	f := figure("lead into the queue", "µs", values, floors)
	f.Note = fmt.Sprintf("%d publishers at once over HTTP: %.0f leads/s [%.0f..%.0f]; floor: one committed row each; goal 1,000 leads/s", leadQueuers, spread(rates).Median, spread(rates).Min, spread(rates).Max)
	return f, nil
}

// besideDead is what the others take while one buyer is dead, against what they
// take without it.
func besideDead(ctx context.Context, h *leadHouse, o Options) (Figure, error) {
	var values, floors []float64
	for range o.Rounds {
		alone, err := h.steady(ctx, "good", o.leadRate()/2, o.leadSeconds()/2)
		if err != nil {
			return Figure{}, err
		}
		flood, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = openLoop(flood, o.leadRate()/2, o.leadSeconds(), func() error { _, err := h.post(flood, "dead"); return err })
		}()
		beside, err := h.steady(ctx, "good", o.leadRate()/2, o.leadSeconds()/2)
		stop()
		<-done
		if err != nil {
			return Figure{}, err
		}
		values, floors = append(values, percentile(beside, 99)), append(floors, percentile(alone, 99))
	}
	f := figure("others beside a dead buyer, p99", "ms", values, floors)
	f.Note = fmt.Sprintf("%d leads/s to a buyer that takes 100 ms, and as many to one that never answers; floor: without that one", o.leadRate()/2)
	return f, nil
}
