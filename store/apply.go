package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid"
)

// bookChannel is where a new revision of the Book is told to all nodes.
const bookChannel = "ringbid_book"

// Plan says what Apply would do, and what is wrong with the outcome.
func (s *Store) Plan(ctx context.Context, docs []ringbid.Document, prune bool) (Changes, []ringbid.Problem, error) {
	fail := func(err error) (Changes, []ringbid.Problem, error) {
		return Changes{}, nil, fmt.Errorf("plan documents: %w", kinded(err))
	}
	docs, err := s.withHashes(ctx, docs)
	if err != nil {
		return fail(err)
	}
	var revision int64
	if err := s.pages.QueryRow(ctx, `SELECT revision FROM book`).Scan(&revision); err != nil {
		return fail(err)
	}
	p, err := s.plan(ctx, s.pages, docs, prune)
	if err != nil {
		return fail(err)
	}
	p.changes.Revision = revision
	return p.changes, p.problems, nil
}

// Apply publishes the documents in one transaction; with prune, published
// documents that are not among them are deleted. Where problems are returned
// nothing was changed. Applying the same again changes nothing. by is who did
// it, for the history.
func (s *Store) Apply(ctx context.Context, docs []ringbid.Document, prune bool, by string) (Changes, []ringbid.Problem, error) {
	return s.apply(ctx, prune, by, func(context.Context, pgx.Tx) ([]ringbid.Document, error) { return docs, nil }, docs)
}

// apply publishes what read returns within the transaction. known are the
// documents whose passwords are hashed before it begins: that takes a while.
func (s *Store) apply(ctx context.Context, prune bool, by string, read func(context.Context, pgx.Tx) ([]ringbid.Document, error), known []ringbid.Document) (Changes, []ringbid.Problem, error) {
	hashed, err := s.withHashes(ctx, known)
	var p *plan
	if err == nil {
		err = inTx(ctx, s.pages, func(tx pgx.Tx) error {
			var revision int64
			if err := tx.QueryRow(ctx, `SELECT revision FROM book FOR UPDATE`).Scan(&revision); err != nil {
				return err
			}
			docs := hashed
			if known == nil {
				if docs, err = read(ctx, tx); err != nil {
					return err
				}
			}
			if p, err = s.plan(ctx, tx, docs, prune); err != nil {
				return err
			}
			p.changes.Revision = revision
			if len(p.problems) > 0 || p.changes.Empty() {
				return nil
			}
			p.changes.Revision++
			return s.publish(ctx, tx, p, cut(by, 200))
		})
	}
	if err != nil {
		return Changes{}, nil, fmt.Errorf("apply documents: %w", kinded(err))
	}
	if len(p.problems) == 0 && !p.changes.Empty() {
		if err := s.refreshBook(ctx); err != nil {
			s.cfg.Logger.Warn("book is published and will be read later", "error", err.Error())
		}
	}
	return p.changes, p.problems, nil
}

// plan is what is to be written.
type plan struct {
	changes  Changes
	problems []ringbid.Problem
	fresh    map[ringbid.Key]ringbid.Document
	old      map[ringbid.Key]published
}

func (s *Store) plan(ctx context.Context, q querier, docs []ringbid.Document, prune bool) (*plan, error) {
	rows, err := readPublished(ctx, q)
	if err != nil {
		return nil, err
	}
	p := &plan{fresh: map[ringbid.Key]ringbid.Document{}}
	if p.old, err = s.keys.unpackAll(rows); err != nil {
		return nil, err
	}
	for _, d := range docs {
		if _, twice := p.fresh[d.Key()]; twice {
			p.problems = append(p.problems, ringbid.Problem{Key: d.Key(), Text: "stands twice"})
		}
		p.fresh[d.Key()] = d
	}
	all := maps.Clone(p.fresh)
	for k, o := range p.old {
		if _, given := all[k]; !given && !prune {
			all[k] = o.doc
		}
	}
	keys := slices.SortedFunc(maps.Keys(all), compareKeys)
	list := make([]ringbid.Document, len(keys))
	for i, k := range keys {
		list[i] = all[k]
	}
	_, problems := ringbid.NewBook(list)
	p.problems = append(p.problems, problems...)
	return p, p.compare(prune)
}

func compareKeys(a, b ringbid.Key) int { return strings.Compare(a.String(), b.String()) }

