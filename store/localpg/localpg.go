package localpg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

const (
	superuser = "ringbid"
	database  = "ringbid"

	readyIn   = 60 * time.Second // crash recovery of a large cluster included
	stopIn    = 20 * time.Second
	maxSocket = 107 // bytes of a socket's path: sun_path less its terminator
)

// Config says which cluster to run.
type Config struct {
	// Dir is the folder of this cluster: data, log, lock and, where the path is
	// short enough, the socket.
	Dir string
	// Fsync makes commits wait for the disk. Off, a power cut loses everything.
	Fsync  bool
	Logger *slog.Logger
}

// Cluster is a running server.
type Cluster struct {
	cfg    Config
	id     identity
	pg     installation
	data   string
	socket string // folder
	lock   *os.File

	mu      sync.Mutex
	process *os.Process // nil while there is none
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

// Start makes the cluster where there is none, starts its server and returns
// when it answers. A folder is run by one process at a time.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil || cfg.Dir == "" {
		return nil, fmt.Errorf("private postgres: folder %q: %w", cfg.Dir, errors.Join(err, os.ErrInvalid))
	}
	cfg.Dir = dir
	c := &Cluster{cfg: cfg, data: filepath.Join(dir, "data"), stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := c.start(ctx); err != nil {
		if c.lock != nil {
			_ = c.lock.Close()
		}
		return nil, fmt.Errorf("private postgres in %s: %w", dir, err)
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	if c.id, err = pickIdentity(); err != nil {
		return err
	}
	if c.pg, err = choose(installations(), c.data); err != nil {
		return err
	}
	if err = c.id.own(c.cfg.Dir); err != nil {
		return err
	}
	if err = c.id.reach(c.cfg.Dir); err != nil {
		return err
	}
	if c.lock, err = lockFile(filepath.Join(c.cfg.Dir, "lock")); err != nil {
		return err
	}
	if c.socket, err = socketDir(c.cfg.Dir, c.id); err != nil {
		return err
	}
	if err = endLeftover(ctx, c.data, c.cfg.Logger); err != nil {
		return err
	}
	if err = clearSocket(c.socket); err != nil {
		return err
	}
	if err = c.initdb(ctx); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go c.supervise(exited)
	if err = c.ready(ctx, exited); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopIn)
		defer cancel()
		return errors.Join(err, c.Stop(stopCtx))
	}
	return nil
}

// DSN names the database, as key=value pairs.
func (c *Cluster) DSN() string { return c.dsn(database) }

func (c *Cluster) dsn(db string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	return fmt.Sprintf("host='%s' user=%s dbname=%s", quote.Replace(c.socket), superuser, db)
}

// initdb makes the cluster beside its place and moves it there when it is
// whole, so that a crash never leaves half a cluster.
func (c *Cluster) initdb(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.data, "PG_VERSION")); err == nil {
		return nil
	}
	fresh := c.data + ".new"
	if err := errors.Join(os.RemoveAll(fresh), c.id.own(fresh)); err != nil {
		return err
	}
	args := []string{"-D", fresh, "-U", superuser, "-E", "UTF8", "--locale=C", "--auth=trust", "--no-instructions"}
	if !c.cfg.Fsync {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.pg.bin, "initdb"), args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = "/", c.id.attributes(), environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLine(string(out)))
	}
	if err := os.RemoveAll(c.data); err != nil { // an empty folder at most: it has no PG_VERSION
		return err
	}
	c.cfg.Logger.Info("made a database cluster", slog.String("dir", c.data), slog.Int("postgres", c.pg.major))
	return os.Rename(fresh, c.data)
}

// ready waits until the server answers and has our database.
func (c *Cluster) ready(ctx context.Context, exited <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.createDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case e := <-exited:
			return fmt.Errorf("server ended: %w: %s", e, c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("server does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (c *Cluster) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.dsn("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, database).Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+database)
	return err
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errors.New("another ringbid runs this data folder")
	}
	return f, nil
}

// socketDir returns a folder for the socket whose path is short enough for the
// kernel: in the data folder, else one named after it in a folder for such
// things.
func socketDir(dir string, id identity) (string, error) {
	run := socketPath(dir, id)
	return run, id.own(run)
}

func socketPath(dir string, id identity) string {
	const name = "/.s.PGSQL.5432.lock"
	run := filepath.Join(dir, "run")
	if len(run)+len(name) > maxSocket {
		sum := sha256.Sum256([]byte(dir))
		base := os.Getenv("XDG_RUNTIME_DIR")
		if id.other || base == "" || len(base) > 60 {
			base = "/tmp"
		}
		run = filepath.Join(base, "ringbid-"+hex.EncodeToString(sum[:8]))
	}
	return run
}

// clearSocket removes what a killed server left in its socket folder: while
// nobody has collected the dead process, its number there looks alive to the
// next server.
func clearSocket(dir string) error {
	for _, name := range []string{"/.s.PGSQL.5432", "/.s.PGSQL.5432.lock"} {
		if err := os.Remove(dir + name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// environment keeps what decides paths and languages and nothing that PG
// programs read, such as PGDATA.
func environment() []string {
	return []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
