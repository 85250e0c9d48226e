package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// CallPage is one answer of a list of calls.
type CallPage struct {
	Calls []ringbid.Call
	Next  string // cursor of the next answer, "" at the end
}

// listColumns are what a list shows of a call.
const listColumns = `c.id, c.node, c.state, c.received, c.answered, c.connected, c.ended, c.number, c.caller, c.caller_name, c.trunk,
	c.campaign, c.publisher, c.flow, c.flow_version, c.buyer, c.target, c.outcome, c.reason_code, c.reason_text, c.fault, c.ended_by,
	c.connected_ms, c.currency, c.price, c.revenue, c.payout, c.converted, c.rule`

// scanCall reads listColumns, then more.
func scanCall(r pgx.Row, c *ringbid.Call, more ...any) error {
	return r.Scan(append([]any{&c.ID, &c.Node, &c.State, &c.Received, &c.Answered, &c.Connected, &c.Ended, &c.Number, &c.Caller, &c.CallerName, &c.Trunk,
		&c.Campaign, &c.Publisher, &c.Flow, &c.FlowVersion, &c.Buyer, &c.Target, &c.Outcome, &c.Reason.Code, &c.Reason.Text, &c.Reason.Fault, &c.EndedBy,
		&c.ConnectedMS, &c.Sale.Currency, (*int64)(&c.Sale.Price), (*int64)(&c.Sale.Revenue), (*int64)(&c.Sale.Payout), &c.Sale.Converted, &c.Sale.Rule}, more...)...)
}

// Calls returns calls, the newest first, without what hangs on them: steps,
// tags, legs, events, auction. A recording is there with its ID and length.
func (s *Store) Calls(ctx context.Context, f CallFilter) (CallPage, error) {
	limit := min(max(or(f.Limit, 50), 1), MaxPage)
	w := f.where()
	order, beyond, place := f.order()
	if f.Cursor != "" {
		from, at, id, err := parseCursor(f.Cursor)
		if err != nil {
			return CallPage{}, err
		}
		w.add(beyond, from, at, id)
	}
	rows, err := s.pages.Query(ctx, fmt.Sprintf(`
		SELECT %s, r.id, r.ms FROM calls c LEFT JOIN recordings r ON r.call_id = c.id
		WHERE %s ORDER BY %s LIMIT %d`, listColumns, w, order, limit+1), w.args...)
	if err != nil {
		return CallPage{}, fmt.Errorf("list calls: %w", kinded(err))
	}
	calls, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (ringbid.Call, error) {
		var c ringbid.Call
		var recording *string
		var ms *int64
		err := scanCall(r, &c, &recording, &ms)
		if recording != nil {
			c.Recording = &ringbid.Recording{ID: *recording, MS: *ms}
		}
		inUTC(&c)
		return c, err
	})
	if err != nil {
		return CallPage{}, fmt.Errorf("list calls: %w", kinded(err))
	}
	p := CallPage{Calls: calls}
	if len(calls) > limit {
		p.Calls = calls[:limit]
		last := p.Calls[limit-1]
		p.Next = cursor(place(last), last)
	}
	return p, nil
}

// Call returns all that is known of a call, or a NotFound error.
func (s *Store) Call(ctx context.Context, id string) (*ringbid.Call, error) {
	var c *ringbid.Call
	err := pgx.BeginTxFunc(ctx, s.pages, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		c, err = readCall(ctx, tx, clean(id))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound("call", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read call %.64q: %w", id, kinded(err))
	}
	return c, nil
}

func readCall(ctx context.Context, q querier, id string) (*ringbid.Call, error) {
	var list, c ringbid.Call
	var body []byte
	if err := scanCall(q.QueryRow(ctx, `SELECT `+listColumns+`, c.body FROM calls c WHERE c.id = $1`, id), &list, &body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	if list.Outcome == ringbid.OutcomeLost { // the columns know, the body was written before
		c.State, c.Outcome, c.Reason, c.Ended, c.EndedBy = list.State, list.Outcome, list.Reason, list.Ended, list.EndedBy
		inUTC(&c)
	}
	var err error
	if c.Legs, err = bodies[ringbid.Leg](ctx, q, `SELECT body FROM legs WHERE call_id = $1 ORDER BY n`, id); err != nil {
		return nil, err
	}
	if c.Events, err = bodies[ringbid.Event](ctx, q, `SELECT body FROM events WHERE call_id = $1 ORDER BY seq`, id); err != nil {
		return nil, err
	}
	auctions, err := bodies[ringbid.Auction](ctx, q, `SELECT body FROM auctions WHERE call_id = $1`, id)
	if err != nil {
		return nil, err
	}
	if len(auctions) > 0 {
		c.Auction = &auctions[0]
		if c.Auction.Bids, err = bodies[ringbid.Bid](ctx, q, `SELECT body FROM bids WHERE call_id = $1 ORDER BY n`, id); err != nil {
			return nil, err
		}
	}
	c.Recording, err = readRecording(ctx, q, id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return &c, err
}

// bodies reads a column of JSON; nil where there are no rows.
func bodies[T any](ctx context.Context, q querier, sql, id string) ([]T, error) {
	rows, err := q.Query(ctx, sql, id)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v T, err error) {
		var b []byte
		if err = r.Scan(&b); err == nil {
			err = json.Unmarshal(b, &v)
		}
		return v, err
	})
	if len(list) == 0 {
		list = nil
	}
	return list, err
}

// inUTC puts the times that came out of columns into UTC.
func inUTC(c *ringbid.Call) {
	c.Received = c.Received.UTC()
	for _, t := range []*time.Time{c.Answered, c.Connected, c.Ended} {
		if t != nil {
			*t = t.UTC()
		}
	}
}
