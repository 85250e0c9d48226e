package bench

import (
	"os"
	"runtime"
	"runtime/debug"
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
}
