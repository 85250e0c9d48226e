package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCallsOfNowhere: a mistyped folder is an error and stays untouched.
func TestCallsOfNowhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dta")
	cmd := callsCommand()
	cmd.SetArgs([]string{"--data", dir})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "ringbid has not run there") {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}
