package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// SaveDraft keeps the document as its draft, in place of the draft before. A
// draft may be unsound; PublishDraft checks it. Users have no drafts: a plain
// password would stand in them.
func (s *Store) SaveDraft(ctx context.Context, d ringbid.Document, by string) error {
	k := d.Key()
	if k.Kind == ringbid.KindUser {
		return ringbid.Errorf(ringbid.Invalid, "save draft of %s: users have no drafts", k)
	}
	body, err := s.keys.pack(d)
	if err == nil {
		_, err = s.pages.Exec(ctx, `
			INSERT INTO documents (kind, name, version, state, body, created_at, created_by) VALUES ($1, $2, 0, 'draft', $3, $4, $5)
			ON CONFLICT (kind, name, version) DO UPDATE SET body = excluded.body, created_at = excluded.created_at, created_by = excluded.created_by`,
			k.Kind, k.Name, body, s.cfg.Now(), cut(by, 200))
	}
	if err != nil {
		return fmt.Errorf("save draft of %s: %w", k, kinded(err))
	}
	return nil
}

// Draft returns the document's draft, or a NotFound error.
func (s *Store) Draft(ctx context.Context, k ringbid.Key) (ringbid.Document, error) {
	d, err := s.DocumentAt(ctx, k, 0)
	if ringbid.KindOf(err) == ringbid.NotFound {
		return nil, notFound("draft of", k.String())
	}
	return d, err
}

// DropDraft throws the draft away; there need not be one.
func (s *Store) DropDraft(ctx context.Context, k ringbid.Key) error {
	_, err := s.pages.Exec(ctx, `DELETE FROM documents WHERE kind = $1 AND name = $2 AND version = 0`, k.Kind, k.Name)
	if err != nil {
		return fmt.Errorf("drop draft of %s: %w", k, kinded(err))
	}
	return nil
}

// PublishDraft applies the draft and drops it. Where problems are returned it is
// still there.
func (s *Store) PublishDraft(ctx context.Context, k ringbid.Key, by string) (Changes, []ringbid.Problem, error) {
	c, problems, err := s.applyVersion(ctx, k, 0, by)
	if err != nil || len(problems) > 0 {
		return c, problems, err
	}
	return c, nil, s.DropDraft(ctx, k)
}

// Restore publishes an earlier version of the document as a new one, a deleted
// document included.
func (s *Store) Restore(ctx context.Context, k ringbid.Key, version int, by string) (Changes, []ringbid.Problem, error) {
	if version < 1 {
		return Changes{}, nil, ringbid.Errorf(ringbid.Invalid, "restore %s: version %d is below 1", k, version)
	}
	return s.applyVersion(ctx, k, version, by)
}

func (s *Store) applyVersion(ctx context.Context, k ringbid.Key, version int, by string) (Changes, []ringbid.Problem, error) {
	read := func(ctx context.Context, tx pgx.Tx) ([]ringbid.Document, error) {
		d, err := s.documentAt(ctx, tx, k, version)
		if err != nil {
			return nil, err
		}
		if d.Key() != k {
			return nil, errors.New("body names another document")
		}
		return []ringbid.Document{d}, nil
	}
	return s.apply(ctx, false, by, read, nil)
}
