package leg

import (
	"flag"
	"os"
	"strconv"
	"testing"
)

// atOnce is how many tests run at once unless -parallel says it: nearly all of
// them wait for timers.
const atOnce = 8

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(atOnce)) // it is a number
	}
	os.Exit(m.Run())
}
