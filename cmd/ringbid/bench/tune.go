package bench

import (
	"os"
	"runtime"
	"runtime/debug"
)

// gcPercent lets the heap grow to four times what is live before it is
// collected: a call leaves its transactions behind for half a minute, and
// collecting them at every doubling is a third of what a set-up costs.
const gcPercent = 300

// Tune sets the Go runtime as a telephone wants it, unless the environment says
// otherwise. The program does it when it starts; so does what is measured.
func Tune() {
	// A free P for the media thread: the collector's workers must not hold all.
	runtime.GOMAXPROCS(runtime.NumCPU() + 2)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
