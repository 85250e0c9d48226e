package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is what the recorder asks of a file system.
type disk interface {
	create(path string) (handle, error) // with its folders, empty
	open(path string) (handle, error)   // for reading and writing
	rename(from, to string) error       // durable when it returns nil; done, maybe, when it does not
	syncDir(dir string) error           // makes renames in the folder durable
	remove(path string) error
}

// handle is an open file. Its methods may be called at once by several
// goroutines, also while it is being closed.
type handle interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
	sync() error    // the data and the length
	syncAll() error // that of all files on the same device
	device() (uint64, error)
	Close() error
}

// realDisk is the operating system's.
type realDisk struct{}

func (realDisk) create(path string) (handle, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err
	}
	return realHandle{f}, nil
}

func (realDisk) open(path string) (handle, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return realHandle{f}, nil
}

func (d realDisk) rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(to))
}

func (realDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (realDisk) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

type realHandle struct{ *os.File }

func (h realHandle) sync() error { return h.control("fdatasync", unix.Fdatasync) }

func (h realHandle) syncAll() error { return h.control("syncfs", unix.Syncfs) }

func (h realHandle) device() (uint64, error) {
	var st unix.Stat_t
	err := h.control("fstat", func(fd int) error { return unix.Fstat(fd, &st) })
	return st.Dev, err
}

// control runs f on the descriptor; fs.ErrClosed = there is none any more.
func (h realHandle) control(op string, f func(fd int) error) error {
	c, err := h.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if c.Control(func(fd uintptr) { failed = f(int(fd)) }) != nil {
		return fs.ErrClosed // the only reason; os leaves it without a name
	}
	if failed != nil {
		return &fs.PathError{Op: op, Path: h.Name(), Err: failed}
	}
	return nil
}

// lockDir makes sure that no other process records into the folder: its repair
// would take the files that this one is writing. The lock goes with the process.
func lockDir(dir string) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open recordings folder: %w", err)
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("recordings folder %s is in use by another process: %w", dir, err)
	}
	return d, nil
}
