package localpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrMissing is returned where PostgreSQL is not installed.
var ErrMissing = errors.New(`PostgreSQL is not installed: initdb is neither on the PATH nor in /usr/lib/postgresql/*/bin (Debian package "postgresql")`)

var versionForm = regexp.MustCompile(`\) (\d+)`)

// installation is one PostgreSQL on this machine.
type installation struct {
	bin   string // folder
	major int
}

// installations returns what is installed, the newest first.
func installations() []installation {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			bins = append(bins, filepath.Dir(p))
		}
	}
	var out []installation
	for _, bin := range bins {
		if major, err := majorOf(bin); err == nil {
			out = append(out, installation{bin, major})
		}
	}
	slices.SortStableFunc(out, func(a, b installation) int { return b.major - a.major })
	return out
}

func majorOf(bin string) (int, error) {
	if _, err := os.Stat(filepath.Join(bin, "initdb")); err != nil {
		return 0, err
	}
	out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output() // "postgres (PostgreSQL) 15.13 (Debian …)"
	if err != nil {
		return 0, err
	}
	m := versionForm.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("postgres --version says %.60q", out)
	}
	return strconv.Atoi(string(m[1]))
}

// choose returns the installation that fits the data folder, or the newest
// where there is no data yet.
func choose(all []installation, data string) (installation, error) {
	if len(all) == 0 {
		return installation{}, ErrMissing
	}
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return all[0], nil
	}
	if err != nil {
		return installation{}, err
	}
	made := strings.TrimSpace(string(b))
	for _, i := range all {
		if strconv.Itoa(i.major) == made {
			return i, nil
		}
	}
	return installation{}, fmt.Errorf("data folder %s was made by PostgreSQL %s, but this machine has %d: install postgresql-%s, or export the data with it and start with an empty folder",
		data, made, all[0].major, made)
}
