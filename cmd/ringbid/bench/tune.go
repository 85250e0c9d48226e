package bench

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// gcPercent lets the heap grow to two and a half times what is live before it is
// collected: a call leaves its transactions behind for half a minute, and
// collecting them at every doubling costs processor time, while more than this
// costs a tenth of a call's memory and hardly saves any.
const gcPercent = 150

// Tune sets the Go runtime as a telephone wants it, unless the environment says
// otherwise. The program does it when it starts; so does what is measured.
func Tune() {
	// A free P for the media thread: the collector's workers must not hold all.
	runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	easeMonitor()
}

// monitorSlack is how late the monitor of the Go runtime may wake up, ns: 0.5 ms.
const monitorSlack = "500000"

// easeMonitor has the monitor of the Go runtime wake up less often, where the
// process may (CAP_SYS_NICE). It looks after threads in system calls, of which the
// media thread makes so many that the monitor never rests: it sleeps for 20 µs at
// a time and takes 5 % of a core, a sixth of what 200 relayed calls take.
// Its thread is the first that a Go program starts; should it be another one, that
// one's timers are half a millisecond late.
func easeMonitor() {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	first := 0
	for _, t := range tasks {
		if n, err := strconv.Atoi(t.Name()); err == nil && n > os.Getpid() && (first == 0 || n < first) {
			first = n
		}
	}
	if first > 0 {
		_ = os.WriteFile("/proc/"+strconv.Itoa(first)+"/timerslack_ns", []byte(monitorSlack), 0) // refused: as before
	}
}
