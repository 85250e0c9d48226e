package spool

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// ErrFull is returned where the spool holds as much as it may.
var ErrFull = errors.New("spool is full")

// ErrClosed is returned by a spool that was closed.
var ErrClosed = errors.New("spool is closed")

const segmentSize = 8 << 20

// Config is what a spool is opened with.
type Config struct {
	Dir      string // created with mode 0700 where it is missing
	MaxBytes int64  // on disk, sound records and done ones; default 1 GB
	Logger   *slog.Logger

	// open replaces os.OpenFile in tests of failing disks.
	open func(path string, flag int, mode os.FileMode) (file, error)
}

// file is what the spool needs of an open segment.
type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Sync() error
	Truncate(size int64) error
	Seek(offset int64, whence int) (int64, error)
}

// Spool is an open folder of records. Its methods may be called from any
// goroutine.
type Spool struct {
	cfg  Config
	lock *os.File

	mu       sync.Mutex
	segments map[int]*segment
	records  map[string]place
	order    []string // names in the order of their arrival, some of them done
	last     int      // number of the segment that is written to
	bytes    int64
	closed   bool

	flushMu sync.Mutex // held while flushing, before mu
}

type segment struct {
	number int
	file   file
	size   int64
	open   int // records not yet done
	broken bool

	written uint64 // records so far, since it was opened

	// Under flushMu.
	flushed uint64 // of those on the disk
	named   bool   // its name is on the disk
	failed  error  // what is not flushed may be lost
}

type place struct {
	segment int
	at      int64
	size    int
}

// Open reads the folder and repairs what a crash left in it.
func Open(c Config) (*Spool, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.open == nil {
		c.open = func(path string, flag int, mode os.FileMode) (file, error) { return os.OpenFile(path, flag, mode) }
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	lock, err := lockDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w", c.Dir, err)
	}
	s := &Spool{cfg: c, lock: lock, segments: map[int]*segment{}, records: map[string]place{}}
	if err := s.load(); err != nil {
		s.Close()
		return nil, fmt.Errorf("open spool %s: %w", c.Dir, err)
	}
	return s, nil
}

// Append keeps the data under the name, replacing what was kept there, and
// returns when it is on the disk. After an error it may or may not be kept.
func (s *Spool) Append(name string, data []byte) error {
	flush, err := s.Write(name, data)
	if err == nil {
		err = flush()
	}
	return err
}

// Write is Append in two steps: when it returns, the record outlives this
// process; when flush does, the machine too.
func (s *Spool) Write(name string, data []byte) (flush func() error, err error) {
	if name == "" || len(name) > MaxName || len(data) > MaxRecord {
		return nil, fmt.Errorf("spool %.40q: name of %d or data of %d bytes is out of bounds", name, len(name), len(data))
	}
	g, mark, err := s.write(record{kindAppend, name, data})
	if err != nil {
		return nil, fmt.Errorf("spool %s: %w", name, err)
	}
	return func() error {
		if err := s.flush(g, mark); err != nil {
			return fmt.Errorf("spool %s: %w", name, err)
		}
		return nil
	}, nil
}

// Remove says that the named record is kept elsewhere now. It does not wait for
// the disk: after a crash the record may be there again.
func (s *Spool) Remove(name string) error {
	s.mu.Lock()
	_, known := s.records[name]
	s.mu.Unlock()
	if !known {
		return nil
	}
	if _, _, err := s.write(record{kindRemove, name, nil}); err != nil {
		return fmt.Errorf("spool: remove %s: %w", name, err)
	}
	return nil
}

// Names returns the names of what is kept, oldest first.
func (s *Spool) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = slices.DeleteFunc(s.order, func(n string) bool { _, ok := s.records[n]; return !ok })
	return slices.Clone(s.order)
}

// Len returns how many records are kept.
func (s *Spool) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

// Bytes returns how much room the segments take on the disk.
func (s *Spool) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Get returns the data kept under the name, and whether there is any.
func (s *Spool) Get(name string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.records[name]
	if !ok || s.closed {
		return nil, false, nil
	}
	b := make([]byte, p.size)
	if _, err := s.segments[p.segment].file.ReadAt(b, p.at); err != nil {
		return nil, false, fmt.Errorf("spool: read %s: %w", name, err)
	}
	r, _, ok := decode(b)
	if !ok || r.name != name {
		return nil, false, fmt.Errorf("spool: read %s: checksum does not match", name)
	}
	return r.data, true, nil
}

// Quarantine moves the named record out of the way into a file of its own,
// ending in .bad, for somebody to look at. It is no longer kept afterwards, even
// where it could not be read.
func (s *Spool) Quarantine(name string) error {
	data, ok, err := s.Get(name)
	if !ok && err == nil {
		return nil
	}
	if err == nil {
		err = s.setAside(data)
	}
	return errors.Join(err, s.Remove(name))
}

// Close closes the files. It may be called twice.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	for _, g := range s.segments {
		errs = append(errs, g.file.Sync(), g.file.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

func (s *Spool) path(number int) string {
	return filepath.Join(s.cfg.Dir, fmt.Sprintf("%08d.log", number))
}
