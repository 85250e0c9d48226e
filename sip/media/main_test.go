package media

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"
)

// atOnce is how many tests run at once, were it left to us: nearly all of them wait
// for audio, which takes as long as it takes to be spoken.
const atOnce = 10

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(atOnce))
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2) // as the program does: a free P for the media thread
	os.Exit(m.Run())
}
