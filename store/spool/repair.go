package spool

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load reads all segments in order, so that removals find what they remove.
func (s *Spool) load() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	var numbers []int
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), ".log")
		if n, err := strconv.Atoi(stem); ok && err == nil && n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		s.last = n
		if err := s.loadSegment(n); err != nil {
			return err
		}
	}
	for _, n := range numbers {
		if g := s.segments[n]; g.open == 0 && len(s.records) == 0 {
			s.drop(g)
		}
	}
	return nil
}

func (s *Spool) loadSegment(number int) error {
	f, err := s.cfg.open(s.path(number), os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	g := &segment{number: number, file: f}
	s.segments[number] = g
	info, err := os.Stat(s.path(number))
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	g.size = int64(len(b))
	s.bytes += g.size
	var problem error
	scan(b, func(x found) {
		if !x.torn {
			s.index(x.record, place{number, int64(x.at), x.size})
			return
		}
		s.cfg.Logger.Warn("spool segment has bytes that are no record; they are set aside",
			slog.Int("segment", number), slog.Int("at", x.at), slog.Int("bytes", x.size))
		if problem == nil {
			problem = s.setAside(b[x.at : x.at+x.size])
		}
		if problem == nil && x.at+x.size == len(b) { // a torn tail: cut it off
			g.size = int64(x.at)
			s.bytes -= int64(x.size)
			problem = f.Truncate(g.size)
		}
	})
	if problem != nil {
		return fmt.Errorf("repair segment %d: %w", number, problem)
	}
	_, err = f.Seek(g.size, io.SeekStart)
	return err
}

// setAside writes bytes into a file ending in .bad.
func (s *Spool) setAside(b []byte) error {
	stamp := time.Now().UTC().Format("20060102T150405.000000000")
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, stamp+".bad"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("set aside: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
