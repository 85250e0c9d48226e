package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringbid/ringbid"
)

// Book returns the live snapshot of what is published. It is never nil, and
// nobody may change it.
func (s *Store) Book() *ringbid.Book { return s.book.Load() }

// bookFile is the last Book on disk, as it stands in the database, secrets
// sealed: what a node that starts without Postgres routes by.
type bookFile struct {
	Revision int64 `json:"revision"`
	Rows     []row `json:"rows"`
}

func (s *Store) bookPath() string { return filepath.Join(s.cfg.Dir, "book.json") }

// refreshBook reads the Book where its revision is newer than ours.
func (s *Store) refreshBook(ctx context.Context) error {
	s.bookMu.Lock()
	defer s.bookMu.Unlock()
	var f bookFile
	err := pgx.BeginTxFunc(ctx, s.pages, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT revision FROM book`).Scan(&f.Revision); err != nil {
			return err
		}
		if s.bookRead.Load() && f.Revision == s.Book().Revision {
			return nil
		}
		var err error
		f.Rows, err = readPublished(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read book: %w", kinded(err))
	}
	if s.bookRead.Load() && f.Revision == s.Book().Revision {
		return nil
	}
	if err := s.swapBook(f); err != nil {
		return err
	}
	s.bookRead.Store(true)
	if err := s.saveBook(f); err != nil {
		s.cfg.Logger.Warn("book is not kept on disk", slog.Any("error", err))
	}
	return nil
}

// swapBook makes the rows the live Book. A Book with problems is not taken: the
// one before stays.
func (s *Store) swapBook(f bookFile) error {
	all, err := s.keys.unpackAll(f.Rows)
	if err != nil {
		return fmt.Errorf("read book: %w", err)
	}
	docs := make([]ringbid.Document, 0, len(all))
	for _, k := range slices.SortedFunc(maps.Keys(all), compareKeys) {
		docs = append(docs, all[k].doc)
	}
	b, problems := ringbid.NewBook(docs)
	if len(problems) > 0 {
		return fmt.Errorf("read book: revision %d is unsound: %s and %d more", f.Revision, problems[0], len(problems)-1)
	}
	b.Revision = f.Revision
	for name := range b.Maps {
		b.MapVersions[name] = all[ringbid.Key{Kind: ringbid.KindMap, Name: name}].version
	}
	for name := range b.Flows {
		b.FlowVersions[name] = all[ringbid.Key{Kind: ringbid.KindFlow, Name: name}].version
	}
	old := s.book.Swap(b)
	s.metrics.revision.Set(float64(b.Revision))
	if old == nil || old.Revision != b.Revision {
		s.cfg.Logger.Info("book is live", slog.Int64("revision", b.Revision), slog.Int("documents", len(docs)))
	}
	return nil
}

func (s *Store) saveBook(f bookFile) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	tmp := s.bookPath() + ".part"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.bookPath())
}

// recallBook takes the Book from disk, and reports whether there was one.
func (s *Store) recallBook() (bool, error) {
	b, err := os.ReadFile(s.bookPath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var f bookFile
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil {
		err = s.swapBook(f)
	}
	return err == nil, err
}

// watchBook follows the Book until ctx ends: by notification, and by looking
// every Refresh. What is published and cannot be taken, such as documents sealed
// with another node's key, is logged once; the Book before stays.
func (s *Store) watchBook(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		if err := s.listen(ctx); err != nil && ctx.Err() == nil {
			s.trouble(err)
			if !lost(err) {
				level := slog.LevelError
				if err.Error() == said {
					level = slog.LevelDebug
				}
				said = err.Error()
				s.cfg.Logger.Log(ctx, level, "published documents are not taken; those before stay in use", slog.Any("error", err))
			}
			pause(ctx, time.Second)
		}
	}
}

// listen refreshes the Book at each notification until the connection breaks.
func (s *Store) listen(ctx context.Context) error {
	dial, cancel := context.WithTimeout(ctx, connectIn)
	conn, err := pgx.ConnectConfig(dial, s.connConfig())
	cancel()
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+bookChannel); err != nil {
		return err
	}
	for {
		reading, cancel := context.WithTimeout(ctx, pageBudget)
		err := s.refreshBook(reading)
		cancel()
		if err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, s.cfg.Refresh)
		_, err = conn.WaitForNotification(waiting)
		timeout := waiting.Err() != nil
		cancel()
		if err != nil && (!timeout || ctx.Err() != nil || conn.IsClosed()) {
			return err
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
