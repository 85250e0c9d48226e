package localpg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const maxLog = 8 << 20 // bytes; a longer one is put away when the server starts

// supervise runs the server until Stop, starting it again when it dies. The
// first end is also told to exited. It stays on one thread: the kernel ends the
// server when the thread that started it ends, which must mean our end.
func (c *Cluster) supervise(exited chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.stopped)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		began := time.Now()
		err := c.runOnce()
		select {
		case exited <- err:
		default:
		}
		select {
		case <-c.stop:
			return
		default:
		}
		c.cfg.Logger.Error("database server ended by itself; it is started again", slog.Any("error", err))
		if time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		timer := time.NewTimer(pause)
		select {
		case <-c.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// runOnce starts the server and returns when it ended.
func (c *Cluster) runOnce() error {
	log, err := c.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.pg.bin, "postgres"), c.arguments()...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", environment(), log, log
	cmd.SysProcAttr = c.id.attributes()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGINT // fast shutdown
	c.mu.Lock()
	select {
	case <-c.stop:
		c.mu.Unlock()
		return nil
	default:
	}
	err = cmd.Start()
	if err == nil {
		c.process = cmd.Process
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	err = cmd.Wait()
	c.mu.Lock()
	c.process = nil
	c.mu.Unlock()
	return err
}

func (c *Cluster) arguments() []string {
	set := map[string]string{
		"listen_addresses": "", "unix_socket_directories": `"` + c.socket + `"`, "unix_socket_permissions": "0700", "port": "5432",
		"max_connections": "200", "shared_buffers": "128MB", "timezone": "UTC", "log_timezone": "UTC", "jit": "off",
		"log_min_messages": "warning", "log_checkpoints": "off", "logging_collector": "off", "max_wal_size": "1GB",
	}
	if !c.cfg.Fsync {
		set["fsync"], set["synchronous_commit"], set["full_page_writes"], set["shared_buffers"] = "off", "off", "off", "32MB"
	}
	args := []string{"-D", c.data}
	for k, v := range set {
		args = append(args, "-c", k+"="+v)
	}
	return args
}

// Stop ends the server, waiting for transactions to be written, not for clients
// to leave. It may be called twice.
func (c *Cluster) Stop(ctx context.Context) error {
	c.once.Do(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.stop)
		if c.process != nil {
			_ = c.process.Signal(syscall.SIGINT)
		}
	})
	select {
	case <-c.stopped:
	case <-ctx.Done():
		c.mu.Lock()
		if c.process != nil {
			_ = c.process.Signal(syscall.SIGQUIT) // ends at once; the log is replayed next time
		}
		c.mu.Unlock()
		select {
		case <-c.stopped:
		case <-time.After(5 * time.Second):
			return fmt.Errorf("stop private postgres: %w", ctx.Err())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return nil
	}
	err := errors.Join(os.RemoveAll(c.socket), c.lock.Close())
	c.lock = nil
	return err
}

// endLeftover ends a server that outlived the process that started it, and the
// processes that outlived a server: one that still holds the shared memory keeps
// the next server from starting.
func endLeftover(ctx context.Context, data string, log *slog.Logger) error {
	if err := endServer(ctx, data, log); err != nil {
		return err
	}
	return endOrphans(ctx, data, log)
}

// endOrphans kills what works in the data folder without a server. The log is
// replayed by the next one.
func endOrphans(ctx context.Context, data string, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, stopIn)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		left := workers(data)
		if len(left) == 0 {
			return nil
		}
		if !told {
			log.Warn("processes of a dead database server were left; they are ended first", slog.Int("processes", len(left)))
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v of a dead server do not end", left)
		case <-tick.C:
		}
	}
}

// workers returns the server's processes that work in the data folder.
func workers(data string) (pids []int) {
	all, _ := os.ReadDir("/proc")
	for _, e := range all {
		if pid, err := strconv.Atoi(e.Name()); err == nil && isServer(pid, data) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// endServer ends a server that was left running and removes its note where
// nobody is behind it any more.
func endServer(ctx context.Context, data string, log *slog.Logger) error {
	note := filepath.Join(data, "postmaster.pid")
	b, err := os.ReadFile(note)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || !isServer(pid, data) {
		return os.Remove(note) // of a server that is gone; the number may be somebody else's now
	}
	log.Warn("a database server was left running; it is ended first", slog.Int("pid", pid))
	ctx, cancel := context.WithTimeout(ctx, stopIn)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	_ = syscall.Kill(pid, syscall.SIGCONT)
	_ = syscall.Kill(pid, syscall.SIGINT)
	for began := time.Now(); isServer(pid, data); {
		select {
		case <-ctx.Done():
			return fmt.Errorf("server %d of an earlier run does not end", pid)
		case <-tick.C:
		}
		if time.Since(began) > stopIn/2 {
			_ = syscall.Kill(pid, syscall.SIGQUIT)
		}
	}
	return nil
}

// isServer reports whether the process is a server of this very data folder,
// which is where servers live: their working folder.
func isServer(pid int, data string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(data)
	if err != nil || cwd != real {
		return false
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(comm), "postgres")
}

func (c *Cluster) openLog() (*os.File, error) {
	path := filepath.Join(c.cfg.Dir, "postgres.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

// logTail returns the last line of the server's log.
func (c *Cluster) logTail() string {
	f, err := os.Open(filepath.Join(c.cfg.Dir, "postgres.log"))
	if err != nil {
		return ""
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-2048), io.SeekStart)
	}
	b, _ := io.ReadAll(io.LimitReader(f, 2048))
	return lastLine(string(b))
}
