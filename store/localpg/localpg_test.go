package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// The test binary run with this variable is a parent that gets killed.
const victimDir = "RINGBID_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	// Making a cluster writes a thousand files: in memory, where there is that.
	var fs syscall.Statfs_t
	const memory, plenty = "/dev/shm", 2 << 30
	if os.Getenv("TMPDIR") == "" && syscall.Statfs(memory, &fs) == nil && fs.Bavail*uint64(fs.Bsize) > plenty {
		os.Setenv("TMPDIR", memory)
	}
	os.Exit(m.Run())
}

func victim(dir string) int {
	c, err := Start(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("ready", c.pid())
	<-make(chan struct{})
	return 0
}

func (c *Cluster) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process.Pid
}

func start(t *testing.T, dir string) *Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := Start(ctx, Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var out string
	if err := conn.QueryRow(ctx, sql).Scan(&out); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return out
}

// until polls for up to 20 s.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for: %s", what)
		}
	}
}

func TestKeepsDataAndStopsTwice(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("a folder of some length/", 4))
	c := start(t, dir)
	query(t, c.DSN(), `CREATE TABLE kept AS SELECT 'yes' AS v`)
	if got := query(t, c.DSN(), `SHOW listen_addresses`); got != "" {
		t.Errorf("listens on %q", got)
	}
	if os.Geteuid() == 0 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid()))
		if err != nil || strings.Contains(string(b), "Uid:\t0") {
			t.Errorf("the server runs as root (%v)", err)
		}
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another ringbid") {
		t.Errorf("second start: %v", err)
	}
	stop(t, c)
	stop(t, c)
	if got := query(t, start(t, dir).DSN(), `SELECT v FROM kept`); got != "yes" {
		t.Errorf("after the restart: %q", got)
	}
}

func TestServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	c := start(t, t.TempDir())
	first := c.pid()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "an answer of a new server", func() bool {
		conn, err := pgx.Connect(t.Context(), c.DSN())
		if err != nil {
			return false
		}
		return conn.Close(t.Context()) == nil
	})
}

// kill -9 of the parent ends the server; a server that could not end (stopped
// by a debugger, say) is ended by the next start.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	for _, frozen := range []bool{false, true} {
		t.Run(fmt.Sprint("frozen=", frozen), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			parent, server := spawnVictim(t, dir)
			if frozen {
				if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait()
			data := filepath.Join(dir, "data")
			if frozen && !isServer(server, data) {
				t.Error("the frozen server is gone already")
			}
			if !frozen {
				until(t, "the end of the server", func() bool { return !isServer(server, data) })
			}
			if got := query(t, start(t, dir).DSN(), `SELECT 'up'`); got != "up" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func spawnVictim(t *testing.T, dir string) (*exec.Cmd, int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	server, errPid := strconv.Atoi(rest)
	if err != nil || word != "ready" || errPid != nil {
		t.Fatalf("victim says %q (%v)", line, err)
	}
	return cmd, server
}

func TestNoteOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir))
	note := fmt.Sprintf("%d\n%s/data\n", os.Getpid(), dir) // alive, but no server
	if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := query(t, start(t, dir).DSN(), `SELECT 'up'`); got != "up" {
		t.Errorf("got %q", got)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	all := []installation{{"/b", 17}, {"/a", 15}}
	if got, err := choose(all, data); err != nil || got.major != 17 {
		t.Errorf("empty folder: %v, %v", got, err)
	}
	for made, want := range map[string]int{"15": 15, "17": 17, "13": 0} {
		if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(made+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := choose(all, data)
		if got.major != want || (err == nil) != (want != 0) {
			t.Errorf("made by %s: %v, %v", made, got, err)
		}
		if want == 0 && !strings.Contains(err.Error(), "was made by PostgreSQL 13") {
			t.Error(err)
		}
	}
	if _, err := choose(nil, data); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

// A folder that only root may enter, as /root is, is no obstacle to root.
func TestClosedParentFolder(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := query(t, start(t, filepath.Join(closed, "pg")).DSN(), `SELECT 'up'`); got != "up" {
		t.Errorf("got %q", got)
	}
}

// A process that outlived its server, and the socket of a server whose number
// still looks alive, do not keep the next server from starting.
func TestRemainsAreCleared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir))
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "postgres-worker")
	program, err := os.ReadFile(sleep)
	if err == nil {
		err = os.WriteFile(name, program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command(name, "600")
	orphan.Dir = filepath.Join(dir, "data")
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	t.Cleanup(func() { _ = orphan.Process.Kill() })
	id, err := pickIdentity()
	if err != nil {
		t.Fatal(err)
	}
	alive := exec.Command(sleep, "600")
	alive.Dir, alive.SysProcAttr = "/", id.attributes()
	if err := alive.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = alive.Process.Kill(); _ = alive.Wait() })
	socket, err := socketDir(dir, id)
	if err == nil {
		err = os.WriteFile(socket+"/.s.PGSQL.5432.lock", fmt.Appendf(nil, "%d\n", alive.Process.Pid), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, dir)
	if got := query(t, c.DSN(), `SELECT 'yes'`); got != "yes" {
		t.Errorf("the server says %q", got)
	}
	select {
	case <-ended:
	default:
		t.Error("the orphan is still there")
	}
}
