package storetest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/bcrypt"

	"github.com/ringbid/ringbid/delivery"
	"github.com/ringbid/ringbid/store"
	"github.com/ringbid/ringbid/store/localpg"
)

const (
	template = "template_ringbid"
	wait     = time.Minute
)

// shared is the one cluster of this test binary.
var shared struct {
	once    sync.Once
	cluster *localpg.Cluster
	dir     string
	lock    *os.File
	err     error
	mu      sync.Mutex
	next    int
}

// Main runs the tests and ends the cluster:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
//
// Tests mostly wait for Postgres: a short run has four at once per processor,
// unless -parallel says otherwise. A long one keeps to one, as it judges times.
func Main(m *testing.M) int {
	flag.Parse()
	if testing.Short() && !given("test.parallel") {
		_ = flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0)))
	}
	code := m.Run()
	if shared.cluster != nil {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		if err := shared.cluster.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "storetest:", err)
		}
		_ = os.RemoveAll(shared.dir)
	}
	return code
}

// given reports whether the flag is on the command line.
func given(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}

// DB returns the DSN of a migrated database of this test's own.
func DB(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() { shared.err = startShared() })
	if shared.err != nil {
		t.Fatalf("storetest: %v", shared.err)
	}
	shared.mu.Lock()
	shared.next++
	name := fmt.Sprintf("test_%d", shared.next)
	shared.mu.Unlock()
	if err := admin("CREATE DATABASE " + name + " TEMPLATE " + template); err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		if err := admin("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("storetest: %v", err)
		}
	})
	return dsn(name)
}

// Open returns a store on a database of this test's own, closed when the test
// ends. edit may change its configuration.
func Open(t testing.TB, edit ...func(*store.Config)) *store.Store {
	t.Helper()
	c := store.Config{Dir: t.TempDir(), Node: "test", PasswordCost: bcrypt.MinCost}
	for _, f := range edit {
		f(&c)
	}
	if c.DSN == "" {
		c.DSN = DB(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	s, err := store.Open(ctx, c)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() { Close(t, s) })
	return s
}

// Close closes a store before its test ends.
func Close(t testing.TB, s *store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("storetest: %v", err)
	}
}

func startShared() (err error) {
	if shared.dir, shared.lock, err = claimDir(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*wait)
	defer cancel()
	if shared.cluster, err = localpg.Start(ctx, localpg.Config{Dir: shared.dir}); err != nil {
		return err
	}
	if err := admin("CREATE DATABASE " + template); err != nil {
		return err
	}
	return store.Migrate(ctx, dsn(template), delivery.Migrate)
}

// Where Linux keeps files in memory, and how much must be free there, in bytes,
// for tests to use it.
const (
	memory = "/dev/shm"
	plenty = 2 << 30
)

// fast is where clusters of tests live: in memory where there is plenty of it,
// as a database is 500 files that are gone a second later (on a disk 300 ms of
// work each, in memory 30). Where TMPDIR is set, that is the place.
func fast() string {
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < plenty {
		return os.TempDir()
	}
	return memory
}

// Dir returns a folder for a cluster that a test starts itself, removed when the
// test ends.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(fast(), "ringbid-test-")
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		if err := clear(dir); err != nil {
			t.Errorf("storetest: %v", err)
		}
	})
	return dir
}

// claimDir returns a folder that no other run of a test uses, empty. What an
// earlier run that was killed left there is removed, so that the folders do not
// pile up.
func claimDir() (string, *os.File, error) {
	base := filepath.Join(fast(), fmt.Sprintf("ringbid-test-%d", os.Getuid()))
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", nil, err
	}
	for i := range 64 {
		dir := filepath.Join(base, fmt.Sprint(i))
		f, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return "", nil, err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			_ = f.Close()
			continue
		}
		return dir, f, clear(dir)
	}
	return "", nil, errors.New("64 test runs at once")
}

// clear empties a folder whose server is gone, or going, with its test binary.
func clear(dir string) error {
	var err error
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return err
}

// admin runs a statement on the cluster itself.
func admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	conn, err := pgx.Connect(ctx, shared.cluster.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func dsn(database string) string {
	return strings.Replace(shared.cluster.DSN(), "dbname=ringbid", "dbname="+database, 1)
}
