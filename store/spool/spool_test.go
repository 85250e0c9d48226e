package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func open(t testing.TB, c Config) *Spool {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func contents(t testing.TB, s *Spool) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, n := range s.Names() {
		b, ok, err := s.Get(n)
		if err != nil || !ok {
			t.Fatalf("get %s: %v, %v", n, ok, err)
		}
		out[n] = string(b)
	}
	return out
}

func TestSurvivesReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range 5 {
		if err := s.Append(fmt.Sprint("call/", i), []byte(fmt.Sprint("v", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append("call/3", []byte("newer")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"call/0", "call/1", "nobody"} {
		if err := s.Remove(n); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"call/2": "v2", "call/3": "newer", "call/4": "v4"}
	if diff := cmp.Diff(want, contents(t, s)); diff != "" {
		t.Error(diff)
	}
	if _, err := Open(Config{Dir: dir}); err == nil {
		t.Error("a second process could open the folder")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append("late", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append to a closed spool: %v", err)
	}
	again := open(t, Config{Dir: dir})
	if diff := cmp.Diff(want, contents(t, again)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"call/2", "call/3", "call/4"}, again.Names()); diff != "" {
		t.Error(diff)
	}
}

// A crash may leave any prefix of the last write, and a disk any wrong byte.
func TestRepairsEveryCutAndEveryFlip(t *testing.T) {
	t.Parallel()
	var whole []byte
	for i := range 3 {
		whole = append(whole, encode(record{kindAppend, fmt.Sprint("c", i), []byte("0123456789")})...)
	}
	size := len(whole) / 3
	try := func(b []byte, least int, never string) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "00000001.log"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, Config{Dir: dir})
		got := contents(t, s)
		if _, there := got[never]; there || len(got) < least {
			t.Fatalf("%d bytes: kept %v, want at least %d and not %q", len(b), got, least, never)
		}
		if err := s.Append("after", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got["after"] = "x"
		if diff := cmp.Diff(got, contents(t, open(t, Config{Dir: dir}))); diff != "" {
			t.Fatal(diff)
		}
	}
	for cut := range len(whole) {
		try(whole[:cut], cut/size, fmt.Sprint("c", cut/size))
	}
	for i := range size {
		b := bytes.Clone(whole)
		b[size+i] ^= 0x20
		try(b, 2, "c1")
	}
}

func TestBoundsItself(t *testing.T) {
	t.Parallel()
	s := open(t, Config{Dir: t.TempDir(), MaxBytes: 5000})
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = s.Append(fmt.Sprint(n), make([]byte, 900))
	}
	if !errors.Is(err, ErrFull) || n != 6 {
		t.Errorf("append %d: %v", n, err)
	}
	for _, bad := range []error{s.Append("", nil), s.Append(string(make([]byte, 201)), nil), s.Append("a", make([]byte, MaxRecord+1))} {
		if bad == nil {
			t.Error("accepted what is out of bounds")
		}
	}
}

func TestDropsSegmentsThatAreDone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	big := make([]byte, 3<<20)
	for i := range 8 {
		if err := s.Append(fmt.Sprint(i), big); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []int{5, 4, 3, 2, 1, 7, 6, 0} {
		if err := s.Remove(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Append("next", nil); err != nil {
		t.Fatal(err)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	if len(logs) != 1 || s.Bytes() > 100 {
		t.Errorf("%d segments of %d bytes are left", len(logs), s.Bytes())
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	if err := s.Append("poison", []byte("?")); err != nil {
		t.Fatal(err)
	}
	if err := s.Quarantine("poison"); err != nil {
		t.Fatal(err)
	}
	bad, _ := filepath.Glob(filepath.Join(dir, "*.bad"))
	if len(bad) != 1 || s.Len() != 0 {
		t.Errorf("%d files, %d records", len(bad), s.Len())
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 40 {
				name := fmt.Sprintf("%d/%d", w, i)
				if err := s.Append(name, []byte(name)); err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					if err := s.Remove(name); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	want := contents(t, s)
	if len(want) != 160 {
		t.Errorf("%d records", len(want))
	}
	s.Close()
	if diff := cmp.Diff(want, contents(t, open(t, Config{Dir: dir}))); diff != "" {
		t.Error(diff)
	}
}

// faulty fails the n-th call that changes the file, half way through a write.
type faulty struct {
	*os.File
	left *int
}

var errDisk = errors.New("disk trouble")

func (f faulty) fail() bool { *f.left--; return *f.left == 0 }

func (f faulty) Write(b []byte) (int, error) {
	if f.fail() {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, errDisk
	}
	return f.File.Write(b)
}

func (f faulty) Sync() error {
	if f.fail() {
		return errDisk
	}
	return f.File.Sync()
}

func (f faulty) Truncate(n int64) error {
	if f.fail() {
		return errDisk
	}
	return f.File.Truncate(n)
}

// Whichever operation fails, what was acknowledged is there afterwards.
func TestEveryFailingOperation(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 24; n++ {
		dir, left := t.TempDir(), n
		s := open(t, Config{Dir: dir, open: func(p string, flag int, m os.FileMode) (file, error) {
			f, err := os.OpenFile(p, flag, m)
			return faulty{f, &left}, err
		}})
		want, failures := map[string]string{}, 0
		for i := range 8 {
			name := fmt.Sprint(i)
			if err := s.Append(name, []byte("data "+name)); err != nil {
				failures++
				continue
			}
			want[name] = "data " + name
		}
		if n <= 16 && failures != 1 {
			t.Errorf("operation %d: %d appends failed", n, failures)
		}
		s.Close()
		got := contents(t, open(t, Config{Dir: dir}))
		for k, v := range want {
			if got[k] != v {
				t.Errorf("operation %d: %s was acknowledged and is lost", n, k)
			}
		}
	}
}

// slow is a segment whose Sync ends, and how, when it is told to.
type slow struct {
	*os.File
	sync <-chan error
}

func (f slow) Sync() error { return <-f.sync }

// fill writes until there is a second segment, and returns the first write's flush.
func fill(t *testing.T, s *Spool) (first func() error) {
	t.Helper()
	for i := range segmentSize>>20 + 1 {
		flush, err := s.Write(fmt.Sprint(i), make([]byte, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = flush
		}
	}
	return first
}

// A call that writes waits for no disk, neither while another flushes nor where a
// segment is full.
func TestWritesWaitForNoFlush(t *testing.T) {
	t.Parallel()
	sync := make(chan error)
	s := open(t, Config{Dir: t.TempDir(), open: func(p string, flag int, m os.FileMode) (file, error) {
		f, err := os.OpenFile(p, flag, m)
		return slow{f, sync}, err
	}})
	flush, err := s.Write("early", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	flushed, written := make(chan error, 1), make(chan struct{})
	go func() { flushed <- flush() }()
	go func() { defer close(written); fill(t, s) }()
	select {
	case <-written:
	case <-time.After(20 * time.Second):
		t.Error("a write waits for the disk")
	}
	if len(flushed) > 0 {
		t.Error("flushed before the disk was")
	}
	close(sync)
	if err := <-flushed; err != nil {
		t.Error(err)
	}
	<-written
}

// What a failed flush may have lost is not said to be on the disk later, whoever
// asks and whatever was written since.
func TestFailedFlushIsNotForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, open: func(p string, flag int, m os.FileMode) (file, error) {
		f, err := os.OpenFile(p, flag, m)
		sync := make(chan error, 1)
		if filepath.Base(p) == "00000001.log" { // fails once, as the kernel tells it once
			sync <- errDisk
		}
		close(sync)
		return slow{f, sync}, err
	}})
	first := fill(t, s)
	for range 2 {
		if err := first(); !errors.Is(err, errDisk) {
			t.Errorf("flush of the full segment: %v", err)
		}
		if err := s.Append("late", nil); err != nil {
			t.Errorf("append to the next: %v", err)
		}
	}
}

func FuzzScan(f *testing.F) {
	one := encode(record{kindAppend, "a", []byte("bc")})
	f.Add(one)
	f.Add(append(append([]byte("junk"), one...), one[:9]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		at := 0
		scan(b, func(x found) {
			if x.at != at || x.size <= 0 {
				t.Fatalf("at %d: reported %d bytes at %d", at, x.size, x.at)
			}
			at += x.size
		})
		if at != len(b) {
			t.Fatalf("%d of %d bytes reported", at, len(b))
		}
	})
}
