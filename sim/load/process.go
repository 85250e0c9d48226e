package load

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that the processes have used so far, user and
// system together, those of their threads that ended included.
func CPU(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		var t unix.Timespec
		clock := int32(^pid)<<3 | 2 // CPUCLOCK_SCHED of clock_getcpuclockid(3)
		if err := unix.ClockGettime(clock, &t); err != nil {
			return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}

// Resident returns how many bytes of a process are in memory.
func Resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("memory of process %d: %q", pid, b)
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// Family returns a process and all its descendants.
func Family(pid int) []int {
	out := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, l := range lists {
		b, err := os.ReadFile(l)
		if err != nil {
			continue
		}
		for f := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				out = append(out, Family(child)...)
			}
		}
	}
	return out
}

// Scheduling names the policies that a process' threads run under, with their
// numbers: "other:9 fifo:1".
func Scheduling(pid int) string {
	count := map[string]int{}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ") // behind the name, which may hold anything
		if fields := strings.Fields(rest); len(fields) > 38 {
			count[policy(fields[38], fields[16])]++ // policy and nice of proc_pid_stat(5)
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		out = append(out, name+":"+strconv.Itoa(count[name]))
	}
	return strings.Join(out, " ")
}

// policy names one by its number in sched(7).
func policy(number, nice string) string {
	switch number {
	case "0":
		if nice != "0" {
			return "nice" + nice
		}
		return "other"
	case "1":
		return "fifo"
	case "2":
		return "rr"
	}
	return "policy" + number
}
