package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Recording returns the recording of a call, or a NotFound error.
func (s *Store) Recording(ctx context.Context, callID string) (*ringbid.Recording, error) {
	r, err := readRecording(ctx, s.pages, clean(callID))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound("recording of call", callID)
	}
	if err != nil {
		return nil, fmt.Errorf("read recording of call %.64q: %w", callID, kinded(err))
	}
	return r, nil
}

func readRecording(ctx context.Context, q querier, callID string) (*ringbid.Recording, error) {
	var r ringbid.Recording
	err := q.QueryRow(ctx, `SELECT id, path, url, started, ms, bytes, channels, sha256, dropped FROM recordings WHERE call_id = $1`, callID).
		Scan(&r.ID, &r.Path, &r.URL, &r.Started, &r.MS, &r.Bytes, &r.Channels, &r.SHA256, &r.Dropped)
	if err != nil {
		return nil, err
	}
	r.Started = r.Started.UTC()
	return &r, nil
}

// AddRecording attaches a recording that was found after its call ended, and
// enqueues what follows from it. The call need not be known yet. Doing it again
// changes nothing.
func (s *Store) AddRecording(ctx context.Context, callID string, r ringbid.Recording) error {
	err := inTx(ctx, s.pages, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		queueRecording(b, callID, r)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		call, err := readCall(ctx, tx, callID)
		if errors.Is(err, pgx.ErrNoRows) {
			call, err = &ringbid.Call{ID: callID, Node: s.cfg.Node, Recording: &r}, nil
		}
		if err != nil || s.cfg.Outbox == nil || call.Recording.URL != "" {
			return err
		}
		return s.cfg.Outbox.EnqueueTx(ctx, tx, *call)
	})
	if err != nil {
		return fmt.Errorf("add recording of call %.64q: %w", callID, kinded(err))
	}
	return nil
}

// SetRecordingURL says where the recording was uploaded to. The error is
// NotFound where there is no such recording.
func (s *Store) SetRecordingURL(ctx context.Context, id, url string) error {
	tag, err := s.pages.Exec(ctx, `UPDATE recordings SET url = $2 WHERE id = $1`, id, url)
	if err != nil {
		return fmt.Errorf("set url of recording %.64q: %w", id, kinded(err))
	}
	if tag.RowsAffected() == 0 {
		return notFound("recording", id)
	}
	return nil
}
