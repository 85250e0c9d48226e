package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringbid/ringbid/sim/load"
)

// TestMain lets the test binary be its own child.
func TestMain(m *testing.M) {
	if role := os.Getenv("BENCH_ROLE"); role != "" {
		if err := Child(role, os.Stdin, os.Stdout); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func self(t *testing.T) func(string) []string {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(role string) []string { return []string{"env", "BENCH_ROLE=" + role, exe} }
}

// TestRun runs every benchmark in small and looks that each figure is one.
func TestRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("measures for half a minute")
	}
	program := filepath.Join(t.TempDir(), "ringbid")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "..").CombinedOutput(); err != nil {
		t.Fatalf("build: %v %s", err, out)
	}
	figures, err := Run(t.Context(), nil, Options{Calls: 4, Quick: true, Self: self(t), Program: program})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		zero := strings.Contains(f.Unit, "packets") || f.Unit == "calls" || strings.HasPrefix(f.Name, "back under")
		if f.Absent == "" && f.Value.Median <= 0 && !zero {
			t.Errorf("%s: %+v is not a measurement", f.Name, f)
		}
		if f.Floor != nil && (f.Floor.Median <= 0 || f.Ratio.Median <= 0) {
			t.Errorf("%s: %+v is not a floor", f.Name, f.Floor)
		}
	}
	var b bytes.Buffer
	if err := Print(&b, figures, false); err != nil || !strings.Contains(b.String(), "relayed packet") {
		t.Errorf("printed %q, %v", b.String(), err)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		f    Figure
		want string
	}{
		{figure("", "", []float64{3}, []float64{2}), ""},
		{figure("", "", []float64{3}, []float64{2}).atMost(3), "met"},
		{figure("", "", []float64{3}, nil).atMost(2.9), "not met"},
		{figure("", "", []float64{3, 3, 3}, []float64{2, 2, 2.2}).withinFloor(1.5), "met"},
		{figure("", "", []float64{3, 3, 3}, []float64{2, 2, 2.2}).withinFloor(1.4), "not met"},
		{figure("", "", []float64{3, 3, 3}, []float64{2, 2, 2.4}).withinFloor(9), "no verdict"},
		{figure("", "", []float64{0}, nil).atMost(0), "met"},
		{figure("", "", []float64{3}, nil).withinFloor(1), "no verdict"},
	} {
		if got := c.f.Verdict(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}

// TestAbsent leaves out who is not installed.
func TestAbsent(t *testing.T) {
	t.Parallel()
	r, err := contest(t.Context(), 2,
		contender{"there", func(context.Context) (sample, error) { return sample{"x": 1}, nil }},
		contender{"gone", func(context.Context) (sample, error) { return nil, fmt.Errorf("gone: %w", load.ErrNotInstalled) }})
	if err != nil {
		t.Fatal(err)
	}
	f := r.figure("a figure", "ms", "gone", "x", "there", "x")
	if f.Absent == "" || len(r["there"]["x"]) != 2 {
		t.Errorf("%+v of %+v", f, r)
	}
	var b bytes.Buffer
	if err := Print(&b, []Figure{f}, false); err != nil || !strings.Contains(b.String(), "not installed") {
		t.Errorf("printed %q, %v", b.String(), err)
	}
}

func TestUnknownName(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), []string{"coffee"}, Options{}); err == nil {
		t.Error("an unknown benchmark is not refused")
	}
}
