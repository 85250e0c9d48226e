package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Version is one version of a document. Version 0 is the draft.
type Version struct {
	Key     ringbid.Key
	Version int
	State   string // "published", "superseded", "deleted", "draft"
	Created time.Time
	By      string
}

// published is a document as it stands in the database.
type published struct {
	doc     ringbid.Document
	version int
}

// row is a document's row, its secrets sealed.
type row struct {
	Kind    string          `json:"kind"`
	Name    string          `json:"name"`
	Version int             `json:"version"`
	Body    json.RawMessage `json:"body"`
}

// clone returns a copy that shares nothing with the document.
func clone(d ringbid.Document) (ringbid.Document, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Key(), err)
	}
	return decodeDocument(d.Key().Kind, b)
}

func decodeDocument(kind ringbid.DocKind, body []byte) (ringbid.Document, error) {
	d, err := ringbid.NewDocument(kind)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, d); err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	return d, nil
}

// pack returns the body to be stored: the document with its secrets sealed.
func (k *keyset) pack(d ringbid.Document) ([]byte, error) {
	c, err := clone(d)
	if err != nil {
		return nil, err
	}
	for _, s := range ringbid.Secrets(c) {
		*s = ringbid.Secret(k.seal(d.Key(), s.Reveal()))
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b = scrubNUL(b)
	if len(b) > MaxDocument {
		return nil, ringbid.Errorf(ringbid.Invalid, "%s is longer than %d bytes", d.Key(), MaxDocument)
	}
	return b, nil
}

// unpack reads a stored body and opens its secrets.
func (k *keyset) unpack(kind ringbid.DocKind, body []byte) (ringbid.Document, error) {
	d, err := decodeDocument(kind, body)
	if err != nil {
		return nil, err
	}
	for _, s := range ringbid.Secrets(d) {
		plain, err := k.open(d.Key(), s.Reveal())
		if err != nil {
			return nil, err
		}
		*s = ringbid.Secret(plain)
	}
	return d, nil
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readPublished(ctx context.Context, q querier) ([]row, error) {
	rows, err := q.Query(ctx, `SELECT kind, name, version, body FROM documents WHERE state = 'published' ORDER BY kind, name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[row])
}

func (k *keyset) unpackAll(rows []row) (map[ringbid.Key]published, error) {
	out := make(map[ringbid.Key]published, len(rows))
	for _, r := range rows {
		d, err := k.unpack(ringbid.DocKind(r.Kind), r.Body)
		if err != nil {
			return nil, err
		}
		out[d.Key()] = published{d, r.Version}
	}
	return out, nil
}

// Documents returns what is published, by kind and name, secrets opened: for
// export and for the pages' forms. Users carry their password hashes.
func (s *Store) Documents(ctx context.Context) ([]ringbid.Document, error) {
	rows, err := readPublished(ctx, s.pages)
	if err != nil {
		return nil, fmt.Errorf("read documents: %w", kinded(err))
	}
	out := make([]ringbid.Document, 0, len(rows))
	for _, r := range rows {
		d, err := s.keys.unpack(ringbid.DocKind(r.Kind), r.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// History returns the versions of a document, the newest first, at most 500. An
// unknown document has none.
func (s *Store) History(ctx context.Context, k ringbid.Key) ([]Version, error) {
	rows, err := s.pages.Query(ctx, `
		SELECT version, state, created_at, created_by FROM documents
		WHERE kind = $1 AND name = $2 ORDER BY version DESC LIMIT 500`, k.Kind, k.Name)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", k, kinded(err))
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Version, error) {
		v := Version{Key: k}
		err := r.Scan(&v.Version, &v.State, &v.Created, &v.By)
		v.Created = v.Created.UTC()
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", k, kinded(err))
	}
	return out, nil
}

// DocumentAt returns one version of a document, version 0 being its draft, or a
// NotFound error.
func (s *Store) DocumentAt(ctx context.Context, k ringbid.Key, version int) (ringbid.Document, error) {
	return s.documentAt(ctx, s.pages, k, version)
}

func (s *Store) documentAt(ctx context.Context, q querier, k ringbid.Key, version int) (ringbid.Document, error) {
	var body []byte
	err := q.QueryRow(ctx, `SELECT body FROM documents WHERE kind = $1 AND name = $2 AND version = $3`,
		k.Kind, k.Name, version).Scan(&body)
	switch {
	case err == pgx.ErrNoRows:
		return nil, ringbid.Errorf(ringbid.NotFound, "there is no version %d of %s", version, k)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", k, kinded(err))
	}
	return s.keys.unpack(k.Kind, body)
}
