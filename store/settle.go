package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// callColumns are the columns of calls but counted and settled_at, in the order
// of callValues.
const callColumns = `id, node, boot, state, received, answered, connected, ended, number, caller, caller_name, trunk,
	campaign, publisher, flow, flow_version, buyer, target, outcome, reason_code, reason_text, fault, ended_by,
	connected_ms, dialled, currency, price, revenue, payout, converted, rule, words, body`

const callParams = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
	$24, $25, $26, $27, $28, $29, $30, $31, $32, $33`

func callValues(r record) ([]any, error) {
	c := r.Call
	bare := c
	bare.Legs, bare.Events, bare.Auction, bare.Recording = nil, nil, nil, nil
	body, err := json.Marshal(bare)
	if err != nil {
		return nil, err
	}
	return []any{c.ID, c.Node, r.Boot, c.State, c.Received, c.Answered, c.Connected, c.Ended, c.Number, c.Caller, c.CallerName, c.Trunk,
		c.Campaign, c.Publisher, c.Flow, c.FlowVersion, c.Buyer, c.Target, c.Outcome, c.Reason.Code, c.Reason.Text, or(c.Reason.Fault, ringbid.FaultNone), c.EndedBy,
		c.ConnectedMS, dialled(c), c.Sale.Currency, int64(c.Sale.Price), int64(c.Sale.Revenue), int64(c.Sale.Payout), c.Sale.Converted, c.Sale.Rule, words(c), body}, nil
}

// dialled reports whether any buyer was called.
func dialled(c ringbid.Call) bool {
	return c.Connected != nil || slices.ContainsFunc(c.Legs, func(l ringbid.Leg) bool { return l.Side == "buyer" })
}

// words is what the text search looks at.
func words(c ringbid.Call) string {
	list := []string{c.ID, string(c.Caller), string(c.Number), c.CallerName, c.Campaign, c.Publisher, c.Buyer, c.Target, c.Reason.Code, c.Reason.Text}
	for k, v := range c.Tags {
		list = append(list, k+"="+v)
	}
	slices.Sort(list[10:])
	return cut(strings.ToLower(strings.Join(list, "\n")), 8192)
}

// insertLive writes the row of a call that is up, where there is none yet.
func (s *Store) insertLive(ctx context.Context, r record) error {
	r.Call.State, r.Call.Ended = ringbid.StateLive, nil
	values, err := callValues(r)
	if err != nil {
		return err
	}
	_, err = s.pages.Exec(ctx, `
		INSERT INTO calls (`+callColumns+`, counted, settled_at) VALUES (`+callParams+`, false, NULL)
		ON CONFLICT (id) DO NOTHING`, values...)
	return err
}

// commit settles the call in one transaction; one that is settled already is
// left alone.
func (s *Store) commit(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(ctx, pageBudget)
	defer cancel()
	r.Call.State = ringbid.StateEnded
	if r.Call.Ended == nil {
		now := s.cfg.Now().UTC()
		r.Call.Ended = &now
	}
	err := inTx(ctx, s.pages, func(tx pgx.Tx) error {
		first, err := putCall(ctx, tx, r)
		if err != nil || !first {
			return err
		}
		if err := putParts(ctx, tx, r.Call); err != nil {
			return err
		}
		if err := addUses(ctx, tx, r.Uses); err != nil {
			return err
		}
		if err := addHour(ctx, tx, hourOf(r.Call), 1); err != nil {
			return err
		}
		if err := s.putCallLead(ctx, tx, r.Call); err != nil {
			return err
		}
		if s.cfg.Outbox == nil {
			return nil
		}
		if err := s.cfg.Outbox.EnqueueTx(ctx, tx, r.Call); err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
		return nil
	})
	if err == nil {
		s.ledger.committed(settledName + r.Call.ID)
		s.metrics.settled.Inc()
	}
	return err
}

// putCall writes the call's row, and reports whether it was not settled before.
// A call that was taken for lost leaves the roll-up again.
func putCall(ctx context.Context, tx pgx.Tx, r record) (first bool, err error) {
	values, err := callValues(r)
	if err != nil {
		return false, err
	}
	var old hour
	var counted, settled bool
	err = tx.QueryRow(ctx, `
		SELECT counted, settled_at IS NOT NULL, date_trunc('hour', received, 'UTC'), campaign, publisher, buyer, currency
		FROM calls WHERE id = $1 FOR UPDATE`, r.Call.ID).
		Scan(&counted, &settled, &old.at, &old.campaign, &old.publisher, &old.buyer, &old.currency)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) || settled {
		return false, err
	}
	if counted {
		old.calls, old.lost = 1, 1
		if err := addHour(ctx, tx, old, -1); err != nil {
			return false, err
		}
	}
	columns := strings.Split(callColumns, ",")
	for i, c := range columns {
		columns[i] = "excluded." + strings.TrimSpace(c)
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO calls (`+callColumns+`, counted, settled_at) VALUES (`+callParams+`, true, now())
		ON CONFLICT (id) DO UPDATE SET (`+callColumns+`, counted, settled_at) = (`+strings.Join(columns, ", ")+`, true, now())
		WHERE calls.settled_at IS NULL RETURNING true`, values...).Scan(&first)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return first, err
}

