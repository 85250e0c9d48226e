package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// putCallLead makes a lead of a call that is over, under the same id, where
// there are methods to deliver it by: the target's for a call it took, the
// campaign's own for one that nobody did.
func (s *Store) putCallLead(ctx context.Context, tx pgx.Tx, c ringbid.Call) error {
	ways, buyer := s.callWays(c)
	if len(ways) == 0 {
		return nil
	}
	l := ringbid.Lead{
		ID: c.ID, Node: c.Node, State: ringbid.LeadCall, Received: c.Received, Campaign: c.Campaign, Publisher: c.Publisher, Call: c.ID,
		Reason: c.Reason, Facts: callFacts(c), Sale: ringbid.Sale{Currency: c.Sale.Currency},
	}
	row, err := s.leadRow(&l)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO leads SELECT * FROM jsonb_populate_record(NULL::leads, $1) ON CONFLICT DO NOTHING`, row)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	var list []ringbid.Delivery
	for _, w := range ways {
		if w.Role != ringbid.RoleFallback {
			list = append(list, ringbid.Delivery{ID: ringbid.NewID(), Lead: l.ID, Buyer: buyer, Target: c.Target, Method: w.Method, Role: w.Role, Made: s.cfg.Now()})
		}
	}
	if err := s.putDeliveries(ctx, tx, list...); err != nil {
		return fmt.Errorf("deliver call %s: %w", c.ID, err)
	}
	return nil
}

// callWays returns by which methods a call is passed on, and whose they are.
func (s *Store) callWays(c ringbid.Call) ([]ringbid.Way, string) {
	book := s.Book()
	if t := book.Targets[c.Target]; t != nil && c.Connected != nil {
		ways := make([]ringbid.Way, len(t.Methods))
		for i, w := range t.Methods {
			ways[i] = ringbid.Way{Method: w.Method, Role: t.RoleOf(i)}
		}
		return ways, t.Buyer
	}
	campaign := book.Campaigns[c.Campaign]
	if campaign == nil || c.Outcome == ringbid.OutcomeRejected || c.Connected != nil {
		return nil, ""
	}
	var ways []ringbid.Way
	for _, m := range campaign.Missed {
		ways = append(ways, ringbid.Way{Method: m, Role: ringbid.RoleParallel})
	}
	return ways, ""
}

// callFacts are what is known of a call, as a lead's facts.
func callFacts(c ringbid.Call) ringbid.TagMap {
	f := ringbid.TagMap{}
	for k, v := range boundTags(c.Tags) {
		f[k] = v
	}
	put := func(k, v string) {
		if v != "" && f[k] == "" {
			f[k] = v
		}
	}
	put("phone", string(c.Caller))
	put("name", c.CallerName)
	put("state", ringbid.AreaState(c.Caller))
	f["call_id"], f["number"], f["outcome"] = c.ID, string(c.Number), string(c.Outcome)
	f["call_received"] = c.Received.UTC().Format(time.RFC3339)
	f["connected_seconds"] = strconv.FormatInt(c.ConnectedMS/1000, 10)
	if c.Recording != nil {
		f["recording_id"], f["recording_seconds"] = c.Recording.ID, strconv.FormatInt(c.Recording.MS/1000, 10)
	}
	if c.Outcome == ringbid.OutcomeVoicemail {
		f["voicemail"] = "yes"
	}
	return f
}