// compare sorts the documents into the lists of changes.
func (p *plan) compare(prune bool) error {
	c := &p.changes
	for _, k := range slices.SortedFunc(maps.Keys(p.fresh), compareKeys) {
		old, known := p.old[k]
		same, err := equal(old.doc, p.fresh[k])
		if err != nil {
			return err
		}
		if same {
			c.Same = append(c.Same, Change{Key: k, Version: old.version})
			continue
		}
		fields, err := diff(old.doc, p.fresh[k])
		if err != nil {
			return err
		}
		change := Change{Key: k, Version: old.version + 1, Fields: fields}
		if known {
			c.Update = append(c.Update, change)
		} else {
			c.Create = append(c.Create, change)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(p.old), compareKeys) {
		if _, given := p.fresh[k]; !given && prune {
			c.Delete = append(c.Delete, Change{Key: k, Version: p.old[k].version})
		}
	}
	return nil
}

func equal(old, fresh ringbid.Document) (bool, error) {
	if old == nil {
		return false, nil
	}
	a, err := json.Marshal(old)
	if err != nil {
		return false, err
	}
	c, err := clone(fresh)
	if err != nil {
		return false, err
	}
	b, err := json.Marshal(c)
	return bytes.Equal(scrubNUL(a), scrubNUL(b)), err
}

// publish writes the plan, the new revision and its notification.
func (s *Store) publish(ctx context.Context, tx pgx.Tx, p *plan, by string) error {
	now := s.cfg.Now()
	insert := func(k ringbid.Key, state string, body []byte) (version int, err error) {
		err = tx.QueryRow(ctx, `
			INSERT INTO documents (kind, name, version, state, body, created_at, created_by)
			SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6 FROM documents WHERE kind = $1 AND name = $2
			RETURNING version`, k.Kind, k.Name, state, body, now, by).Scan(&version)
		return version, err
	}
	supersede := func(k ringbid.Key) (body []byte, err error) {
		err = tx.QueryRow(ctx, `
			UPDATE documents SET state = 'superseded' WHERE kind = $1 AND name = $2 AND state = 'published'
			RETURNING body`, k.Kind, k.Name).Scan(&body)
		return body, err
	}
	put := func(c *Change) error {
		body, err := s.keys.pack(p.fresh[c.Key])
		if err == nil {
			c.Version, err = insert(c.Key, "published", body)
		}
		return err
	}
	for i := range p.changes.Create {
		if err := put(&p.changes.Create[i]); err != nil {
			return err
		}
	}
	for i := range p.changes.Update {
		if _, err := supersede(p.changes.Update[i].Key); err != nil {
			return err
		}
		if err := put(&p.changes.Update[i]); err != nil {
			return err
		}
	}
	for i := range p.changes.Delete {
		c := &p.changes.Delete[i]
		body, err := supersede(c.Key)
		if err == nil {
			c.Version, err = insert(c.Key, "deleted", body)
		}
		if err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE book SET revision = $1`, p.changes.Revision); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, bookChannel, strconv.FormatInt(p.changes.Revision, 10))
	return err
}

// withHashes returns the documents with plain passwords replaced by hashes: the
// stored one where it is of this very password, so that applying twice changes
// nothing. A user without either keeps the stored one.
func (s *Store) withHashes(ctx context.Context, docs []ringbid.Document) ([]ringbid.Document, error) {
	if !slices.ContainsFunc(docs, func(d ringbid.Document) bool { return d.Key().Kind == ringbid.KindUser }) {
		return docs, nil
	}
	rows, err := s.pages.Query(ctx, `SELECT name, body->>'password_hash' FROM documents WHERE kind = 'User' AND state = 'published'`)
	if err != nil {
		return nil, err
	}
	stored := map[string]string{}
	var name string
	var hash *string
	if _, err := pgx.ForEachRow(rows, []any{&name, &hash}, func() error {
		if hash != nil {
			stored[name] = *hash
		}
		return nil
	}); err != nil {
		return nil, err
	}
	out := slices.Clone(docs)
	for i, d := range docs {
		u, ok := d.(*ringbid.User)
		if !ok || len(u.Validate()) > 0 && u.Password != "" {
			continue // an unsound one is reported as it stands
		}
		c := *u
		out[i] = &c
		switch old := stored[u.Name]; {
		case u.Password == "" && u.PasswordHash == "":
			c.PasswordHash = old
		case u.Password == "":
		case old != "" && bcrypt.CompareHashAndPassword([]byte(old), []byte(u.Password)) == nil:
			c.Password, c.PasswordHash = "", old
		default:
			hash, err := bcrypt.GenerateFromPassword([]byte(u.Password), s.cfg.PasswordCost)
			if err != nil {
				return nil, err
			}
			c.Password, c.PasswordHash = "", string(hash)
		}
	}
	return out, nil
}
