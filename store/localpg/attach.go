package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNotRunning says that nobody runs the cluster of a folder.
var ErrNotRunning = errors.New("the private postgres is not running")

// Attach returns the DSN of the cluster that another process runs in the
// folder, as given to its Config. The error is ErrNotRunning where there is none.
func Attach(dir string) (dsn string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return "", ErrNotRunning
	}
	if err != nil {
		return "", fmt.Errorf("attach to the private postgres: %w", err)
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return "", ErrNotRunning
	}
	id, err := pickIdentity()
	if err != nil {
		return "", err
	}
	c := &Cluster{socket: socketPath(dir, id)}
	return c.DSN(), nil
}
