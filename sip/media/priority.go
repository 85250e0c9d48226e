package media

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// schedParam is struct sched_param of sched(7).
type schedParam struct{ priority int32 }

// raisePriority lets the calling thread run before the rest of the process:
// SCHED_FIFO 10, else nice -15, else nothing, as the process is permitted. It
// returns what was reached.
func raisePriority() string {
	const schedFIFO, resetOnFork = 1, 0x40000000
	param := schedParam{priority: 10}
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedFIFO|resetOnFork, uintptr(unsafe.Pointer(&param)))
	if errno == 0 {
		return "fifo"
	}
	if unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), -15) == nil {
		return "nice"
	}
	return "normal"
}
