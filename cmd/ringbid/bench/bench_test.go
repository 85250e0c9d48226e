package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
	figures, err := Run(t.Context(), nil, Options{Calls: 4, Rounds: 1, Self: self(t), Program: program})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		if f.Value.Median <= 0 || f.Floor.Median <= 0 || f.Ratio.Median <= 0 {
			t.Errorf("%s: %+v is not a measurement", f.Name, f)
		}
	}
	var b bytes.Buffer
	if err := Print(&b, figures, false); err != nil || !strings.Contains(b.String(), "relayed packet") {
		t.Errorf("printed %q, %v", b.String(), err)
	}
}

func TestUnknownName(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), []string{"coffee"}, Options{}); err == nil {
		t.Error("an unknown benchmark is not refused")
	}
}
