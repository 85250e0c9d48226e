package delivery

import (
	"context"
	"fmt"
	"time"
)

// lostAfter is how long a delivery's job may have been running while the
// delivery itself was never claimed: then the job was handed out and never
// arrived, as happens when Postgres dies in between.
const lostAfter = 20 * time.Second

// Rescue makes jobs available again that nobody works on any more: those of
// processes that are not among the alive, by their Boot, and those that were
// handed out and never arrived. A job may then run twice, which all of them
// bear. The queue does so by itself, minutes later; a lead is stale by then.
func (q *Queue) Rescue(ctx context.Context, alive []string) (int64, error) {
	tag, err := q.pool.Exec(ctx, `
		UPDATE river_job j SET state = 'available', scheduled_at = now()
		WHERE state = 'running' AND attempted_at < now() - interval '2 seconds' AND (
			NOT (attempted_by[array_upper(attempted_by, 1)] = ANY($1))
			OR kind = $2 AND attempted_at < now() - $3::interval
				AND EXISTS (SELECT FROM deliveries d WHERE d.id = j.args->>'delivery' AND d.state IN ('queued', 'retry')))`,
		alive, DeliverArgs{}.Kind(), lostAfter)
	if err != nil {
		return 0, fmt.Errorf("rescue jobs: %w", err)
	}
	return tag.RowsAffected(), nil
}