// putParts writes what hangs on the call, in one round trip.
func putParts(ctx context.Context, tx pgx.Tx, c ringbid.Call) error {
	b := &pgx.Batch{}
	for i, l := range c.Legs {
		body, err := json.Marshal(l)
		if err != nil {
			return err
		}
		b.Queue(`INSERT INTO legs (call_id, n, side, target, verdict, body) VALUES ($1, $2, $3, $4, $5, $6)`, c.ID, i, l.Side, l.Target, l.Verdict, body)
	}
	if err := queueEvents(b, c); err != nil {
		return err
	}
	if err := queueAuction(b, c); err != nil {
		return err
	}
	queueEntries(b, c)
	if c.Recording != nil {
		queueRecording(b, c.ID, *c.Recording)
	}
	b.Queue(`DELETE FROM leases WHERE call_id = $1`, c.ID)
	return tx.SendBatch(ctx, b).Close()
}

func queueEvents(b *pgx.Batch, c ringbid.Call) error {
	if len(c.Events) == 0 {
		return nil
	}
	seqs, ats := make([]int32, len(c.Events)), make([]time.Time, len(c.Events))
	kinds, bodies := make([]string, len(c.Events)), make([]string, len(c.Events))
	for i, e := range c.Events {
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		seqs[i], ats[i], kinds[i], bodies[i] = int32(e.Seq), e.At, string(e.Kind), string(body)
	}
	b.Queue(`INSERT INTO events (call_id, seq, at, kind, body)
		SELECT $1, seq, at, kind, body::jsonb FROM unnest($2::integer[], $3::timestamptz[], $4::text[], $5::text[]) AS e (seq, at, kind, body)`,
		c.ID, seqs, ats, kinds, bodies)
	return nil
}

func queueAuction(b *pgx.Batch, c ringbid.Call) error {
	if c.Auction == nil {
		return nil
	}
	a := *c.Auction
	a.Bids = nil
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	b.Queue(`INSERT INTO auctions (call_id, id, campaign, opened, winner, body) VALUES ($1, $2, $3, $4, $5, $6)`, c.ID, a.ID, a.Campaign, a.Opened, a.Winner, body)
	for i, bid := range c.Auction.Bids {
		body, err := json.Marshal(bid)
		if err != nil {
			return err
		}
		b.Queue(`INSERT INTO bids (call_id, n, name, target, buyer, state, code, amount, rank, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			c.ID, i, bid.Name, bid.Target, bid.Buyer, bid.State, bid.Code, int64(bid.Amount), bid.Rank, body)
	}
	return nil
}

// queueEntries books the sale: the buyer owes the revenue, the publisher is owed
// the payout, the rest is ours.
func queueEntries(b *pgx.Batch, c ringbid.Call) {
	if c.Sale.Revenue == 0 && c.Sale.Payout == 0 {
		return
	}
	at := c.Received
	if c.Connected != nil {
		at = *c.Connected
	}
	for _, e := range []struct {
		account, party string
		amount         ringbid.Money
	}{
		{"receivable", c.Buyer, c.Sale.Revenue},
		{"payable", c.Publisher, -c.Sale.Payout},
		{"margin", "", -c.Sale.Margin()},
	} {
		if e.amount != 0 {
			b.Queue(`INSERT INTO entries (call_id, account, party, currency, amount, at) VALUES ($1, $2, $3, $4, $5, $6)`,
				c.ID, e.account, e.party, or(c.Sale.Currency, ringbid.DefaultCurrency), int64(e.amount), at)
		}
	}
}

func queueRecording(b *pgx.Batch, callID string, r ringbid.Recording) {
	b.Queue(`
		INSERT INTO recordings (call_id, id, path, url, started, ms, bytes, channels, sha256, dropped) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (call_id) DO UPDATE SET path = excluded.path, started = excluded.started, ms = excluded.ms, bytes = excluded.bytes,
			channels = excluded.channels, sha256 = excluded.sha256, dropped = excluded.dropped`,
		callID, r.ID, r.Path, r.URL, r.Started, r.MS, r.Bytes, r.Channels, r.SHA256, r.Dropped)
}
