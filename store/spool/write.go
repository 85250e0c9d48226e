package spool

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// write puts a record at the end of the last segment and into the index, and
// returns the segment and the mark in it that flush waits for. A write that fails
// half way is undone. It never waits for the disk, as calls wait for it.
func (s *Spool) write(r record) (g *segment, mark uint64, err error) {
	b := encode(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, 0, ErrClosed
	}
	if r.kind == kindAppend && s.bytes+int64(len(b)) > s.cfg.MaxBytes {
		return nil, 0, ErrFull
	}
	g, err = s.current(len(b))
	if err != nil {
		return nil, 0, err
	}
	if n, err := g.file.Write(b); err != nil || n < len(b) {
		s.undo(g)
		return nil, 0, fmt.Errorf("write: %w", orShort(err))
	}
	at := g.size
	g.size += int64(len(b))
	s.bytes += int64(len(b))
	s.index(r, place{g.number, at, len(b)})
	g.written++
	return g, g.written, nil
}

func orShort(err error) error {
	if err == nil {
		return io.ErrShortWrite
	}
	return err
}

// undo cuts off a half-written record. Where even that fails, the segment is
// left alone and the next record goes to a fresh one.
func (s *Spool) undo(g *segment) {
	err := g.file.Truncate(g.size)
	if err == nil {
		_, err = g.file.Seek(g.size, io.SeekStart)
	}
	g.broken = err != nil
}

// index notes where a record is, or that one is done.
func (s *Spool) index(r record, p place) {
	if old, ok := s.records[r.name]; ok {
		delete(s.records, r.name)
		s.done(old.segment)
	} else if r.kind == kindAppend {
		s.order = append(s.order, r.name)
	}
	if r.kind == kindAppend {
		s.records[r.name] = p
		s.segments[p.segment].open++
	}
}

// done counts a record of the segment as done and deletes the segment with its
// last one. The segment being written to is started over instead.
func (s *Spool) done(number int) {
	g := s.segments[number]
	g.open--
	if g.open > 0 || number == s.last {
		return
	}
	// Older segments may still hold records whose removal is noted in here.
	for n := range s.segments {
		if n < number {
			return
		}
	}
	for n := number; n < s.last; n++ {
		g, ok := s.segments[n]
		if !ok {
			continue
		}
		if g.open > 0 {
			return
		}
		s.drop(g)
	}
}

func (s *Spool) drop(g *segment) {
	delete(s.segments, g.number)
	s.bytes -= g.size
	_ = g.file.Close()
	if err := os.Remove(s.path(g.number)); err != nil {
		s.cfg.Logger.Warn("spool segment is left over", "error", err.Error())
	}
}

// current returns the segment to write to, a fresh one where the last is full,
// broken or has nothing in it that still matters.
func (s *Spool) current(need int) (*segment, error) {
	g, ok := s.segments[s.last]
	stale := ok && len(s.records) == 0 && g.size > segmentSize/8
	if ok && !g.broken && !stale && (g.size == 0 || g.size+int64(need) <= segmentSize) {
		return g, nil
	}
	number := s.last + 1
	f, err := s.cfg.open(s.path(number), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("new segment: %w", err)
	}
	fresh := &segment{number: number, file: f}
	s.segments[number], s.last = fresh, number
	if len(s.records) == 0 {
		for _, old := range s.segments {
			if old != fresh {
				s.drop(old)
			}
		}
	}
	return fresh, nil
}

// flush returns when everything up to the mark in the segment is on the disk, the
// segment's name included. Whoever comes while another flush runs waits for it and
// then flushes for all that wait.
func (s *Spool) flush(g *segment, mark uint64) error {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	if g.flushed >= mark {
		return nil
	}
	if g.failed != nil {
		return g.failed
	}
	s.mu.Lock()
	upTo := g.written
	s.mu.Unlock()
	if s.gone(g) {
		return nil
	}
	err := s.syncDir(g)
	if err == nil {
		err = g.file.Sync()
	}
	if err == nil {
		g.flushed = upTo
		return nil
	}
	if s.gone(g) {
		return nil
	}
	// What the kernel could not write it may have dropped: never ask the same
	// file again.
	g.failed = fmt.Errorf("flush: %w", err)
	s.mu.Lock()
	g.broken = true
	s.mu.Unlock()
	return g.failed
}

// gone reports whether the segment needs no flush: closing flushes, and one
// without open records is deleted.
func (s *Spool) gone(g *segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed || s.segments[g.number] != g
}

// syncDir puts the segment's name on the disk, once.
func (s *Spool) syncDir(g *segment) error {
	if g.named {
		return nil
	}
	d, err := s.cfg.open(s.cfg.Dir, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return err
	}
	g.named = true
	return nil
}

// lockDir keeps a second process out of the folder.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("in use by another process: %w", err)
	}
	return f, nil
}
