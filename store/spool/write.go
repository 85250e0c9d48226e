package spool

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// write puts a record at the end of the last segment and into the index, and
// returns the mark that flush waits for. A write that fails half way is undone.
func (s *Spool) write(r record) (mark uint64, err error) {
	b := encode(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	if r.kind == kindAppend && s.bytes+int64(len(b)) > s.cfg.MaxBytes {
		return 0, ErrFull
	}
	g, err := s.current(len(b))
	if err != nil {
		return 0, err
	}
	if n, err := g.file.Write(b); err != nil || n < len(b) {
		s.undo(g)
		return 0, fmt.Errorf("write: %w", orShort(err))
	}
	at := g.size
	g.size += int64(len(b))
	s.bytes += int64(len(b))
	s.index(r, place{g.number, at, len(b)})
	s.written++
	return s.written, nil
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
	if err := s.syncDir(); err != nil {
		_ = f.Close()
		_ = os.Remove(s.path(number))
		return nil, fmt.Errorf("new segment: %w", err)
	}
	if ok { // what was appended to the old one must not be left behind
		if err := g.file.Sync(); err != nil {
			g.broken = true
		}
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

// flush returns when everything up to the mark is on the disk. Whoever comes
// while another flush runs waits for it and then flushes for all that wait.
func (s *Spool) flush(mark uint64) error {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	if s.flushed >= mark {
		return nil
	}
	s.mu.Lock()
	upTo, g, closed := s.written, s.segments[s.last], s.closed
	s.mu.Unlock()
	if closed || g == nil { // closing flushes; a segment without open records is gone
		return nil
	}
	if err := g.file.Sync(); err != nil {
		// What the kernel could not write it may have dropped: never ask the
		// same file again.
		s.mu.Lock()
		g.broken = true
		s.mu.Unlock()
		return fmt.Errorf("flush: %w", err)
	}
	s.flushed = upTo
	return nil
}

func (s *Spool) syncDir() error {
	d, err := os.Open(s.cfg.Dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
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
