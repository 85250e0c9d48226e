package siptest

import (
	"flag"
	"strconv"
)

// AtOnce has a TestMain run so many parallel tests at once, unless -parallel says
// how many. Tests of calls wait for audio and timers nearly all of the time: one
// for each processor, which is Go's habit, leaves the processors idle.
func AtOnce(n int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(n)) // it is a number
	}
}
